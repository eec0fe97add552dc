import { describe, expect, it } from "vitest";
import { ServiceBoard } from "../../src/looking-glass/service-board.ts";
import type { Reach } from "../../src/looking-glass/session-board.ts";

function setUp() {
  const reach = new Map<string, Reach>();
  let second = 0;
  const now = (): string => new Date(second++ * 1000).toISOString();
  const board = new ServiceBoard({ now, reach: (node) => reach.get(node) ?? "up", isSilent: () => false });
  board.setScope({ api: true, endpoints: true, announcements: true });
  return { board, reach };
}

const object = (name: string, ip = "192.0.2.1") => ({
  metadata: { namespace: "shop", name },
  spec: { type: "LoadBalancer" },
  status: { loadBalancer: { ingress: [{ ip }] } },
});

function put(board: ServiceBoard, name: string, node = "a"): void {
  board.setService(`shop/${name}`, object(name));
  board.setEndpoints(`shop/${name}`, { any: true, count: 1 });
  const announcement = { service: `shop/${name}`, node, peers: ["tor"], layer2: false, addresses: [] };
  board.setAnnouncement(`bgp/${name}-${node}`, announcement);
}

describe("the board of Services", () => {
  it("counts and groups as Services come, change and go", () => {
    const { board } = setUp();
    for (const name of ["one", "two", "three"]) put(board, name);
    board.settle();
    expect(board.counts).toMatchObject({ good: 3, total: 3 });
    board.setEndpoints("shop/one", { any: false, count: 0 });
    board.setAnnouncement("bgp/two-a", undefined);
    board.settle();
    expect(board.counts).toMatchObject({ good: 1, bad: 2, total: 3 });
    expect(board.troubles().map(({ reason, services }) => [reason, ...services])).toEqual([
      ["no-endpoint", "shop/one"],
      ["not-announced", "shop/two"],
    ]);
    board.setService("shop/one", undefined);
    put(board, "two");
    board.settle();
    expect(board.counts).toMatchObject({ good: 2, bad: 0, total: 2 });
    expect(board.troubles()).toEqual([]);
  });

  it("judges no more at a time than it is asked to, and in the end all", () => {
    const { board, reach } = setUp();
    for (let i = 0; i < 100; i++) put(board, `s${i}`);
    board.settle();
    reach.set("a", "down");
    board.markNode("a");
    expect(board.settle(60)).toBe(false);
    expect(board.counts).toMatchObject({ good: 40, bad: 60 });
    expect(board.settle(60)).toBe(true);
    expect(board.counts).toMatchObject({ good: 0, bad: 100 });
  });

  it("looks again only at what the node announces", () => {
    const { board, reach } = setUp();
    put(board, "one", "a");
    put(board, "two", "b");
    board.settle();
    board.takeChanges(10);
    reach.set("a", "down").set("b", "down");
    board.markNode("a");
    board.settle();
    expect(board.takeChanges(10).rows.map(({ name }) => name)).toEqual(["one"]);
  });

  it("keeps an announcement with the Service that its object is about, when that changes", () => {
    const { board } = setUp();
    put(board, "one");
    put(board, "two");
    board.setAnnouncement("bgp/two-a", {
      service: "shop/one",
      node: "b",
      peers: ["tor"],
      layer2: false,
      addresses: [],
    });
    board.settle();
    expect(board.find("shop/one")?.bgp.nodes).toEqual(["a", "b"]);
    expect(board.find("shop/two")?.reason).toBe("not-announced");
  });

  it("remembers since when a Service is in the same trouble, whatever else of it changes", () => {
    const { board } = setUp();
    put(board, "one");
    board.setEndpoints("shop/one", { any: false, count: 0 });
    board.settle();
    const before = board.trouble("shop/one")?.since;
    board.setService("shop/one", object("one", "192.0.2.9"));
    board.settle();
    expect(board.find("shop/one")?.addresses).toEqual(["192.0.2.9"]);
    expect(board.trouble("shop/one")?.since).toBe(before);
  });

  it("tells of no change where nothing differs, and says when there are more than it tells", () => {
    const { board } = setUp();
    for (let i = 0; i < 10; i++) put(board, `s${i}`);
    board.settle();
    expect(board.takeChanges(4)).toMatchObject({ many: true, rows: { length: 4 } });
    for (let i = 0; i < 10; i++) put(board, `s${i}`);
    board.settle();
    expect(board.takeChanges(4)).toEqual({ rows: [], gone: [], many: false });
  });

  it("forgets a Service that is gone, and keeps none for slices of others", () => {
    const { board } = setUp();
    board.setEndpoints("shop/cluster-ip", { any: true, count: 1 });
    put(board, "one");
    board.settle();
    board.setService("shop/one", undefined);
    board.settle();
    expect([...board.rows()]).toEqual([]);
    expect(board.takeChanges(10).gone).toEqual(["shop/one"]);
  });

  it("does not judge a Service by why another one of its name was refused", () => {
    const { board } = setUp();
    put(board, "one");
    board.setRefusals("shop/one", "a", [{ node: "a", protocol: "bgp", reason: "node-excluded", message: "excluded" }]);
    board.setService("shop/one", undefined);
    board.setAnnouncement("bgp/one-a", undefined);
    board.settle();
    board.setService("shop/one", object("one"));
    board.settle();
    expect(board.find("shop/one")?.reason).toBe("not-announced");
  });

  it("has Services without an API for as long as a speaker speaks of them", () => {
    const { board } = setUp();
    board.setScope({ api: false, endpoints: false, announcements: true });
    board.setAnnouncement("plan/a", {
      service: "shop/one",
      node: "a",
      peers: ["tor"],
      layer2: false,
      addresses: ["192.0.2.1"],
    });
    board.settle();
    expect(board.find("shop/one")).toMatchObject({ health: "good", addresses: ["192.0.2.1"] });
    board.setAnnouncement("plan/a", undefined);
    board.settle();
    expect(board.find("shop/one")).toBeUndefined();
  });
});
