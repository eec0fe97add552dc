import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePacket } from "../../src/bfd/packet.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { BfdDriver } from "../../src/speaker/bfd-driver.ts";
import { known, packet } from "../bfd/values.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { BfdNetwork, chances, EngineHost, intervals } from "./bfd-network.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

interface Pair {
  readonly network: BfdNetwork;
  readonly a: EngineHost;
  readonly b: EngineHost;
}

function pair(a = intervals(100, 100, 3), b = intervals(100, 100, 3), multihop = false): Pair {
  const network = new BfdNetwork();
  const hosts = { network, a: new EngineHost(network, A, chances(1)), b: new EngineHost(network, B, chances(2)) };
  hosts.a.engine.handle({ type: "add", id: 1, path: { peer: B, multihop, minimumTtl: 250 }, parameters: a });
  hosts.b.engine.handle({ type: "add", id: 1, path: { peer: A, multihop, minimumTtl: 250 }, parameters: b });
  return hosts;
}

function upPair(...args: Parameters<typeof pair>): Pair {
  const hosts = pair(...args);
  hosts.network.clock.advance(seconds(3));
  expect([hosts.a.session().state, hosts.b.session().state]).toEqual(["up", "up"]);
  return hosts;
}

describe("two engines", () => {
  it("come up, agree on the intervals, and use a source port of RFC 5881 section 4 each", () => {
    const { network, a, b } = upPair(intervals(50, 200, 3), intervals(80, 60, 5));
    expect(a.words).toEqual(["down>init:none", "init>up:none"].slice(-a.words.length));
    // What A sends: the slower of its 50 and B's 60, three times; what B sends: the slower of 80 and 200, five times.
    expect(a.session()).toMatchObject({ transmitInterval: millis(60), detectionTime: millis(1000) });
    expect(b.session()).toMatchObject({ transmitInterval: millis(200), detectionTime: millis(180) });
    const ports = new Set(network.sent.map(({ from, sourcePort }) => `${from} ${sourcePort}`));
    expect(ports.size).toBe(2);
    for (const { sourcePort } of network.sent) expect(sourcePort).toBeGreaterThanOrEqual(49_152);
  });

  it("detects exactly at multiplier times interval after the last packet", () => {
    const { network, a, b } = upPair();
    network.loses = ({ from }) => from === B;
    const last = network.sent.findLast(({ from }) => from === B)?.at ?? 0;
    network.clock.advance(micros(last + 300_000 - network.clock.now() - 1));
    expect(a.session().state).toBe("up");
    network.clock.advance(micros(1));
    expect(a.changes.at(-1)).toEqual({ from: "up", to: "down", reason: "detection-expired", at: last + 300_000 });
    expect(b.changes.at(-1)).toMatchObject({ from: "up", to: "down", reason: "neighbor-down" });
  });

  it("come up again when the link does", () => {
    const { network, a, b } = upPair();
    network.loses = () => true;
    network.clock.advance(seconds(5));
    network.loses = () => false;
    network.clock.advance(seconds(4));
    expect([a.session().state, b.session().state]).toEqual(["up", "up"]);
  });

  it("change intervals without a flap", () => {
    const { network, a, b } = upPair();
    a.engine.handle({ type: "update", id: 1, parameters: intervals(500, 20, 3), minimumTtl: 254 });
    network.clock.advance(seconds(2));
    b.engine.handle({ type: "update", id: 1, parameters: intervals(20, 20, 3), minimumTtl: 254 });
    network.clock.advance(seconds(2));
    expect(a.session()).toMatchObject({ state: "up", transmitInterval: millis(500), detectionTime: millis(60) });
    expect(b.session()).toMatchObject({ state: "up", transmitInterval: millis(20), detectionTime: millis(1500) });
    expect([...a.words, ...b.words].filter((w) => w.startsWith("up>"))).toEqual([]);
  });

  it("say that a session was switched off, and come back", () => {
    const { network, a, b } = upPair();
    a.engine.handle({ type: "admin-down", id: 1 });
    network.clock.advance(millis(1));
    expect(b.words.at(-1)).toBe("up>down:neighbor-admin-down");
    network.clock.advance(seconds(10));
    expect(a.words.at(-1)).toBe("up>admin-down:admin-down");
    expect(b.session().state).toBe("down");
    a.engine.handle({ type: "admin-up", id: 1 });
    network.clock.advance(seconds(3));
    expect([a.session().state, b.session().state]).toEqual(["up", "up"]);
  });

  it("tell a removed session's peer, until it has heard", () => {
    const { network, a, b } = upPair();
    let lost = 0;
    network.loses = ({ from }) => from === A && lost++ === 0;
    a.engine.handle({ type: "remove", id: 1 });
    a.engine.handle({ type: "remove", id: 1 });
    expect(a.reports.at(-1)).not.toMatchObject({ type: "removed" });
    network.clock.advance(millis(1200));
    expect(b.changes.at(-1)).toMatchObject({ from: "up", to: "down" });
    expect(a.reports.at(-1)).toEqual({ type: "removed", id: 1 });
    expect(network.open).toBe(2);
  });

  it("give up telling a removed session's peer that never answers", () => {
    const { network, a } = upPair();
    network.loses = () => true;
    a.engine.handle({ type: "remove", id: 1 });
    network.clock.advance(seconds(3));
    expect(a.reports.at(-1)).toEqual({ type: "removed", id: 1 });
  });

  it("start afresh on a path that is being left", () => {
    const { network, a, b } = upPair();
    a.engine.handle({ type: "remove", id: 1 });
    a.engine.handle({
      type: "add",
      id: 2,
      path: { peer: B, multihop: false, minimumTtl: 254 },
      parameters: intervals(100, 100, 3),
    });
    network.clock.advance(seconds(4));
    expect([a.session(2).state, b.session().state]).toEqual(["up", "up"]);
    expect(b.words.filter((w) => w.startsWith("up>"))).toEqual(["up>down:neighbor-admin-down"]);
  });

  it("both passive never speak", () => {
    const { network } = pair(intervals(100, 100, 3, true), intervals(100, 100, 3, true));
    network.clock.advance(seconds(10));
    expect(network.sent).toEqual([]);
  });

  it("one passive come up all the same", () => {
    upPair(intervals(100, 100, 3, true), intervals(100, 100, 3));
  });

  it("over several hops believe a TTL that is high enough, and count the others", () => {
    const { network, a, b } = upPair(intervals(100, 100, 3), intervals(100, 100, 3), true);
    network.ttl = 250;
    network.clock.advance(seconds(1));
    expect(a.session().state).toBe("up");
    network.ttl = 249;
    network.clock.advance(seconds(1));
    expect(b.session().state).toBe("down");
    b.engine.handle({ type: "inspect", request: 5 });
    const last = b.reports.at(-1);
    expect(last).toMatchObject({ type: "inspected", request: 5 });
    if (last?.type === "inspected") expect(last.inspection.refused.hops).toBeGreaterThan(2);
  });

  it("a single hop never believes 254", () => {
    const { network, a } = pair();
    network.ttl = 254;
    network.clock.advance(seconds(10));
    expect(a.session().state).toBe("down");
  });
});

