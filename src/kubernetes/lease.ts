import { randomUUID } from "node:crypto";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock, Timer, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { ConfigError } from "../wire/errors.ts";
import type { KubernetesClient } from "./client.ts";
import {
  durationSeconds,
  type Election,
  type ElectionConfig,
  type ElectionEffect,
  type ElectionEvent,
  isLeading,
  type LeaseRecord,
  NOT_ELECTED,
  step,
} from "./election.ts";
import { ApiError, isConflict, isNotFound } from "./errors.ts";
import { LEASES } from "./resource.ts";

/** The durations contradict each other. */
export class InvalidLeaseTiming extends ConfigError {
  readonly code = "ERR_LEASE_TIMING";
}

export interface LeasePorts {
  readonly client: Pick<KubernetesClient, "get" | "create" | "update">;
  /** Should go on while the machine is suspended: `suspendAwareClock`. */
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Where the Lease is and how fast it changes hands: by default within 5 s of a leader's sudden death, with an API that answers within 1.5 s.
 * The duration may be set alone: the other times go with it.
 */
export interface LeaseConfig {
  readonly namespace: string;
  readonly name: string;
  /** Something readable, as the pod's name; a unique part is added. */
  readonly identity: string;
  readonly leaseDuration?: Micros;
  readonly renewDeadline?: Micros;
  readonly retryPeriod?: Micros;
  /** The lease duration unless told otherwise; 0 where there can be only one candidate. */
  readonly vacantWait?: Micros;
}

interface LeaseSpec {
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly leaseTransitions?: number | null;
  readonly acquireTime?: string | null | undefined;
  readonly renewTime?: string | null;
}

interface RawLease {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly spec?: LeaseSpec;
}

/** So many requests in vain, one after the other, and somebody should know: nobody can lead, or soon. */
const FAILURES_TOLD = 10;

const LEASE_KIND = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" } as const;

type WriteEffect = Extract<ElectionEffect, { type: "write" }>;
type ReleaseEffect = Extract<ElectionEffect, { type: "release" }>;

/** One candidate for a `coordination.k8s.io` Lease: performs what `election.ts` decides. */
export class LeaderElection {
  readonly #ports: LeasePorts;
  readonly #config: ElectionConfig;
  readonly #where: { readonly namespace: string; readonly name: string };
  readonly #log: Log;
  readonly #listeners: ((leading: boolean) => void)[] = [];
  readonly #timers = new Map<ElectionEffect["type"], Timer>();
  #election: Election = NOT_ELECTED;
  #lease: RawLease = {};
  #term: AbortController | undefined;
  #resolveStopped: () => void = () => {};
  #wasReleased = false;
  #failures = 0;
  /** Resolves when the Lease was let go, or could not be. */
  readonly stopped: Promise<void>;

