import type { EventData, GlassEvent } from "./model.ts";

/** An event as it is sent. */
export interface KeptEvent {
  readonly number: number;
  readonly text: string;
}

/** Where a reader goes on, or why it has to load everything anew. */
export interface Resumed {
  readonly after: number;
  readonly reset: EventData["reset"]["reason"] | undefined;
}

const MOST_KEPT = 1000;
/** Characters: ten readers of a busy cluster hold no more than this in common. */
const MOST_TEXT = 8_000_000;

/**
 * The latest events. A reader keeps the number of the last one it was told and asks for what came after: so one that is slow costs
 * nothing, and learns that it missed some.
 */
export class EventLog {
  /** Tells this run of the server from every other one. */
  readonly server: string;
  readonly #kept: KeptEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #length = 0;
  #last = 0;

  constructor(server: string) {
    this.server = server;
  }

  /** The number of the latest event. */
  get last(): number {
    return this.#last;
  }

  append(events: readonly GlassEvent[]): void {
    for (const event of events) {
      this.#last += 1;
      const text = eventText(event, `${this.server}.${this.#last}`);
      this.#kept.push({ number: this.#last, text });
      this.#length += text.length;
    }
    while (this.#kept.length > MOST_KEPT || (this.#length > MOST_TEXT && this.#kept.length > 1)) {
      this.#length -= this.#kept.shift()?.text.length ?? 0;
    }
    if (events.length > 0) for (const listener of this.#listeners) listener();
  }

  /** What came after this one; undefined where some of it is forgotten. */
  after(number: number): readonly KeptEvent[] | undefined {
    const missing = this.#last - number;
    if (missing > this.#kept.length) return undefined;
    return missing === 0 ? [] : this.#kept.slice(-missing);
  }

  /** Where somebody goes on who was told this last: `SERVER.NUMBER`, or a number of this server. */
  resume(id: string | undefined): Resumed {
    if (id === undefined || id === "") return { after: this.#last, reset: undefined };
    const { server, number = "" } = /^(?:(?<server>[0-9a-z]+)\.)?(?<number>\d{1,15})$/.exec(id)?.groups ?? {};
    const known = Number(number);
    if (number === "" || (server !== undefined && server !== this.server) || known > this.#last) {
      return { after: this.#last, reset: "other-server" };
    }
    return this.after(known) === undefined
      ? { after: this.#last, reset: "too-long-ago" }
      : { after: known, reset: undefined };
  }

  /** Told whenever there is more, until the returned function is called. */
  onMore(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** WHATWG HTML section 9.2.6. JSON has no line breaks in it. */
export function eventText({ type, data }: GlassEvent, id: string | undefined): string {
  const head = id === undefined ? "" : `id: ${id}\n`;
  return `${head}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}
