import { ingressTexts, keyOfService } from "../api/service-addresses.ts";
import { stripService } from "../api/strip.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { Informer } from "../kubernetes/informer.ts";
import { SERVICES } from "../kubernetes/resource.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { FolderObject } from "./folder-object.ts";
import type { ManifestSource } from "./manifest-source.ts";
import type { Remembered } from "./state-file.ts";

export interface AddressMemoryPorts {
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  readonly state?: { write(state: Remembered): void };
}

/** Keeps the state file in step with the addresses of Services and with the folder. */
export class AddressMemory {
  readonly #ports: AddressMemoryPorts;
  readonly #addresses: Map<string, readonly string[]>;
  #sources: readonly ManifestSource[] | undefined;

  constructor(ports: AddressMemoryPorts, { addresses, sources }: Remembered) {
    this.#ports = ports;
    this.#addresses = new Map(Object.entries(addresses));
    this.#sources = sources;
  }

  get addresses(): Remembered["addresses"] {
    return Object.fromEntries([...this.#addresses].sort());
  }

  /** Remembers this folder as one that was good, and forgets Services that it no longer has. */
  took(sources: readonly ManifestSource[], objects: readonly FolderObject[]): void {
    this.#sources = sources;
    const services = objects.filter(({ kind }) => kind === "Service");
    const kept = new Set(services.map(({ namespace, name }) => `${namespace}/${name}`));
    for (const key of this.#addresses.keys()) if (!kept.has(key)) this.#addresses.delete(key);
    this.#write();
  }

  /** Watches who has which address, until the signal is aborted. */
  follow(client: KubernetesClient, signal: AbortSignal): void {
    const informer = new Informer({ ...this.#ports, client }, { resource: SERVICES, strip: stripService });
    informer.onChange(({ type, object }) => {
      const ips = type === "deleted" ? [] : ingressTexts(object);
      const key = keyOfService(object);
      if (ips.length === 0) this.#addresses.delete(key);
      else this.#addresses.set(key, ips);
      this.#write();
    });
    informer.start(signal);
  }

  /** A full disk costs the memory, nothing else. */
  #write(): void {
    try {
      this.#ports.state?.write({ addresses: this.addresses, sources: this.#sources });
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      this.#ports.log.error("state file not written", errorFields(error));
    }
  }
}
