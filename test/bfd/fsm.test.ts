import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { deadline, initialSession, step } from "../../src/bfd/fsm.ts";
import type { BfdState, ControlPacket, Diagnostic } from "../../src/bfd/packet.ts";
import type { Effect, Session, SessionEvent, Step } from "../../src/bfd/session.ts";
import { detectionTime, transmitInterval } from "../../src/bfd/timing.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import { anyPacket, known, OURS, packet, parameters, THEIRS } from "./values.ts";

/** A session with its own little clock; chance 0 is the longest interval. */
class Bench {
  session: Session;
  now = 1_000_000_000;
  chance = 0;
  sent: ControlPacket[] = [];
  echoes: number[] = [];
  said: string[] = [];

  constructor(fields: Parameters<typeof parameters>[0] = {}) {
    this.session = initialSession(OURS, parameters(fields));
  }

  static up(fields: Parameters<typeof parameters>[0] = {}, theirs: Partial<ControlPacket> = {}): Bench {
    const bench = new Bench(fields);
    bench.do({ type: "started" });
    bench.hear(theirs);
    bench.hearUp(theirs);
    bench.hearUp({ ...theirs, final: true });
    expect(bench.session).toMatchObject({ state: "up", poll: "idle" });
    bench.sent = [];
    bench.said = [];
    return bench;
  }

  do(event: SessionEvent): readonly Effect[] {
    const next = step(this.session, event, { now: micros(this.now), chance: this.chance });
    this.session = next.session;
    for (const effect of next.effects) {
      if (effect.type === "send") this.sent.push(effect.packet);
      else if (effect.type === "send-echo") this.echoes.push(effect.sequence);
      else this.said.push(`${effect.from}>${effect.to}:${effect.reason}`);
    }
    return next.effects;
  }

  hear(fields: Partial<ControlPacket>): readonly Effect[] {
    return this.do({ type: "received", packet: packet(fields) });
  }

  /** Hears the same peer again: up, 100 ms. */
  hearUp(fields: Partial<ControlPacket> = {}): readonly Effect[] {
    return this.hear({ state: "up", yourDiscriminator: OURS, desiredMinTx: millis(100), ...fields });
  }

  pass(time: Micros): void {
    this.now += time;
    this.do({ type: "time-passed" });
  }

  get due(): number | undefined {
    const at = deadline(this.session);
    return at === undefined ? undefined : at - this.now;
  }
}

/** How a session of ours gets into each state, by what it hears. */
function inState(state: BfdState): Bench {
  const bench = new Bench();
  bench.do({ type: "started" });
  if (state === "admin-down") bench.do({ type: "admin-down" });
  if (state === "init" || state === "up") bench.hear({ state: "down" });
  if (state === "up") bench.hear({ state: "init", yourDiscriminator: OURS });
  expect(bench.session.state).toBe(state);
  bench.sent = [];
  bench.said = [];
  return bench;
}

describe("6.8.6 state machine, written again by hand from the text", () => {
  test.each<[BfdState, BfdState, BfdState, Diagnostic]>([
    ["down", "admin-down", "down", "none"],
    ["down", "down", "init", "none"],
    ["down", "init", "up", "none"],
    ["down", "up", "down", "none"],
    ["init", "admin-down", "down", "neighbor-down"],
    ["init", "down", "init", "none"],
    ["init", "init", "up", "none"],
    ["init", "up", "up", "none"],
    ["up", "admin-down", "down", "neighbor-down"],
    ["up", "down", "down", "neighbor-down"],
    ["up", "init", "up", "none"],
    ["up", "up", "up", "none"],
    ["admin-down", "admin-down", "admin-down", "admin-down"],
    ["admin-down", "down", "admin-down", "admin-down"],
    ["admin-down", "init", "admin-down", "admin-down"],
    ["admin-down", "up", "admin-down", "admin-down"],
  ])("%s hearing %s -> %s (%s)", (local, heard, want, diagnostic) => {
    const bench = inState(local);
    bench.hear({ state: heard, yourDiscriminator: OURS });
    expect(bench.session).toMatchObject({ state: want, diagnostic });
    expect(bench.said).toHaveLength(local === want ? 0 : 1);
  });
});

