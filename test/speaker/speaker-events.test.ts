import { describe, expect, test } from "vitest";
import type { Service } from "../../src/api/core.ts";
import { seconds } from "../../src/net/micros.ts";
import { SpeakerEvents } from "../../src/speaker/speaker-events.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const web: Service = { metadata: { name: "web", namespace: "default", uid: "u1" }, spec: {} };

/** Speakers of a cluster that share one API, which only counts. */
function cluster(size: number, known = size) {
  const clock = new VirtualClock();
  const created: string[] = [];
  const client = {
    create: <T>(_: unknown, body: unknown): Promise<T> => {
      created.push((body as { metadata: { name: string } }).metadata.name);
      return Promise.resolve({} as T);
    },
    patch: <T>(): Promise<T> => Promise.resolve({} as T),
  };
  const ports = { client, clock, wallClock: () => new Date(0), random: () => 0.5, log: silentLog };
  const speakers = Array.from({ length: size }, (_, i) => {
    const events = new SpeakerEvents(ports, `node-${i}`);
    events.among(known, size);
    return events;
  });
  return { clock, created, speakers };
}

describe("that a Service is announced to routers", () => {
  test.each([1, 3, 16])("is said by every one of %i nodes, as MetalLB does", async (size) => {
    const { speakers, created } = cluster(size);
    for (const events of speakers) events.announced(web, "bgp");
    await settle();
    expect(created).toHaveLength(size);
  });

  test("is said by a few of a thousand, the same ones again after a restart; who answers on the LAN always says so", async () => {
    const { speakers, created } = cluster(1000);
    for (const events of speakers) events.announced(web, "bgp");
    await settle();
    expect(created.length).toBeGreaterThan(4);
    expect(created.length).toBeLessThan(40);
    const again = cluster(1000);
    for (const events of again.speakers) events.announced(web, "bgp");
    await settle();
    expect(again.created.toSorted()).toEqual(created.toSorted());
    for (const events of again.speakers) events.announced(web, "layer2");
    await settle();
    expect(again.created).toHaveLength(created.length + 1000);
  });

  test("is said by a few of a thousand that begin together and do not know of each other yet", async () => {
    const { speakers, created } = cluster(1000, 0);
    for (const events of speakers) events.announced(web, "bgp");
    await settle();
    expect(created.length).toBeGreaterThan(4);
    expect(created.length).toBeLessThan(40);
  });

  test("ten thousand Services at once are said at a pace", async () => {
    const { speakers, created, clock } = cluster(1);
    for (let i = 0; i < 10_000; i++) {
      speakers[0]?.announced({ ...web, metadata: { ...web.metadata, name: `web-${i}`, uid: `u${i}` } }, "bgp");
    }
    await settle(100);
    expect(created).toHaveLength(50);
    for (let second = 0; second < 10; second++) {
      clock.advance(seconds(1));
      await settle(10);
    }
    expect(created.length).toBeLessThanOrEqual(50 + 5 * 10);
    expect(created.length).toBeGreaterThan(50);
  });
});

test("news of the node is written while thousands of refusals wait for room, and soon", async () => {
  const { speakers, created, clock } = cluster(1);
  const [events] = speakers;
  let left = 10_000;
  const fill = (): void => {
    for (let room = events?.room ?? 0; room > 0 && left > 0; room -= 1, left -= 1) {
      const metadata = { ...web.metadata, name: `web-${left}`, uid: `u${left}` };
      events?.ofService({ ...web, metadata }, { type: "Warning", reason: "announceFailed", message: "no endpoint" });
    }
  };
  for (let second = 0; second < 10; second++) {
    fill();
    clock.advance(seconds(1));
    await settle(10);
  }
  expect(left).toBeGreaterThan(0);
  events?.ofNode({ type: "Warning", reason: "Layer2Fenced", message: "the API is away" });
  for (let second = 0; second < 20; second++) {
    fill();
    clock.advance(seconds(1));
    await settle(10);
  }
  expect(created.some((name) => name.startsWith("node-0."))).toBe(true);
});