describe("sockets that cannot be had", () => {
  it("are tried again, with another source port, and reported once", () => {
    const network = new BfdNetwork();
    let reason: string | undefined = "address not available";
    const a = new EngineHost(network, A, chances(1), () => reason);
    const b = new EngineHost(network, B, chances(2));
    const parameters = intervals(100, 100, 3);
    a.engine.handle({ type: "add", id: 1, path: { peer: B, multihop: false, minimumTtl: 254 }, parameters });
    b.engine.handle({ type: "add", id: 1, path: { peer: A, multihop: false, minimumTtl: 254 }, parameters });
    network.clock.advance(seconds(5));
    expect(a.reports).toEqual([{ type: "socket-failed", id: 1, message: "address not available" }]);
    reason = undefined;
    network.clock.advance(seconds(4));
    expect([a.session().state, b.session().state]).toEqual(["up", "up"]);
    a.engine.close();
    b.engine.close();
    expect(network.open).toBe(0);
    expect(network.clock.armed).toBe(0);
  });

  it("a passive session's port is tried again too", () => {
    const network = new BfdNetwork();
    let reason: string | undefined = "port in use";
    const a = new EngineHost(network, A, chances(1), () => reason);
    const b = new EngineHost(network, B, chances(2));
    const path = { multihop: false, minimumTtl: 254 };
    a.engine.handle({ type: "add", id: 1, path: { ...path, peer: B }, parameters: intervals(100, 100, 3, true) });
    b.engine.handle({ type: "add", id: 1, path: { ...path, peer: A }, parameters: intervals(100, 100, 3) });
    network.clock.advance(seconds(3));
    reason = undefined;
    network.clock.advance(seconds(5));
    expect(a.session().state).toBe("up");
  });
});

