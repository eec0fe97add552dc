import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Election,
  type ElectionConfig,
  type ElectionEffect,
  type ElectionEvent,
  isLeading,
  type LeaseRecord,
  NOT_ELECTED,
  step,
} from "../../src/kubernetes/election.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";

const config = (identity = "me"): ElectionConfig => ({
  identity,
  leaseDuration: seconds(4),
  renewDeadline: seconds(3),
  retryPeriod: millis(500),
  vacantWait: seconds(4),
});

const record = (holder: string, version: string, rest: Partial<LeaseRecord> = {}): LeaseRecord => ({
  resourceVersion: version,
  holder,
  duration: seconds(4),
  transitions: 3,
  released: false,
  ...rest,
});

/** Feeds the events and gives the last step. */
function feed(...events: ElectionEvent[]): { election: Election; effects: readonly ElectionEffect[] } {
  let last: { election: Election; effects: readonly ElectionEffect[] } = { election: NOT_ELECTED, effects: [] };
  for (const event of events) last = step(config(), last.election, event);
  return last;
}

const at = (ms: number): Micros => millis(ms);
const started: ElectionEvent = { type: "started", at: at(0) };
const read = (ms: number, r: LeaseRecord | undefined): ElectionEvent => ({ type: "read", at: at(ms), record: r });
const written = (sent: number, ms: number, version: string): ElectionEvent => ({
  type: "written",
  sentAt: at(sent),
  at: at(ms),
  record: record("me", version),
});
const retryDue = (ms: number, epoch: number): ElectionEvent => ({ type: "retry-due", at: at(ms), epoch });
const leading = [started, read(10, record("", "1", { released: true })), written(10, 20, "2")];

