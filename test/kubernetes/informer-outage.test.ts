import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stripService } from "../../src/api/strip.ts";
import { ServiceCache } from "../../src/controller/service-cache.ts";
import type { Page, WatchEvent, WatchOptions } from "../../src/kubernetes/client.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { Informer, type InformerPorts } from "../../src/kubernetes/informer.ts";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { type Micros, seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const HOUR = 3600;

const service = (name: string, version: number, ip?: string): object => ({
  metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion: `${version}` },
  spec: { type: "LoadBalancer" },
  ...(ip === undefined ? {} : { status: { loadBalancer: { ingress: [{ ip }] } } }),
});

/** A server as an informer sees it: what a list answers, and a watch that can be cut. */
class World {
  items: readonly object[] = [];
  version = 100;
  /** Watches from before this are refused: the server began its life with it. */
  oldest = 0;
  /** Thrown by every request. */
  away: Error | undefined;
  lists = 0;
  requests = 0;
  #cut: (error: Error) => void = () => {};

  readonly client: InformerPorts["client"] = {
    pages: <T>() => this.#pages<T>(),
    watch: (_resource, options) => this.#watch(options),
  };

  cut(error: Error): void {
    this.#cut(error);
  }

  async *#pages<T>(): AsyncGenerator<Page<T>, void> {
    this.requests += 1;
    if (this.away !== undefined) throw this.away;
    this.lists += 1;
    const items: T[] = JSON.parse(JSON.stringify(this.items));
    yield await Promise.resolve({ items, resourceVersion: `${this.version}`, first: true });
  }

  async *#watch({ resourceVersion, opened, signal }: WatchOptions): AsyncGenerator<WatchEvent, void> {
    this.requests += 1;
    if (this.away !== undefined) throw this.away;
    if (Number(resourceVersion) < this.oldest) throw expired();
    opened?.();
    yield { type: "BOOKMARK", object: { metadata: { resourceVersion: `${this.version}` } } };
    await new Promise<void>((resolve, reject) => {
      this.#cut = reject;
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

let clock: VirtualClock;
let world: World;
let stop: AbortController;
let told: string[];

function start() {
  const ports = { client: world.client, clock, random: () => 0.5, log: silentLog };
  const informer = new Informer(ports, { resource: SERVICES, strip: stripService });
  informer.onChange(({ type, key }) => told.push(`${type} ${key}`));
  informer.start(stop.signal);
  return informer;
}

async function pass(time: Micros): Promise<void> {
  for (let left = time / seconds(1); left > 0; left--) {
    await settle();
    clock.advance(seconds(1));
  }
  await settle();
}

const gone = (): Error => new ApiUnreachable("connection refused");
const expired = (): Error => new ApiError({ status: 410, reason: "Expired", message: "too old resource version" });

beforeEach(() => {
  clock = new VirtualClock();
  world = new World();
  stop = new AbortController();
  told = [];
  world.items = [service("a", 1, "192.0.2.1"), service("b", 2, "192.0.2.2")];
});
afterEach(() => stop.abort());

describe("an API that is away", () => {
  test("for six hours costs nothing of the cache, is asked twice a minute, and its return is no change", async () => {
    const informer = start();
    await pass(seconds(5));
    told = [];
    world.away = gone();
    world.cut(gone());
    await pass(seconds(6 * HOUR));
    expect([informer.size, told]).toEqual([2, []]);
    expect(world.requests).toBeLessThan(6 * 60 * 5);
    world.away = undefined;
    await pass(seconds(60));
    expect([informer.size, informer.stats.lastError, told]).toEqual([2, undefined, []]);
  });

  test.each([5, 20, 60, 100])(
    "for %d s and comes back without its history: what changed meanwhile is known six seconds later",
    async (time) => {
      start();
      await pass(seconds(5));
      told = [];
      world.away = gone();
      world.cut(gone());
      await pass(seconds(time));
      world.items = [service("a", 1000, "192.0.2.9"), service("b", 2, "192.0.2.2")];
      world.version = world.oldest = 1000;
      world.away = undefined;
      await pass(seconds(6));
      expect(told).toEqual(["modified default/a"]);
    },
  );

  test.each<[string, () => void]>([
    [
      "with the same objects under a later version",
      () => {
        world.version = 5000;
      },
    ],
    [
      "with an older version, as after a restore",
      () => {
        world.version = 7;
      },
    ],
    [
      "empty for a moment",
      () => {
        const before = world.items;
        world.items = [];
        clock.after(seconds(45), () => {
          world.items = before;
        });
      },
    ],
  ])("and comes back %s: nobody is told of a change", async (_name, comeBack) => {
    start();
    await pass(seconds(5));
    told = [];
    world.away = gone();
    world.cut(gone());
    await pass(seconds(60));
    world.away = undefined;
    comeBack();
    // Its own version is unknown there: only a list helps.
    world.cut(expired());
    const answers = world.lists;
    world.away = expired();
    await pass(seconds(31));
    world.away = undefined;
    await pass(seconds(60));
    expect(world.lists).toBeGreaterThan(answers);
    expect(told).toEqual([]);
  });

  test("and is empty for a moment each time it comes back: moments do not add up", async () => {
    start();
    await pass(seconds(5));
    told = [];
    const before = world.items;
    world.items = [];
    world.cut(expired());
    await pass(seconds(3));
    world.away = gone();
    await pass(seconds(600));
    const { lists } = world;
    world.away = undefined;
    for (let left = 60; left > 0 && world.lists === lists; left--) await pass(seconds(1));
    expect(world.lists).toBe(lists + 1);
    world.items = before;
    await pass(seconds(90));
    expect(told).toEqual([]);
  });

  test("and is empty for good when it comes back: that is believed within a minute and a half", async () => {
    const informer = start();
    await pass(seconds(5));
    told = [];
    world.items = [];
    world.cut(expired());
    await pass(seconds(20));
    expect([informer.size, told]).toEqual([2, []]);
    await pass(seconds(70));
    expect([informer.size, told]).toEqual([0, ["deleted default/a", "deleted default/b"]]);
  });
});

test("what was written last and lost by a restore is looked at again", async () => {
  const informer = start();
  const cache = new ServiceCache(informer);
  const lost: string[] = [];
  informer.onRelist(() => lost.push(...cache.relisted().map(({ metadata }) => metadata.name)));
  await pass(seconds(5));
  const written = stripService(service("a", 900, "192.0.2.9"));
  if (written !== undefined) cache.wrote(written);
  expect(cache.get("default/a")?.metadata.resourceVersion).toBe("900");
  world.version = 50;
  world.cut(expired());
  await pass(seconds(5));
  expect(lost).toEqual(["a"]);
  expect(cache.get("default/a")?.metadata.resourceVersion).toBe("1");
});
