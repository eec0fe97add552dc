import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replayStep } from "../../src/bgp/journal.ts";
import { millis } from "../../src/net/micros.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import { asn, ip, route } from "../bgp/values.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { Wire, type WireEnd } from "./bgp-wire.ts";

const ADDRESSES = [ip("10.0.0.1"), ip("10.0.0.2")] as const;

interface Setting {
  readonly passive: boolean;
  readonly gracefulRestart: boolean;
  readonly sameAs: boolean;
  readonly holdTime: 0 | 9;
}

/** Two of our own engines that dial each other over a network which does what it is told to the connections. */
class Pair {
  readonly clock = new VirtualClock();
  readonly wire = new Wire();
  readonly ends: WireEnd[] = [];
  readonly sessions: readonly [BgpSession, BgpSession];
  up = true;

  constructor({ passive, gracefulRestart, sameAs, holdTime }: Setting) {
    const make = (own: 0 | 1): BgpSession => {
      const dialFrom = this.wire.dialFrom(ADDRESSES[own]);
      const ports = { clock: this.clock, random: () => 0.5 + own / 4, dial: dialFrom, log: silentLog };
      return new BgpSession(
        {
          ...ports,
          dial: (target, outcome) => {
            this.wire.answer = this.up ? (end) => this.#connect(1 - own, end) : "refused";
            return dialFrom(target, outcome);
          },
        },
        {
          name: `${own}`,
          nodeName: `${own}`,
          localAsn: asn(sameAs ? 65000 : 65000 + own),
          peerAsn: sameAs ? "internal" : "external",
          peerAddress: ADDRESSES[own === 0 ? 1 : 0],
          families: new Set([4] as const),
          holdTime,
          passive: passive && own === 1,
          ...(gracefulRestart ? { gracefulRestart: { restartTime: 120, preserved: [4] } } : {}),
        },
      );
    };
    this.sessions = [make(0), make(1)];
  }

  #connect(to: number, end: WireEnd): void {
    this.ends.push(end);
    this.sessions[to === 0 ? 0 : 1].accept(end);
  }

  advance(ms: number): void {
    this.wire.settle();
    for (let left = ms; left > 0; left -= 100) {
      this.clock.advance(millis(Math.min(100, left)));
      this.wire.settle();
    }
  }

  /** Cuts all connections, as a router that loses power does. */
  cut(): void {
    for (const end of this.ends.splice(0)) {
      end.peer?.close("cut");
      end.close("cut");
    }
  }

  /** Lets a little happen, and then cuts one of the connections in the midst of it. */
  interrupt(ms: number, deliveries: number, which: number): void {
    this.clock.advance(millis(ms));
    this.wire.settle(deliveries);
    const open = this.ends.filter((end) => end.open);
    const end = open[which % Math.max(1, open.length)];
    end?.peer?.close("cut");
    end?.close("cut");
  }

  get states(): readonly string[] {
    return this.sessions.map(({ view }) => view.state);
  }
}

const settings = fc.record<Setting>({
  passive: fc.boolean(),
  gracefulRestart: fc.boolean(),
  sameAs: fc.boolean(),
  holdTime: fc.constantFrom(0, 9),
});
type Fault =
  | { readonly type: "cut" | "down" | "up" }
  | { readonly type: "wait"; readonly ms: number }
  | { readonly type: "interrupt"; readonly ms: number; readonly deliveries: number; readonly which: number }
  | { readonly type: "reset" | "garbage" | "rekey"; readonly who: 0 | 1 };
