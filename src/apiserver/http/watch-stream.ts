import type { ServerResponse } from "node:http";
import type { Micros } from "../../net/micros.ts";
import type { Clock, Timer } from "../../system/clock.ts";
import { ConversionNeeded } from "../admission/conversion.ts";
import type { Change, ChangeType, Collection, Entry } from "../collection.ts";
import type { ApiError } from "../status.ts";

/** What a watch shows of a collection. */
export interface WatchQuery {
  readonly apiVersion: string;
  readonly kind: string;
  readonly matches: (entry: Entry) => boolean;
  /** An entry as the client wants to see it: an object, or a table with one row. */
  readonly render: (entry: Entry) => string;
  /** The revision to resume after; undefined to begin with everything there is. */
  readonly since: number | undefined;
  readonly bookmarks: boolean;
  /** Send the end of the initial list as an annotated bookmark. */
  readonly initialEvents: boolean;
  readonly timeout: Micros;
}

/** What a watch needs. */
export interface WatchPorts {
  readonly clock: Clock;
  readonly collection: Collection;
  readonly revision: () => number;
}

const BOOKMARK_EVERY = 60_000_000 as Micros;
/** A client that lets this much pile up is cut off, as the real server does. */
const MAX_BACKLOG = 64 * 1024 * 1024;

/** One client's watch: events in the order of their revisions until it ends, times out or falls behind. */
export class WatchStream {
  readonly #ports: WatchPorts;
  readonly #query: WatchQuery;
  readonly #response: ServerResponse;
  readonly #timers: Timer[] = [];
  #unsubscribe: () => void = () => {};
  #ended = false;
  #pending: string[] = [];

  constructor(ports: WatchPorts, query: WatchQuery, response: ServerResponse) {
    this.#ports = ports;
    this.#query = query;
    this.#response = response;
  }

  /** Sends the backlog and follows. `missed` is what happened since the revision the client resumes from. */
  start(missed: readonly Change[]): void {
    this.#response.writeHead(200, { "content-type": "application/json", "cache-control": "no-cache, private" });
    this.#response.flushHeaders();
    this.#response.on("close", () => this.#stop());
    if (this.#query.since === undefined) this.#sendEverything();
    for (const change of missed) this.#onChange(change);
    this.#unsubscribe = this.#ports.collection.subscribe((change) => this.#follow(change));
    this.#timers.push(this.#ports.clock.after(this.#query.timeout, () => this.end()));
    if (this.#query.bookmarks) this.#armBookmark();
  }

  /** Ends in order: a last bookmark, then the end of the stream. */
  end(): void {
    if (this.#ended) return;
    if (this.#query.bookmarks) this.#bookmark({});
    this.#flush();
    this.#stop();
    this.#response.end();
  }

  /** Breaks the connection, in the middle of an event if asked to. */
  drop(midEvent: boolean): void {
    if (midEvent) this.#response.write('{"type":"MODIFIED","object":{"kind":"');
    this.#stop();
    // Destroying at once would throw away what was just written.
    setImmediate(() => this.#response.destroy());
  }

  #stop(): void {
    this.#ended = true;
    this.#unsubscribe();
    for (const timer of this.#timers) timer.cancel();
  }

  #sendEverything(): void {
    for (const entry of this.#ports.collection.list()) if (this.#query.matches(entry)) this.#send("ADDED", entry);
    if (this.#query.initialEvents) this.#bookmark({ "k8s.io/initial-events-end": "true" });
  }

  /** The client lists again when a change cannot be had in its version: the list says why. */
  #follow(change: Change): void {
    try {
      this.#onChange(change);
    } catch (error) {
      if (!(error instanceof ConversionNeeded)) throw error;
      this.drop(false);
    }
  }

  /** An object that comes into the selection is added to it, one that leaves is deleted from it. */
  #onChange(change: Change): void {
    const { previous, entry } = change;
    const was = previous !== undefined && this.#query.matches(previous);
    if (change.type === "DELETED") {
      if (was) this.#send("DELETED", entry);
      return;
    }
    const is = this.#query.matches(entry);
    if (is) this.#send(was ? "MODIFIED" : "ADDED", entry);
    else if (was) this.#send("DELETED", entry);
  }

  #send(type: ChangeType, entry: Entry): void {
    this.#write(`{"type":"${type}","object":${this.#query.render(entry)}}\n`);
  }

  #bookmark(annotations: Readonly<Record<string, string>>): void {
    const { apiVersion, kind } = this.#query;
    const metadata = { resourceVersion: String(this.#ports.revision()), creationTimestamp: null };
    const noted = Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations };
    this.#write(`${JSON.stringify({ type: "BOOKMARK", object: { kind, apiVersion, metadata: noted } })}\n`);
  }

  #armBookmark(): void {
    this.#timers[1] = this.#ports.clock.after(BOOKMARK_EVERY, () => {
      this.#bookmark({});
      this.#armBookmark();
    });
  }

  /** Events of one turn of the event loop leave in one write. */
  #write(line: string): void {
    if (this.#ended) return;
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush());
    this.#pending.push(line);
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const text = this.#pending.join("");
    this.#pending = [];
    if (this.#ended) return;
    if (this.#response.writableLength > MAX_BACKLOG) this.drop(false);
    else this.#response.write(text);
  }
}

/** The one event of a watch that cannot begin. */
export function errorEvent(error: ApiError): string {
  return `${JSON.stringify({ type: "ERROR", object: error.toStatus() })}\n`;
}
