import { describe, expect, it } from "vitest";
import type { Open } from "../../src/bgp/message/open.ts";
import { encodeUpdate } from "../../src/bgp/message/update.ts";
import type { IpAddress } from "../../src/net/ip-address.ts";
import { seconds } from "../../src/net/micros.ts";
import type { BgpDial, BgpDialTarget, RestartMemory } from "../../src/speaker/bgp-ports.ts";
import { ip, prefix, route } from "../bgp/values.ts";
import { ALIVE, OPEN, OURS, open, PEER, Scene } from "./bgp-scene.ts";
import { Wire } from "./bgp-wire.ts";

const RESTARTING = { restartTime: 120, preserved: [4, 6] } as const;
/** What each OPEN of ours said of restarts. */
const restartsSaid = (scene: Scene) =>
  scene.session.journal.flatMap((line) =>
    line.type === "step"
      ? line.effects.flatMap((effect) =>
          effect.type === "send" && effect.message.type === "open"
            ? [effect.message.open.capabilities.gracefulRestart]
            : [],
        )
      : [],
  );
const HELPER: Open = {
  ...open,
  capabilities: {
    ...open.capabilities,
    gracefulRestart: { restarted: false, notification: true, restartTime: 120, families: [] },
  },
};
const EXTERNAL = { fourOctetAsn: true, internal: false };

const UPDATE = encodeUpdate(
  {
    withdrawn: [],
    attributes: { origin: "igp", asPath: [{ type: "sequence", asns: [65000] }], nextHop: PEER },
    nlri: [prefix("198.51.100.0/25"), prefix("198.51.100.128/25")],
  },
  EXTERNAL,
);

/** Notes whom a session dials. */
function dialling(): { readonly targets: BgpDialTarget[]; readonly dial: BgpDial } {
  const targets: BgpDialTarget[] = [];
  const dial: BgpDial = (target) => {
    targets.push(target);
    return { abort: () => {} };
  };
  return { targets, dial };
}

describe("whom a session dials", () => {
  it("takes password, source address, TTL, VRF and the kernel's time limit from the configuration", () => {
    const { targets, dial } = dialling();
    const change = {
      password: "secret",
      localAddress: OURS,
      minTtl: 255,
      vrf: "red",
      userTimeout: seconds(9),
      peerPort: 1790,
    };
    new Scene(change, undefined, { dial }).session.start();
    const asked = { password: "secret", localAddress: OURS, minTtl: 255, bindToDevice: "red", userTimeout: seconds(9) };
    expect(targets).toEqual([{ address: PEER, port: 1790, ...asked }]);
  });

  it("asks the system for nothing that the configuration does not", () => {
    const { targets, dial } = dialling();
    new Scene({}, undefined, { dial }).session.start();
    expect(targets).toEqual([{ address: PEER, port: 179 }]);
  });

  it("says that a source address is not on the node, and tries again when it may be", () => {
    let there = false;
    const scene = new Scene({ localAddress: ip("10.9.9.9") }, undefined, { hasAddress: () => there });
    scene.session.start();
    expect(scene.session.view).toMatchObject({
      state: "active",
      lastError: "the source address 10.9.9.9 is not on this node",
    });
    expect(scene.wire.dials).toBe(0);
    there = true;
    scene.advance(seconds(1));
    expect([scene.wire.dials, scene.session.view.state]).toEqual([1, "open-sent"]);
  });

  it("says what else it may be when a peer with a password does not answer", () => {
    const scene = new Scene({ password: "secret" });
    scene.wire.answer = "refused";
    scene.session.start();
    scene.wire.settle();
    expect(scene.session.view.lastError).toBe("refused (a peer with another password, or none, never answers)");
  });
});

