import { describe, expect, test } from "vitest";
import type { KubernetesClient, RequestOptions } from "../../src/kubernetes/client.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { InvalidLeaseTiming, LeaderElection, type LeaseConfig } from "../../src/kubernetes/lease.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import type { Clock } from "../../src/system/clock.ts";
import { HostClock } from "../support/host-clock.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface StoredLease {
  readonly metadata: { readonly resourceVersion: string; readonly labels?: object };
  readonly spec: { readonly holderIdentity: string; readonly leaseDurationSeconds: number; readonly renewTime: string };
}

const refusal = (status: number): ApiError => new ApiError({ status, reason: "", message: "" });

type LeaseClient = Pick<KubernetesClient, "get" | "create" | "update">;

/** One Lease behind the three calls that an election makes. */
class LeaseStore {
  lease: StoredLease | undefined;
  /** Milliseconds from a request to its answer. */
  latency = 0;
  #version = 0;

  /** The way of one host to the store. */
  client(isUp: () => boolean, clock?: Clock): LeaseClient {
    const answer = async <T>(act: () => StoredLease, { timeout }: RequestOptions = {}): Promise<T> => {
      await Promise.resolve();
      const limit = Math.min(millis(this.latency), timeout ?? Number.POSITIVE_INFINITY);
      if (limit > 0) await new Promise<void>((resolve) => clock?.after(micros(limit), resolve));
      if (!isUp() || limit < millis(this.latency)) throw new ApiUnreachable("down");
      return act() as T;
    };
    return {
      get: (_, __, options): Promise<never> => answer(() => this.#found(), options),
      create: (_, body, options): Promise<never> =>
        answer(() => {
          if (this.lease !== undefined) throw refusal(409);
          return this.put(body);
        }, options),
      update: (_, __, body, options): Promise<never> =>
        answer(() => {
          const version = (body as StoredLease).metadata.resourceVersion;
          if (this.#found().metadata.resourceVersion !== version) throw refusal(409);
          return this.put(body);
        }, options),
    };
  }

  put(body: unknown): StoredLease {
    this.#version += 1;
    const lease = body as StoredLease;
    this.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.#version) } };
    return this.lease;
  }

  #found(): StoredLease {
    if (this.lease === undefined) throw refusal(404);
    return this.lease;
  }
}

const config: LeaseConfig = { namespace: "metallb-system", name: "herald-controller", identity: "pod" };

interface Candidate {
  readonly election: LeaderElection;
  readonly stop: AbortController;
  readonly clock: HostClock;
  readonly network: { up: boolean };
}

interface Circumstances {
  readonly offset?: Micros;
  readonly wallClock?: () => Date;
  readonly config?: Partial<LeaseConfig>;
}

const ALONE = { vacantWait: millis(0) };

class Sim {
  readonly clock = new VirtualClock();
  readonly store = new LeaseStore();
  readonly changes: string[] = [];

  candidate(
    name: string,
    { offset = millis(0), wallClock = () => new Date(0), config: extra }: Circumstances = {},
  ): Candidate {
    const network = { up: true };
    const clock = new HostClock(this.clock, offset);
    const client = this.store.client(() => network.up);
    const ports = { client, clock, wallClock, random: () => 0, log: silentLog };
    const election = new LeaderElection(ports, { ...config, ...extra, identity: name });
    election.onChange((leading) => this.changes.push(`${name} ${leading ? "leads" : "follows"}`));
    const stop = new AbortController();
    election.start(stop.signal);
    return { election, stop, clock, network };
  }

  async pass(ms: number, watch: () => void = () => {}): Promise<void> {
    await settle(2);
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(millis(10));
      await settle(2);
      watch();
    }
  }
}

