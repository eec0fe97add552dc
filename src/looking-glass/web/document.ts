import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Failure } from "./api.ts";
import { type ChangedBy, isChangedBy, LEAST_GAP, waitBefore } from "./changed-by.ts";
import { type Glass, useGlass } from "./glass.ts";

/** A document of the API as far as it is here. After a failure the last one stays. */
export interface Loaded<Value> {
  readonly value: Value | undefined;
  readonly failure: Failure | undefined;
}

const KEPT = 40;

/** The document at this path, loaded again when one of these events says that it changed. */
export function useDocument<Value>(path: string, changedBy: ChangedBy, gap: number = LEAST_GAP): Loaded<Value> {
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
  useReload(load, changedBy, gap);
  if (loaded.path === path && (loaded.value !== undefined || loaded.failure !== undefined)) return loaded;
  return { value: recall<Value>(glass, path), failure: undefined };
}

/** Loads now, and again whenever the events say so: soon, but not more often than needed, and not while nobody looks. */
export function useReload(
  load: (signal: AbortSignal) => Promise<void>,
  changedBy: ChangedBy,
  gap: number = LEAST_GAP,
): void {
  const { live } = useGlass();
  const meant = useRef(changedBy);
  meant.current = changedBy;
  useEffect(() => {
    const reloader = new Reloader(load, gap);
    reloader.now();
    const stop = live.listen((event) => {
      if (isChangedBy(meant.current, event)) reloader.soon();
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
  }, [live, load, gap]);
}

/** One load at a time, with a gap between. */
class Reloader {
  readonly #load: (signal: AbortSignal) => Promise<void>;
  readonly #gap: number;
  readonly #stopped = new AbortController();
  #loaded = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;
  #again = false;

  constructor(load: (signal: AbortSignal) => Promise<void>, gap: number) {
    this.#load = load;
    this.#gap = gap;
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
    else this.#timer ??= setTimeout(() => this.now(), this.#wait());
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
    this.#loaded = Date.now();
    if (this.#stopped.signal.aborted) return;
    if (this.#again && !document.hidden) this.#timer = setTimeout(() => this.now(), this.#wait());
  }

  #wait(): number {
    return waitBefore(Date.now(), this.#loaded, this.#gap);
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
