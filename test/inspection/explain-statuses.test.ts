import { describe, expect, test } from "vitest";
import { nodeName, peerName, serviceKey } from "../../src/api/brands.ts";
import type { Finding } from "../../src/inspection/explain/finding.ts";
import { bgp, but, explained, lan, observed, SOUND } from "./explain-scene.ts";

const WEB = serviceKey("default", "web");

/** Nobody may be asked: all there is are statuses. */
function unasked(statuses: Parameters<typeof observed>[0] = {}) {
  const nothing = { answered: new Set<string>(), complete: false, plans: [], sessions: [], routes: [] };
  return observed({ ...nothing, ...statuses });
}

const routed = (node: string, ...peers: readonly string[]) => ({
  name: `bgp-${node}`,
  service: WEB,
  node: nodeName(node),
  peers: peers.map(peerName),
});
const up = (node: string) => ({ name: `state-${node}`, node, peer: "tor", state: "Established", lastError: undefined });

function wordsOf(findings: readonly Finding[]): readonly string[] {
  return findings.flatMap(({ verdict, words, below }) => [`${verdict}: ${words}`, ...wordsOf(below)]);
}

describe("nodes whose speakers may not be asked", () => {
  test("announce by what their ServiceBGPStatus and BGPSessionState say, and it is said whose word that is", () => {
    const statuses = { bgp: [routed("a", "tor"), routed("b", "tor")], layer2: [] };
    const seen = unasked({ statuses, sessionStates: [up("a"), up("b")] });
    const { answers, findings } = explained(SOUND, { seen });
    expect(answers).toBe("yes");
    const words = wordsOf(findings);
    expect(words).toContain("unknown: was not asked");
    expect(words).toContain("yes: means to announce it to BGPPeer tor, says ServiceBGPStatus bgp-a");
    expect(words).toContain("yes: established, says BGPSessionState state-a");
  });

  test("are worth a look where no ServiceBGPStatus says what the objects come to, or another router", () => {
    const statuses = { bgp: [routed("a", "tor"), routed("b", "other")], layer2: [] };
    const { answers, causes } = explained(SOUND, { seen: unasked({ statuses }) });
    expect(answers).toBe("partly");
    expect(causes[0]).toMatchObject({ name: "status-missing", object: { kind: "Node", name: "b" }, verdict: "doubt" });
  });

  test("a status of another Service says nothing", () => {
    const other = { ...routed("a", "tor"), service: serviceKey("default", "other") };
    const { causes } = explained(SOUND, { seen: unasked({ statuses: { bgp: [other], layer2: [] } }), node: "a" });
    expect(causes[0]?.name).toBe("status-missing");
  });

  test("answer on the LAN by what the ServiceL2Status says; one that names another node is named", () => {
    const objects = but(["BGPAdvertisement", "BGPPeer"], lan());
    const winner = explained(objects, { seen: unasked() }).findings.flatMap(({ below }) => below);
    const elected = winner.find(({ words }) => words.startsWith("elected"))?.object?.name ?? "";
    const said = (node: string) => ({
      bgp: [],
      layer2: [{ name: "l2-x", service: WEB, node: nodeName(node), interfaces: ["eth0"] }],
    });
    const right = explained(objects, { seen: unasked({ statuses: said(elected) }) });
    expect(wordsOf(right.findings)).toContain("yes: answers on eth0, says ServiceL2Status l2-x");
    expect(right.answers).toBe("yes");
    const other = elected === "a" ? "b" : "a";
    const wrong = explained(objects, { seen: unasked({ statuses: said(other) }) });
    expect(wrong.causes[0]).toMatchObject({
      name: "status-missing",
      words: `no ServiceL2Status says that Node ${elected} answers: Node ${other} does, says ServiceL2Status l2-x`,
    });
  });

  test("say nothing of protocols that are not asked for", () => {
    const { findings } = explained(but(["BGPAdvertisement"], bgp()), {
      seen: unasked({ statuses: { bgp: [], layer2: [] } }),
    });
    expect(wordsOf(findings).filter((words) => words.includes("ServiceL2Status"))).toEqual([]);
  });
});
