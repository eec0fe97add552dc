import { setMaxListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { Page, Selection } from "../../src/kubernetes/client.ts";
import { ApiError } from "../../src/kubernetes/errors.ts";
import type { Resource } from "../../src/kubernetes/resource.ts";
import { Board } from "../../src/looking-glass/board.ts";
import { ClusterFeed } from "../../src/looking-glass/cluster-feed.ts";
import { seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import type { MadeUpApi } from "./made-up-api.ts";
import { MadeUpCluster, PASSWORD } from "./made-up-cluster.ts";

const NODES = ["a", "b"];
const ROUTERS = [
  { peer: "tor1", address: "10.0.0.1", asn: 64513 },
  { peer: "tor2", address: "10.0.0.2", asn: 64513 },
];

async function setUp(refuses: readonly string[] = []) {
  const clock = new VirtualClock();
  const now = (): Date => new Date(2e12 + clock.now() / 1000);
  const cluster = new MadeUpCluster(NODES, ROUTERS, now);
  cluster.addPool("main", ["192.0.2.0/24"]);
  cluster.putService({ namespace: "shop", name: "web", ip: "192.0.2.1", pool: "main", bgp: NODES, endpoints: ["a"] });
  const board = new Board(now);
  const stop = new AbortController();
  // A dozen watches listen to it: no leak.
  setMaxListeners(0, stop.signal);
  const client = refusing(cluster.api, refuses);
  const ports = { client, clock, random: () => 0.5, log: silentLog };
  void new ClusterFeed(ports, board, { namespace: "metallb-system", loadBalancerClass: undefined }).run(stop.signal);
  const pass = async (time: number): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      await settle();
      clock.advance(seconds(time / 20));
    }
    await settle();
    board.services.settle();
  };
  await pass(6);
  return { board, cluster, stop, pass };
}

/** As where the user may not list some kinds. */
function refusing({ client }: MadeUpApi, kinds: readonly string[]): MadeUpApi["client"] {
  return {
    ...client,
    pages: <T>(resource: Resource, options?: Selection): AsyncGenerator<Page<T>, void> => {
      if (!kinds.includes(resource.kind)) return client.pages<T>(resource, options);
      throw new ApiError({ status: 403, reason: "Forbidden", message: "forbidden" });
    },
  };
}

describe("what the API says", () => {
  it("is waited for: what a status or a speaker says of a Service is no Service before the lists are there", () => {
    const [clock, stop] = [new VirtualClock(), new AbortController()];
    const board = new Board(() => new Date(0));
    const { client } = new MadeUpCluster(NODES, ROUTERS, () => new Date(0)).api;
    const ports = { client, clock, random: () => 0.5, log: silentLog };
    setMaxListeners(0, stop.signal);
    void new ClusterFeed(ports, board, { namespace: "metallb-system", loadBalancerClass: undefined }).run(stop.signal);
    board.setAnnouncement("bgp/web", { service: "shop/web", node: "a", peers: ["tor1"], layer2: false, addresses: [] });
    board.services.settle();
    expect([...board.services.rows()]).toEqual([]);
    stop.abort();
  });

  it("is a Service with its announcers and endpoints, as they come and go", async () => {
    const { board, cluster, stop, pass } = await setUp();
    expect(board.services.find("shop/web")).toMatchObject({
      addresses: ["192.0.2.1"],
      endpoints: 1,
      bgp: { nodes: NODES },
    });
    cluster.putService({ namespace: "shop", name: "web", ip: "192.0.2.2", pool: "main", bgp: ["b"], endpoints: [] });
    await pass(1);
    const row = board.services.find("shop/web");
    expect(row).toMatchObject({ addresses: ["192.0.2.2"], endpoints: 0, bgp: { nodes: ["b"] }, reason: "no-endpoint" });
    cluster.removeService("shop/web");
    await pass(1);
    expect(board.services.find("shop/web")).toBeUndefined();
    stop.abort();
  });

  it("is that a Service of another class, or of another type, is none of ours", async () => {
    const { board, cluster, stop, pass } = await setUp();
    const rest = { namespace: "shop", bgp: [], endpoints: [] };
    cluster.putService({ ...rest, name: "foreign", spec: { loadBalancerClass: "example.com/other" } });
    cluster.putService({ ...rest, name: "inner", spec: { type: "ClusterIP" } });
    await pass(1);
    expect([...board.services.rows()].map(({ name }) => name)).toEqual(["web"]);
    stop.abort();
  });

  it("has no password in what is kept, and knows that there is one", async () => {
    const { board, stop } = await setUp();
    expect(board.invalid).toEqual([]);
    expect(board.peer("tor2")?.password).toBeDefined();
    expect(JSON.stringify([board.peer("tor1"), board.peer("tor2")])).not.toContain(PASSWORD);
    stop.abort();
  });

  it("goes on without what may not be read, says so, and takes nothing for missing that was not seen", async () => {
    const { board, stop } = await setUp(["EndpointSlice", "ServiceBGPStatus"]);
    const [api] = board.sources;
    expect(api).toMatchObject({ kind: "api", state: "silent", message: "endpointslices: forbidden" });
    expect(board.services.find("shop/web")).toMatchObject({
      addresses: ["192.0.2.1"],
      health: "unknown",
      reason: "not-seen",
    });
    stop.abort();
  });

  it("reads the configuration once for all that comes together, and a drained node with it", async () => {
    const { board, cluster, stop, pass } = await setUp();
    const metadata = { name: "b", annotations: { "herald.io/drain": "disk" } };
    cluster.api.put({ apiVersion: "v1", kind: "Node", metadata, status: {} });
    cluster.addInvalidPeer("broken");
    await pass(1);
    expect(board.nodes.get("b")?.drained).toBe("disk");
    expect(board.invalid.map(({ name }) => name)).toEqual(["broken"]);
    stop.abort();
  });
});