describe("an unnumbered peer", () => {
  const scene = () => {
    const outcomes: { found(address: IpAddress): void; failed(reason: string): void }[] = [];
    const { targets, dial } = dialling();
    let stopped = 0;
    const watchNeighbour = (_name: string, outcome: (typeof outcomes)[number]) => {
      outcomes.push(outcome);
      return { stop: () => stopped++ };
    };
    const made = new Scene({ interface: "eth1" }, undefined, { dial, watchNeighbour });
    return { made, outcomes, targets, stopped: () => stopped };
  };

  it("is not dialled before its router was heard, and then on that interface", () => {
    const { made, outcomes, targets } = scene();
    made.session.start();
    expect(made.session.view).toMatchObject({
      state: "idle",
      peerAddress: undefined,
      lastError: "no router has been heard on eth1 yet",
    });
    expect(targets).toEqual([]);
    outcomes[0]?.found(ip("fe80::1"));
    expect(targets).toEqual([{ address: ip("fe80::1"), port: 179, zone: "eth1" }]);
    expect(made.session.view.peerAddress).toEqual(ip("fe80::1"));
  });

  it("is dialled at its new address when the router was replaced", () => {
    const { made, outcomes, targets } = scene();
    made.session.start();
    outcomes[0]?.found(ip("fe80::1"));
    outcomes[0]?.found(ip("fe80::2"));
    made.advance(seconds(11));
    expect(targets.map(({ address }) => `${address}`)).toEqual(["fe80::1", "fe80::2"]);
  });

  it("says why it cannot be looked for", () => {
    const { made, outcomes } = scene();
    made.session.start();
    outcomes[0]?.failed("socket: EPERM");
    expect(made.session.view.lastError).toBe("socket: EPERM");
  });

  it("is not looked for any more after stop", async () => {
    const { made, stopped } = scene();
    made.session.start();
    await made.session.stop("gone");
    expect(stopped()).toBe(1);
  });
});

describe("a password that changes", () => {
  it("is told to the live connection, which lives on", () => {
    const scene = new Scene({ password: "old" }).establish();
    const end = scene.peer.end.peer;
    if (end === undefined) throw new Error("no wire");
    const told: string[] = [];
    Object.assign(end, { setPassword: (password: string) => void told.push(password) });
    scene.session.setPassword("new");
    scene.session.setPassword("new");
    scene.wire.settle();
    expect([told, scene.session.view.state]).toEqual([["new"], "established"]);
  });

  it.each([
    ["the system cannot", undefined],
    ["there was none before", () => {}],
  ])("makes a new connection where %s", (_name, setPassword) => {
    const scene = new Scene({ password: setPassword === undefined ? "old" : "x" }).establish();
    if (setPassword !== undefined) Object.assign(scene.peer.end.peer ?? {}, { setPassword });
    scene.peer.take();
    scene.session.setPassword(setPassword === undefined ? "new" : undefined);
    scene.wire.settle();
    expect(scene.peers[0]?.take()).toEqual(["notification 6/6", "closed"]);
    expect([scene.wire.dials, scene.session.view.state]).toEqual([2, "open-sent"]);
  });

  it("does not start a session that was not started", () => {
    const scene = new Scene({ password: "old" });
    scene.session.setPassword("new");
    expect([scene.session.password, scene.session.view.state, scene.wire.dials]).toEqual(["new", "idle", 0]);
  });
});

