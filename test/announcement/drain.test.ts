import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Drain,
  type DrainEffect,
  type DrainEvent,
  type DrainPhase,
  NO_DRAIN,
  stepDrain,
} from "../../src/announcement/drain.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** Runs a drain on virtual time, as the driver does. */
class Run {
  readonly clock = new VirtualClock();
  readonly phases: string[] = [];
  drain: Drain = NO_DRAIN;
  #cancel = (): void => undefined;

  tell(event: DrainEvent): this {
    const { drain, effects } = stepDrain(this.drain, event);
    this.drain = drain;
    for (const effect of effects) this.#perform(effect);
    return this;
  }

  after(seconds_: number): this {
    this.clock.advance(seconds(seconds_));
    return this;
  }

  #perform(effect: DrainEffect): void {
    if (effect.type === "change") this.phases.push(`${this.clock.now() / 1_000_000} ${effect.to} ${effect.why}`.trim());
    if (effect.type === "change") return;
    this.#cancel();
    if (effect.type === "disarm") return;
    const timer = this.clock.after(effect.after, () => this.tell({ type: "expired", epoch: effect.epoch }));
    this.#cancel = () => timer.cancel();
  }
}

const requested = (wait: number, why = "disk"): DrainEvent => ({ type: "requested", why, wait: seconds(wait) });
const found = (wait: number): DrainEvent => ({ type: "found-requested", why: "disk", wait: seconds(wait) });
const stopping = (wait: number): DrainEvent => ({ type: "stopping", why: "stop", wait: seconds(wait) });
const cancelled: DrainEvent = { type: "cancelled" };

describe("the stages, by the clock", () => {
  test.each<[string, (run: Run) => Run, readonly string[]]>([
    [
      "asked by annotation: last choice, withdrawn after the wait, closed a second later",
      (run) => run.tell(requested(10)).after(60),
      ["0 draining disk", "10 withdrawn disk", "11 closed disk"],
    ],
    ["no wait: withdrawn at once", (run) => run.tell(requested(0)).after(60), ["0 withdrawn disk", "1 closed disk"]],
    [
      "told again and again: the wait is not started anew",
      (run) => run.tell(requested(10)).after(9).tell(requested(10)).after(60),
      ["0 draining disk", "10 withdrawn disk", "11 closed disk"],
    ],
    ["nobody asked", (run) => run.tell(cancelled).after(60), []],
    [
      "taken back during the wait",
      (run) => run.tell(requested(10)).after(9).tell(cancelled).after(60),
      ["0 draining disk", "9 announcing"],
    ],
    [
      "taken back when withdrawn",
      (run) => run.tell(requested(10)).after(10).tell(cancelled).after(60),
      ["0 draining disk", "10 withdrawn disk", "10 announcing"],
    ],
    [
      "taken back when closed, and asked again: from the start",
      (run) => run.tell(requested(1)).after(9).tell(cancelled).after(1).tell(requested(1)).after(9),
      [
        "0 draining disk",
        "1 withdrawn disk",
        "2 closed disk",
        "9 announcing",
        "10 draining disk",
        "11 withdrawn disk",
        "12 closed disk",
      ],
    ],
    [
      "found at start: routers are told that there is nothing, and no route comes back first",
      (run) => run.tell(found(10)).after(60),
      ["0 withdrawn disk", "10 closed disk"],
    ],
    [
      "found at start and taken back",
      (run) => run.tell(found(10)).after(3).tell(cancelled),
      ["0 withdrawn disk", "3 announcing"],
    ],
    ["stopped without time: closed at once", (run) => run.tell(stopping(0)), ["0 closed stop"]],
    [
      "stopped with time to hand over",
      (run) => run.tell(stopping(5)).after(60),
      ["0 draining stop", "5 withdrawn stop", "6 closed stop"],
    ],
    [
      "stopped while draining: no longer than the stop may take",
      (run) => run.tell(requested(100)).after(1).tell(stopping(5)).after(200),
      ["0 draining disk", "6 withdrawn disk", "7 closed disk"],
    ],
    [
      "stopped without time while draining: withdrawn before closed all the same (RFC 8538)",
      (run) => run.tell(requested(100)).after(1).tell(stopping(0)).after(200),
      ["0 draining disk", "1 withdrawn disk", "2 closed disk"],
    ],
    [
      "stopped when just found drained: a second is left to say so",
      (run) => run.tell(found(10)).after(1).tell(stopping(30)).after(60),
      ["0 withdrawn disk", "2 closed disk"],
    ],
    [
      "stopped when closed",
      (run) => run.tell(requested(0)).after(5).tell(stopping(5)).after(60),
      ["0 withdrawn disk", "1 closed disk"],
    ],
    [
      "a stop is not taken back, nor asked for twice",
      (run) => run.tell(stopping(5)).tell(cancelled).tell(requested(50)).tell(stopping(50)).after(60),
      ["0 draining stop", "5 withdrawn stop", "6 closed stop"],
    ],
  ])("%s", (_, script, want) => {
    expect(script(new Run()).phases).toEqual(want);
  });
});

