import type { Layer2Announcement } from "../../announcement/layer2-decision.ts";
import type { IpAddress } from "../../net/ip-address.ts";
import type { Layer2Item } from "../state-view.ts";
import { asBefore, refusalAsBefore } from "./as-before.ts";
import {
  asRefusal,
  hearsay,
  isWanted,
  planOf,
  refusedFinding,
  rolledUp,
  speakerFinding,
  speakerRefusals,
  unwanted,
} from "./decision-findings.ts";
import { broken, type Cause, type Finding, intended, observed, RANK, type Verdict } from "./finding.ts";
import type { Place, Scene } from "./scene.ts";
import { saidOfAnswer } from "./status-findings.ts";

const AT_NODE = { step: "node", basis: "intent" } as const;

/** Which node is to answer on its LANs, and whether it does. */
export function layer2Finding(scene: Scene): Finding {
  if (!isWanted(scene, "layer2")) return unwanted("layer2", scene.convergence?.pool);
  const nodes = scene.places.map((place) => nodeFinding(scene, place));
  const winners = scene.places.filter(({ decision }) => decision.layer2.length > 0).map(({ node }) => node);
  const finding = rolledUp(scene, "layer2", nodes, `${winners.join(", ")} answers`);
  const strangers = [...doubleFindings(scene), ...gossipFindings(scene)];
  if (strangers.length === 0) return finding;
  const worst =
    strangers.some(({ verdict }) => verdict === "no") && finding.verdict === "yes" ? "doubt" : finding.verdict;
  return { ...finding, verdict: worst, below: [...finding.below, ...strangers] };
}

function nodeFinding(scene: Scene, place: Place): Finding {
  const { node, decision } = place;
  const object = { kind: "Node", name: node };
  const [refusal] = decision.refusals.filter(({ protocol }) => protocol === "layer2");
  if (decision.layer2.length === 0) {
    if (refusal === undefined) return intended("node", "quiet", "is not asked", { object });
    const before = asBefore(scene, node, refusal);
    if (before === undefined)
      return { ...refusedFinding(scene, refusalAsBefore(scene, node, refusal), AT_NODE), object };
    return electedFinding(scene, place, before.plan.layer2, `, ${before.words}`);
  }
  return electedFinding(scene, place, decision.layer2, "");
}

/** The addresses that the node answers for. */
function electedFinding(
  scene: Scene,
  place: Place,
  held: readonly (Pick<Layer2Announcement, "interfaces" | "advertisements"> & { readonly ip: IpAddress | string })[],
  note: string,
): Finding {
  const { interfaces = [], advertisements = [] } = held[0] ?? {};
  const where = interfaces.length === 0 ? "all its interfaces" : interfaces.join(", ");
  const silent = speakerFinding(scene, place);
  const below =
    silent === undefined
      ? held.flatMap((one) => seen(scene, place, { address: `${one.ip}`, advertisements }))
      : [silent, ...hearsay(silent, saidOfAnswer(scene, place.node))];
  const words = `elected to answer on ${where}, by L2Advertisement ${advertisements.join(", ")}${note}`;
  return intended("node", worstOf(below), words, { object: { kind: "Node", name: place.node }, below });
}

/** All its addresses are to be answered for. */
function worstOf(below: readonly Finding[]): Verdict {
  const some = (verdict: Verdict): boolean => below.some((finding) => finding.verdict === verdict);
  if (some("no")) return "no";
  if (some("doubt")) return "doubt";
  return below.length > 0 && !some("yes") ? "unknown" : "yes";
}

/** What the speaker of the node says of an address. */
function seen(
  scene: Scene,
  { node }: Place,
  { address, advertisements }: { readonly address: string; readonly advertisements: readonly string[] },
): readonly Finding[] {
  const { observed: facts } = scene.facts;
  if (facts === undefined) return [];
  const refusal = speakerRefusals(scene, node, "layer2").find(({ ip }) => ip === undefined || ip === address);
  if (refusal !== undefined) {
    return [refusedFinding(scene, asRefusal(scene, refusal), { step: "speaker", basis: "observed" })];
  }
  const item = facts.layer2.find((view) => view.node === node)?.items.find((one) => one.address === address);
  if (item === undefined) return [behind(scene, node, address)];
  return [stateFinding(item), ...askedFinding(item, advertisements[0] ?? "")];
}