describe("graceful restart, as the one that restarts", () => {
  it("goes without a word when we come back, and with a Hard Reset when we do not", async () => {
    for (const [goodbye, want] of [
      ["restarting", ["closed"]],
      ["changed", ["closed"]],
      ["shutdown", ["notification 6/9", "closed"]],
      ["removed", ["notification 6/9", "closed"]],
    ] as const) {
      const scene = new Scene({ gracefulRestart: RESTARTING }).establish(HELPER);
      scene.peer.take();
      const stopped = scene.session.stop("bye", goodbye);
      scene.wire.settle();
      await stopped;
      expect([goodbye, scene.peer.take()]).toEqual([goodbye, want]);
    }
  });

  it("says after the first session that forwarding was preserved, also when the node was new before it", () => {
    const scene = new Scene({ gracefulRestart: { ...RESTARTING, preserved: [] } }).establish(HELPER);
    scene.peer.end.end();
    scene.wire.settle();
    scene.advance(seconds(1));
    const bits = restartsSaid(scene).map((said) => said?.families.map(({ preserved }) => preserved));
    expect(bits).toEqual([
      [false, false],
      [true, true],
    ]);
  });

  it("sets the R bit until the first session is up, and only when the process before had one", () => {
    const notes: string[] = [];
    const restarts: RestartMemory = {
      wasUp: () => true,
      remember: (name) => void notes.push(`up ${name}`),
      forget: (name) => void notes.push(`gone ${name}`),
    };
    const restarted = (scene: Scene): readonly unknown[] => restartsSaid(scene).map((said) => said?.restarted);
    const scene = new Scene({ gracefulRestart: RESTARTING }, undefined, { restarts }).establish(HELPER);
    scene.peer.end.end();
    scene.wire.settle();
    scene.advance(seconds(1));
    expect(restarted(scene)).toEqual([true, false]);
    expect(restarted(new Scene({ gracefulRestart: RESTARTING }).establish(HELPER))).toEqual([false]);
    void scene.session.stop("drained", "shutdown");
    expect(notes).toEqual(["up router", "gone router"]);
  });

  it("remembers a session through a stop that means to come back", () => {
    const notes: string[] = [];
    const restarts = { wasUp: () => false, remember: () => {}, forget: (name: string) => void notes.push(name) };
    const scene = new Scene({ gracefulRestart: RESTARTING }, undefined, { restarts }).establish(HELPER);
    void scene.session.stop("upgrade", "restarting");
    expect(notes).toEqual([]);
  });
});

describe("a peer that restarted comes again while its old connection looks alive (RFC 4724 section 5)", () => {
  it("gets the session, and the old connection goes without a word", () => {
    const scene = new Scene({ gracefulRestart: RESTARTING, holdTime: 90 }).establish(HELPER);
    scene.set(route("192.0.2.1/32"));
    scene.advance(seconds(11));
    const old = scene.peer;
    old.take();
    scene.say(UPDATE);
    expect(scene.session.view).toMatchObject({ routesSent: 1, routesLearned: 2 });
    scene.changes.length = 0;
    const again = scene.dialled();
    again.say({ type: "open", open: HELPER });
    scene.wire.settle();
    expect(old.take()).toEqual(["closed"]);
    expect(scene.session.view).toMatchObject({
      routesSent: 0,
      routesLearned: 0,
      lastError: "the peer restarted and has a new connection",
    });
    expect(scene.changes).toEqual(["open-sent", "open-confirm"]);
    again.say(ALIVE);
    scene.wire.settle();
    expect(again.take()).toEqual(["open", "keepalive", "+192.0.2.1/32>10.0.0.1", "end-of-rib 4", "end-of-rib 6"]);
    expect(scene.session.view).toMatchObject({ state: "established", routesSent: 1 });
  });

  it.each<[string, Open, number, object]>([
    ["it has no graceful restart", open, 11, {}],
    ["the session is so young that this is a late collision", HELPER, 9, {}],
    ["its OPEN is wrong", HELPER, 11, { myAs: 1, capabilities: {} }],
  ])("does not get it when %s", (_name, peerOpen, age, change) => {
    const scene = new Scene({ gracefulRestart: RESTARTING, holdTime: 90 }).establish(peerOpen);
    scene.advance(seconds(age));
    const again = scene.dialled();
    again.say({ type: "open", open: { ...peerOpen, ...change } });
    scene.wire.settle();
    expect(again.take()).toEqual(["open", "notification 6/7", "closed"]);
    expect(scene.session.view.state).toBe("established");
  });
});