describe("6.8.6 what a packet leaves behind", () => {
  it("keeps the neighbour's discriminator, state, demand, intervals and multiplier", () => {
    const bench = inState("down");
    bench.hear({ state: "init", yourDiscriminator: OURS, demand: true, multiplier: 5, requiredMinEchoRx: millis(50) });
    expect(bench.session.remote).toEqual({
      discriminator: THEIRS,
      state: "init",
      diagnostic: "none",
      demand: true,
      desiredMinTx: seconds(1),
      requiredMinRx: millis(100),
      requiredMinEchoRx: millis(50),
      multiplier: 5,
    });
  });

  it("answers a poll at once with a final, which is no poll itself", () => {
    const bench = inState("init");
    bench.hear({ state: "down", poll: true });
    expect(bench.sent).toMatchObject([{ poll: false, final: true, state: "init", yourDiscriminator: THEIRS }]);
  });

  it("answers a poll that brings it up once, with the new state", () => {
    const bench = inState("init");
    bench.hear({ state: "up", yourDiscriminator: OURS, poll: true });
    expect(bench.sent).toMatchObject([{ final: true, state: "up" }]);
  });

  it("answers no poll while administratively down, but knows the peer", () => {
    const bench = inState("admin-down");
    bench.hear({ state: "up", yourDiscriminator: OURS, poll: true, desiredMinTx: millis(50) });
    expect(bench.sent.filter((p) => p.final)).toEqual([]);
    expect(bench.session.remote.discriminator).toBe(THEIRS);
  });

  it("tells a neighbour that was switched off from one that failed, as the wire does not", () => {
    const off = inState("up");
    off.hear({ state: "admin-down", yourDiscriminator: OURS });
    const failed = inState("up");
    failed.hear({ state: "down", yourDiscriminator: OURS });
    expect([...off.said, ...failed.said]).toEqual(["up>down:neighbor-admin-down", "up>down:neighbor-down"]);
    expect([off.session.diagnostic, failed.session.diagnostic]).toEqual(["neighbor-down", "neighbor-down"]);
  });
});

describe("6.8.7 transmission", () => {
  it("begins at once, and goes on once a second while not up", () => {
    const bench = new Bench();
    bench.do({ type: "started" });
    expect(bench.sent).toMatchObject([{ state: "down", yourDiscriminator: undefined, desiredMinTx: seconds(1) }]);
    expect(bench.due).toBe(seconds(1));
  });

  it("tells a new state without waiting", () => {
    const bench = inState("down");
    bench.hear({ state: "down" });
    expect(bench.sent).toMatchObject([{ state: "init", yourDiscriminator: THEIRS }]);
  });

  test.each<[string, number, number, number]>([
    ["multiplier 3, no chance: all of the interval", 3, 0, 100],
    ["multiplier 3, all chance: three quarters", 3, 1, 75],
    ["multiplier 1, no chance: nine tenths", 1, 0, 90],
    ["multiplier 1, all chance: three quarters", 1, 1, 75],
  ])("jitters each packet: %s", (_name, multiplier, chance, want) => {
    const bench = Bench.up({ multiplier });
    bench.pass(millis(100));
    bench.hearUp();
    bench.chance = chance;
    bench.now = bench.session.transmitAt ?? 0;
    bench.do({ type: "time-passed" });
    expect((bench.session.transmitAt ?? 0) - bench.now).toBe(millis(want));
  });

  it("sends no faster than the peer wants to receive", () => {
    const bench = Bench.up();
    bench.hearUp({ requiredMinRx: millis(250) });
    expect(transmitInterval(bench.session)).toBe(millis(250));
  });

  it("6.8.3 honours at once a peer that wants packets faster, counted from the last one", () => {
    const bench = Bench.up({}, { requiredMinRx: millis(2000) });
    bench.pass(millis(30));
    bench.hearUp({ requiredMinRx: millis(50) });
    expect(bench.session.transmitAt).toBe((bench.session.sentAt ?? 0) + millis(100));
    bench.hearUp({ requiredMinRx: millis(2000) });
    bench.now += millis(500);
    bench.sent = [];
    bench.hearUp({ requiredMinRx: millis(50) });
    expect(bench.sent).toHaveLength(1);
  });

  it("sends nothing on its own while the peer requires zero, yet tells a change", () => {
    const bench = Bench.up();
    bench.hearUp({ requiredMinRx: micros(0) });
    expect(bench.session.transmitAt).toBeUndefined();
    bench.sent = [];
    bench.pass(millis(299));
    expect(bench.sent).toEqual([]);
    bench.pass(millis(1));
    expect(bench.sent).toMatchObject([{ state: "down", diagnostic: "detection-expired" }]);
  });

  it("makes up for lateness only as far as jitter may go", () => {
    const bench = Bench.up();
    bench.hearUp();
    const due = bench.session.transmitAt ?? 0;
    bench.now = due + millis(10);
    bench.do({ type: "time-passed" });
    expect(bench.session.transmitAt).toBe(due + millis(100));
    bench.now = due + millis(180);
    bench.hearUp();
    bench.do({ type: "time-passed" });
    expect(bench.session.transmitAt).toBe(due + millis(180 + 75));
  });

  it("a wake-up before the deadline does nothing", () => {
    const bench = Bench.up();
    bench.pass(millis(10));
    expect(bench.sent).toEqual([]);
    expect(bench.said).toEqual([]);
  });
});

