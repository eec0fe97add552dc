import { type Micros, micros, seconds } from "../net/micros.ts";

/**
 * What it takes to be cut off: `both` is no word from the API and most members gone, so that neither an outage of the API nor of
 * gossip costs an address; `members` and `api` need one of them; `off` never fences.
 */
export type FencePolicy = "both" | "members" | "api" | "off";

/** When a speaker stops answering, because the others may have taken over without being able to tell it. */
export interface FenceRules {
  /** This node's name. */
  readonly self: string;
  readonly policy: FencePolicy;
  /** How long it is cut off before it is fenced. The API has to be asked more often than this. */
  readonly after: Micros;
}

/** What a speaker knows of who hears it. */
export interface Fence {
  readonly rules: FenceRules;
  /** When the API answered last, or the speaker began. */
  readonly heardAt: Micros;
  /** The members it knew, itself included: the living and those that vanished without a goodbye. */
  readonly known: ReadonlySet<string>;
  readonly alive: ReadonlySet<string>;
  /** Since when less than half of them are alive. */
  readonly lostAt: Micros | undefined;
  /** Since when the same are alive. */
  readonly changedAt: Micros;
  /** Why it is fenced, if it is. */
  readonly fenced: string | undefined;
}

export type FenceEvent =
  /** The API answered something. */
  | { readonly type: "heard"; readonly at: Micros }
  /** Who is alive now, as gossip says; suspects are alive. */
  | { readonly type: "members"; readonly alive: readonly string[]; readonly at: Micros }
  /** These said goodbye, or their Nodes were deleted: their silence means nothing. */
  | { readonly type: "left"; readonly members: readonly string[]; readonly at: Micros }
  | { readonly type: "woke"; readonly at: Micros };

type FenceEffect =
  | { readonly type: "fence"; readonly why: string }
  | { readonly type: "unfence"; readonly why: string }
  /** Say `woke` after this time; it takes the place of what was asked for before. */
  | { readonly type: "wake"; readonly after: Micros };

/** What a step comes to. */
export interface FenceStep {
  readonly fence: Fence;
  readonly effects: readonly FenceEffect[];
}

export const DEFAULT_FENCE_AFTER = seconds(10);
/** The dead are forgotten after this, while most are alive: a cluster may shrink without goodbyes, one node at a time. */
const FORGET_AFTER = seconds(300);

/** A speaker that begins, alone until it is told otherwise. */
export function newFence(rules: FenceRules, at: Micros): Fence {
  const self = new Set([rules.self]);
  return { rules, heardAt: at, known: self, alive: self, lostAt: undefined, changedAt: at, fenced: undefined };
}

/** The whole life of a fence, without a clock. Fenced at the latest `after` the last sign of what the policy waits for. */
export function stepFence(fence: Fence, event: FenceEvent): FenceStep {
  const now = withLoss(told(forgetDead(fence, event.at), event), event.at);
  const since = cutOffSince(now);
  const left = since === undefined ? undefined : since + now.rules.after - event.at;
  if (left !== undefined && left <= 0) return fenceOff(now, event.at);
  const wake: readonly FenceEffect[] = left === undefined ? [] : [{ type: "wake", after: micros(left) }];
  if (now.fenced === undefined) return { fence: now, effects: wake };
  const why = now.lostAt === undefined ? "most speakers are alive" : "the API answers";
  return { fence: { ...now, fenced: undefined }, effects: [{ type: "unfence", why }, ...wake] };
}

/**
 * Which of two speakers keeps an address, when this one takes the other for dead and hears it announce: who is with most of the
 * speakers, because the other cannot be; never who is with few and has not heard the API for half the time that fences it. Of
 * two that are neither, the order of the election says.
 */
export function standingOf({ rules, known, alive, lostAt, heardAt }: Fence, at: Micros): "keep" | "yield" | undefined {
  if (known.size > 1 && alive.size * 2 > known.size) return "keep";
  return lostAt !== undefined && at - Math.max(heardAt, lostAt) >= rules.after / 2 ? "yield" : undefined;
}

/**
 * Whether this one gives way to a speaker that goes on announcing, although by the order of the election it must not. One of them has
 * the wrong view: who has not heard the API for half the time that fences it, or, a while later, who is with few or alone. So that
 * they do not give way both, it takes more to convince who hears the API, and of two alike who comes first by name.
 */
export function givesWay(
  { rules, alive, lostAt, heardAt }: Fence,
  at: Micros,
  { rival, contradictions }: { readonly rival: string; readonly contradictions: number },
): boolean {
  const convinced = contradictions - (rules.self < rival ? 2 : 0);
  if (at - heardAt >= rules.after / 2) return convinced >= CONVINCED_WITHOUT_API;
  return (lostAt !== undefined || alive.size === 1) && convinced >= CONVINCED_WITH_FEW;
}

const CONVINCED_WITHOUT_API = 4;
const CONVINCED_WITH_FEW = 8;

function told(fence: Fence, event: FenceEvent): Fence {
  switch (event.type) {
    case "heard":
      return { ...fence, heardAt: event.at };
    case "members": {
      const alive = new Set([...event.alive, fence.rules.self]);
      const changedAt = sameNames(alive, fence.alive) ? fence.changedAt : event.at;
      return { ...fence, alive, known: new Set([...fence.known, ...alive]), changedAt };
    }
    case "left": {
      const gone = new Set(event.members);
      const stays = (name: string): boolean => name === fence.rules.self || !gone.has(name);
      return {
        ...fence,
        known: new Set([...fence.known].filter(stays)),
        alive: new Set([...fence.alive].filter(stays)),
      };
    }
    case "woke":
      return fence;
  }
}

function forgetDead(fence: Fence, at: Micros): Fence {
  const forgets = fence.lostAt === undefined && at - fence.changedAt >= FORGET_AFTER;
  return forgets && fence.alive.size < fence.known.size ? { ...fence, known: fence.alive } : fence;
}

/** Of two halves neither is cut off: of two nodes the survivor could not be told from the one that was left alone. */
function withLoss(fence: Fence, at: Micros): Fence {
  const lost = fence.alive.size * 2 < fence.known.size;
  return { ...fence, lostAt: lost ? (fence.lostAt ?? at) : undefined };
}

/** Who never knew another speaker has nobody who could take over. */
function cutOffSince({ rules, known, heardAt, lostAt }: Fence): Micros | undefined {
  if (known.size <= 1) return undefined;
  switch (rules.policy) {
    case "off":
      return undefined;
    case "api":
      return heardAt;
    case "members":
      return lostAt;
    case "both":
      return lostAt === undefined ? undefined : micros(Math.max(heardAt, lostAt));
  }
}

function fenceOff(fence: Fence, at: Micros): FenceStep {
  if (fence.fenced !== undefined) return { fence, effects: [] };
  const api = `the API has not answered for ${Math.floor((at - fence.heardAt) / seconds(1))} s`;
  const members = `${fence.alive.size} of ${fence.known.size} speakers are alive`;
  const parts = { both: [api, members], api: [api], members: [members], off: [] }[fence.rules.policy];
  const why = parts.join(" and ");
  return { fence: { ...fence, fenced: why }, effects: [{ type: "fence", why }] };
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((name) => b.has(name));
}
