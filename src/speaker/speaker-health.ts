import type { HealthCheck } from "../system/health.ts";
import type { Speaker } from "./speaker.ts";
import type { ThreadWatch } from "./thread-watch.ts";

/** What makes a speaker fit to live, and what makes it fit to announce. */
export function speakerHealth(
  speaker: Pick<Speaker, "unsynced" | "unready">,
  threads: Pick<ThreadWatch, "readings">,
): { readonly healthz: readonly HealthCheck[]; readonly readyz: readonly HealthCheck[] } {
  const threadsMove: HealthCheck = { name: "threads", trouble: () => troubleOf(threads) };
  const synced: HealthCheck = { name: "informers", trouble: () => waitingFor(speaker.unsynced()) };
  const announcers: HealthCheck = { name: "announcers", trouble: () => said(speaker.unready()) };
  // Never that the API is away, nor that a router is: to start anew would lose what is still announced.
  return { healthz: [threadsMove], readyz: [synced, announcers, threadsMove] };
}

function troubleOf(threads: Pick<ThreadWatch, "readings">): string | undefined {
  return said(threads.readings().flatMap(({ name, trouble }) => (trouble === undefined ? [] : [`${name} ${trouble}`])));
}

function waitingFor(missing: readonly string[]): string | undefined {
  return missing.length === 0 ? undefined : `waiting for ${missing.join(", ")}`;
}

function said(reasons: readonly string[]): string | undefined {
  return reasons.length === 0 ? undefined : reasons.join("; ");
}
