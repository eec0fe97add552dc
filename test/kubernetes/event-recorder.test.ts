import { describe, expect, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { BoundedMap, takeToken } from "../../src/kubernetes/event-budget.ts";
import { EventRecorder } from "../../src/kubernetes/event-recorder.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface Sent {
  readonly verb: "create" | "patch";
  readonly name: string;
  readonly namespace: string | undefined;
  readonly body: Record<string, unknown>;
}

const web = { apiVersion: "v1", kind: "Service", namespace: "default", name: "web", uid: "u1" };
const allocated = { type: "Normal", reason: "IPAllocated", message: 'Assigned IP ["192.0.2.1"]' } as const;
const refusal = (status: number): ApiError => new ApiError({ status, reason: "", message: "" });

function world(answers: (unknown | undefined)[] = []) {
  const clock = new VirtualClock();
  const sent: Sent[] = [];
  let gate: Promise<void> = Promise.resolve();
  let open: () => void = () => {};
  const perform = async <T>(entry: Sent): Promise<T> => {
    sent.push(entry);
    const answer = answers.shift();
    await gate;
    if (answer instanceof Error) throw answer;
    return (answer ?? {}) as T;
  };
  const client: Pick<KubernetesClient, "create" | "patch"> = {
    create: (_, body, options) => {
      const object = body as { metadata: { name: string } } & Record<string, unknown>;
      return perform({ verb: "create", name: object.metadata.name, namespace: options?.namespace, body: object });
    },
    patch: (_, name, body, options) =>
      perform({ verb: "patch", name, namespace: options.namespace, body: body as Record<string, unknown> }),
  };
  const wallClock = (): Date => new Date(Date.UTC(2026, 10, 22) + clock.now() / 1000);
  const recorder = new EventRecorder(
    { client, clock, wallClock, random: () => 0.5, log: silentLog },
    { component: "metallb-speaker", host: "node-1" },
  );
  const block = (): void => {
    gate = new Promise((resolve) => {
      open = resolve;
    });
  };
  return { clock, sent, recorder, block, unblock: () => open() };
}