test("the reason may be put into other words while it lasts", () => {
  const { drain } = new Run().tell(requested(10)).tell(requested(10, "fan"));
  expect(drain).toMatchObject({ phase: "draining", why: "fan" });
});

test("routes may outlive only the session of a speaker that stops at once", () => {
  expect(new Run().tell(stopping(0)).drain.handedOver).toBe(false);
  expect(new Run().tell(stopping(1)).after(9).drain.handedOver).toBe(true);
  expect(new Run().tell(requested(1)).after(9).tell(stopping(0)).drain.handedOver).toBe(true);
  expect(new Run().tell(found(1)).drain.handedOver).toBe(true);
  expect(new Run().tell(requested(1)).tell(cancelled).drain.handedOver).toBe(false);
});

test("a timer that comes late changes nothing", () => {
  const { drain } = new Run().tell(requested(10)).tell(cancelled).tell(requested(10));
  for (const epoch of [0, 1, 2]) expect(stepDrain(drain, { type: "expired", epoch })).toEqual({ drain, effects: [] });
  expect(stepDrain(NO_DRAIN, { type: "expired", epoch: 0 }).effects).toEqual([]);
});

const wait = fc.constantFrom(micros(0), millis(1), seconds(10));
const why = fc.constantFrom("", "disk");
const event: fc.Arbitrary<DrainEvent> = fc.oneof(
  fc.record({ type: fc.constant("requested" as const), why, wait }),
  fc.record({ type: fc.constant("found-requested" as const), why, wait }),
  fc.constant(cancelled),
  fc.record({ type: fc.constant("stopping" as const), why, wait }),
  fc.record({ type: fc.constant("expired" as const), epoch: fc.integer({ min: 0, max: 12 }) }),
);
const NEXT: Readonly<Record<DrainPhase, readonly DrainPhase[]>> = {
  announcing: ["draining", "withdrawn", "closed"],
  draining: ["withdrawn", "announcing"],
  withdrawn: ["closed", "announcing", "withdrawn"],
  closed: ["announcing", "withdrawn"],
};

/** The phases that a list of events leads through, and where it ends. */
function follow(events: readonly DrainEvent[]): { readonly drain: Drain; readonly changes: readonly DrainEffect[] } {
  let drain = NO_DRAIN;
  const changes: DrainEffect[] = [];
  for (const each of events) {
    const next = stepDrain(drain, each);
    expect(JSON.parse(JSON.stringify(next))).toEqual(next);
    drain = next.drain;
    changes.push(...next.effects.filter(({ type }) => type === "change"));
  }
  return { drain, changes };
}

const history = fc.array(event, { maxLength: 30 }).map((events) =>
  // A speaker finds its node drained when it starts, if ever.
  events.filter(({ type }, i) => type !== "found-requested" || i === 0),
);

test("whatever happens, no stage is skipped: what was asked to drain is withdrawn before it is closed", () => {
  fc.assert(
    fc.property(history, (events) => {
      let phase: DrainPhase = "announcing";
      const { drain, changes } = follow(events);
      for (const change of changes) {
        if (change.type !== "change") continue;
        expect(change.from).toBe(phase);
        expect(NEXT[phase]).toContain(change.to);
        if (change.from === "announcing" && change.to === "closed") expect(drain.stopping).toBe(true);
        phase = change.to;
      }
      expect(drain.phase).toBe(phase);
    }),
  );
});

test("whatever happened, a stop ends in time", () => {
  fc.assert(
    fc.property(history, (events) => {
      const run = new Run();
      for (const each of events) run.tell(each);
      run.tell(stopping(1)).after(12);
      expect(run.drain).toMatchObject({ phase: "closed", stopping: true });
      expect(run.clock.armed).toBe(0);
    }),
  );
});
