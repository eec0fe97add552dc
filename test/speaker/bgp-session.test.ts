import { describe, expect, it } from "vitest";
import type { Open } from "../../src/bgp/message/open.ts";
import { encodeUpdate } from "../../src/bgp/message/update.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import type { Log, LogFields } from "../../src/telemetry/log.ts";
import { prefix, route } from "../bgp/values.ts";
import { hex } from "../support/hex.ts";
import { silentLog } from "../support/silent-log.ts";
import { ALIVE, OPEN, OURS, open, PEER, Scene } from "./bgp-scene.ts";

const MAPPED = new IpAddress(6, 0xffff_0a00_0001n);
const EXTERNAL = { fourOctetAsn: true, internal: false };

describe("a session", () => {
  it("goes through the states of the RFC and sends everything, then End-of-RIB of each family", () => {
    const scene = new Scene();
    scene.session.setRoutes([route("192.0.2.1/32"), route("2001:db8::1/128")]);
    scene.session.start();
    scene.wire.settle();
    expect(scene.peer.take()).toEqual(["open"]);
    expect(scene.say(OPEN)).toEqual(["keepalive"]);
    expect(scene.say(ALIVE)).toEqual([
      "+192.0.2.1/32>10.0.0.1",
      `+2001:db8::1/128>${MAPPED}`,
      "end-of-rib 4",
      "end-of-rib 6",
    ]);
    expect(scene.changes).toEqual(["connect", "open-sent", "open-confirm", "established"]);
    expect(scene.session.view).toMatchObject({
      state: "established",
      localAddress: OURS,
      routesSent: 2,
      lastError: undefined,
      negotiated: { holdTime: 9, keepaliveTime: 3, families: [4, 6] },
      counters: { established: 1, updatesSent: 4, opensSent: 1 },
    });
  });

  it("sends only what differs", () => {
    const scene = new Scene().establish();
    expect(scene.set(route("192.0.2.1/32"), route("192.0.2.2/32"))).toEqual([
      "+192.0.2.1/32>10.0.0.1 +192.0.2.2/32>10.0.0.1",
    ]);
    expect(scene.set(route("192.0.2.2/32"), route("192.0.2.1/32"))).toEqual([]);
    expect(scene.set(route("192.0.2.2/32"), route("192.0.2.3/32"))).toEqual([
      "-192.0.2.1/32",
      "+192.0.2.3/32>10.0.0.1",
    ]);
    expect(scene.set(route("192.0.2.2/32", { communities: ["1:1"] }))).toEqual([
      "-192.0.2.3/32",
      "+192.0.2.2/32>10.0.0.1",
    ]);
    expect(scene.set()).toEqual(["-192.0.2.2/32"]);
    expect(scene.session.view.routesSent).toBe(0);
  });

  it("takes a few changes without being told the whole", () => {
    const scene = new Scene();
    const change = (text: string, communities?: readonly string[]): readonly string[] => {
      const one = communities === undefined ? undefined : route(text, { communities });
      scene.session.changeRoutes([{ prefix: prefix(text), route: one }]);
      scene.wire.settle();
      return scene.peers.flatMap((peer) => peer.take());
    };
    expect(change("192.0.2.1/32", [])).toEqual([]);
    scene.establish({ ...open, capabilities: { fourOctetAsn: 65000 } });
    expect(change("192.0.2.1/32", [])).toEqual([]);
    expect(change("192.0.2.1/32", ["1:1"])).toEqual(["+192.0.2.1/32>10.0.0.1"]);
    expect(change("192.0.2.2/32", [])).toEqual(["+192.0.2.2/32>10.0.0.1"]);
    expect(change("2001:db8::1/128", [])).toEqual([]);
    expect(change("192.0.2.1/32")).toEqual(["-192.0.2.1/32"]);
    expect(change("192.0.2.9/32")).toEqual([]);
    expect(scene.session.view.routesSent).toBe(1);
  });

  it("never sends a family that was not negotiated", () => {
    const scene = new Scene().establish({ ...open, capabilities: { fourOctetAsn: 65000 } });
    expect(scene.set(route("192.0.2.1/32"), route("2001:db8::1/128"))).toEqual(["+192.0.2.1/32>10.0.0.1"]);
  });

  it("takes the owner's next hop for the other family", () => {
    const scene = new Scene({}, "2001:db8::9").establish();
    expect(scene.set(route("2001:db8::1/128"))).toEqual(["+2001:db8::1/128>2001:db8::9"]);
  });

  it("says which routes it cannot send, and takes an old form back", () => {
    const scene = new Scene().establish();
    scene.set(route("192.0.2.1/32"));
    const huge = {
      ...route("192.0.2.1/32"),
      largeCommunities: Array.from({ length: 400 }, (_, i) => ({ global: i, local1: 0, local2: 0 })),
    };
    expect(scene.set(huge)).toEqual(["-192.0.2.1/32"]);
    expect(scene.session.view.routesNotSent).toEqual([
      { prefix: prefix("192.0.2.1/32"), reason: "attributes-too-large" },
    ]);
    expect(scene.set(route("192.0.2.1/32"))).toEqual(["+192.0.2.1/32>10.0.0.1"]);
    expect(scene.session.view.routesNotSent).toEqual([]);
  });

  it("answers a route refresh with all routes of that family", () => {
    const scene = new Scene().establish();
    scene.set(route("192.0.2.1/32"), route("2001:db8::1/128"));
    expect(scene.say({ type: "route-refresh", refresh: { afi: 1, safi: 1, subtype: 0 } })).toContain(
      "+192.0.2.1/32>10.0.0.1",
    );
    expect(scene.say({ type: "route-refresh", refresh: { afi: 2, safi: 1, subtype: 0 } })).toContain(
      `+2001:db8::1/128>${MAPPED}`,
    );
    expect(scene.say({ type: "route-refresh", refresh: { afi: 25, safi: 70, subtype: 0 } })).toEqual([]);
  });

  it("RFC 2918 4 ignores a route refresh for a family that the session does not carry: there are no marks either", () => {
    const scene = new Scene({}, "2001:db8::9");
    const families = [{ afi: 1, safi: 1 }];
    scene.establish({ ...open, capabilities: { ...open.capabilities, families, enhancedRouteRefresh: true } });
    expect(scene.say({ type: "route-refresh", refresh: { afi: 2, safi: 1, subtype: 0 } })).toEqual([]);
    expect(scene.session.view.state).toBe("established");
  });

  it("RFC 7313 4 puts its answer between marks where the peer knows them, and takes the peer's marks for no request", () => {
    const knows = { ...open, capabilities: { ...open.capabilities, enhancedRouteRefresh: true } } as const;
    const scene = new Scene().establish(knows);
    scene.set(route("192.0.2.1/32"));
    const refresh = (subtype: number) =>
      scene.say({ type: "route-refresh", refresh: { afi: 1, safi: 1, subtype } } as const);
    expect(refresh(0)).toEqual(["routeRefresh", "+192.0.2.1/32>10.0.0.1", "routeRefresh"]);
    expect(refresh(1)).toEqual([]);
    expect(refresh(2)).toEqual([]);
    expect(refresh(3)).toEqual([]);
    expect(refresh(0)).toHaveLength(3);
    scene.set();
    expect(refresh(0)).toEqual(["routeRefresh", "routeRefresh"]);
  });

  it("keeps what it learns for people to see, and forgets it with the session", () => {
    const scene = new Scene().establish();
    const attributes = { origin: "igp", asPath: [{ type: "sequence", asns: [65000] }], nextHop: PEER } as const;
    scene.say(encodeUpdate({ withdrawn: [], attributes, nlri: [prefix("198.51.100.0/24")] }, EXTERNAL));
    expect([...scene.session.learned].map((one) => `${one.prefix}>${one.nextHop}`)).toEqual([
      "198.51.100.0/24>10.0.0.2",
    ]);
    expect(scene.session.view).toMatchObject({ routesLearned: 1, counters: { updatesReceived: 1 } });
    scene.say({ type: "notification", notification: { code: 6, subcode: 4, data: [] } });
    expect(scene.session.view).toMatchObject({
      state: "idle",
      routesLearned: 0,
      lastError: "received Cease/Administrative Reset (6/4)",
    });
  });

  it("treats a malformed route as withdrawn and lives on", () => {
    const scene = new Scene().establish();
    const attributes = { origin: "igp", asPath: [], nextHop: PEER } as const;
    scene.say(encodeUpdate({ withdrawn: [], attributes, nlri: [prefix("198.51.100.0/24")] }, EXTERNAL));
    expect(scene.session.view.routesLearned).toBe(1);
    scene.say(
      encodeUpdate({ withdrawn: [], attributes: { nextHop: PEER }, nlri: [prefix("198.51.100.0/24")] }, EXTERNAL),
    );
    expect(scene.session.view).toMatchObject({ state: "established", routesLearned: 0 });
  });

  it.each<[string, Uint8Array, string]>([
    ["a bad marker", hex("00"), "notification 1/1"],
    ["a bad length", hex(`${"ff".repeat(16)}000004`), "notification 1/2"],
    ["an unknown type", hex(`${"ff".repeat(16)}001309`), "notification 1/3"],
    ["an UPDATE with a prefix of 33 bits", hex(`${"ff".repeat(16)}001802 0000 0000 21`), "notification 3/10"],
  ])("loses only itself to %s, and says why", (_name, bytes, notification) => {
    const scene = new Scene().establish();
    scene.peer.take();
    expect(scene.say(bytes)).toEqual([notification, "closed"]);
    expect(scene.session.view.state).toBe("idle");
    scene.advance(seconds(1));
    expect(scene.session.view.state).toBe("open-sent");
  });

  it("costs an error of our own this session and no more", () => {
    const scene = new Scene({}, "not an address");
    scene.session.start();
    scene.wire.settle();
    expect(scene.say(OPEN, ALIVE).slice(-2)).toEqual(["notification 6/4", "closed"]);
    expect(scene.session.view).toMatchObject({ state: "idle", lastError: "an internal error, see the log" });
  });
});

