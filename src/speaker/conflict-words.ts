import type { Decision } from "../announcement/decision.ts";
import type { RefusalCause } from "../announcement/refusal.ts";
import type { AddressConflict } from "../api/address-conflict.ts";

/**
 * Who judges an address now: this node answers for it, or looks for strangers before it does; another node was elected; nobody was; or it
 * was this node that was elected, and cannot.
 */
export type Standing = "answers" | "looks" | "elsewhere" | "nobody" | "unable";

type Reason = RefusalCause["reason"];

/** Another node may be the one that answers. */
const ELSEWHERE: ReadonlySet<Reason> = new Set<Reason>([
  "lost-election",
  "node-drained",
  "node-excluded",
  "network-unavailable",
  "node-not-selected",
  "no-local-endpoint",
]);
const NOBODY: ReadonlySet<Reason> = new Set<Reason>([
  "no-endpoint",
  "no-candidate-node",
  "shared-ip-with-service-selector",
]);

/** Why this node does not answer for each address of a Service. */
export type Refused = ReadonlyMap<string, RefusalCause>;

export function refusedAtLayer2(decision: Decision | undefined): Refused {
  const refusals = (decision?.refusals ?? []).filter(({ protocol }) => protocol === "layer2");
  return new Map(refusals.flatMap(({ ip, cause }) => (ip === undefined ? [] : [[ip, cause] as const])));
}

/** What follows from a refusal for who judges the address. */
export function standingOfRefusal(cause: RefusalCause | undefined): Standing {
  if (cause === undefined) return "unable";
  if (cause.reason === "no-matching-advertisement") return cause.exist ? "unable" : "nobody";
  if (ELSEWHERE.has(cause.reason)) return "elsewhere";
  return NOBODY.has(cause.reason) ? "nobody" : "unable";
}

/** What one node knows about strangers on the addresses of a Service. */
export interface ConflictView {
  readonly node: string;
  /** What the Service's condition says, of all nodes. */
  readonly said: readonly AddressConflict[];
  /** What this node has met. */
  readonly found: readonly AddressConflict[];
  /** The Service's addresses. */
  readonly addresses: readonly string[];
  readonly standing: (address: string) => Standing;
  /** The nodes whose speakers are there, this one among them. */
  readonly alive: ReadonlySet<string>;
}

/**
 * What the condition is to say. A node's words stay until somebody has looked: its own also over its restart, and those of a node that lost
 * the election until the one that was elected knows better. Where nobody is elected, whoever said it takes it back, and for the dead
 * the first of the living does.
 */
export function conflictsToSay(view: ConflictView): readonly AddressConflict[] {
  const { node, said, found, addresses } = view;
  const own = found.filter(({ address }) => addresses.includes(address));
  const foundOn = new Set(own.map(({ address }) => address));
  const kept = said.filter((words) => {
    if (words.node !== node) return staysOfAnother(words, view);
    return !foundOn.has(words.address) && staysOfOurs(words, view);
  });
  return [...kept, ...own].toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

function staysOfOurs({ address }: AddressConflict, { node, said, addresses, standing }: ConflictView): boolean {
  if (!addresses.includes(address)) return false;
  const now = standing(address);
  if (now === "looks") return true;
  return now === "elsewhere" && !said.some((other) => other.address === address && other.node !== node);
}

function staysOfAnother(words: AddressConflict, { node, addresses, standing, alive }: ConflictView): boolean {
  // What the Service has lost is for the controller, which goes by it; whoever answers for the rest knows that it took effect.
  if (!addresses.includes(words.address)) return !addresses.some((address) => standing(address) === "answers");
  const now = standing(words.address);
  if (now === "answers") return false;
  return now !== "nobody" || alive.has(words.node) || node !== [...alive].toSorted()[0];
}

function sortKey({ address, node, interface: name }: AddressConflict): string {
  return `${address} ${node} ${name}`;
}