describe("step()", () => {
  const rows: [string, ElectionEvent[], Partial<Record<ElectionEffect["type"], object>>][] = [
    ["a start reads", [started], { read: {} }],
    [
      "a released Lease is taken at once",
      [started, read(10, record("", "1", { released: true }))],
      { write: { resourceVersion: "1", transitions: 4 } },
    ],
    [
      "an empty holder without the mark of a release waits as for an absence",
      [started, read(10, record("", "1"))],
      { "arm-retry": { after: millis(500) } },
    ],
    ["a held Lease waits", [started, read(10, record("you", "1"))], { "arm-retry": { after: millis(500) } }],
    ["a missing Lease is made, but without a holder", [started, read(10, undefined)], { "make-vacant": {} }],
    [
      "a Lease that was just made vacant waits",
      [started, read(10, undefined), { type: "written", sentAt: at(10), at: at(20), record: record("", "1") }],
      { "arm-retry": { after: millis(500) } },
    ],
    [
      "a Lease seen unchanged for its duration is taken over",
      [started, read(10, record("you", "1")), read(4010, record("you", "1"))],
      { write: { resourceVersion: "1", transitions: 4, takeOver: true } },
    ],
    [
      "one moment before, it is not",
      [started, read(10, record("you", "1")), read(4009, record("you", "1"))],
      { "arm-retry": { after: millis(1) } },
    ],
    [
      "a renewal seen starts the wait anew",
      [started, read(10, record("you", "1")), read(4010, record("you", "2"))],
      { "arm-retry": { after: millis(500) } },
    ],
    [
      "a longer duration in the Lease is honoured",
      [
        started,
        read(10, record("you", "1", { duration: seconds(60) })),
        read(59_000, record("you", "1", { duration: seconds(60) })),
      ],
      { "arm-retry": { after: millis(500) } },
    ],
    [
      "a shorter one is not",
      [
        started,
        read(10, record("you", "1", { duration: seconds(1) })),
        read(2000, record("you", "1", { duration: seconds(1) })),
      ],
      { "arm-retry": { after: millis(500) } },
    ],
    [
      "a vacant Lease seen unchanged for its wait is taken",
      [started, read(10, record("", "1")), read(4010, record("", "1"))],
      { write: { resourceVersion: "1", transitions: 4 } },
    ],
    [
      "a Lease that carries our own name is renewed before we claim it",
      [started, read(10, record("me", "1"))],
      { write: { resourceVersion: "1", transitions: 3, takeOver: false } },
    ],
    [
      "a success leads from when it was sent",
      leading,
      { lead: { until: at(3010) }, "arm-retry": { after: millis(490) }, "arm-term-end": { after: millis(2990) } },
    ],
    [
      "a success that comes after its own term is none",
      [started, read(10, record("", "1", { released: true })), written(10, 3010, "2")],
      { "arm-retry": {} },
    ],
    [
      "a renewal extends from when it was sent",
      [...leading, written(520, 900, "3")],
      { extend: { until: at(3520) }, "arm-retry": {}, "arm-term-end": { after: millis(2620) } },
    ],
    [
      "a renewal that took long is followed by the next one soon",
      [...leading, written(520, 1900, "3")],
      { extend: { until: at(3520) }, "arm-retry": { after: millis(50) }, "arm-term-end": {} },
    ],
    ["a failure retries and the claim stays", [...leading, { type: "failed", at: at(2000) }], { "arm-retry": {} }],
    ["a refusal reads soon", [...leading, { type: "refused", at: at(2000) }], { "arm-retry": { after: millis(50) } }],
    [
      "somebody else's name ends the claim",
      [...leading, read(600, record("you", "9"))],
      { follow: { reason: "taken-over" }, "arm-retry": {} },
    ],
    [
      "an emptied holder ends the claim",
      [...leading, read(600, record("", "9"))],
      { follow: { reason: "taken-over" }, "arm-retry": {} },
    ],
    [
      "a Lease deleted in our term is made again",
      [...leading, read(600, undefined)],
      { write: { resourceVersion: undefined } },
    ],
    [
      "the end of the term ends the claim",
      [...leading, { type: "term-ended", at: at(3010), epoch: 1 }],
      { follow: { reason: "term-ended" } },
    ],
    [
      "any event after the term ends the claim first",
      [...leading, { type: "failed", at: at(9000) }],
      { follow: { reason: "term-ended" }, "arm-retry": {} },
    ],
    [
      "a stop follows, then releases",
      [...leading, { type: "stopped", at: at(600) }],
      { follow: { reason: "stopped" }, release: { resourceVersion: "2" } },
    ],
    [
      "a stop of a candidate releases nothing",
      [started, read(10, record("you", "1")), { type: "stopped", at: at(600) }],
      {},
    ],
    [
      "a stop waits for the request under way",
      [...leading, retryDue(520, 1), { type: "stopped", at: at(600) }],
      { follow: { reason: "stopped" } },
    ],
    [
      "and releases the version it made",
      [...leading, retryDue(520, 1), { type: "stopped", at: at(600) }, written(520, 700, "5")],
      { release: { resourceVersion: "5" } },
    ],
    ["a stale timer does nothing", [...leading, retryDue(520, 0)], {}],
    ["a stopped candidate stays stopped", [{ type: "stopped", at: at(0) }, started], {}],
  ];
  test.each(rows)("%s", (_, events, wanted) => {
    const { effects } = feed(...events);
    expect(effects.map((e) => e.type).sort()).toEqual(Object.keys(wanted).sort());
    for (const effect of effects) expect(effect).toMatchObject(wanted[effect.type] ?? {});
  });

  test("the claim ends by the clock alone, whether or not a timer fires", () => {
    const { election } = feed(...leading);
    expect(isLeading(election, at(3009))).toBe(true);
    expect(isLeading(election, at(3010))).toBe(false);
  });

  test("a refused leader reads before it writes again", () => {
    const refused = feed(...leading, { type: "refused", at: at(600) });
    const arm = refused.effects.find((e) => e.type === "arm-retry");
    expect(step(config(), refused.election, retryDue(650, arm?.epoch ?? 0)).effects).toEqual([{ type: "read" }]);
  });
});

// --- the simulation -------------------------------------------------------------------------------------------------

interface Fault {
  readonly at: number;
  readonly who: number;
  readonly kind: "pause" | "cut" | "crash" | "stop" | "delete" | "meddle" | "slow";
  readonly length: number;
}

interface Process {
  name: string;
  election: Election;
  /** Its clock minus the simulation's. */
  readonly offset: number;
  pausedUntil: number;
  cutUntil: number;
  slowUntil: number;
}

interface Claim {
  readonly who: string;
  readonly from: number;
  to: number;
}

/** Two or three candidates, one API server, and a network that loses, delays and reorders. Times in microseconds. */
class World {
  now = 0;
  readonly claims: Claim[] = [];
  readonly processes: Process[];
  lease: LeaseRecord | undefined;
  #version = 0;
  #generation = 0;
  #sequence = 0;
  #random: () => number;
  #queue: { at: number; seq: number; run: () => void }[] = [];

