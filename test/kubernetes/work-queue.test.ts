import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WorkQueue, type WorkResult } from "../../src/kubernetes/work-queue.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const limits = { baseDelay: millis(5), maxDelay: seconds(60) };

/** A worker whose calls end when the test says so. */
class Hands {
  readonly #open = new Map<string, ((result: WorkResult) => void)[]>();
  readonly started: string[] = [];
  most = 0;

  readonly worker = (key: string): Promise<WorkResult> => {
    this.started.push(key);
    return new Promise((resolve) => {
      this.#open.set(key, [...(this.#open.get(key) ?? []), resolve]);
      this.most = Math.max(this.most, this.busy.length);
    });
  };

  get busy(): string[] {
    return [...this.#open].flatMap(([key, calls]) => calls.map(() => key));
  }

  async finish(key: string, result: WorkResult): Promise<void> {
    for (const resolve of this.#open.get(key) ?? []) resolve(result);
    this.#open.delete(key);
    await settle(1);
  }
}

function world(concurrency = 2): {
  clock: VirtualClock;
  queue: WorkQueue<string>;
  hands: Hands;
  stop: AbortController;
  ended: Promise<void>;
} {
  const clock = new VirtualClock();
  const queue = new WorkQueue<string>({ clock, random: () => 1 }, limits);
  const hands = new Hands();
  const stop = new AbortController();
  const ended = queue.run(hands.worker, { concurrency, signal: stop.signal });
  return { clock, queue, hands, stop, ended };
}

describe("WorkQueue", () => {
  test("first come, first served; a key is queued once; urgent keys go first", async () => {
    const { queue, hands } = world(1);
    for (const key of ["a", "b", "a", "c"]) queue.add(key);
    queue.add("c", "urgent");
    queue.add("d", "urgent");
    queue.add("c");
    expect(queue.depth).toBe(4);
    await settle(1);
    for (const key of ["c", "d", "a", "b"]) await hands.finish(key, "done");
    expect(hands.started).toEqual(["c", "d", "a", "b"]);
    expect(queue.depth).toBe(0);
  });

  test("a key added while it is worked on comes again, and only once", async () => {
    const { queue, hands } = world(2);
    queue.add("a");
    await settle(1);
    queue.add("a");
    queue.add("a");
    await settle(1);
    expect(hands.busy).toEqual(["a"]);
    await hands.finish("a", "done");
    expect(hands.busy).toEqual(["a"]);
    await hands.finish("a", "done");
    expect(hands.started).toEqual(["a", "a"]);
  });

  test("failures wait twice as long each time, up to the limit; success begins anew", async () => {
    const { queue, hands, clock } = world();
    queue.add("a");
    await settle(1);
    const waits = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 20_480, 40_960, 60_000, 60_000];
    for (const wait of waits) {
      await hands.finish("a", "retry");
      expect(queue.waiting).toBe(1);
      clock.advance(micros(millis(wait) - 1));
      await settle(1);
      expect(hands.busy).toEqual([]);
      clock.advance(micros(1));
      await settle(1);
      expect(hands.busy).toEqual(["a"]);
    }
    expect(queue.failures("a")).toBe(waits.length);
    await hands.finish("a", "done");
    expect(queue.failures("a")).toBe(0);
  });

  test("jitter takes up to half of the wait", async () => {
    const clock = new VirtualClock();
    const queue = new WorkQueue<string>({ clock, random: () => 0 }, { baseDelay: millis(100), maxDelay: seconds(1) });
    const hands = new Hands();
    void queue.run(hands.worker, { concurrency: 1, signal: new AbortController().signal });
    queue.add("a");
    await settle(1);
    await hands.finish("a", "retry");
    clock.advance(millis(50));
    await settle(1);
    expect(hands.busy).toEqual(["a"]);
  });

  test("forget() begins the back-off anew", async () => {
    const { queue, hands, clock } = world();
    queue.add("a");
    await settle(1);
    for (let i = 0; i < 5; i++) {
      await hands.finish("a", "retry");
      clock.advance(seconds(60));
      await settle(1);
    }
    queue.forget("a");
    await hands.finish("a", "retry");
    clock.advance(millis(5));
    await settle(1);
    expect(hands.busy).toEqual(["a"]);
  });

  test("news about a key that waits for its retry are worked on at once, and the retry is dropped", async () => {
    const { queue, hands, clock } = world();
    queue.add("a");
    await settle(1);
    await hands.finish("a", "retry");
    queue.add("a");
    await settle(1);
    expect(hands.busy).toEqual(["a"]);
    await hands.finish("a", "done");
    clock.advance(seconds(100));
    await settle(1);
    expect(hands.started).toHaveLength(2);
  });

  test("of several delays the earliest counts, and a retry does not swallow it", async () => {
    const { queue, hands, clock } = world();
    queue.addAfter("a", seconds(10));
    queue.addAfter("a", seconds(5));
    queue.addAfter("a", seconds(20));
    clock.advance(seconds(4));
    queue.add("a");
    await settle(1);
    await hands.finish("a", "done");
    clock.advance(seconds(1));
    await settle(1);
    expect(hands.busy).toEqual(["a"]);
    await hands.finish("a", "done");
    clock.advance(seconds(100));
    await settle(1);
    expect(hands.started).toHaveLength(2);
  });

  test("a worker that throws is told of and retried", async () => {
    const clock = new VirtualClock();
    const told: unknown[] = [];
    const queue = new WorkQueue<string>(
      { clock, random: () => 1 },
      { ...limits, onError: (key, error) => told.push([key, error]) },
    );
    const boom = new Error("boom");
    let calls = 0;
    const worker = (): Promise<WorkResult> => {
      calls += 1;
      return calls === 1 ? Promise.reject(boom) : Promise.resolve("done");
    };
    void queue.run(worker, { concurrency: 1, signal: new AbortController().signal });
    queue.add("a");
    await settle(1);
    clock.advance(millis(5));
    await queue.idle();
    expect(told).toEqual([["a", boom]]);
    expect(calls).toBe(2);
  });

  test("a stop waits for those at work, starts nobody, and drops timers", async () => {
    const { queue, hands, clock, stop, ended } = world(1);
    for (const key of ["a", "b"]) queue.add(key);
    queue.addAfter("c", seconds(1));
    await settle(1);
    stop.abort();
    let over = false;
    void ended.then(() => {
      over = true;
    });
    await settle(1);
    expect(over).toBe(false);
    await hands.finish("a", "retry");
    expect(over).toBe(true);
    clock.advance(seconds(100));
    await settle(1);
    expect(hands.started).toEqual(["a"]);
    expect(clock.armed).toBe(0);
  });

  test("idle() waits for the queued and the running, not for those that wait for their time", async () => {
    const { queue, hands } = world();
    await queue.idle();
    queue.addAfter("later", seconds(1));
    queue.add("a");
    let idle = false;
    void queue.idle().then(() => {
      idle = true;
    });
    await settle(1);
    expect(idle).toBe(false);
    await hands.finish("a", "done");
    expect(idle).toBe(true);
  });

  test("100,000 keys pass in linear time", async () => {
    const clock = new VirtualClock();
    const queue = new WorkQueue<string>({ clock, random: () => 1 }, limits);
    for (let i = 0; i < 100_000; i++) queue.add(`k${i}`);
    const seen = new Set<string>();
    void queue.run(
      (key) => {
        seen.add(key);
        return Promise.resolve("done" as const);
      },
      { concurrency: 32, signal: new AbortController().signal },
    );
    await queue.idle();
    expect(seen.size).toBe(100_000);
  });
});

// --- the model ------------------------------------------------------------------------------------------------------

interface Model {
  /** Keys that must be worked on once more after the last thing that was said about them. */
  owed: Set<string>;
}

interface Real {
  readonly clock: VirtualClock;
  readonly queue: WorkQueue<string>;
  readonly hands: Hands;
}

type Command = fc.AsyncCommand<Model, Real>;

const KEYS = ["a", "b", "c", "d", "e"] as const;
const CONCURRENCY = 2;

/** What must hold at every moment, whatever was done. */
function invariants({ hands, queue }: Real): void {
  expect(new Set(hands.busy).size).toBe(hands.busy.length);
  expect(hands.busy.length).toBeLessThanOrEqual(CONCURRENCY);
  if (queue.depth > 0) expect(hands.busy.length).toBe(CONCURRENCY);
}

class Do implements Command {
  readonly #name: string;
  readonly #act: (model: Model, real: Real) => Promise<void> | void;