describe("6.1 passive role", () => {
  it("says nothing until it is spoken to, then answers", () => {
    const bench = new Bench({ passive: true });
    bench.do({ type: "started" });
    expect(bench.sent).toEqual([]);
    expect(bench.due).toBeUndefined();
    bench.hear({ state: "down" });
    expect(bench.sent).toMatchObject([{ state: "init", yourDiscriminator: THEIRS }]);
    expect(bench.session.transmitAt).toBe(bench.now + seconds(1));
  });

  it("falls silent again when the peer is forgotten", () => {
    const bench = Bench.up({ passive: true });
    bench.pass(millis(300));
    expect(bench.said).toEqual(["up>down:detection-expired"]);
    expect(bench.sent).toEqual([]);
    expect(bench.due).toBeUndefined();
  });
});

describe("6.8.4 detection", () => {
  test.each<[string, Parameters<typeof parameters>[0], Partial<ControlPacket>, number]>([
    ["what we require is slower", { requiredMinRx: millis(200) }, { desiredMinTx: millis(50), multiplier: 3 }, 600],
    [
      "what the peer desires is slower",
      { requiredMinRx: millis(50) },
      { desiredMinTx: millis(70), multiplier: 4 },
      280,
    ],
    ["our own multiplier counts for the peer only", { multiplier: 9 }, { multiplier: 2 }, 200],
  ])("takes the peer's multiplier times the slower of both: %s", (_name, ours, theirs, want) => {
    const bench = Bench.up(ours, theirs);
    bench.hearUp(theirs);
    expect(detectionTime(bench.session)).toBe(millis(want));
    bench.pass(micros(want * 1000 - 1));
    expect(bench.session.state).toBe("up");
    bench.pass(micros(1));
    expect(bench.session).toMatchObject({ state: "down", diagnostic: "detection-expired" });
    expect(bench.said).toEqual(["up>down:detection-expired"]);
  });

  it("brings a session down that got no further than init", () => {
    const bench = inState("init");
    bench.pass(millis(2999));
    expect(bench.session.state).toBe("init");
    bench.pass(millis(1));
    expect(bench.said).toEqual(["init>down:detection-expired"]);
  });

  it("6.8.1 forgets the peer, in every state", () => {
    for (const state of ["down", "init", "up", "admin-down"] as const) {
      const bench = inState(state);
      bench.hear({ state: state === "down" ? "up" : "down", yourDiscriminator: OURS });
      bench.pass(seconds(60));
      expect(bench.session.remote).toMatchObject({ discriminator: undefined, requiredMinRx: 1 });
      expect(detectionTime(bench.session)).toBeUndefined();
    }
  });

  it("a dropped packet is no sign of life: any other is", () => {
    const bench = Bench.up();
    bench.pass(millis(200));
    bench.hearUp();
    bench.pass(millis(299));
    expect(bench.session.state).toBe("up");
  });
});

