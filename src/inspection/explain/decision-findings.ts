import type { Protocol, Refusal, RefusalCause } from "../../announcement/refusal.ts";
import type { PlanItem } from "../state-view.ts";
import { goesOn, isDone, keptAddress } from "./as-before.ts";
import { broken, type Finding, intended, type Step, type Verdict } from "./finding.ts";
import { invalidCause } from "./invalid-cause.ts";
import { refusalCause } from "./refusal-remedy.ts";
import type { Place, Scene } from "./scene.ts";

type Reason = RefusalCause["reason"];
type RefusalItem = PlanItem["refusals"][number];

/** No fault where another node does it: that is what these are for. */
const BY_DESIGN: ReadonlySet<string> = new Set<Reason | "peer-not-on-node">([
  "node-not-selected",
  "node-excluded",
  "network-unavailable",
  "node-drained",
  "no-local-endpoint",
  "lost-election",
  "no-candidate-node",
  "no-matching-peer",
  "peer-not-on-node",
]);

/** The same on every node, so that it is said once. */
const SAID_ONCE: ReadonlySet<string> = new Set<string>([
  "no-matching-advertisement",
  "no-endpoint",
  "conflicting-local-pref",
  "shared-ip-with-service-selector",
  "invalid-object",
  "reference-missing",
]);

/** Objects of which kind would lift the refusal if they were valid. */
const LIFTED_BY: Partial<Record<Reason, (protocol: Protocol) => string>> = {
  "no-matching-advertisement": advertisementKind,
  "node-not-selected": advertisementKind,
  "no-matching-peer": () => "BGPPeer",
};

function advertisementKind(protocol: Protocol): string {
  return protocol === "bgp" ? "BGPAdvertisement" : "L2Advertisement";
}

/** A refusal as a broken link; an object that is left out and would lift it is the cause. */
export function refusedFinding(
  scene: Scene,
  refusal: Refusal,
  at: { readonly step: Step; readonly basis: Finding["basis"] },
): Finding {
  const cause = refusalCause(refusal, { service: scene.name, config: scene.config });
  const kind = LIFTED_BY[refusal.cause.reason]?.(refusal.protocol);
  const culprit = scene.facts.parsed.invalid.find((invalid) => invalid.kind === kind);
  if (culprit === undefined) return broken(at, cause);
  return { ...broken(at, cause), cause: invalidCause(culprit) };
}

/** What the speaker itself says against what the objects come to: it knows its interfaces, strangers and whether it is fenced. */
export function speakerRefusals(scene: Scene, node: string, protocol: Protocol): readonly RefusalItem[] {
  return planOf(scene, node)?.refusals.filter((refusal) => refusal.protocol === protocol) ?? [];
}

/** Undefined where the speaker was not asked, or does not know the Service. */
export function planOf({ facts, question }: Scene, node: string): PlanItem | undefined {
  return facts.observed?.plans.find((plan) => plan.node === node && plan.service === question.service);
}

/** The refusal of a speaker in the shape of ours. */
export function asRefusal({ question }: Scene, { ip, protocol, cause }: RefusalItem): Refusal {
  return { service: question.service, ip, protocol, cause };
}

/** A protocol is wanted where an advertisement has the pool, or where nothing says which one is meant. */
export function isWanted(scene: Scene, protocol: Protocol): boolean {
  const { cluster, convergence, config, facts } = scene;
  if (keptAddress(scene) !== undefined) return isDone(scene, protocol);
  const pool = convergence?.pool === undefined ? undefined : cluster.pools.get(convergence.pool);
  const counts = { bgp: pool?.bgp.length ?? 0, layer2: pool?.layer2.length ?? 0 };
  if (counts.bgp + counts.layer2 > 0) return counts[protocol] > 0;
  if (goesOn(scene)) return isDone(scene, protocol);
  const invalid = (kind: string): number => facts.parsed.invalid.filter((one) => one.kind === kind).length;
  const routers = config.peers.size + invalid("BGPPeer");
  const exist = {
    bgp: routers === 0 ? 0 : routers + config.bgpAdvertisements.length + invalid("BGPAdvertisement"),
    layer2: config.l2Advertisements.length + invalid("L2Advertisement"),
  };
  return exist[protocol] > 0 || exist.bgp + exist.layer2 === 0;
}

