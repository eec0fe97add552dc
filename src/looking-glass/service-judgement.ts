import { addressConflicts, formatAddressConflicts } from "../api/address-conflict.ts";
import type { Service } from "../api/core.ts";
import { ingressTexts } from "../api/service-addresses.ts";
import type { Health, ServiceRefusal, ServiceRow } from "./model.ts";
import type { Reach } from "./session-board.ts";

/** What one node means to do for a Service. */
export interface Announcement {
  readonly service: string;
  readonly node: string;
  /** BGPPeers that it tells. */
  readonly peers: readonly string[];
  /** It answers on the LAN. */
  readonly layer2: boolean;
  /** Where only speakers are asked, the addresses come from them. */
  readonly addresses: readonly string[];
}

/** What came of the controller's look at a Service, as the objects say. */
export interface Outcome {
  readonly pool: string | undefined;
  /** Undefined where the Service has all that it asks for. */
  readonly unmet: Trouble | undefined;
}

/** What is wrong with a Service, and what helps. */
export interface Trouble {
  readonly reason: string;
  readonly message: string;
  readonly field?: string | undefined;
  readonly remedy?: string | undefined;
}

/** All that is known of a Service. */
export interface ServiceFacts {
  readonly namespace: string;
  readonly name: string;
  /** Undefined where no API is asked. */
  readonly service: Service | undefined;
  readonly endpoints: { readonly any: boolean; readonly count: number } | undefined;
  readonly announcements: readonly Announcement[];
  /** False where nobody said yet what is announced. */
  readonly announcementsKnown: boolean;
  readonly refusals: readonly ServiceRefusal[];
  readonly outcome: Outcome | undefined;
}

/** How a Service is, and why. */
export interface Judged {
  readonly health: Health;
  readonly trouble?: Trouble | undefined;
}

/** What is known of those who announce. */
export interface Announcers {
  readonly reach: (node: string, peer: string) => Reach;
  /** Nobody knows whether the node still answers on the LAN. */
  readonly isSilent: (node: string) => boolean;
}

/** Whether the Service can be reached as far as is known; the first thing that stands in the way decides. */
export function judgeService(facts: ServiceFacts, announcers: Announcers): Judged {
  const wrong = obstacle(facts);
  if (wrong !== undefined) return { health: "bad", trouble: wrong };
  const seen = judgeAnnouncements(facts.announcements, announcers);
  if (seen.health !== "good") return seen;
  const unmet = facts.outcome?.unmet;
  return unmet === undefined ? seen : { health: "doubtful", trouble: unmet };
}

/** The Service as a row of a list. */
export function serviceRow(facts: ServiceFacts, { health, trouble }: Judged, changed: string | undefined): ServiceRow {
  const { namespace, name, announcements, endpoints, outcome } = facts;
  const bgp = announcements.filter(({ peers }) => peers.length > 0);
  return {
    namespace,
    name,
    health,
    addresses: addressesOf(facts),
    pool: outcome?.pool,
    bgp: { nodes: sorted(bgp.map(({ node }) => node)), peers: sorted(bgp.flatMap(({ peers }) => peers)) },
    layer2: sorted(announcements.filter(({ layer2 }) => layer2).map(({ node }) => node)),
    endpoints: endpoints?.count,
    reason: trouble?.reason,
    problem: trouble?.message,
    changed,
  };
}

function addressesOf({ service, announcements, refusals }: ServiceFacts): readonly string[] {
  if (service !== undefined) return ingressTexts(service);
  return sorted([...announcements.flatMap(({ addresses }) => addresses), ...refusals.flatMap(({ ip }) => ip ?? [])]);
}

function sorted(texts: readonly string[]): readonly string[] {
  return texts.length < 2 ? texts : [...new Set(texts)].sort();
}

/** What no session and no node can make good. */
function obstacle(facts: ServiceFacts): Trouble | undefined {
  const { service, outcome, endpoints, announcements } = facts;
  const conflicts = service === undefined ? [] : addressConflicts(service);
  if (conflicts.length > 0) return conflictTrouble(formatAddressConflicts(conflicts));
  if (service !== undefined && ingressTexts(service).length === 0) return outcome?.unmet ?? UNWRITTEN;
  if (endpoints?.any === false) return NO_ENDPOINT;
  return announcements.length === 0 && facts.announcementsKnown ? unannounced(facts.refusals) : undefined;
}

function conflictTrouble(message: string): Trouble {
  const remedy = "take the address off the machine that uses it, or out of the pool";
  return { reason: "address-conflict", message, field: "status.conditions", remedy };
}

const UNWRITTEN: Trouble = {
  reason: "no-address",
  message: "the controller has not written an address",
  field: "status.loadBalancer.ingress",
  remedy: "see that the controller runs, and look at its log",
};

const NO_ENDPOINT: Trouble = {
  reason: "no-endpoint",
  message: "no EndpointSlice has a usable endpoint",
  field: "spec.selector",
  remedy: "let the selector choose pods that are ready",
};

/** A node that says why comes first; that another one won an election is none. */
function unannounced(refusals: readonly ServiceRefusal[]): Trouble {
  const telling =
    refusals.find(({ reason }) => reason !== "lost-election" && reason !== "no-matching-advertisement") ?? refusals[0];
  if (telling !== undefined) return { reason: telling.reason, message: telling.message, remedy: SEE_EXPLANATION };
  return { reason: "not-announced", message: "no node announces it", remedy: SEE_EXPLANATION };
}

const SEE_EXPLANATION = "see the Service's explanation: it names the object and the field";

/** One way that holds is enough; what should hold beside it and does not leaves a doubt. */
function judgeAnnouncements(announcements: readonly Announcement[], { reach, isSilent }: Announcers): Judged {
  const counts: Record<Reach, number> = { up: 0, down: 0, unknown: 0 };
  const down: string[] = [];
  let lan = false;
  for (const { node, peers, layer2 } of announcements) {
    lan ||= layer2 && !isSilent(node);
    for (const peer of peers) {
      const state = reach(node, peer);
      counts[state] += 1;
      if (state === "down") down.push(`${peer} from ${node}`);
    }
  }
  const holds = lan || counts.up > 0;
  if (counts.down > 0) {
    const trouble = downTrouble(down, holds);
    return { health: holds ? "doubtful" : counts.unknown > 0 ? "unknown" : "bad", trouble };
  }
  return holds ? { health: "good" } : { health: "unknown", trouble: UNSEEN };
}

const UNSEEN: Trouble = {
  reason: "not-seen",
  message: "the speakers that announce it do not answer: whether it can be reached is not known",
  remedy: "see that the speakers run and that you may exec into their pods",
};

const NAMED = 3;

function downTrouble(down: readonly string[], holds: boolean): Trouble {
  const more = down.length > NAMED ? ` and ${down.length - NAMED} more` : "";
  const words = `no session with ${down.slice(0, NAMED).join(", ")}${more}`;
  const reason = "session-down";
  return { reason, message: holds ? `${words}; others have it` : words, remedy: "mend the session" };
}