  constructor(name: string, act: (model: Model, real: Real) => Promise<void> | void) {
    this.#name = name;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const before = real.hands.started.length;
    await this.#act(model, real);
    await settle(1);
    for (const key of real.hands.started.slice(before)) model.owed.delete(key);
    invariants(real);
  }

  toString(): string {
    return this.#name;
  }
}

const key = fc.constantFrom(...KEYS);
const commands = [
  fc.tuple(key, fc.constantFrom("urgent" as const, "normal" as const)).map(
    ([k, priority]) =>
      new Do(`add ${k} ${priority}`, (model, { queue }) => {
        model.owed.add(k);
        queue.add(k, priority);
      }),
  ),
  fc.tuple(key, fc.nat({ max: 5000 })).map(
    ([k, ms]) =>
      new Do(`add ${k} after ${ms}`, (model, { queue }) => {
        model.owed.add(k);
        queue.addAfter(k, millis(ms));
      }),
  ),
  fc.tuple(key, fc.constantFrom("done" as const, "retry" as const)).map(
    ([k, result]) =>
      new Do(`finish ${k} ${result}`, async (model, { hands }) => {
        if (result === "retry" && hands.busy.includes(k)) model.owed.add(k);
        await hands.finish(k, result);
      }),
  ),
  fc.nat({ max: 20_000 }).map((ms) => new Do(`wait ${ms}`, (_, { clock }) => clock.advance(millis(ms)))),
  key.map((k) => new Do(`forget ${k}`, (_, { queue }) => queue.forget(k))),
];

describe("WorkQueue, whatever is done to it", () => {
  test("never works on a key twice at once, never idles while keys wait, and never loses a key", async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60 }), async (list) => {
        const { clock, queue, hands } = world(CONCURRENCY);
        const model: Model = { owed: new Set() };
        const real: Real = { clock, queue, hands };
        await fc.asyncModelRun(() => ({ model, real }), list);
        // In the end everything that is owed is worked on.
        for (let round = 0; round < 20; round++) {
          const before = hands.started.length;
          for (const busy of hands.busy) await hands.finish(busy, "done");
          clock.advance(seconds(60));
          await settle(1);
          for (const started of hands.started.slice(before)) model.owed.delete(started);
        }
        expect([...model.owed]).toEqual([]);
        expect(queue.depth + queue.running + queue.waiting).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});
