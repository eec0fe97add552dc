import { describe, expect, test } from "vitest";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { type PatchJob, PatchPool } from "../../src/kubernetes/status-writer.ts";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const refusal = (status: number, retryAfter?: Micros): ApiError =>
  new ApiError({ status, reason: "", message: `${status}`, retryAfter });

function world(answers: unknown[] = [], config = {}) {
  const clock = new VirtualClock();
  const sent: { name: string; body: unknown; options: unknown; at: number }[] = [];
  const finish: (() => void)[] = [];
  let held = false;
  const client = {
    patch: async <T>(_: unknown, name: string, body: unknown, options: unknown): Promise<T> => {
      sent.push({ name, body, options, at: clock.now() });
      const error = answers.shift();
      if (held) await new Promise<void>((resolve) => finish.push(resolve));
      if (error !== undefined) throw error;
      return { name } as T;
    },
  };
  const pool = new PatchPool({ client, clock, random: () => 1 }, config);
  return { clock, sent, pool, finish, hold: () => (held = true) };
}

const job = (name: string, rest: Partial<PatchJob> = {}): PatchJob => ({
  resource: SERVICES,
  name,
  namespace: "default",
  type: "merge",
  subresource: "status",
  body: () => ({ status: {} }),
  ...rest,
});

async function outcome(promise: Promise<unknown>, clock: VirtualClock): Promise<unknown> {
  let result: unknown = "pending";
  promise.then(
    (value) => (result = value),
    (error) => (result = error),
  );
  for (let i = 0; i < 12 && result === "pending"; i++) {
    await settle(2);
    clock.advance(seconds(10));
  }
  await settle(2);
  return result;
}

describe("PatchPool", () => {
  test("passes the patch on as it is", async () => {
    const { pool, sent, clock } = world();
    expect(await outcome(pool.submit(job("web", { fieldManager: "herald" })), clock)).toEqual({ name: "web" });
    expect(sent[0]).toMatchObject({ body: { status: {} } });
    expect(sent[0]?.options).toEqual({
      namespace: "default",
      type: "merge",
      subresource: "status",
      fieldManager: "herald",
    });
  });

  test("never has more in flight than allowed, and loses nobody", async () => {
    const { pool, sent, finish, hold } = world([], { concurrency: 3 });
    hold();
    const all = Array.from({ length: 10 }, (_, i) => pool.submit(job(`s${i}`)));
    await settle();
    expect([pool.inFlight, pool.waiting]).toEqual([3, 7]);
    for (let i = 0; i < 10; i++) {
      finish.shift()?.();
      await settle(2);
      expect(pool.inFlight).toBeLessThanOrEqual(3);
    }
    await Promise.all(all);
    expect(sent.map((s) => s.name)).toEqual(all.map((_, i) => `s${i}`));
    expect([pool.inFlight, pool.waiting]).toEqual([0, 0]);
  });

  test.each([409, 429, 500, 503, 504])("tries again after %i", async (status) => {
    const { pool, sent, clock } = world([refusal(status), refusal(status)]);
    expect(await outcome(pool.submit(job("web")), clock)).toEqual({ name: "web" });
    expect(sent).toHaveLength(3);
  });

  test("tries again when the API cannot be reached", async () => {
    const { pool, clock } = world([new ApiUnreachable("down")]);
    expect(await outcome(pool.submit(job("web")), clock)).toEqual({ name: "web" });
  });

  test.each([400, 403, 404, 422])("gives up at once after %i", async (status) => {
    const error = refusal(status);
    const { pool, sent, clock } = world([error]);
    expect(await outcome(pool.submit(job("web")), clock)).toBe(error);
    expect(sent).toHaveLength(1);
  });

  test("gives up after its tries, with the last error", async () => {
    const errors = Array.from({ length: 9 }, () => refusal(409));
    const { pool, sent, clock } = world([...errors], { attempts: 4 });
    expect(await outcome(pool.submit(job("web")), clock)).toBe(errors[3]);
    expect(sent).toHaveLength(4);
  });

  test("makes the body anew for each try, and stops when there is nothing left to do", async () => {
    const bodies = [{ v: 1 }, { v: 2 }, undefined];
    const { pool, sent, clock } = world([refusal(409), refusal(409)]);
    expect(await outcome(pool.submit(job("web", { body: () => bodies.shift() })), clock)).toBeUndefined();
    expect(sent.map((s) => s.body)).toEqual([{ v: 1 }, { v: 2 }]);
  });

  test("waits as long as Retry-After says, and holds everybody else back too", async () => {
    const { pool, sent, clock } = world([refusal(429, seconds(3))]);
    const first = pool.submit(job("a"));
    await settle();
    const second = pool.submit(job("b"));
    await settle();
    clock.advance(millis(2999));
    await settle();
    expect(sent).toHaveLength(1);
    clock.advance(millis(1));
    await settle();
    expect(sent.map((s) => s.name)).toEqual(["a", "b"]);
    clock.advance(millis(50));
    await Promise.all([first, second]);
    expect(sent.map((s) => [s.name, s.at / 1000])).toEqual([
      ["a", 0],
      ["b", 3000],
      ["a", 3050],
    ]);
  });

  test("a job that waits to be tried again takes no place from others", async () => {
    const { pool, sent, clock } = world([refusal(500)], { concurrency: 1 });
    const first = pool.submit(job("a"));
    await settle();
    await pool.submit(job("b"));
    expect(sent.map((s) => s.name)).toEqual(["a", "b"]);
    clock.advance(millis(50));
    await first;
  });

  test("an aborted job is not tried again", async () => {
    const stop = new AbortController();
    const reason = new Error("no longer leader");
    const { pool, sent, clock } = world([refusal(500)]);
    const submitted = pool.submit(job("web", { signal: stop.signal }));
    await settle();
    stop.abort(reason);
    expect(await outcome(submitted, clock)).toBe(reason);
    expect(sent).toHaveLength(1);
  });
});