function behind(scene: Scene, node: string, address: string): Finding {
  const knows = planOf(scene, node) !== undefined;
  const cause: Cause = {
    name: "speaker-behind",
    rank: RANK.speaker,
    object: { kind: "Node", name: node },
    words: `the speaker of Node ${node} does not answer for ${address}${knows ? "" : ", and does not know the Service"}`,
    change: `look at the log of the speaker on Node ${node}: it has not taken over what the API has`,
  };
  return broken({ step: "speaker", basis: "observed" }, cause);
}

const STATES: Record<Layer2Item["state"], readonly [verdict: "yes" | "doubt" | "no", words: string]> = {
  holding: ["yes", "answers"],
  announcing: ["yes", "answers, and tells the LAN"],
  probing: ["doubt", "still asks whether anybody else uses the address"],
  releasing: ["doubt", "is about to leave it to another node"],
  yielded: ["doubt", "has left it to another node that answered too, and looks whether that one does"],
  quarantined: ["no", "does not answer: somebody else uses the address"],
};

function stateFinding(item: Layer2Item): Finding {
  const object = { kind: "Node", name: item.node };
  const [verdict, words] = STATES[item.state];
  const where = item.interfaces.map(({ name, mac }) => `${name} (${mac})`).join(", ");
  const said = `${item.address}: ${words} since ${item.since}, on ${where === "" ? "no interface" : where}`;
  if (verdict !== "no") return observed("responder", verdict, said, { object });
  const cause: Cause = {
    name: "address-conflict",
    rank: RANK.answer,
    object,
    words: said,
    change: `take ${item.address} off the machine that uses it, or out of the pool`,
  };
  return broken({ step: "responder", basis: "observed" }, cause);
}

/** An address that nobody asks for is looked for somewhere else. */
function askedFinding(
  { address, node, requests, answers, interfaces }: Layer2Item,
  advertisement: string,
): readonly Finding[] {
  if (requests > 0) {
    const words = `${requests} requests heard, ${answers} answered: whoever asks knows where to send`;
    return [observed("responder", "yes", words, { object: { kind: "Node", name: node } })];
  }
  const on = interfaces.map(({ name }) => name).join(", ");
  const cause: Cause = {
    name: "never-asked",
    rank: RANK.beyond,
    object: { kind: "L2Advertisement", name: advertisement },
    field: "spec.interfaces",
    words: `nobody has asked for ${address} on ${on === "" ? "any interface" : on} of Node ${node} yet`,
    change: `see that the clients, or their router, are on the LAN of ${on === "" ? "the node" : on} and look for ${address} there; an interface that is named wrongly, or another VLAN, hears nothing`,
  };
  return [broken({ step: "responder", basis: "observed" }, cause, "unknown")];
}

/** Two that answer for one address. */
function doubleFindings({ facts, convergence }: Scene): readonly Finding[] {
  const addresses = (convergence?.ips ?? []).map(String);
  const held = (facts.observed?.layer2 ?? []).flatMap(({ items }) => items.filter(isHeld));
  return addresses.flatMap((address) => {
    const nodes = held.filter((item) => item.address === address).map(({ node }) => node);
    if (nodes.length < 2) return [];
    const cause: Cause = {
      name: "two-nodes-answer",
      rank: RANK.answer,
      words: `${nodes.join(" and ")} both answer for ${address}`,
      change: "let the speakers hear each other: the same key in the gossip Secret, TCP and UDP 7946 between the nodes",
    };
    return [broken({ step: "responder", basis: "observed" }, cause)];
  });
}

function isHeld({ state }: Layer2Item): boolean {
  return state === "holding" || state === "announcing";
}

/** Speakers that both answer us and do not see each other elect without each other. */
function gossipFindings({ facts }: Scene): readonly Finding[] {
  const views = facts.observed?.members ?? [];
  const present = views.map(({ node }) => node);
  return views.flatMap(({ node, source, items }) => {
    const alive = new Set(items.filter(({ state }) => state === "alive").map(({ member }) => member));
    const unseen = present.filter((other) => other !== node && !alive.has(other));
    if (source !== "gossip" || unseen.length === 0) return [];
    const cause: Cause = {
      name: "gossip-split",
      rank: RANK.speaker,
      object: { kind: "Node", name: node },
      words: `the speaker of Node ${node} does not see ${unseen.join(", ")}, which runs`,
      change: "let the speakers hear each other: the same key in the gossip Secret, TCP and UDP 7946 between the nodes",
    };
    return [broken({ step: "speaker", basis: "observed" }, cause, "doubt")];
  });
}