describe("time", () => {
  it("ends a session whose peer is silent for the whole hold time, and not a microsecond before", () => {
    const scene = new Scene().establish();
    scene.advance(millis(8999));
    expect(scene.session.view.state).toBe("established");
    scene.peer.take();
    scene.advance(millis(1));
    expect(scene.peer.take()).toEqual(["keepalive", "notification 4/0", "closed"]);
    expect(scene.session.view.lastError).toBe("the peer was silent for the whole hold time");
  });

  it("lives as long as the peer says anything", () => {
    const scene = new Scene().establish();
    const endOfRib = encodeUpdate({ withdrawn: [], attributes: {}, nlri: [] }, EXTERNAL);
    for (const message of [
      ALIVE,
      endOfRib,
      { type: "route-refresh", refresh: { afi: 1, safi: 1, subtype: 0 } } as const,
      ALIVE,
    ]) {
      scene.advance(seconds(8));
      scene.say(message);
      expect(scene.session.view.state).toBe("established");
    }
  });

  it("sends KEEPALIVE every third of the hold time", () => {
    const scene = new Scene().establish();
    scene.peer.take();
    scene.advance(millis(2999));
    expect(scene.peer.take()).toEqual([]);
    scene.advance(millis(1));
    expect(scene.peer.take()).toEqual(["keepalive"]);
    scene.advance(seconds(3));
    expect(scene.peer.take()).toEqual(["keepalive"]);
  });

  it("with hold time 0 sends no KEEPALIVE and waits for ever", () => {
    const scene = new Scene({ holdTime: 0 }).establish();
    scene.peer.take();
    scene.advance(seconds(100_000));
    expect(scene.peer.take()).toEqual([]);
    expect(scene.session.view.state).toBe("established");
  });

  it("says of malformed UPDATEs, however many come, one in ten seconds and how many there were", () => {
    const said: LogFields[] = [];
    const log: Log = { ...silentLog, warn: (_msg, fields = {}) => void said.push(fields), child: () => log };
    const scene = new Scene({ holdTime: 90 }, undefined, { log }).establish();
    const nlri = [prefix("198.51.100.0/24")];
    const malformed = encodeUpdate({ withdrawn: [], attributes: { nextHop: PEER }, nlri }, EXTERNAL);
    for (let i = 0; i < 500; i++) scene.say(malformed);
    expect(said.map(({ count }) => count)).toEqual([1]);
    scene.advance(seconds(10));
    scene.say(malformed);
    expect(said).toMatchObject([{ count: 1 }, { count: 500, verdict: "treat-as-withdraw" }]);
  });

  it("gives a peer that says nothing four minutes, and one that does not answer ten seconds", () => {
    const silent = new Scene();
    silent.session.start();
    silent.wire.settle();
    silent.advance(seconds(239));
    expect(silent.session.view.state).toBe("open-sent");
    silent.advance(seconds(1));
    expect(silent.peer.take()).toEqual(["open", "notification 4/0", "closed"]);

    const absent = new Scene();
    absent.wire.answer = undefined;
    absent.session.start();
    absent.advance(seconds(10));
    expect([absent.session.view.state, absent.wire.aborted]).toEqual(["active", 1]);
    absent.advance(seconds(1));
    expect([absent.session.view.state, absent.wire.dials]).toEqual(["connect", 2]);
  });

  it("tries again ever more slowly, up to the connect time", () => {
    const scene = new Scene({ connectTime: 5 });
    scene.wire.answer = "refused";
    scene.session.start();
    scene.wire.settle();
    const dials: number[] = [];
    for (let second = 1; second <= 22; second++) {
      const before = scene.wire.dials;
      scene.advance(seconds(1));
      if (scene.wire.dials > before) dials.push(second);
    }
    expect(dials).toEqual([1, 3, 7, 12, 17, 22]);
    expect(scene.session.view.lastError).toBe("refused");
  });

  it("comes back with everything after the peer was gone", () => {
    const scene = new Scene().establish();
    scene.set(route("192.0.2.1/32"));
    scene.peer.end.end();
    scene.wire.settle();
    expect(scene.session.view).toMatchObject({ state: "idle", routesSent: 0 });
    scene.advance(seconds(1));
    scene.say(OPEN);
    expect(scene.say(ALIVE)).toEqual(["+192.0.2.1/32>10.0.0.1", "end-of-rib 4", "end-of-rib 6"]);
  });
});

