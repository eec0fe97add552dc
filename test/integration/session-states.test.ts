import { afterAll, beforeAll, expect, test } from "vitest";
import { BGP_PEERS, BGP_SESSION_STATES } from "../../src/kubernetes/resource.ts";
import { untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { startSpeaker } from "./daemons.ts";
import { TestRouter } from "./router.ts";
import { Site } from "./site.ts";

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface RawState {
  readonly status?: Readonly<Record<string, unknown>>;
}

test("a session is shown as it is, and no longer when its peer is deleted", async () => {
  await using site = await Site.create(cluster);
  await using router = await TestRouter.start({ asn: 64513, holdTime: 30 });
  await site.node("n1");
  const addresses = { peerAddress: "127.0.0.1", peerPort: router.port, sourceAddress: "127.0.0.43" };
  await site.peer("router", { myASN: 64512, peerASN: 64513, ...addresses });
  await using speaker = await startSpeaker(site, "n1");
  const shown = async (): Promise<readonly unknown[]> => {
    const { items } = await site.client.list<RawState>(BGP_SESSION_STATES, { namespace: site.system });
    return items.map(({ status = {} }) => [status["node"], status["peer"], status["bgpPeer"], status["bgpStatus"]]);
  };
  await untilEqual("the session", shown, [[site.nodeName("n1"), "127.0.0.1", "router", "Established"]], 20_000);
  await site.delete(BGP_PEERS, "router");
  await untilEqual("no session", shown, []);
  expect(speaker.speaker.sessions()).toEqual([]);
}, 40_000);
