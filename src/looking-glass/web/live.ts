import type { EventData, GlassEvent } from "../model.ts";
import type { Api, Failure } from "./api.ts";
import { EventStreamReader } from "./event-stream.ts";

/** How the stream of events is. `at`: when it came to be so. */
export interface Connection {
  readonly state: "connecting" | "live" | "lost" | "signed-out";
  readonly at: number;
}

type Listener<Type extends keyof EventData> = (data: EventData[Type]) => void;
type AnyListener = (event: GlassEvent) => void;

/** Comments come every ten seconds: after this long without anything nobody is there. */
const SILENCE = 25_000;
const FIRST_RETRY = 500;
const LAST_RETRY = 8_000;

/** Follows the events of the server, and begins again wherever it was cut off. */
export class Live {
  readonly #api: Api;
  readonly #listeners = new Set<AnyListener>();
  readonly #watchers = new Set<(connection: Connection) => void>();
  #connection: Connection = { state: "connecting", at: Date.now() };
  #last: string | undefined;

  constructor(api: Api) {
    this.#api = api;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Tells of every change of the connection until the returned function is called. */
  watch(watcher: (connection: Connection) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Tells of every event until the returned function is called. */
  listen(listener: AnyListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Follows until the signal, or until the token is refused. */
  async follow(signal: AbortSignal): Promise<void> {
    let wait = FIRST_RETRY;
    while (!signal.aborted) {
      const failure = await this.#once(signal, () => {
        wait = FIRST_RETRY;
      });
      if (failure?.kind === "signed-out") return this.#become("signed-out");
      if (signal.aborted) return;
      this.#become("lost");
      await pause(wait, signal);
      wait = Math.min(2 * wait, LAST_RETRY);
    }
  }

  async #once(signal: AbortSignal, opened: () => void): Promise<Failure | undefined> {
    const watchdog = new Watchdog(SILENCE);
    const either = AbortSignal.any([signal, watchdog.signal]);
    const headers = { accept: "text/event-stream", ...(this.#last && { "last-event-id": this.#last }) };
    try {
      const response = await this.#api.open("events", { signal: either, headers });
      if (!(response instanceof Response)) return response;
      if (response.body === null) return undefined;
      opened();
      this.#become("live");
      await this.#read(response.body, watchdog);
    } catch {
      // A stream that breaks and one that ends are the same to the reader: it is opened again.
    } finally {
      watchdog.stop();
    }
    return undefined;
  }

  async #read(body: ReadableStream<Uint8Array>, watchdog: Watchdog): Promise<void> {
    const [reader, decoder, events] = [body.getReader(), new TextDecoder(), new EventStreamReader()];
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      watchdog.restart();
      for (const { id, type, data } of events.read(decoder.decode(value, { stream: true }))) {
        if (id !== undefined) this.#last = id;
        this.#tell(type, data);
      }
    }
  }

  #tell(type: string, text: string): void {
    const event: GlassEvent = { type, data: JSON.parse(text) } as GlassEvent;
    for (const listener of this.#listeners) listener(event);
  }

  #become(state: Connection["state"]): void {
    if (this.#connection.state === state) return;
    this.#connection = { state, at: Date.now() };
    for (const watcher of this.#watchers) watcher(this.#connection);
  }
}

/** Aborts what nothing was heard of for too long. */
class Watchdog {
  readonly #controller = new AbortController();
  readonly #after: number;
  #timer: ReturnType<typeof setTimeout>;

  constructor(after: number) {
    this.#after = after;
    this.#timer = this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#controller.abort(), this.#after);
  }
}

/** Tells one listener of one type of event. */
export function onEvent<Type extends keyof EventData>(live: Live, type: Type, listener: Listener<Type>): () => void {
  return live.listen((event) => {
    if (event.type === type) listener(event.data as EventData[Type]);
  });
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