describe("stop", () => {
  it("says Cease/Administrative Shutdown, and leaves no timer behind", async () => {
    const scene = new Scene().establish();
    scene.peer.take();
    const stopped = scene.session.stop("drained");
    scene.wire.settle();
    await stopped;
    expect(scene.peer.take()).toEqual(["notification 6/2", "closed"]);
    await Promise.resolve();
    scene.advance(seconds(2));
    expect([scene.clock.armed, scene.session.view.state]).toEqual([0, "idle"]);
  });

  it("gives up waiting for a peer that does not close", async () => {
    const scene = new Scene().establish();
    const { peer } = scene.peer.end;
    if (peer === undefined) throw new Error("no wire");
    peer.end = () => {};
    const stopped = scene.session.stop("drained");
    scene.wire.settle();
    peer.destroy = () => peer.close("destroyed");
    scene.advance(seconds(1));
    await stopped;
    expect(peer.open).toBe(false);
  });

  it("stops a session that only tries", async () => {
    const scene = new Scene();
    scene.wire.answer = "refused";
    scene.session.start();
    scene.wire.settle();
    await scene.session.stop("gone");
    scene.advance(seconds(100));
    expect([scene.wire.dials, scene.clock.armed]).toEqual([1, 0]);
  });

  it("refuses connections when it does not run", () => {
    const scene = new Scene();
    expect(scene.dialled().take()).toEqual(["closed"]);
  });
});