  constructor(count: number, seed: number) {
    let state = seed >>> 0;
    this.#random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    this.processes = Array.from({ length: count }, (_, i) => this.#spawn(i * 7_777_777));
  }

  at(time: number, run: () => void): void {
    this.#queue.push({ at: time, seq: this.#sequence++, run });
  }

  runUntil(end: number): void {
    for (;;) {
      this.#queue.sort((a, b) => a.at - b.at || a.seq - b.seq);
      const next = this.#queue[0];
      if (next === undefined || next.at > end) break;
      this.#queue.shift();
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = end;
  }

  inject(fault: Fault): void {
    const process = this.processes[fault.who % this.processes.length];
    if (process === undefined) return;
    const until = this.now + fault.length;
    if (fault.kind === "pause") process.pausedUntil = until;
    else if (fault.kind === "cut") process.cutUntil = until;
    else if (fault.kind === "slow") process.slowUntil = until;
    else if (fault.kind === "delete") this.lease = undefined;
    else if (fault.kind === "meddle" && this.lease !== undefined)
      this.lease = { ...this.lease, resourceVersion: this.#next() };
    else if (fault.kind === "stop")
      this.#deliver(process, process.name, () => ({ type: "stopped", at: this.#clock(process) }));
    else if (fault.kind === "crash") this.#crash(process);
  }

  #spawn(offset: number): Process {
    const name = `p${this.#generation++}`;
    const process: Process = { name, election: NOT_ELECTED, offset, pausedUntil: 0, cutUntil: 0, slowUntil: 0 };
    this.#deliver(process, name, () => ({ type: "started", at: this.#clock(process) }));
    return process;
  }

  /** kill -9, and a new process with a name of its own after a while. */
  #crash(process: Process): void {
    this.#endClaim(process.name);
    const name = `p${this.#generation++}`;
    process.name = name;
    process.election = NOT_ELECTED;
    this.at(this.now + 300_000, () =>
      this.#deliver(process, name, () => ({ type: "started", at: this.#clock(process) })),
    );
  }