describe("EventRecorder", () => {
  test("writes a core event about the object", async () => {
    const { recorder, sent } = world();
    recorder.record(web, allocated);
    await settle();
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      verb: "create",
      namespace: "default",
      body: {
        apiVersion: "v1",
        kind: "Event",
        metadata: { namespace: "default", name: expect.stringMatching(/^web\.[0-9a-f]+$/) },
        involvedObject: web,
        ...allocated,
        source: { component: "metallb-speaker", host: "node-1" },
        reportingComponent: "metallb-speaker",
        reportingInstance: "node-1",
        firstTimestamp: "2026-11-22T00:00:00Z",
        lastTimestamp: "2026-11-22T00:00:00Z",
        count: 1,
      },
    });
  });

  test("the same said again counts up and moves the last time", async () => {
    const { recorder, sent, clock } = world();
    recorder.record(web, allocated);
    await settle();
    clock.advance(seconds(7));
    recorder.record(web, allocated);
    await settle();
    expect(sent[1]).toMatchObject({ verb: "patch", name: sent[0]?.name, namespace: "default" });
    expect(sent[1]?.body).toEqual({ count: 2, lastTimestamp: "2026-11-22T00:00:07Z" });
  });

  test("another message, reason or object is another event", async () => {
    const { recorder, sent } = world();
    recorder.record(web, allocated);
    recorder.record(web, { ...allocated, message: "other" });
    recorder.record(web, { ...allocated, reason: "Other" });
    recorder.record({ ...web, uid: "u2" }, allocated);
    await settle();
    expect(sent.map((s) => s.verb)).toEqual(["create", "create", "create", "create"]);
    expect(new Set(sent.map((s) => s.name)).size).toBe(4);
  });

  test("what is said while a request is under way becomes one more request", async () => {
    const { recorder, sent, block, unblock } = world();
    block();
    for (let i = 0; i < 10; i++) {
      recorder.record(web, allocated);
      await settle(1);
    }
    unblock();
    await settle();
    expect(sent.map((s) => [s.verb, s.body["count"]])).toEqual([
      ["create", 1],
      ["patch", 10],
    ]);
  });

  test("an event that the API has forgotten is written anew", async () => {
    const { recorder, sent } = world([undefined, refusal(404)]);
    recorder.record(web, allocated);
    await settle();
    recorder.record(web, allocated);
    await settle();
    expect(sent.map((s) => s.verb)).toEqual(["create", "patch", "create"]);
    expect(sent[2]?.body).toMatchObject({ count: 2, firstTimestamp: "2026-11-22T00:00:00Z" });
  });

  test("what an earlier process said is not said twice: its event is brought up to date, and counted up from there", async () => {
    const earlier = world();
    earlier.recorder.record(web, allocated);
    await settle();
    const { recorder, sent, clock } = world([refusal(409), { count: 7 }]);
    clock.advance(seconds(60));
    recorder.record(web, allocated);
    await settle();
    recorder.record(web, allocated);
    await settle();
    expect(sent.map(({ verb, name }) => [verb, name])).toEqual(
      ["create", "patch", "patch"].map((verb) => [verb, earlier.sent[0]?.name]),
    );
    expect(sent[1]?.body).toEqual({ lastTimestamp: "2026-11-22T00:01:00Z" });
    expect(sent[2]?.body).toMatchObject({ count: 8 });
    expect(recorder.stats).toMatchObject({ written: 2, dropped: 0 });
  });

  test("an event that expires while it is being brought up to date is written anew", async () => {
    const { recorder, sent } = world([refusal(409), refusal(404)]);
    recorder.record(web, allocated);
    await settle();
    expect(sent.map((s) => s.verb)).toEqual(["create", "patch", "create"]);
    expect(recorder.stats).toMatchObject({ written: 1, dropped: 0 });
  });

  test("as many objects as there are share one pace, and none is left out for it", async () => {
    const { recorder, sent, clock } = world();
    for (let i = 0; i < 1000; i++) recorder.record({ ...web, uid: `u${i}` }, allocated);
    await settle(1000);
    expect(sent).toHaveLength(100);
    for (let second = 1; second <= 18; second++) {
      for (let i = 0; i < 50; i++) {
        clock.advance(millis(20));
        await settle(1);
      }
      expect(sent.length).toBeLessThanOrEqual(100 + 50 * second);
    }
    clock.advance(seconds(1));
    await settle(20);
    expect([sent.length, recorder.stats.dropped]).toEqual([1000, 0]);
  });

  test("while the API is away nothing is lost, and what was said meanwhile is counted", async () => {
    const { recorder, sent, clock } = world([new ApiUnreachable("down"), refusal(503)]);
    recorder.record(web, allocated);
    await settle();
    clock.advance(seconds(1));
    await settle();
    clock.advance(seconds(2));
    await settle();
    expect(sent).toHaveLength(3);
    expect(recorder.stats).toEqual({ written: 1, filtered: 0, dropped: 0 });
  });

  test.each([
    ["the API refuses for good", [refusal(403)], 1],
    ["it never comes back", Array.from({ length: 9 }, () => new ApiUnreachable("down")), 6],
  ])("when %s, the event is dropped", async (_, answers, requests) => {
    const { recorder, sent, clock } = world(answers);
    recorder.record(web, allocated);
    for (let i = 0; i < 10; i++) {
      await settle();
      clock.advance(seconds(60));
    }
    expect(sent).toHaveLength(requests);
    expect(recorder.stats).toEqual({ written: 0, filtered: 0, dropped: 1 });
  });

  test("one object may say 25 things at once, then one in five minutes; others are not affected", async () => {
    const { recorder, clock } = world();
    for (let i = 0; i < 40; i++) recorder.record(web, { ...allocated, message: `m${i}` });
    expect(recorder.stats.filtered).toBe(15);
    recorder.record({ ...web, name: "other" }, allocated);
    expect(recorder.stats.filtered).toBe(15);
    clock.advance(seconds(300));
    recorder.record(web, allocated);
    recorder.record(web, allocated);
    expect(recorder.stats.filtered).toBe(16);
    await recorder.flush();
  });

  test("an API that answers nothing makes nobody wait and fills no memory", async () => {
    const { recorder, block } = world();
    block();
    for (let i = 0; i < 3000; i++) recorder.record({ ...web, uid: `u${i}` }, allocated);
    await settle();
    expect(recorder.stats.dropped).toBe(1000);
  });

  test("flush() waits for what can be written, and not for ever", async () => {
    const { recorder, sent, clock, block, unblock } = world();
    recorder.record(web, allocated);
    await recorder.flush();
    expect(sent).toHaveLength(1);
    block();
    recorder.record(web, allocated);
    const flushed = recorder.flush();
    await settle();
    clock.advance(seconds(2));
    await flushed;
    unblock();
    await recorder[Symbol.asyncDispose]();
    recorder.record(web, allocated);
    await settle();
    expect(sent).toHaveLength(2);
  });

  test("an event about a cluster-scoped object lives in default", async () => {
    const { recorder, sent } = world();
    recorder.record({ apiVersion: "v1", kind: "Node", name: "n1" }, allocated);
    await settle();
    expect(sent[0]).toMatchObject({ namespace: "default", body: { involvedObject: { kind: "Node", name: "n1" } } });
  });
});

describe("takeToken()", () => {
  const budget = { burst: 2, refill: seconds(10) };
  test("grows back one by one and never over the burst", () => {
    const take = (times: number[]): boolean[] => {
      let bucket: Parameters<typeof takeToken>[0];
      return times.map((at) => {
        const next = takeToken(bucket, seconds(at), budget);
        bucket = next.bucket;
        return next.taken;
      });
    };
    expect(take([0, 0, 0])).toEqual([true, true, false]);
    expect(take([0, 0, 9, 10, 10, 20])).toEqual([true, true, false, true, false, true]);
    expect(take([0, 0, 1000, 1000, 1000])).toEqual([true, true, true, true, false]);
    expect(take([0, 5, 14, 15, 19, 20, 24, 25])).toEqual([true, true, true, false, false, true, false, false]);
  });
});

describe("BoundedMap", () => {
  test("forgets what was not written for the longest time", () => {
    const map = new BoundedMap<string, number>(2);
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    map.set("c", 4);
    expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([3, undefined, 4, 2]);
  });
});
