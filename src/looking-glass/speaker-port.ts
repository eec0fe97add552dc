import type { ViewHead } from "../inspection/view.ts";

/** A speaker that can be asked, wherever it runs. What it does not say in time, or says wrongly, is a CodedError. */
export interface GlassSpeaker {
  /** Its node. */
  readonly name: string;
  /** A document as a whole. The type says what the path gives. */
  document<View extends ViewHead>(path: string, signal: AbortSignal): Promise<View>;
  /** Lines of JSON for as long as both ends want. */
  lines<Line>(path: string, signal: AbortSignal): AsyncIterable<Line>;
  /** The items of a long list, one by one. */
  rows<Item>(path: string, signal: AbortSignal): AsyncIterable<Item>;
}

/** The speakers that are there now, and those that are known not to be. */
export interface Roster {
  readonly speakers: readonly GlassSpeaker[];
  readonly silent: readonly { readonly node: string; readonly reason: string }[];
}
