import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { EventData } from "../model.ts";
import type { Failure } from "./api.ts";
import { type Glass, useGlass } from "./glass.ts";

/** A document of the API as far as it is here. After a failure the last one stays. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly failure: Failure | undefined;
}

type EventType = keyof EventData;

/** Between two loads of the same thing, however often it changes. */
const LEAST_GAP = 400;
const KEPT = 40;

/** The document at this path, loaded again when one of these events says that it changed. */
export function useDocument<Value>(path: string, changedBy: readonly EventType[]): Loaded<Value> {
  const glass = useGlass();
  const [loaded, setLoaded] = useState<Loaded<Value> & { readonly path: string }>({
    path,
    value: undefined,
    failure: undefined,
  });
  const load = useCallback(
    async (signal: AbortSignal) => {
      const answer = await glass.api.get<Value>(path, signal);
      if (signal.aborted) return;
      if (answer.ok) remember(glass, path, answer.value);
      setLoaded((before) => ({
        path,
        value: answer.ok ? answer.value : before.path === path ? before.value : undefined,
        failure: answer.ok ? undefined : answer.failure,
      }));
    },
    [glass, path],
  );
  useReload(load, changedBy);
  if (loaded.path === path && (loaded.value !== undefined || loaded.failure !== undefined)) return loaded;
  return { value: recall<Value>(glass, path), failure: undefined };
}

/** Loads now, and again whenever the events say so: soon, but not more often than needed, and not while nobody looks. */
export function useReload(load: (signal: AbortSignal) => Promise<void>, changedBy: readonly EventType[]): void {
  const { live } = useGlass();
  const types = useRef(changedBy);
  types.current = changedBy;
  useEffect(() => {
    const reloader = new Reloader(load);
    reloader.now();
    const stop = live.listen(({ type }) => {
      if (type === "reset" || types.current.includes(type)) reloader.soon();
    });
    const stopWatching = live.watch(({ state }) => {
      if (state === "live") reloader.now();
    });
    const seen = (): void => reloader.seen();
    document.addEventListener("visibilitychange", seen);
    return () => {
      stop();
      stopWatching();
      document.removeEventListener("visibilitychange", seen);
      reloader.stop();
    };
  }, [live, load]);
}

/** One load at a time, with a gap between. */
class Reloader {
  readonly #load: (signal: AbortSignal) => Promise<void>;
  readonly #stopped = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;
  #again = false;

  constructor(load: (signal: AbortSignal) => Promise<void>) {
    this.#load = load;
  }

  now(): void {
    if (this.#busy || document.hidden) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#again = false;
    this.#busy = true;
    void this.#run();
  }

  soon(): void {
    if (this.#busy || document.hidden) this.#again = true;
    else this.#timer ??= setTimeout(() => this.now(), LEAST_GAP);
  }

  seen(): void {
    if (!document.hidden && this.#again) this.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    await this.#load(this.#stopped.signal);
    this.#busy = false;
    if (this.#stopped.signal.aborted) return;
    if (this.#again && !document.hidden) this.#timer = setTimeout(() => this.now(), LEAST_GAP);
  }
}

function remember({ shown }: Glass, path: string, value: unknown): void {
  shown.delete(path);
  shown.set(path, value);
  for (const oldest of shown.keys()) {
    if (shown.size <= KEPT) return;
    shown.delete(oldest);
  }
}

/** The path decides the shape. */
function recall<Value>({ shown }: Glass, path: string): Value | undefined {
  return shown.get(path) as Value | undefined;
}
