import { setMaxListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Service } from "../../src/api/core.ts";
import { Controller } from "../../src/controller/controller.ts";
import { exposedServices, inTurns } from "../../src/controller/reload.ts";
import { KubernetesClient, type Page, type WatchEvent, type WatchOptions } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import type { Resource } from "../../src/kubernetes/resource.ts";
import { micros, millis } from "../../src/net/micros.ts";
import type { Clock } from "../../src/system/clock.ts";
import { TurnGuard } from "../../src/system/turn-guard.ts";
import { pool, poolMap, service } from "../allocation/fixtures.ts";
import { BusyClock } from "../support/busy-clock.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const POOLS = poolMap(pool("main", ["198.18.0.0/29"]));

/** What `work` comes to, and the turns it took. */
async function runTurns<T>(clock: BusyClock, work: Promise<T>): Promise<{ readonly value: T; readonly turns: number }> {
  let over = false;
  void work.finally(() => {
    over = true;
  });
  let turns = 1;
  for (await settle(); !over; await settle()) {
    clock.turn();
    turns += 1;
  }
  return { value: await work, turns };
}

describe("the long work at the beginning of a term", () => {
  test("is done a few milliseconds at a time, in order, and ends with the term", async () => {
    const clock = new BusyClock(millis(1));
    const stop = new AbortController();
    const done: number[] = [];
    const act = (n: number): void => {
      done.push(n);
      if (n === 30) stop.abort();
    };
    const numbers = Array.from({ length: 100 }, (_, i) => i);
    const { turns } = await runTurns(
      clock,
      inTurns(numbers, act, { guard: new TurnGuard(clock), signal: stop.signal }),
    );
    expect(done).toEqual(numbers.slice(0, 31));
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  test("finds the same Services exposed to late writes, in however many turns", async () => {
    const address = fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(fc.array(address, { maxLength: 30 }), async (addresses) => {
        const services = addresses.map((n, i) => service(`s${i}`, n === undefined ? {} : { has: [`198.18.0.${n}`] }));
        const find = (clock: Clock): Promise<readonly Service[]> => {
          const pace = { guard: new TurnGuard(clock), signal: new AbortController().signal, at: micros(0) };
          return exposedServices(services, { pools: POOLS, namespaces: new Map(), loadBalancerClass: "" }, pace);
        };
        const busy = new BusyClock(millis(3));
        const { value } = await runTurns(busy, find(busy));
        expect(value).toEqual(await find(new VirtualClock()));
      }),
      { numRuns: 40 },
    );
  });
});

/** A cluster that answers at once, and in which nothing is written: who is patched is remembered. */
class QuietCluster extends KubernetesClient {
  readonly patched = new Map<string, string>();
  readonly #objects: Readonly<Record<string, readonly object[]>>;
  readonly #told = new Map<string, (event: WatchEvent) => void>();

  constructor(objects: Readonly<Record<string, readonly object[]>>) {
    super({ log: silentLog }, anonymousConfig("http://127.0.0.1:1"));
    this.#objects = objects;
  }

  tell(plural: string, event: WatchEvent): void {
    this.#told.get(plural)?.(event);
  }

  override async *pages<T>({ plural }: Resource): AsyncGenerator<Page<T>, void> {
    yield { items: [...(this.#objects[plural] ?? [])] as T[], resourceVersion: "1", first: true };
  }

  override async *watch({ plural }: Resource, { signal }: WatchOptions): AsyncGenerator<WatchEvent, void> {
    const ended = new Promise<undefined>((resolve) => {
      if (signal?.aborted === true) resolve(undefined);
      signal?.addEventListener("abort", () => resolve(undefined));
    });
    for (;;) {
      const told = new Promise<WatchEvent>((resolve) => this.#told.set(plural, resolve));
      const event = await Promise.race([told, ended]);
      if (event === undefined) return;
      yield event;
    }
  }

  override list<T>(): Promise<{ items: T[]; resourceVersion: string }> {
    return Promise.resolve({ items: [], resourceVersion: "1" });
  }

  override create<T>(_resource: Resource, body: unknown): Promise<T> {
    return Promise.resolve(body as T);
  }

  override patch<T>({ plural }: Resource, name: string, body: unknown): Promise<T> {
    if (plural === "services") {
      const { status } = body as { status?: { loadBalancer?: { ingress?: { ip: string }[] } } };
      this.patched.set(name, (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(" "));
    }
    return Promise.resolve({ ...(body as object), metadata: { name, resourceVersion: "9" } } as T);
  }
}

describe("a term that begins with many Services", () => {
  const withUid = (one: Service): Service => ({
    ...one,
    metadata: { ...one.metadata, uid: one.metadata.name, resourceVersion: "1" },
  });
  const poolOf = (range: string, resourceVersion: string) => ({
    apiVersion: "metallb.io/v1beta1",
    kind: "IPAddressPool",
    metadata: { name: "main", namespace: "system", resourceVersion },
    spec: { addresses: [range] },
  });
  const FROM_MAIN = { annotations: { "metallb.io/ip-allocated-from-pool": "main" } };
  const held = Array.from({ length: 30 }, (_, i) =>
    withUid(service(`s${i}`, { ...FROM_MAIN, created: "2026-01-02T00:00:00Z", has: [`198.18.0.${i}`] })),
  );
  /** The first to be decided: it has an address of no pool, and gets another. */
  const lost = withUid(service("lost", { created: "2026-01-01T00:00:00Z", has: ["203.0.113.1"] }));

  /** Takes the lead; `meanwhile` is called while addresses are claimed. */
  async function lead(meanwhile: (cluster: QuietCluster, stop: AbortController) => void): Promise<QuietCluster> {
    const clock = new BusyClock(millis(1));
    const cluster = new QuietCluster({ services: [lost, ...held], ipaddresspools: [poolOf("198.18.0.0/24", "1")] });
    const ports = { clock, client: cluster, wallClock: () => new Date(0), random: () => 0.5, log: silentLog };
    const controller = new Controller(ports, { namespace: "system", loadBalancerClass: "" });
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const turn = async (): Promise<void> => {
      clock.turn();
      await settle();
    };
    controller.start(stop.signal);
    const leading = controller.lead(stop.signal);
    for (let i = 0; controller.readings().terms() === 0 && i < 100; i++) await turn();
    expect(controller.readings().backlog()).toBe(31);
    expect(cluster.patched).toEqual(new Map());
    meanwhile(cluster, stop);
    for (let i = 0; i < 60; i++) await turn();
    stop.abort();
    for (let i = 0; i < 10; i++) await turn();
    await leading;
    return cluster;
  }

  test("gives nobody an address that a Service has, and has not claimed yet", async () => {
    const { patched } = await lead(() => {});
    expect(patched).toEqual(new Map([["lost", "198.18.0.30"]]));
  });

  test("also when that Service comes in meanwhile", async () => {
    const guest = withUid(service("guest", { ...FROM_MAIN, has: ["198.18.0.30"] }));
    const { patched } = await lead((cluster) => cluster.tell("services", { type: "ADDED", object: guest }));
    expect(patched).toEqual(new Map([["lost", "198.18.0.31"]]));
  });

  test("takes pools that change meanwhile when it is through", async () => {
    const { patched } = await lead((cluster) =>
      cluster.tell("ipaddresspools", { type: "MODIFIED", object: poolOf("198.19.0.0/24", "2") }),
    );
    expect([...patched.keys()].toSorted()).toEqual([...held, lost].map(({ metadata }) => metadata.name).toSorted());
    expect(new Set(patched.values()).size).toBe(31);
    expect([...patched.values()].every((ip) => ip.startsWith("198.19.0."))).toBe(true);
  });

  test("hands out nothing when it ends meanwhile", async () => {
    const { patched } = await lead((_cluster, stop) => stop.abort());
    expect(patched).toEqual(new Map());
  });
});