describe("a slow peer", () => {
  it("gets the newest state, not every state in between", () => {
    const scene = new Scene().establish();
    const end = scene.peer.end.peer;
    if (end === undefined) throw new Error("no wire");
    scene.peer.take();
    end.backlog = 1_000_000;
    for (let i = 0; i < 50; i++)
      expect(scene.set(route("192.0.2.1/32", { communities: [`1:${i}`] }), route(`192.0.2.${i + 2}/32`))).toEqual([]);
    end.drain();
    scene.advance(millis(0));
    expect(scene.peer.take()).toEqual(["+192.0.2.1/32>10.0.0.1", "+192.0.2.51/32>10.0.0.1"]);
  });
});

describe("passive", () => {
  it("waits for the peer and never dials", () => {
    const scene = new Scene({ passive: true });
    scene.session.start();
    scene.advance(seconds(1000));
    expect(scene.wire.dials).toBe(0);
    const peer = scene.dialled();
    expect(peer.take()).toEqual(["open"]);
    peer.say(OPEN, ALIVE);
    scene.wire.settle();
    expect(scene.session.view.state).toBe("established");
    peer.end.end();
    scene.wire.settle();
    expect(scene.session.view.state).toBe("active");
  });
});

describe("two connections to one peer (RFC 4271 section 6.8)", () => {
  const HIGHER: Open = { ...open, identifier: 0x0a000002 };
  const LOWER: Open = { ...open, identifier: 0x09000001 };

  it.each([
    ["the peer's, when its identifier is higher", HIGHER, "incoming"],
    ["ours, when our identifier is higher", LOWER, "outgoing"],
  ] as const)("keeps %s", (_name, peerOpen, stays) => {
    const scene = new Scene();
    scene.session.start();
    scene.wire.settle();
    const outgoing = scene.peer;
    const incoming = scene.dialled();
    outgoing.say({ type: "open", open: peerOpen });
    scene.wire.settle();
    incoming.say({ type: "open", open: peerOpen });
    scene.wire.settle();
    const [kept, dropped] = stays === "incoming" ? [incoming, outgoing] : [outgoing, incoming];
    expect(dropped.take().slice(-2)).toEqual(["notification 6/7", "closed"]);
    kept.say(ALIVE);
    scene.wire.settle();
    expect(scene.session.view).toMatchObject({ state: "established", lastError: undefined });
    expect(kept.take()).toContain("end-of-rib 4");
    scene.advance(seconds(8));
    expect(scene.session.view.state).toBe("established");
    expect(scene.wire.dials).toBe(1);
  });

  it("goes on trying when the one that stays is lost before it is up", () => {
    const scene = new Scene();
    scene.session.start();
    scene.wire.settle();
    const outgoing = scene.peer;
    const incoming = scene.dialled();
    incoming.say({ type: "open", open: HIGHER });
    scene.wire.settle();
    outgoing.say({ type: "open", open: HIGHER });
    scene.wire.settle();
    expect(outgoing.take().slice(-2)).toEqual(["notification 6/7", "closed"]);
    expect(scene.session.view.state).toBe("open-confirm");
    incoming.end.end();
    scene.wire.settle();
    scene.advance(seconds(2));
    expect([scene.session.view.state, scene.wire.dials]).toEqual(["open-sent", 2]);
    expect(scene.say(OPEN, ALIVE)).toContain("end-of-rib 4");
    expect(scene.session.view.state).toBe("established");
  });

  it("keeps an established one whatever the identifiers", () => {
    const scene = new Scene().establish(HIGHER);
    const second = scene.dialled();
    second.say({ type: "open", open: HIGHER });
    scene.wire.settle();
    expect(second.take()).toEqual(["open", "notification 6/7", "closed"]);
    expect(scene.session.view.state).toBe("established");
  });

  it("is not undone by an OPEN that is wrong", () => {
    const scene = new Scene();
    scene.session.start();
    scene.wire.settle();
    const outgoing = scene.peer;
    outgoing.say({ type: "open", open: HIGHER });
    scene.wire.settle();
    const stranger = scene.dialled();
    stranger.say({ type: "open", open: { ...HIGHER, myAs: 1, capabilities: {} } });
    scene.wire.settle();
    expect(stranger.take()).toEqual(["open", "notification 2/2", "closed"]);
    outgoing.say(ALIVE);
    scene.wire.settle();
    expect(scene.session.view.state).toBe("established");
  });

  it("drops a dial that hangs when the peer comes first, and dials again when that is lost", () => {
    const scene = new Scene();
    scene.wire.answer = undefined;
    scene.session.start();
    const incoming = scene.dialled();
    incoming.say(OPEN, ALIVE);
    scene.wire.settle();
    expect([scene.session.view.state, scene.wire.aborted]).toEqual(["established", 1]);
    incoming.end.end();
    scene.wire.settle();
    scene.advance(seconds(1));
    expect([scene.session.view.state, scene.wire.dials]).toEqual(["connect", 2]);
  });
});
