import { type Micros, micros, millis } from "../net/micros.ts";

/**
 * What may be sent to a group now: a bucket that fills with time. 1,000 addresses are announced for the first time within a
 * second, and neither the socket's room nor the control plane of a switch is overrun.
 */
export interface Pacer {
  /** Frames. */
  readonly tokens: number;
  readonly at: Micros;
}

const FRAMES_PER_MILLI = 3;
/** What may leave at once after a silence: more than one node usually takes over. */
const DEPTH = 64;

/** A full bucket. */
export function initialPacer(now: Micros): Pacer {
  return { tokens: DEPTH, at: now };
}

/** The bucket as it is now. */
export function refill({ tokens, at }: Pacer, now: Micros): Pacer {
  return { tokens: Math.min(DEPTH, tokens + ((now - at) / millis(1)) * FRAMES_PER_MILLI), at: now };
}

/** Takes out what was sent. The last announcement may leave a debt, so that one of several frames is never half sent. */
export function spend({ tokens, at }: Pacer, frames: number): Pacer {
  return { tokens: tokens - frames, at };
}

/** Whether an announcement may leave. */
export function mayGo({ tokens }: Pacer): boolean {
  return tokens >= 1;
}

/** How long to wait until a few may leave together: a timer for each frame would cost more than the frames. */
export function waitFor({ tokens }: Pacer): Micros {
  return micros(Math.max(millis(1), ((BATCH - tokens) / FRAMES_PER_MILLI) * millis(1)));
}

const BATCH = 16;
