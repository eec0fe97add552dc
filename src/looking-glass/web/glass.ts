import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { Api } from "./api.ts";
import type { Connection, Live } from "./live.ts";
import { type Location, parseLocation } from "./route.ts";
import type { Theme } from "./theme.ts";
import type { Ticker } from "./ticker.ts";

/** What every part of the page may use. */
export interface Glass {
  readonly api: Api;
  readonly live: Live;
  readonly theme: Theme;
  readonly ticker: Ticker;
  /** Documents that were shown before, by path: going back shows them at once. */
  readonly shown: Map<string, unknown>;
}

export const GlassContext = createContext<Glass | undefined>(undefined);

export function useGlass(): Glass {
  const glass = useContext(GlassContext);
  if (glass === undefined) throw new Error("a part of the page is outside of it");
  return glass;
}

/** The time in milliseconds, that often. */
export function useNow(every: number): number {
  const { ticker } = useGlass();
  const [now, setNow] = useState(Date.now);
  useEffect(
    () =>
      ticker.watch((at) => setNow((before) => (Math.floor(at / every) === Math.floor(before / every) ? before : at))),
    [ticker, every],
  );
  return now;
}

/** Where the reader is. */
export function useLocation(): Location {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const changed = (): void => setHash(window.location.hash);
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return parseLocation(hash);
}

export function useConnection(): Connection {
  const { live } = useGlass();
  const [connection, setConnection] = useState(live.connection);
  useEffect(() => {
    setConnection(live.connection);
    return live.watch(setConnection);
  }, [live]);
  return connection;
}

/** Whether a media query holds. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const media = window.matchMedia(query);
    const changed = (): void => setMatches(media.matches);
    changed();
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

/** True on a narrow screen. */
export function usePhone(): boolean {
  return useMedia("(max-width: 720px)");
}

/** Changes the filters in the address bar, without a new step for the back button. */
export function replaceHash(hash: string): void {
  if (window.location.hash === hash) return;
  window.history.replaceState(undefined, "", hash);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}