describe("echo packets of an engine", () => {
  const echoing = {
    ...intervals(100, 100, 3),
    requiredMinEchoRx: millis(50),
    desiredMinEchoTx: millis(50),
  };
  function echoingPair(ours: { readonly local?: string }): Pair {
    const network = new BfdNetwork();
    const [a, b] = [new EngineHost(network, A, chances(1)), new EngineHost(network, B, chances(2))];
    const path = { multihop: false, minimumTtl: 254 };
    a.engine.handle({ type: "add", id: 1, path: { ...path, ...ours, peer: B }, parameters: echoing });
    b.engine.handle({ type: "add", id: 1, path: { ...path, peer: A }, parameters: echoing });
    network.clock.advance(seconds(5));
    return { network, a, b };
  }

  it("test the path to a neighbour that forwards them back, and end the session when it does not", () => {
    const { network, a } = echoingPair({ local: A });
    expect(a.session()).toMatchObject({ state: "up", echoInterval: millis(50), detectionTime: seconds(3) });
    network.losesEchoes = true;
    network.clock.advance(millis(250));
    expect(a.words).toContain("up>down:echo-failed");
  });

  it("are not sent where our own address is not known, which they would come back to", () => {
    const { a } = echoingPair({});
    expect(a.session()).toMatchObject({ state: "up", echoInterval: undefined });
  });

  it("leave no socket behind", () => {
    const { network, a, b } = echoingPair({ local: A });
    a.engine.close();
    b.engine.close();
    expect(network.open).toBe(0);
  });
});

describe("a thread that was stalled", () => {
  it("reads what has arrived before it gives a peer up", () => {
    const clock = new VirtualClock();
    const unread: (() => void)[] = [];
    const driver = new BfdDriver(
      {
        clock,
        random: () => 0,
        afterReads: (then) => unread.push(then),
        send: () => {},
        sendEcho: () => {},
        changed: () => {},
        negotiated: () => {},
        late: () => {},
      },
      known(7),
      intervals(100, 100, 3),
    );
    driver.dispatch({ type: "started" });
    for (const state of ["down", "up", "up"] as const)
      driver.dispatch({
        type: "received",
        packet: packet({ state, yourDiscriminator: known(7), desiredMinTx: millis(100) }),
      });
    clock.advance(millis(300));
    expect(unread).toHaveLength(1);
    driver.dispatch({
      type: "received",
      packet: packet({ state: "up", yourDiscriminator: known(7), desiredMinTx: millis(100) }),
    });
    for (const then of unread) then();
    expect(driver.report.state).toBe("up");
    clock.advance(millis(300));
    unread.at(-1)?.();
    expect(driver.report.state).toBe("down");
    driver.close();
    expect(clock.armed).toBe(0);
    driver.dispatch({ type: "admin-down" });
    expect(driver.report.state).toBe("down");
  });
});

const interval = fc.integer({ min: 10, max: 400 });
const anyIntervals = fc
  .tuple(interval, interval, fc.integer({ min: 2, max: 6 }))
  .map(([tx, rx, multiplier]) => intervals(tx, rx, multiplier));

describe("negotiation over any link", () => {
  it("without loss comes up once, never flaps, and both know the same detection times", () => {
    fc.assert(
      fc.property(anyIntervals, anyIntervals, fc.nat(5_000), fc.nat(2 ** 31), (ours, theirs, delay, seed) => {
        const { network, a, b } = seededPair(ours, theirs, seed);
        const jitter = chances(seed);
        // Below the least a detection time leaves beside a full interval, or a delay that varies would be a loss.
        network.delay = () => micros(delay * jitter());
        network.clock.advance(seconds(5));
        const agreed = (own: typeof ours, other: typeof ours): number =>
          Math.max(own.desiredMinTx, other.requiredMinRx);
        expect(a.session()).toMatchObject({ state: "up", transmitInterval: agreed(ours, theirs) });
        expect(a.session().detectionTime).toBe(theirs.multiplier * agreed(theirs, ours));
        expect(b.session().detectionTime).toBe(ours.multiplier * agreed(ours, theirs));
        expect([...a.words, ...b.words].filter((w) => w.startsWith("up>"))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it("with loss comes up at last, and every packet sent is one that a stranger accepts", () => {
    fc.assert(
      fc.property(
        anyIntervals,
        anyIntervals,
        fc.double({ min: 0, max: 0.4, noNaN: true }),
        fc.nat(2 ** 31),
        (ours, theirs, loss, seed) => {
          const { network, a, b } = seededPair(ours, theirs, seed);
          const luck = chances(seed + 1);
          network.loses = () => luck() < loss;
          network.clock.advance(seconds(10));
          network.loses = () => false;
          network.clock.advance(seconds(8));
          expect([a.session().state, b.session().state]).toEqual(["up", "up"]);
          for (const { bytes } of network.sent) decodePacket(bytes);
        },
      ),
      { numRuns: 25 },
    );
  });
});

function seededPair(ours: ReturnType<typeof intervals>, theirs: ReturnType<typeof intervals>, seed: number): Pair {
  const network = new BfdNetwork();
  const a = new EngineHost(network, A, chances(seed));
  const b = new EngineHost(network, B, chances(seed ^ 0x5555));
  const path = { multihop: false, minimumTtl: 254 };
  a.engine.handle({ type: "add", id: 1, path: { ...path, peer: B }, parameters: ours });
  b.engine.handle({ type: "add", id: 1, path: { ...path, peer: A }, parameters: theirs });
  return { network, a, b };
}
