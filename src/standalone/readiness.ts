import type { HealthState } from "./health-state.ts";

/**
 * Whether a Service works here: when all of its checks pass. One that has not run yet has no say, so that a check that is added
 * to a service that works takes nothing away.
 */
export function isReady(states: readonly Pick<HealthState, "health">[], before: boolean): boolean {
  if (states.length === 0 || states.some(({ health }) => health === "unhealthy")) return false;
  return states.every(({ health }) => health === "healthy") || before;
}
