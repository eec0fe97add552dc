import { type Micros, seconds } from "../net/micros.ts";

/**
 * How far a node is in handing its traffic to others. `announcing` is the plain state. `draining`: its routes stay, as the last choice
 * of every router. `withdrawn`: it has no routes, and its sessions last long enough to say so. `closed`: no sessions either.
 */
export type DrainPhase = "announcing" | "draining" | "withdrawn" | "closed";

/** A drain as a value. It comes from an explicit signal only: never from cordoning a node. */
export interface Drain {
  readonly phase: DrainPhase;
  /** In the words of who asked; told to the routers. */
  readonly why: string;
  /** The speaker ends: there is no way back. */
  readonly stopping: boolean;
  /** The routes were handed over, or must not outlive the session for another reason: no graceful restart brings them back. */
  readonly handedOver: boolean;
  /** Grows with every timer armed; an older one that expires means nothing. */
  readonly epoch: number;
}

export type DrainEvent =
  /** The node carries the request. Told again and again, it changes nothing but the words. */
  | { readonly type: "requested"; readonly why: string; readonly wait: Micros }
  /** The node carried the request when the speaker started: what routers still have of its past is to go. */
  | { readonly type: "found-requested"; readonly why: string; readonly wait: Micros }
  | { readonly type: "cancelled" }
  /** The speaker is told to end, and may take this long to hand over. */
  | { readonly type: "stopping"; readonly why: string; readonly wait: Micros }
  | { readonly type: "expired"; readonly epoch: number };

export type DrainEffect =
  | { readonly type: "change"; readonly from: DrainPhase; readonly to: DrainPhase; readonly why: string }
  | { readonly type: "arm"; readonly after: Micros; readonly epoch: number }
  | { readonly type: "disarm" };

/** What a step comes to. */
export interface DrainStep {
  readonly drain: Drain;
  readonly effects: readonly DrainEffect[];
}

/** How long a speaker that nobody told otherwise keeps its routes as the last choice. */
export const DEFAULT_DRAIN_WAIT = seconds(10);
/** RFC 8538 section 4: the withdrawals have to be with the router before the session ends. */
const SETTLE = seconds(1);

export const NO_DRAIN: Drain = { phase: "announcing", why: "", stopping: false, handedOver: false, epoch: 0 };

/** The whole life of a drain, without a clock. */
export function stepDrain(drain: Drain, event: DrainEvent): DrainStep {
  switch (event.type) {
    case "requested":
      return onRequested(drain, event);
    case "found-requested":
      return enter({ ...drain, why: event.why, handedOver: true }, "withdrawn", event.wait);
    case "cancelled":
      return onCancelled(drain);
    case "stopping":
      return onStopping(drain, event);
    case "expired":
      return event.epoch === drain.epoch ? onExpired(drain) : { drain, effects: [] };
  }
}

/** Routes stay as the last choice for a while; where there is no wait they go at once. */
function leave(drain: Drain, wait: Micros): DrainStep {
  const next = { ...drain, handedOver: true };
  return wait > 0 ? enter(next, "draining", wait) : enter(next, "withdrawn", SETTLE);
}

function onRequested(drain: Drain, { why, wait }: { why: string; wait: Micros }): DrainStep {
  if (drain.stopping) return { drain, effects: [] };
  if (drain.phase === "announcing") return leave({ ...drain, why }, wait);
  return { drain: { ...drain, why }, effects: [] };
}

function onCancelled(drain: Drain): DrainStep {
  if (drain.stopping || drain.phase === "announcing") return { drain, effects: [] };
  return enter({ ...drain, why: "", handedOver: false }, "announcing");
}

/** A drain that is under way ends within the time the stop may take, whatever it was given before. */
function onStopping(drain: Drain, { why, wait }: { why: string; wait: Micros }): DrainStep {
  if (drain.stopping) return { drain, effects: [] };
  const stopping = { ...drain, stopping: true, why: drain.phase === "announcing" ? why : drain.why };
  if (drain.phase === "announcing" && wait > 0) return leave(stopping, wait);
  if (drain.phase === "draining") return wait > 0 ? arm(stopping, wait) : enter(stopping, "withdrawn", SETTLE);
  if (drain.phase === "withdrawn") return arm(stopping, SETTLE);
  return drain.phase === "closed" ? { drain: stopping, effects: [] } : enter(stopping, "closed");
}

function onExpired(drain: Drain): DrainStep {
  if (drain.phase === "draining") return enter(drain, "withdrawn", SETTLE);
  return drain.phase === "withdrawn" ? enter(drain, "closed") : { drain, effects: [] };
}

function enter(drain: Drain, phase: DrainPhase, wait?: Micros): DrainStep {
  const change: DrainEffect = { type: "change", from: drain.phase, to: phase, why: drain.why };
  if (wait === undefined) {
    // A timer that was armed for the phase before is late from now on.
    return { drain: { ...drain, phase, epoch: drain.epoch + 1 }, effects: [{ type: "disarm" }, change] };
  }
  const armed = arm({ ...drain, phase }, wait);
  return { drain: armed.drain, effects: [...armed.effects, change] };
}

function arm(drain: Drain, after: Micros): DrainStep {
  const epoch = drain.epoch + 1;
  return { drain: { ...drain, epoch }, effects: [{ type: "arm", after, epoch }] };
}
