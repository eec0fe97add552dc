import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../src/api/object.ts";
import type { Page, WatchEvent } from "../../src/kubernetes/client.ts";
import { Informer } from "../../src/kubernetes/informer.ts";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { millis } from "../../src/net/micros.ts";
import { TurnGuard } from "../../src/system/turn-guard.ts";
import { BusyClock } from "../support/busy-clock.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

describe("TurnGuard", () => {
  test("a turn is over after 8 ms of work, and the next one begins with the next turn of the event loop", async () => {
    const clock = new BusyClock(millis(3));
    const guard = new TurnGuard(clock);
    const asked = (): boolean => guard.over !== undefined;
    expect([asked(), asked(), asked(), asked(), asked()]).toEqual([false, false, false, true, true]);
    const next = guard.over;
    clock.turn();
    await next;
    expect([asked(), asked(), asked(), asked()]).toEqual([false, false, false, true]);
  });

  test("one object after the other with turns in between never waits", () => {
    const clock = new VirtualClock();
    const guard = new TurnGuard(clock);
    for (let i = 0; i < 20; i++) {
      expect(guard.over).toBeUndefined();
      clock.advance(millis(50));
    }
  });
});

const names = Array.from({ length: 30 }, (_, i) => `s${i}`);
const object = (name: string, version: string) => ({
  metadata: { name, namespace: "default", resourceVersion: version },
});

test("lists and watches that bring much at once are taken in turn by turn, in order and without a loss", async () => {
  const clock = new BusyClock(millis(1));
  const client = {
    async *pages<T>(): AsyncGenerator<Page<T>, void> {
      yield { items: names.map((name) => object(name, "1")) as T[], resourceVersion: "1", first: true };
    },
    async *watch(): AsyncGenerator<WatchEvent, void> {
      for (const name of names) yield { type: "MODIFIED", object: { ...object(name, "2"), spec: {} } };
      await new Promise(() => {});
    },
  };
  const seen: string[] = [];
  const stop = new AbortController();
  const strip = (raw: unknown): KubernetesObject => raw as KubernetesObject;
  const informer = new Informer<KubernetesObject>(
    { client, clock, random: () => 0.5, log: silentLog },
    { resource: SERVICES, strip },
  );
  informer.onChange(({ type, object: { metadata } }) => seen.push(`${type} ${metadata.name}`));
  informer.start(stop.signal);
  const lengths: number[] = [];
  do {
    const before = seen.length;
    await settle();
    lengths.push(seen.length - before);
  } while (clock.turn());
  stop.abort();
  expect(seen).toEqual([...names.map((name) => `added ${name}`), ...names.map((name) => `modified ${name}`)]);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(9);
  expect(informer.isSynced).toBe(true);
});
