import { broken, type Cause, type Finding, observed, RANK } from "./finding.ts";
import type { Scene } from "./scene.ts";

const AT_SPEAKER = { step: "speaker", basis: "observed" } as const;

/** What the ServiceBGPStatus of a node says that was not asked itself. */
export function saidOfRoute({ facts, question }: Scene, node: string, peer: string): readonly Finding[] {
  const all = facts.observed?.statuses?.bgp;
  if (all === undefined) return [];
  const said = all.find((status) => status.service === question.service && status.node === node);
  if (said?.peers.some((name) => name === peer) === true) {
    const words = `means to announce it to BGPPeer ${peer}, says ServiceBGPStatus ${said.name}`;
    return [observed("speaker", "yes", words, { object: { kind: "ServiceBGPStatus", name: said.name } })];
  }
  return [unsaid(node, `no ServiceBGPStatus says that Node ${node} announces it to BGPPeer ${peer}`)];
}

/** What the ServiceL2Status of a node says that was not asked itself. */
export function saidOfAnswer({ facts, question }: Scene, node: string): readonly Finding[] {
  const all = facts.observed?.statuses?.layer2;
  if (all === undefined) return [];
  const said = all.find((status) => status.service === question.service);
  if (said?.node === node) {
    const where = said.interfaces.length === 0 ? "all its interfaces" : said.interfaces.join(", ");
    const words = `answers on ${where}, says ServiceL2Status ${said.name}`;
    return [observed("responder", "yes", words, { object: { kind: "ServiceL2Status", name: said.name } })];
  }
  const other = said === undefined ? "no node does" : `Node ${said.node} does, says ServiceL2Status ${said.name}`;
  return [unsaid(node, `no ServiceL2Status says that Node ${node} answers: ${other}`)];
}

function unsaid(node: string, words: string): Finding {
  const cause: Cause = {
    name: "status-missing",
    rank: RANK.speaker,
    object: { kind: "Node", name: node },
    words,
    change: `look at the speaker on Node ${node}, or ask it: herald explain needs pods/exec in Herald's namespace for that`,
  };
  return broken(AT_SPEAKER, cause, "doubt");
}