  #clock(process: Process): Micros {
    return micros(this.now + process.offset);
  }

  /** Nothing reaches a paused process before it goes on; nothing for a dead one reaches its successor. */
  #deliver(process: Process, name: string, event: () => ElectionEvent): void {
    if (process.name !== name) return;
    if (this.now < process.pausedUntil) {
      this.at(process.pausedUntil, () => this.#deliver(process, name, event));
      return;
    }
    const next = step({ ...config(name), leaseDuration: seconds(4) }, process.election, event());
    process.election = next.election;
    for (const effect of next.effects) this.#perform(process, effect);
  }

  #perform(process: Process, effect: ElectionEffect): void {
    const { name } = process;
    const timer = (after: number, type: "retry-due" | "term-ended", epoch: number): void =>
      this.at(this.now + after, () => this.#deliver(process, name, () => ({ type, at: this.#clock(process), epoch })));
    if (effect.type === "arm-retry") timer(effect.after * (1 + this.#random() / 10), "retry-due", effect.epoch);
    else if (effect.type === "arm-term-end") timer(effect.after, "term-ended", effect.epoch);
    else if (effect.type === "lead") this.claims.push({ who: name, from: this.now, to: effect.until - process.offset });
    else if (effect.type === "extend") this.#claimOf(name).to = effect.until - process.offset;
    else if (effect.type === "follow") this.#endClaim(name);
    else this.#request(process, effect);
  }

  #claimOf(name: string): Claim {
    const claim = this.claims.findLast((c) => c.who === name);
    if (claim === undefined) throw new Error(`${name} extends what it never had`);
    return claim;
  }

  #endClaim(name: string): void {
    const claim = this.claims.findLast((c) => c.who === name);
    if (claim !== undefined) claim.to = Math.min(claim.to, this.now);
  }

  #request(
    process: Process,
    effect: Extract<ElectionEffect, { type: "read" | "write" | "make-vacant" | "release" }>,
  ): void {
    const { name } = process;
    const sentAt = this.#clock(process);
    let settled = false;
    const answer = (event: () => ElectionEvent): void => {
      if (settled) return;
      settled = true;
      this.#deliver(process, name, event);
    };
    this.at(this.now + 1_500_000, () => answer(() => ({ type: "failed", at: this.#clock(process) })));
    this.at(this.now + this.#latency(process), () => {
      if (this.now < process.cutUntil && this.#random() < 0.7) return;
      const result = this.#serve(name, effect);
      const lost = this.now < process.cutUntil;
      if (lost) return;
      this.at(this.now + this.#latency(process), () =>
        answer(() => {
          const now = this.#clock(process);
          if (result === "refused") return { type: "refused", at: now };
          if (effect.type === "read") return { type: "read", at: now, record: result };
          return result === undefined
            ? { type: "failed", at: now }
            : { type: "written", at: now, sentAt, record: result };
        }),
      );
    });
  }

  #latency(process: Process): number {
    return this.now < process.slowUntil ? this.#random() * 1_400_000 : 500 + this.#random() * 20_000;
  }

  #next(): string {
    this.#version += 1;
    return String(this.#version);
  }

  #serve(
    name: string,
    effect: Extract<ElectionEffect, { type: "read" | "write" | "make-vacant" | "release" }>,
  ): LeaseRecord | undefined | "refused" {
    if (effect.type === "read") return this.lease;
    const version = effect.type === "make-vacant" ? undefined : effect.resourceVersion;
    if (version !== this.lease?.resourceVersion) return "refused";
    const released = effect.type === "release";
    this.lease = {
      resourceVersion: this.#next(),
      holder: effect.type === "write" ? name : "",
      duration: released ? seconds(1) : seconds(4),
      transitions: effect.type === "make-vacant" ? 0 : effect.transitions,
      released,
    };
    return this.lease;
  }
}

function overlaps(claims: readonly Claim[]): string[] {
  const sorted = claims.filter((c) => c.to > c.from).toSorted((a, b) => a.from - b.from);
  return sorted.flatMap((a, i) =>
    sorted
      .slice(i + 1)
      .flatMap((b) =>
        a.who !== b.who && b.from < a.to ? [`${a.who} ${a.from}..${a.to}, ${b.who} ${b.from}..${b.to}`] : [],
      ),
  );
}

const fault: fc.Arbitrary<Fault> = fc.record({
  at: fc.integer({ min: 0, max: 40_000_000 }),
  who: fc.nat({ max: 2 }),
  kind: fc.constantFrom("pause", "cut", "crash", "stop", "delete", "meddle", "slow"),
  length: fc.integer({ min: 0, max: 8_000_000 }),
});

describe("candidates in a hostile world", () => {
  test("there are never two leaders, and in the end there is one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 3 }),
        fc.integer(),
        fc.array(fault, { maxLength: 14 }),
        (count, seed, faults) => {
          // The last one never stops for good: somebody must be left to lead.
          const kept = faults.filter((f) => f.kind !== "stop" || f.who % count !== count - 1);
          const world = new World(count, seed);
          for (const f of kept) world.at(f.at, () => world.inject(f));
          world.runUntil(75_000_000);
          expect(overlaps(world.claims)).toEqual([]);
          expect(world.claims.filter((c) => c.to > world.now)).toHaveLength(1);
        },
      ),
      { numRuns: 400 },
    );
  });

  test.each([1, 2, 3, 4, 5])("a leader that dies is followed within five seconds (seed %i)", (seed) => {
    const world = new World(2, seed);
    world.runUntil(20_000_000);
    const leader = world.claims.at(-1)?.who;
    const who = world.processes.findIndex((p) => p.name === leader);
    world.inject({ at: world.now, who, kind: "crash", length: 0 });
    const died = world.now;
    world.runUntil(died + 5_000_000);
    const next = world.claims.at(-1);
    expect(next?.who).not.toBe(leader);
    expect((next?.from ?? Number.POSITIVE_INFINITY) - died).toBeLessThan(5_000_000);
  });

  test("a leader that lets go is followed within a poll", () => {
    const world = new World(2, 1);
    world.runUntil(20_000_000);
    const leader = world.claims.at(-1)?.who;
    world.inject({ at: world.now, who: world.processes.findIndex((p) => p.name === leader), kind: "stop", length: 0 });
    world.runUntil(20_700_000);
    expect(world.claims.at(-1)?.who).not.toBe(leader);
  });
});
