/** What one run of a check came to. */
export type CheckResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** What is held of a check after all of its runs. */
export interface HealthState {
  readonly health: "unknown" | "healthy" | "unhealthy";
  /** How many runs in a row said otherwise. */
  readonly against: number;
  /** Why the last run failed; undefined when it did not. */
  readonly reason: string | undefined;
}

/** How many runs in a row it takes to change one's mind. */
export interface Thresholds {
  readonly rise: number;
  readonly fall: number;
}

/** Before the first run. */
export const UNKNOWN: HealthState = { health: "unknown", against: 0, reason: undefined };

/**
 * Counts one run. The first one decides at once: `rise` and `fall` are there against flapping, not against beginning, and a
 * restart of Herald must not keep a service that works from its routers.
 */
export function step(state: HealthState, result: CheckResult, { rise, fall }: Thresholds): HealthState {
  const seen = result.ok ? "healthy" : "unhealthy";
  const reason = result.ok ? undefined : result.reason;
  if (state.health === seen || state.health === "unknown") return { health: seen, against: 0, reason };
  const against = state.against + 1;
  const enough = against >= (result.ok ? rise : fall);
  return enough ? { health: seen, against: 0, reason } : { ...state, against, reason };
}