describe("LeaderElection", () => {
  test("the first start waits out a leader that nobody can see, then leads and renews", async () => {
    const sim = new Sim();
    const { election } = sim.candidate("a");
    await sim.pass(3990);
    expect(election.isLeader()).toBe(false);
    expect(election.term.aborted).toBe(true);
    await sim.pass(100);
    expect(election.isLeader()).toBe(true);
    await sim.pass(5000);
    expect(election.isLeader()).toBe(true);
    expect(election.holder).toBe(election.identity);
    expect(sim.store.lease?.spec).toMatchObject({
      holderIdentity: election.identity,
      leaseDurationSeconds: 4,
      renewTime: "1970-01-01T00:00:00.000000Z",
    });
  });

  test("where there can be only one, nobody waits", async () => {
    const sim = new Sim();
    const { election } = sim.candidate("a", { config: ALONE });
    await sim.pass(10);
    expect(election.isLeader()).toBe(true);
  });

  test("a clean stop hands over within a poll, and the term's signal is aborted", async () => {
    const sim = new Sim();
    const a = sim.candidate("a", { config: ALONE });
    await sim.pass(100);
    const b = sim.candidate("b", { offset: seconds(1000) });
    await sim.pass(1000);
    const term = a.election.term;
    expect([a.election.isLeader(), b.election.isLeader(), term.aborted]).toEqual([true, false, false]);
    a.stop.abort();
    expect([a.election.isLeader(), term.aborted]).toEqual([false, true]);
    await a.election.stopped;
    await sim.pass(600);
    expect(b.election.isLeader()).toBe(true);
    expect(sim.changes).toEqual(["a leads", "a follows", "b leads"]);
  });

  test("a leader cut off from the API ceases before its rival begins, whatever the wall clocks say", async () => {
    const sim = new Sim();
    let day = 0;
    const jumping = (): Date => {
      day = (day + 7) % 5000;
      return new Date(day * 86_400_000);
    };
    const a = sim.candidate("a", { offset: seconds(5), wallClock: jumping, config: ALONE });
    await sim.pass(100);
    const b = sim.candidate("b", { offset: seconds(7777), wallClock: () => new Date(4e12) });
    const never = (): void => expect(a.election.isLeader() && b.election.isLeader()).toBe(false);
    await sim.pass(1000, never);
    expect(a.election.isLeader()).toBe(true);
    a.network.up = false;
    await sim.pass(5000, never);
    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([false, true]);
    a.network.up = true;
    await sim.pass(3000, never);
    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([false, true]);
    expect(sim.changes).toEqual(["a leads", "a follows", "b leads"]);
  });

  test("a paused leader knows that its term is over before any of its timers says so", async () => {
    const sim = new Sim();
    const a = sim.candidate("a", { config: ALONE });
    await sim.pass(100);
    const b = sim.candidate("b");
    await sim.pass(1000);
    a.clock.pause();
    await sim.pass(6000, () => expect(a.election.isLeader() && b.election.isLeader()).toBe(false));
    expect(b.election.isLeader()).toBe(true);
    expect(sim.changes).toEqual(["a leads", "b leads"]);
    expect(a.election.mayWriteUntil).toBeUndefined();
    expect(a.election.term.aborted).toBe(true);
    a.clock.resume();
    await sim.pass(2000);
    expect([a.election.isLeader(), b.election.isLeader()]).toEqual([false, true]);
    expect(sim.changes).toEqual(["a leads", "b leads", "a follows"]);
  });

  test("keeps the labels that others gave the Lease", async () => {
    const sim = new Sim();
    const { election } = sim.candidate("a", { config: ALONE });
    await sim.pass(100);
    const { lease } = sim.store;
    if (lease !== undefined) sim.store.put({ ...lease, metadata: { ...lease.metadata, labels: { team: "x" } } });
    await sim.pass(2000);
    expect(election.isLeader()).toBe(true);
    expect(sim.store.lease?.metadata.labels).toEqual({ team: "x" });
  });

  test("a Lease full of garbage is a Lease that nobody has let go", async () => {
    const sim = new Sim();
    sim.store.put({ metadata: {}, spec: { holderIdentity: null, leaseDurationSeconds: -5, leaseTransitions: null } });
    const { election } = sim.candidate("a");
    await sim.pass(3900);
    expect(election.isLeader()).toBe(false);
    await sim.pass(300);
    expect(election.isLeader()).toBe(true);
  });

  test.each<[number, LeaseConfig["leaseDuration"], boolean]>([
    [1400, undefined, true],
    [1600, undefined, false],
    [1600, seconds(8), true],
    [5000, seconds(15), true],
    [9000, seconds(15), false],
    [9000, seconds(30), true],
  ])(
    "an API that takes %i ms for each request, with a duration of %s: a leader %s",
    async (latency, leaseDuration, leads) => {
      const sim = new Sim();
      sim.store.latency = latency;
      const warnings: unknown[] = [];
      const log = {
        ...silentLog,
        child: () => log,
        warn: (_message: string, fields: unknown) => warnings.push(fields),
      };
      const client = sim.store.client(() => true, sim.clock);
      const ports = { client, clock: sim.clock, wallClock: () => new Date(0), random: () => 0, log };
      const timing = leaseDuration === undefined ? {} : { leaseDuration };
      const election = new LeaderElection(ports, { ...config, ...timing });
      election.onChange((leading) => sim.changes.push(leading ? "leads" : "follows"));
      const stop = new AbortController();
      election.start(stop.signal);
      await sim.pass(120_000);
      expect(sim.changes).toEqual(leads ? ["leads"] : []);
      expect(warnings).toHaveLength(leads ? 0 : 1);
      stop.abort();
    },
  );

  test("stop() before anything was asked resolves", async () => {
    const sim = new Sim();
    const ports = {
      client: sim.store.client(() => true),
      clock: sim.clock,
      wallClock: () => new Date(0),
      random: () => 0,
      log: silentLog,
    };
    await new LeaderElection(ports, config).stop();
    expect(sim.store.lease).toBeUndefined();
  });

  test.each<[string, Partial<LeaseConfig>]>([
    ["a deadline as long as the lease", { leaseDuration: seconds(4), renewDeadline: seconds(4) }],
    ["a retry that does not fit twice into the deadline", { retryPeriod: seconds(2) }],
    ["no retry period", { retryPeriod: millis(0) }],
  ])("refuses %s", (_, timing) => {
    const sim = new Sim();
    const ports = {
      client: sim.store.client(() => true),
      clock: sim.clock,
      wallClock: () => new Date(0),
      random: () => 0,
      log: silentLog,
    };
    expect(() => new LeaderElection(ports, { ...config, ...timing })).toThrow(InvalidLeaseTiming);
  });
});