  /** @throws {InvalidLeaseTiming} */
  constructor(ports: LeasePorts, config: LeaseConfig) {
    this.#ports = ports;
    this.#config = electionConfig(config);
    this.#where = { namespace: config.namespace, name: config.name };
    this.#log = ports.log.child({ component: "lease", lease: config.name, identity: this.#config.identity });
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  /** Ours, as it stands in the Lease while we lead. */
  get identity(): string {
    return this.#config.identity;
  }

  /** Who holds the Lease, as far as we have seen. */
  get holder(): string | undefined {
    return this.#election.seen?.record?.holder;
  }

  /** Times that it changed hands, as it says itself; undefined before it was seen. */
  get transitions(): number | undefined {
    return this.#election.seen?.record?.transitions;
  }

  /** For how long it has not been seen to change; undefined before it was seen. */
  get unchangedFor(): Micros | undefined {
    const { seen } = this.#election;
    return seen === undefined ? undefined : micros(this.#ports.clock.now() - seen.since);
  }

  /** Ask right before every write, not once before many. */
  isLeader(): boolean {
    return isLeading(this.#election, this.#ports.clock.now());
  }

  /** How long a claim lasts that nobody renews. */
  get duration(): Micros {
    return this.#config.leaseDuration;
  }

  /** The end of our claim on the given clock, while we have one. */
  get mayWriteUntil(): Micros | undefined {
    return this.isLeader() ? this.#election.until : undefined;
  }

  /** Aborted when the present term ends: give it to requests that only a leader may make. Aborted when not leading. */
  get term(): AbortSignal {
    return this.isLeader() && this.#term !== undefined ? this.#term.signal : AbortSignal.abort();
  }

  /**
   * Whether the present term began on a Lease that the last holder let go: otherwise what he sent may still be on its way. Ask when
   * it begins.
   */
  get wasReleased(): boolean {
    return this.#wasReleased;
  }

  /** Told when we begin and when we cease to lead. */
  onChange(listener: (leading: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Competes until the signal is aborted, then as {@link stop}. */
  start(signal: AbortSignal): void {
    if (signal.aborted) return;
    signal.addEventListener("abort", () => void this.stop(), { once: true });
    this.#dispatch({ type: "started", at: this.#ports.clock.now() });
  }

  /** Ceases to lead at once and lets the Lease go. Have no write under way: the next leader may begin in milliseconds. */
  stop(): Promise<void> {
    this.#dispatch({ type: "stopped", at: this.#ports.clock.now() });
    return this.stopped;
  }

  #dispatch(event: ElectionEvent): void {
    if (this.#election.role === "stopped") return;
    if (event.type === "read" || event.type === "written") this.#failures = 0;
    const next = step(this.#config, this.#election, event);
    this.#election = next.election;
    for (const effect of next.effects) this.#perform(effect);
    if (next.election.role !== "stopped") return;
    for (const timer of this.#timers.values()) timer.cancel();
    if (!next.effects.some((effect) => effect.type === "release")) this.#resolveStopped();
  }

  #perform(effect: ElectionEffect): void {
    const { clock, random } = this.#ports;
    switch (effect.type) {
      case "read":
        void this.#read();
        return;
      case "write":
        if (this.#election.role !== "leader") this.#wasReleased = effect.takeOver && effect.released;
        void this.#request((maySend) => this.#put(effect, maySend), effect.resourceVersion !== undefined);
        return;
      case "make-vacant":
        void this.#request((maySend) => this.#create({ ...this.#spec(0), holderIdentity: "" }, maySend));
        return;
      case "release":
        void this.#release(effect);
        return;
      case "arm-retry": {
        const { epoch } = effect;
        const jittered = micros(effect.after * (1 + random() / 10));
        this.#arm(effect.type, jittered, () => this.#dispatch({ type: "retry-due", at: clock.now(), epoch }));
        return;
      }
      case "arm-term-end": {
        const { epoch } = effect;
        this.#arm(effect.type, effect.after, () => this.#dispatch({ type: "term-ended", at: clock.now(), epoch }));
        return;
      }
      case "lead":
        this.#term = new AbortController();
        this.#log.info("leader changed", { to: this.identity });
        this.#tell(true);
        return;
      case "extend":
        return;
      case "follow":
        this.#log.info("leader changed", { from: this.identity, reason: effect.reason });
        this.#term?.abort();
        this.#tell(false);
        return;
    }
  }

  #arm(type: ElectionEffect["type"], after: Micros, fire: () => void): void {
    this.#timers.get(type)?.cancel();
    this.#timers.set(type, this.#ports.clock.after(after, fire));
  }

  #tell(leading: boolean): void {
    for (const listener of this.#listeners) listener(leading);
  }

  /** Two tries must fit into a term. */
  get #timeout(): Micros {
    return micros(this.#config.renewDeadline / 2);
  }

  async #read(): Promise<void> {
    const { client, clock } = this.#ports;
    try {
      const { namespace, name } = this.#where;
      const lease = await client.get<RawLease>(LEASES, name, { namespace, timeout: this.#timeout });
      this.#lease = lease;
      this.#dispatch({ type: "read", at: clock.now(), record: this.#record(lease) });
    } catch (error) {
      if (isNotFound(error)) this.#dispatch({ type: "read", at: clock.now(), record: undefined });
      else this.#failed(error);
    }
  }

  async #request(send: (maySend: () => boolean) => Promise<RawLease>, mayBeDeleted = false): Promise<void> {
    const { clock } = this.#ports;
    const sentAt = clock.now();
    try {
      // After a sleep of the process it would grant nothing any more, and speak for a term that is over.
      const lease = await send(() => clock.now() < sentAt + this.#config.renewDeadline);
      this.#lease = lease;
      this.#dispatch({ type: "written", at: clock.now(), sentAt, record: this.#record(lease) });
    } catch (error) {
      const refused = isConflict(error) || (mayBeDeleted && isNotFound(error));
      if (refused) this.#dispatch({ type: "refused", at: clock.now() });
      else this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    // Anything but a refusal or silence is our own bug and must be seen; to try again is right for both.
    this.#failures += 1;
    const isOurs = error instanceof ApiError && error.status < 500;
    const level = isOurs || this.#failures === FAILURES_TOLD ? "warn" : "debug";
    const limit = this.#timeout / millis(1);
    this.#log[level]("lease request failed", { ...errorFields(error), failures: this.#failures, "limit.ms": limit });
    this.#dispatch({ type: "failed", at: this.#ports.clock.now() });
  }

  #put(effect: WriteEffect, maySend: () => boolean): Promise<RawLease> {
    const spec = this.#spec(effect.transitions);
    const acquireTime = effect.takeOver ? spec.acquireTime : (this.#lease.spec?.acquireTime ?? spec.acquireTime);
    if (effect.resourceVersion === undefined) return this.#create({ ...spec, acquireTime }, maySend);
    return this.#update(effect.resourceVersion, { ...this.#lease.spec, ...spec, acquireTime }, maySend);
  }

  async #release(effect: ReleaseEffect): Promise<void> {
    try {
      // What client-go writes when it lets go: nobody, for one second.
      const spec = { ...this.#spec(effect.transitions), holderIdentity: "", leaseDurationSeconds: 1 };
      await this.#update(effect.resourceVersion, spec);
    } catch (error) {
      this.#log.debug("lease could not be released", errorFields(error));
    }
    this.#resolveStopped();
  }

  #spec(transitions: number): LeaseSpec {
    const now = microTime(this.#ports.wallClock());
    return {
      holderIdentity: this.identity,
      leaseDurationSeconds: durationSeconds(this.#config),
      leaseTransitions: transitions,
      acquireTime: now,
      renewTime: now,
    };
  }

  #create(spec: LeaseSpec, maySend: () => boolean): Promise<RawLease> {
    const { namespace } = this.#where;
    const body = { ...LEASE_KIND, metadata: this.#where, spec };
    return this.#ports.client.create(LEASES, body, { namespace, timeout: this.#timeout, maySend });
  }

  /** Keeps what others have put into the Lease: labels, owners, unknown fields. */
  #update(resourceVersion: string, spec: LeaseSpec, maySend?: () => boolean): Promise<RawLease> {
    const { namespace, name } = this.#where;
    const body = { ...LEASE_KIND, metadata: { ...this.#lease.metadata, ...this.#where, resourceVersion }, spec };
    return this.#ports.client.update(LEASES, name, body, { namespace, timeout: this.#timeout, maySend });
  }

  #record(lease: RawLease): LeaseRecord {
    const { spec, metadata } = lease;
    const holder = spec?.holderIdentity ?? "";
    const said = spec?.leaseDurationSeconds;
    return {
      resourceVersion: metadata?.resourceVersion ?? "",
      holder,
      duration: typeof said === "number" && said > 0 ? seconds(said) : this.#config.leaseDuration,
      transitions: spec?.leaseTransitions ?? 0,
      released: holder === "" && said === 1,
    };
  }
}

function electionConfig(config: LeaseConfig): ElectionConfig {
  const leaseDuration = config.leaseDuration ?? seconds(4);
  const renewDeadline = config.renewDeadline ?? micros((leaseDuration * 3) / 4);
  const retryPeriod = config.retryPeriod ?? micros(leaseDuration / 8);
  if (!(leaseDuration > renewDeadline && renewDeadline >= 2 * retryPeriod && retryPeriod > 0)) {
    throw new InvalidLeaseTiming(
      `lease durations: ${leaseDuration / seconds(1)} s (lease) must exceed ${renewDeadline / seconds(1)} s (renew deadline), ` +
        `which must hold two retry periods of ${retryPeriod / seconds(1)} s`,
    );
  }
  return {
    identity: `${config.identity}_${randomUUID()}`,
    leaseDuration,
    renewDeadline,
    retryPeriod,
    vacantWait: config.vacantWait ?? leaseDuration,
  };
}

/** RFC 3339 with six digits, as `MicroTime` wants it. For people: no decision reads it. */
function microTime(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}
