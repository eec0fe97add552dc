import { type Micros, micros } from "../net/micros.ts";
import type { Node } from "./core.ts";
import { parseDuration } from "./duration.ts";

/** On a Node: hand its traffic to the others and then announce nothing. The value says why, and may be empty. */
export const DRAIN = "herald.io/drain";
/** On a Node: how long its routes stay, as the last choice, before they are withdrawn. */
export const DRAIN_WAIT = "herald.io/drain-wait";
/** The annotations of a Node that mean something. */
export const NODE_ANNOTATIONS: readonly string[] = [DRAIN, DRAIN_WAIT];

/** Whoever waits longer than this has forgotten the node. */
const LONGEST_NANOSECONDS = 3_600_000_000_000n;

/** What the annotations of a Node ask for. */
export interface DrainRequest {
  readonly why: string;
  /** Undefined leaves it to the speaker. */
  readonly wait: Micros | undefined;
  /** What is wrong with the wait, which then counts as not given. */
  readonly problem: string | undefined;
}

/** Undefined for a node that nobody asked to drain: cordoning it is no such request. */
export function drainRequest({ metadata: { annotations = {} } }: Node): DrainRequest | undefined {
  const why = Object.hasOwn(annotations, DRAIN) ? annotations[DRAIN] : undefined;
  if (why === undefined) return undefined;
  const text = Object.hasOwn(annotations, DRAIN_WAIT) ? annotations[DRAIN_WAIT] : undefined;
  if (text === undefined) return { why, wait: undefined, problem: undefined };
  const wait = parseDrainWait(text);
  const problem = wait === undefined ? `${DRAIN_WAIT} "${text}" is no duration from 0s to 1h` : undefined;
  return { why, wait, problem };
}

/** A Go duration of at most an hour. */
export function parseDrainWait(text: string): Micros | undefined {
  const time = parseDuration(text);
  return time === undefined || time < 0n || time > LONGEST_NANOSECONDS ? undefined : micros(Number(time / 1000n));
}
