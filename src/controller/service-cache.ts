import type { Service } from "../api/core.ts";
import { objectKey } from "../api/object.ts";

/** What the cache reads from: an informer. */
export interface ServiceSource {
  get(key: string): Service | undefined;
}

/**
 * Services as last seen or as last written, whichever is newer. The watch tells us of our own writes a moment late: deciding on
 * the older object in between would take back what was just given.
 */
export class ServiceCache {
  readonly #source: ServiceSource;
  readonly #written = new Map<string, Service>();

  constructor(source: ServiceSource) {
    this.#source = source;
  }

  get(key: string): Service | undefined {
    const seen = this.#source.get(key);
    const written = this.#written.get(key);
    if (written === undefined) return seen;
    if (seen === undefined || !isOlder(seen, written)) {
      this.#written.delete(key);
      return seen;
    }
    return written;
  }

  /** Whether the watch only brings back what we wrote: there is nothing new to decide. */
  isEcho(service: Service): boolean {
    const key = objectKey(service);
    if (this.#written.get(key)?.metadata.resourceVersion !== service.metadata.resourceVersion) return false;
    this.#written.delete(key);
    return service.metadata.resourceVersion !== undefined;
  }

  /**
   * A whole list was read after all that was written: what the API does not know of it any more, it has lost, as after a
   * restore. Answers the Services concerned.
   */
  relisted(): readonly Service[] {
    const lost = [...this.#written.values()];
    this.#written.clear();
    return lost;
  }

  /** Remembers what the API answered to our write until the watch has caught up. */
  wrote(service: Service): void {
    this.#written.set(objectKey(service), service);
  }
}

/** Resource versions are numbers that grow; the same object deleted and made anew has another uid and counts as newer. */
function isOlder(seen: Service, written: Service): boolean {
  if (seen.metadata.uid !== written.metadata.uid) return false;
  const a = seen.metadata.resourceVersion ?? "";
  const b = written.metadata.resourceVersion ?? "";
  return a.length !== b.length ? a.length < b.length : a < b;
}