const who = fc.constantFrom(0 as const, 1 as const);
const faults: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ type: fc.constantFrom("cut" as const, "down" as const, "up" as const) }),
  fc.record({ type: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
  fc.record({
    type: fc.constant("interrupt" as const),
    ms: fc.integer({ min: 1, max: 3_000 }),
    deliveries: fc.nat({ max: 12 }),
    which: fc.nat({ max: 3 }),
  }),
  fc.record({ type: fc.constantFrom("reset" as const, "garbage" as const, "rekey" as const), who }),
);

function strike(pair: Pair, fault: Fault): void {
  switch (fault.type) {
    case "cut":
      pair.cut();
      return;
    case "down":
      pair.up = false;
      return;
    case "up":
      pair.up = true;
      return;
    case "wait":
      pair.advance(fault.ms);
      return;
    case "interrupt":
      pair.interrupt(fault.ms, fault.deliveries, fault.which);
      return;
    case "reset":
      pair.sessions[fault.who].reset(4, "somebody wants it so");
      return;
    case "garbage":
      pair.ends.at(-1)?.write(Uint8Array.of(1, 2, 3));
      return;
    case "rekey":
      pair.sessions[fault.who].setPassword(`${pair.clock.now()}`);
      return;
  }
}

const HISTORIES: fc.Arbitrary<readonly Fault[]> = fc.array(faults, { maxLength: 12 });
const DAMPED_BOTH: Setting = { passive: false, gracefulRestart: false, sameAs: false, holdTime: 0 };
const FLAPS: readonly Fault[] = [
  { type: "cut" },
  { type: "reset", who: 0 },
  { type: "wait", ms: 875 },
  { type: "rekey", who: 0 },
  { type: "reset", who: 0 },
  { type: "wait", ms: 875 },
  { type: "reset", who: 0 },
];

const INTERRUPTED: readonly Fault[] = [
  { type: "interrupt", ms: 1, deliveries: 1, which: 0 },
  { type: "interrupt", ms: 1, deliveries: 0, which: 0 },
  { type: "interrupt", ms: 1750, deliveries: 5, which: 0 },
];

function suffer(pair: Pair, list: readonly Fault[]): void {
  for (const session of pair.sessions) session.start();
  for (const fault of list) {
    strike(pair, fault);
    pair.wire.settle();
  }
  pair.up = true;
  // The longest wait there is, and then the time of one session coming up.
  pair.advance(70_000);
}

function expectReplayable({ journal }: BgpSession): void {
  for (const line of journal) {
    if (line.type === "step") expect(replayStep(line)).toEqual({ after: line.after, effects: line.effects });
  }
}

describe("two engines, whatever the network does to them", () => {
  it("end with one session that has all routes, as soon as they are left alone", () => {
    fc.assert(
      fc.property(settings, HISTORIES, (setting, list) => {
        const pair = new Pair(setting);
        for (const [i, session] of pair.sessions.entries()) session.setRoutes([route(`192.0.2.${i}/32`)]);
        suffer(pair, list);
        expect(pair.states).toEqual(["established", "established"]);
        const learned = pair.sessions.map((session) => [...session.learned].map(({ prefix }) => `${prefix}`));
        expect(learned).toEqual([["192.0.2.1/32"], ["192.0.2.0/32"]]);
        expect(pair.ends.filter((end) => end.open)).toHaveLength(1);
        pair.sessions.forEach(expectReplayable);
      }),
      {
        numRuns: 300,
        // Found once: both damped, each closed the door whenever the other came; a collision lost to a connection that then failed.
        examples: [
          [DAMPED_BOTH, FLAPS],
          [DAMPED_BOTH, INTERRUPTED],
        ],
      },
    );
  });

  it("leave nothing behind when they stop", async () => {
    const pair = new Pair({ passive: false, gracefulRestart: false, sameAs: false, holdTime: 9 });
    for (const session of pair.sessions) session.start();
    pair.advance(3000);
    expect(pair.states).toEqual(["established", "established"]);
    const stopped = Promise.all(pair.sessions.map((session) => session.stop("the end")));
    pair.wire.settle();
    await stopped;
    await Promise.resolve();
    pair.advance(2000);
    expect([pair.states, pair.clock.armed, pair.ends.filter((end) => end.open)]).toEqual([["idle", "idle"], 0, []]);
  });
});
