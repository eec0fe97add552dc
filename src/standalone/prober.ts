import { pause } from "../kubernetes/backoff.ts";
import { type Micros, micros } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { Gate } from "./gate.ts";
import type { HealthCheck, Probe } from "./health-check.ts";
import { type CheckResult, type HealthState, step } from "./health-state.ts";

/** Asks a service once. It answers within the timeout, and soon when the signal is aborted. */
export type RunProbe = (probe: Probe, timeout: Micros, signal: AbortSignal) => Promise<CheckResult>;

export interface ProberPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly runProbe: RunProbe;
  readonly gate: Gate;
}

/** How much earlier than its interval a check may run: many that began together drift apart, and none comes late. */
const JITTER = 0.1;

/**
 * Runs one check again and again until the signal is aborted, one run at a time: the next begins an interval after the one
 * before began. Tells every new state.
 */
export async function keepProbing(
  ports: ProberPorts,
  check: HealthCheck,
  { from, changed }: { readonly from: HealthState; readonly changed: (state: HealthState) => void },
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, runProbe, gate } = ports;
  let state = from;
  while (!signal.aborted) {
    const begun = clock.now();
    const result = await gate.run(() =>
      signal.aborted ? Promise.resolve(undefined) : runProbe(check.probe, check.timeout, signal),
    );
    if (signal.aborted || result === undefined) return;
    const next = step(state, result, check);
    const isNew = next.health !== state.health || next.against !== state.against || next.reason !== state.reason;
    state = next;
    if (isNew) changed(next);
    const wait = check.interval * (1 - JITTER * random()) - (clock.now() - begun);
    await pause(clock, micros(Math.max(0, wait)), signal);
  }
}
