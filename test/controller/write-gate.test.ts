import { beforeEach, describe, expect, test } from "vitest";
import { LateEvents } from "../../src/controller/late-events.ts";
import { WriteGate } from "../../src/controller/write-gate.ts";
import { ApiError } from "../../src/kubernetes/errors.ts";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const refusal = (retryAfter?: Micros): ApiError =>
  new ApiError({ status: 429, reason: "TooManyRequests", message: "slow down", retryAfter });

describe("WriteGate", () => {
  let clock: VirtualClock;
  let mayWrite: boolean;
  let term: AbortController;
  let gate: WriteGate;
  beforeEach(() => {
    clock = new VirtualClock();
    mayWrite = true;
    term = new AbortController();
    gate = new WriteGate({ clock, mayWrite: () => mayWrite });
    gate.open(term.signal);
  });

  test("lets a write through, and its failure out", async () => {
    await expect(gate.write(() => Promise.resolve(7))).resolves.toBe(7);
    await expect(gate.write(() => Promise.reject(refusal()))).rejects.toThrow("slow down");
    await expect(gate.write(() => Promise.resolve(8))).resolves.toBe(8);
  });

  test.each<[string, () => void]>([
    ["without the lease", () => (mayWrite = false)],
    ["after the term", () => term.abort()],
  ])("begins nothing %s", async (_name, end) => {
    end();
    let begun = false;
    const write = gate.write(() => {
      begun = true;
      return Promise.resolve();
    });
    await expect(write).rejects.toMatchObject({ code: "ERR_CONTROLLER_NOT_LEADER" });
    expect(begun).toBe(false);
  });

  test("a lease that is lost cuts what is under way; a stop in good order does not", async () => {
    let seen: AbortSignal | undefined;
    void gate.write(({ signal }) => {
      seen = signal;
      return new Promise(() => {});
    });
    await settle();
    term.abort();
    expect(seen?.aborted).toBe(false);
    const other = new AbortController();
    gate.open(other.signal);
    mayWrite = false;
    other.abort();
    expect(seen?.aborted).toBe(true);
  });

  test("a lease that ends after a stop in good order cuts the write that hangs", async () => {
    let seen: AbortSignal | undefined;
    const write = gate.write(({ signal }) => {
      seen = signal;
      return new Promise<void>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    await settle();
    term.abort();
    clock.advance(seconds(5));
    expect(seen?.aborted).toBe(false);
    mayWrite = false;
    clock.advance(millis(100));
    await expect(write).rejects.toMatchObject({ code: "ERR_CONTROLLER_NOT_LEADER" });
    expect(clock.armed).toBe(0);
  });

  test("the lease is looked at no longer than writes are under way", async () => {
    const answers: (() => void)[] = [];
    const writes = [1, 2].map(() => gate.write(() => new Promise<void>((resolve) => answers.push(resolve))));
    await settle();
    expect(clock.armed).toBe(0);
    term.abort();
    answers[0]?.();
    await writes[0];
    expect(clock.armed).toBe(1);
    answers[1]?.();
    await writes[1];
    expect(clock.armed).toBe(0);
  });

  test("one Retry-After holds back every write for as long as was asked", async () => {
    await expect(gate.write(() => Promise.reject(refusal(seconds(2))))).rejects.toThrow();
    await expect(Promise.race([gate.write(() => Promise.resolve("early")), settle()])).resolves.toBeUndefined();
    clock.advance(millis(1999));
    let done = "";
    void gate.write(() => Promise.resolve("late")).then((text) => (done = text));
    await settle();
    expect(done).toBe("");
    clock.advance(millis(1));
    await settle();
    expect(done).toBe("late");
  });

  test("the end of the term ends the pause", async () => {
    await expect(gate.write(() => Promise.reject(refusal(seconds(60))))).rejects.toThrow();
    const waiting = gate.write(() => Promise.resolve());
    term.abort();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_CONTROLLER_NOT_LEADER" });
    expect(clock.armed).toBe(0);
  });
});

describe("LateEvents", () => {
  const service = { metadata: { name: "web" }, spec: {} };
  const event = (message: string) => ({ type: "Normal", reason: "IPAllocated", message }) as const;
  let clock: VirtualClock;
  let busy: boolean;
  let said: string[];
  let room: number;
  let events: LateEvents;
  beforeEach(() => {
    clock = new VirtualClock();
    busy = false;
    said = [];
    room = 1000;
    events = new LateEvents({
      clock,
      busy: () => busy,
      room: () => room,
      record: (_service, { message }) => said.push(message),
    });
  });

  test("passes on at once when nothing waits for an address", () => {
    events.publish(service, event("a"));
    expect(said).toEqual(["a"]);
    expect(clock.armed).toBe(0);
  });

  test("holds back while Services wait, and keeps the order", () => {
    busy = true;
    events.publish(service, event("a"));
    clock.advance(millis(300));
    busy = false;
    events.publish(service, event("b"));
    expect(said).toEqual([]);
    clock.advance(millis(100));
    expect(said).toEqual(["a", "b"]);
    expect(clock.armed).toBe(0);
  });

  test("but for no longer than two seconds", () => {
    busy = true;
    events.publish(service, event("a"));
    clock.advance(millis(1999));
    expect(said).toEqual([]);
    clock.advance(millis(1));
    expect(said).toEqual(["a"]);
  });

  test("ten thousand refused Services wait until there is room, and none is forgotten", () => {
    room = 0;
    for (let i = 0; i < 10_000; i++) events.publish(service, event(`${i}`));
    clock.advance(seconds(60));
    expect(said).toEqual([]);
    room = 150;
    clock.advance(millis(100));
    expect(said).toHaveLength(150);
    room = 1000;
    clock.advance(seconds(5));
    expect(said).toHaveLength(10_000);
    expect(said.at(-1)).toBe("9999");
    expect(clock.armed).toBe(0);
  });

  test("passes a flood on in slices, and all of it at the end", () => {
    busy = true;
    for (let i = 0; i < 500; i++) events.publish(service, event(`${i}`));
    busy = false;
    clock.advance(millis(100));
    expect(said).toHaveLength(200);
    events.flush();
    expect(said).toHaveLength(500);
    expect(clock.armed).toBe(0);
  });
});