describe("a peer that", () => {
  it("flaps is not let in by a passive session while it is damped", () => {
    const scene = new Scene({ passive: true });
    scene.session.start();
    for (let i = 0; i < 4; i++) {
      const flapping = scene.dialled();
      flapping.say(OPEN, ALIVE);
      scene.wire.settle();
      flapping.end.end();
      scene.wire.settle();
    }
    expect(scene.session.view.state).toBe("idle");
    expect(scene.dialled().take()).toEqual(["closed"]);
    scene.advance(seconds(8));
    expect(scene.session.view.state).toBe("active");
    expect(scene.dialled().take()).toEqual(["open"]);
  });

  it("reads nothing is given up after the send hold time (RFC 9687)", () => {
    const scene = new Scene({ holdTime: 0 }).establish();
    const end = scene.peer.end.peer;
    if (end === undefined) throw new Error("no wire");
    end.backlog = 100;
    scene.advance(seconds(480));
    expect(scene.session.view.state).toBe("established");
    scene.advance(seconds(480));
    expect(scene.session.view).toMatchObject({
      state: "idle",
      lastError: "the peer read nothing for the whole send hold time",
    });
  });

  it("reads a little, or has nothing to read, is not", () => {
    const scene = new Scene({ holdTime: 0 }).establish();
    const end = scene.peer.end.peer;
    if (end === undefined) throw new Error("no wire");
    for (const backlog of [100, 90, 80, 0, 0]) {
      end.backlog = backlog;
      scene.advance(seconds(480));
      expect(scene.session.view.state).toBe("established");
    }
  });

  it("accepts and says nothing is tried again after the open timeout", () => {
    const scene = new Scene({ openTimeout: 5 });
    scene.session.start();
    scene.wire.settle();
    scene.advance(seconds(5));
    expect(scene.peer.take()).toEqual(["open", "notification 4/0", "closed"]);
    scene.advance(seconds(1));
    expect([scene.wire.dials, scene.session.view.state]).toEqual([2, "open-sent"]);
  });

  it("announces more than it may is reset, or only warned about", () => {
    const reset = new Scene({ maxPrefixes: { limit: 1, action: "reset" } }).establish();
    reset.peer.take();
    expect(reset.say(UPDATE)).toEqual(["notification 6/1", "closed"]);
    expect(reset.session.view.lastError).toBe("the peer announced more than 1 routes");
    const warned = new Scene({ maxPrefixes: { limit: 1, action: "warn" } }).establish();
    warned.say(UPDATE);
    expect(warned.session.view).toMatchObject({ state: "established", routesLearned: 1 });
  });

  it("BFD calls dead is told so and tried again", () => {
    const scene = new Scene().establish();
    scene.peer.take();
    scene.session.reset(10, "BFD says the peer is down");
    scene.wire.settle();
    expect(scene.peer.take()).toEqual(["notification 6/10", "closed"]);
    scene.advance(seconds(1));
    expect(scene.session.view.state).toBe("open-sent");
  });
});

describe("next hops", () => {
  const LINK_LOCAL = ip("fe80::a");
  const over = (local: IpAddress, nextHop: string | undefined, capabilities: object) => {
    const wire = new Wire();
    const scene = new Scene({ peerAddress: ip("fe80::b"), interface: "eth1" }, nextHop, { dial: wire.dialFrom(local) });
    wire.answer = (end) => scene.wire.answer instanceof Function && scene.wire.answer(end);
    scene.session.setRoutes([route("192.0.2.1/32"), route("2001:db8::1/128")]);
    scene.session.start();
    wire.settle();
    scene.peer.say({ type: "open", open: { ...open, capabilities: { ...open.capabilities, ...capabilities } } }, ALIVE);
    wire.settle();
    return scene.peer.take().filter((word) => word.startsWith("+"));
  };
  const EXTENDED = { extendedNextHop: [{ afi: 1, safi: 1, nextHopAfi: 2 }] };

  it.each([
    [
      "on a link without addresses are the link-local one for both families (RFC 8950)",
      undefined,
      EXTENDED,
      ["fe80::a", "fe80::a"],
    ],
    ["leave IPv4 out where the router does not take that", undefined, {}, ["fe80::a"]],
  ] as const)("%s", (_name, beside, capabilities, want) => {
    expect(over(LINK_LOCAL, beside, capabilities).map((word) => word.split(">")[1])).toEqual(want);
  });
});

describe("the journal of a session", () => {
  it("has every step and message of both directions, in order", () => {
    const scene = new Scene().establish();
    const lines = scene.session.journal;
    const words = lines.map((line) => (line.type === "step" ? line.event.type : `${line.direction} ${line.bytes[18]}`));
    expect(words).toEqual([
      "started",
      "connected",
      "out 1",
      "in 1",
      "open-received",
      "out 4",
      "in 4",
      "keepalive-received",
      "out 2",
      "out 2",
    ]);
    expect(new Set(lines.map(({ connection }) => connection))).toEqual(new Set([0, 1]));
  });
});
