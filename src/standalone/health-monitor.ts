import type { ApiServer } from "../apiserver/server.ts";
import type { WallClock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { attempt } from "./attempt.ts";
import { HEALTH_CHECK_API_VERSION, type HealthCheck } from "./health-check.ts";
import { healthSlice, sliceName } from "./health-slice.ts";
import { type HealthState, UNKNOWN } from "./health-state.ts";
import { keepProbing, type ProberPorts } from "./prober.ts";
import { isReady } from "./readiness.ts";

export interface HealthMonitorPorts extends ProberPorts {
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly store: Pick<ApiServer["store"], "apply" | "patchStatus" | "get" | "delete">;
  /** Something else works here than before. */
  readonly settled?: () => void;
}

interface Watched {
  readonly check: HealthCheck;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  state: HealthState;
}

/** Runs the checks of a folder and keeps one endpoint per checked Service: ready while all of its checks pass. */
export class HealthMonitor {
  readonly #ports: HealthMonitorPorts;
  readonly #nodeName: string;
  readonly #watched = new Map<string, Watched>();
  readonly #ready = new Map<string, boolean>();

  constructor(ports: HealthMonitorPorts, nodeName: string) {
    this.#ports = ports;
    this.#nodeName = nodeName;
  }

  /** The Services that work here, as `namespace/name`. */
  get ready(): readonly string[] {
    return [...this.#ready].flatMap(([service, ready]) => (ready ? [service] : []));
  }

  /** Runs just these from now on. One that was changed begins with what was known of it, so that an edit moves no route. */
  replace(checks: readonly HealthCheck[]): void {
    const wanted = new Map(checks.map((check) => [keyOf(check), check]));
    const services = new Set(checks.map(serviceOf));
    for (const [key, { check, stop }] of this.#watched) {
      services.add(serviceOf(check));
      if (wanted.has(key)) continue;
      stop.abort();
      this.#watched.delete(key);
    }
    for (const [key, check] of wanted) this.#watch(key, check);
    for (const service of services) this.#settle(service);
  }

  /** Ends all runs; endpoints stay as they are. */
  async stop(): Promise<void> {
    const all = [...this.#watched.values()];
    for (const { stop } of all) stop.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  #watch(key: string, check: HealthCheck): void {
    const before = this.#watched.get(key);
    if (before !== undefined && JSON.stringify(before.check) === JSON.stringify(check)) return;
    before?.stop.abort();
    const stop = new AbortController();
    const state: HealthState = { ...(before?.state ?? UNKNOWN), against: 0 };
    const changed = (next: HealthState): void => this.#changed(key, next);
    // Resolves when the signal is aborted, and what it throws is our own bug.
    const ended = keepProbing(this.#ports, check, { from: state, changed }, stop.signal);
    this.#watched.set(key, { check, stop, ended, state });
  }

  #changed(key: string, next: HealthState): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    const { check, state: before } = watched;
    watched.state = next;
    if (next.health === before.health) return;
    const fields = { service: serviceOf(check), check: key, from: before.health, to: next.health, reason: next.reason };
    this.#ports.log.info("health changed", fields);
    this.#settle(serviceOf(check));
    this.#tell(check, next);
  }

  /** Brings the endpoint of a Service in line with its checks. */
  #settle(service: string): void {
    const { store } = this.#ports;
    const states = [...this.#watched.values()].filter(({ check }) => serviceOf(check) === service);
    const before = this.#ready.get(service);
    const [first] = states;
    if (first === undefined) {
      this.#ready.delete(service);
      // It may have gone before, with its namespace or by kubectl.
      if (before !== undefined) attempt(() => store.delete(sliceReference(service)));
      if (before === true) this.#ports.settled?.();
      return;
    }
    const ready = isReady(
      states.map(({ state }) => state),
      before ?? false,
    );
    if (ready === before) return;
    this.#ready.set(service, ready);
    const refusal = attempt(() => store.apply(healthSlice(first.check, this.#nodeName, { ready })));
    if (refusal !== undefined) this.#ports.log.error("endpoint not taken", { service, ...errorFields(refusal) });
    this.#ports.settled?.();
  }

  /** For kubectl get healthchecks. */
  #tell({ namespace, name, service }: HealthCheck, { health, reason = "" }: HealthState): void {
    const { store, wallClock } = this.#ports;
    const reference = { apiVersion: HEALTH_CHECK_API_VERSION, kind: "HealthCheck", namespace, name };
    // Somebody may have deleted it from the API: it is run all the same, because the folder has it.
    if (store.get(reference) === undefined) return;
    store.patchStatus(reference, { service, health, reason, since: wallClock().toISOString() });
  }
}

function sliceReference(service: string): Parameters<ApiServer["store"]["delete"]>[0] {
  const [namespace = "", name = ""] = service.split("/");
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace, name: sliceName(name) };
}

function keyOf({ namespace, name }: HealthCheck): string {
  return `${namespace}/${name}`;
}

function serviceOf({ namespace, service }: HealthCheck): string {
  return `${namespace}/${service}`;
}