/** Says once that nobody asked for a protocol. */
export function unwanted(step: "bgp" | "layer2", pool: string | undefined): Finding {
  const kind = advertisementKind(step);
  return intended(step, "quiet", `no ${kind} selects IPAddressPool ${pool ?? "?"}: not meant to be`);
}

/** All nodes of a protocol as one: what is meant to be on some of them does not speak against the others. */
export function rolledUp(scene: Scene, step: "bgp" | "layer2", nodes: readonly Finding[], words: string): Finding {
  const [first] = nodes;
  const { cause } = first ?? {};
  const alike = nodes.every((node) => node.cause?.name === cause?.name);
  if (first !== undefined && cause !== undefined && alike && SAID_ONCE.has(cause.name)) {
    return { ...first, step, object: cause.object, field: cause.field, below: [] };
  }
  const excuses = scene.question.node === undefined && !nodes.every(isMeantToBe);
  const judged = excuses ? nodes.map((node) => (isMeantToBe(node) ? excused(node) : node)) : nodes;
  const verdict = verdictOf(judged);
  const none = nodes.length === 0 ? "there is no Node" : "on no node";
  return intended(step, verdict, verdict === "no" ? none : words, { below: judged });
}

function isMeantToBe({ verdict, cause }: Finding): boolean {
  return verdict === "no" && BY_DESIGN.has(cause?.name ?? "");
}

function excused({ cause: _, ...finding }: Finding): Finding {
  return { ...finding, verdict: "quiet" };
}

/** Of several that would each do, or of parts that all should. */
export function verdictOf(parts: readonly Finding[]): Exclude<Verdict, "quiet"> {
  const counted = parts.map(({ verdict }) => verdict).filter((verdict) => verdict !== "quiet");
  const some = (verdict: "yes" | "no" | "doubt" | "unknown"): boolean => counted.includes(verdict);
  if (counted.length === 0 || counted.every((verdict) => verdict === "no")) return "no";
  if (some("no") || some("doubt")) return "doubt";
  return some("yes") ? "yes" : "unknown";
}

/** Whether anything can be said of what the node does. */
export function speakerFinding({ facts: { observed } }: Scene, { node }: Place): Finding | undefined {
  if (observed === undefined || observed.answered.has(node)) return undefined;
  const why = observed.silent.get(node);
  const object = { kind: "Node", name: node };
  const at = { step: "speaker", basis: "observed" } as const;
  if (why !== undefined) {
    const words = `the speaker of Node ${node} does not answer: ${why}`;
    const change = `look at the speaker's pod on Node ${node}: kubectl -n metallb-system get pods -o wide`;
    return broken(at, { name: "speaker-silent", rank: SPEAKER_RANK, object, words, change }, "unknown");
  }
  if (!observed.complete) return unasked(node);
  const words = `no speaker runs on Node ${node}`;
  const change = `let the speakers' DaemonSet run on Node ${node}: tolerations and nodeSelector`;
  return broken(at, { name: "no-speaker", rank: SPEAKER_RANK, object, words, change });
}

/** A speaker that was asked and does not answer may be gone: what it wrote before holds for then, and what it did not write says nothing. */
export function hearsay(silent: Finding, said: readonly Finding[]): readonly Finding[] {
  if (silent.cause === undefined) return said;
  const kept = said.filter(({ verdict }) => verdict !== "doubt");
  return kept.map(({ cause: _then, ...finding }) => ({ ...finding, verdict: "unknown" }));
}

/** No fault: some speakers alone were asked. */
function unasked(node: string): Finding {
  const object = { kind: "Node", name: node };
  return { step: "speaker", basis: "observed", verdict: "unknown", object, words: "was not asked", below: [] };
}

const SPEAKER_RANK = 75;