describe("6.5 poll sequences", () => {
  it("coming up polls the faster interval, on every packet until a final comes", () => {
    const bench = inState("init");
    bench.hearUp();
    expect(bench.sent).toMatchObject([{ state: "up", poll: true, desiredMinTx: millis(100) }]);
    bench.pass(millis(100));
    expect(bench.sent[1]).toMatchObject({ poll: true });
    bench.hearUp({ final: true });
    bench.pass(millis(100));
    expect(bench.sent[2]).toMatchObject({ poll: false });
  });

  it("6.8.3 a slower transmission waits for the final, a faster one does not", () => {
    const bench = Bench.up();
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(400) }) });
    expect(bench.sent).toMatchObject([{ poll: true, desiredMinTx: millis(400) }]);
    expect(transmitInterval(bench.session)).toBe(millis(100));
    bench.hearUp({ final: true });
    expect(transmitInterval(bench.session)).toBe(millis(400));
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(200) }) });
    expect(transmitInterval(bench.session)).toBe(millis(200));
  });

  it("6.8.3 a shorter detection waits for the final, a longer one does not", () => {
    const bench = Bench.up({}, { desiredMinTx: millis(10) });
    bench.hearUp({ desiredMinTx: millis(10) });
    bench.do({ type: "parameters-changed", parameters: parameters({ requiredMinRx: millis(50) }) });
    expect(detectionTime(bench.session)).toBe(millis(300));
    bench.hearUp({ desiredMinTx: millis(10), final: true });
    expect(detectionTime(bench.session)).toBe(millis(150));
    bench.do({ type: "parameters-changed", parameters: parameters({ requiredMinRx: millis(200) }) });
    expect(detectionTime(bench.session)).toBe(millis(600));
  });

  it("6.8.3 a change while polling is polled again, after a packet that is no final", () => {
    const bench = Bench.up();
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(400) }) });
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(500) }) });
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(600) }) });
    bench.hearUp({ final: true });
    expect(bench.session).toMatchObject({ poll: "pausing", txInUse: millis(100) });
    bench.hearUp({ final: true });
    expect(bench.session.poll).toBe("pausing");
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(700) }) });
    bench.hearUp();
    expect(bench.session.poll).toBe("running");
    bench.hearUp({ final: true });
    expect(bench.session).toMatchObject({ poll: "idle", txInUse: millis(700) });
  });

  it("6.8.12 another multiplier is told at once, without a poll", () => {
    const bench = Bench.up();
    bench.do({ type: "parameters-changed", parameters: parameters({ multiplier: 5 }) });
    expect(bench.sent).toMatchObject([{ poll: false, multiplier: 5 }]);
  });

  it("equal parameters change nothing", () => {
    const bench = Bench.up();
    expect(bench.do({ type: "parameters-changed", parameters: parameters() })).toEqual([]);
  });

  it("a peer that is unknown is not polled: every packet tells it all", () => {
    const bench = inState("down");
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: seconds(5) }) });
    expect(bench.sent).toMatchObject([{ poll: false, desiredMinTx: seconds(5) }]);
    expect(transmitInterval(bench.session)).toBe(seconds(5));
  });
});

describe("6.6 a peer in demand mode", () => {
  it("is sent nothing while both are up, but for polls", () => {
    const bench = Bench.up();
    bench.hearUp({ demand: true });
    expect(bench.session.transmitAt).toBeUndefined();
    bench.do({ type: "parameters-changed", parameters: parameters({ desiredMinTx: millis(200) }) });
    expect(bench.session.transmitAt).toBeDefined();
    bench.sent = [];
    bench.pass(millis(100));
    expect(bench.sent).toMatchObject([{ poll: true, demand: false }]);
    bench.hearUp({ demand: true, final: true });
    expect(bench.session.transmitAt).toBeUndefined();
  });

  it("is answered when it polls", () => {
    const bench = Bench.up();
    bench.hearUp({ demand: true, poll: true });
    expect(bench.sent).toMatchObject([{ final: true }]);
  });

  it("is sent packets again when it leaves that mode, or is not up", () => {
    const bench = Bench.up();
    bench.hearUp({ demand: true });
    bench.hearUp();
    expect(bench.session.transmitAt).toBeDefined();
    bench.hearUp({ demand: true });
    bench.hearUp({ demand: true, state: "init" });
    expect(bench.session.transmitAt).toBeDefined();
  });
});

describe("6.8.16 administrative control", () => {
  it("tells the peer, goes on telling it once a second, and comes back from down", () => {
    const bench = Bench.up();
    bench.do({ type: "admin-down" });
    expect(bench.said).toEqual(["up>admin-down:admin-down"]);
    expect(bench.sent).toMatchObject([{ state: "admin-down", diagnostic: "admin-down", desiredMinTx: seconds(1) }]);
    bench.pass(seconds(1));
    expect(bench.sent).toHaveLength(2);
    expect(bench.do({ type: "admin-down" })).toEqual([]);
    bench.do({ type: "admin-up" });
    expect(bench.said).toEqual(["up>admin-down:admin-down", "admin-down>down:none"]);
    expect(bench.do({ type: "admin-up" })).toEqual([]);
  });
});

const anyEvent: fc.Arbitrary<SessionEvent> = fc.oneof(
  { weight: 6, arbitrary: anyPacket.map((p): SessionEvent => ({ type: "received", packet: p })) },
  { weight: 6, arbitrary: fc.constant<SessionEvent>({ type: "time-passed" }) },
  fc.constantFrom<SessionEvent>({ type: "admin-down" }, { type: "admin-up" }),
  fc.nat(200).map(
    (n): SessionEvent => ({
      type: "parameters-changed",
      parameters: parameters({ desiredMinTx: millis(10 + n), requiredMinRx: millis(210 - n) }),
    }),
  ),
);

/** What must hold after every step, whatever came before. */
function checkStep(before: Session, event: SessionEvent, now: number, { session, effects }: Step): void {
  const packets = effects.flatMap((e) => (e.type === "send" ? [e.packet] : []));
  expect(effects.length - packets.length).toBe(session.state === before.state ? 0 : 1);
  expect(packets.length).toBeLessThanOrEqual(2);
  for (const p of packets) {
    expect(p.poll && p.final).toBe(false);
    if (p.state !== "up") expect(p.desiredMinTx).toBeGreaterThanOrEqual(seconds(1));
  }
  const { sentAt, transmitAt } = session;
  if (event.type === "time-passed" && sentAt === now && transmitAt !== undefined)
    expect(transmitAt - now).toBeGreaterThanOrEqual(Math.trunc(0.75 * transmitInterval(session)));
}

describe("invariants over any history", () => {
  it("announces every change once, never floods, and replays from JSON to the same session", () => {
    const history = fc.array(fc.tuple(anyEvent, fc.nat(400_000), fc.double({ min: 0, max: 0.999, noNaN: true })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(history, (events) => {
        let session = initialSession(known(1), parameters());
        let replayed = session;
        let now = 0;
        for (const [event, wait, chance] of [[{ type: "started" }, 0, 0] as const, ...events]) {
          now += wait;
          const next = step(session, event, { now: micros(now), chance });
          checkStep(session, event, now, next);
          session = next.session;
          replayed = step(replayed, JSON.parse(JSON.stringify(event)), { now: micros(now), chance }).session;
        }
        expect(replayed).toEqual(session);
      }),
    );
  });
});
