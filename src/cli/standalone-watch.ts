import { speakerHealth } from "../speaker/speaker-health.ts";
import { registerSpeakerMetrics } from "../speaker/speaker-metrics.ts";
import type { ThreadWatch } from "../speaker/thread-watch.ts";
import type { Running } from "../standalone/standalone.ts";
import { systemClock } from "../system/clock.ts";
import { HealthServer } from "../system/health-server.ts";
import type { Log } from "../telemetry/log.ts";
import type { DaemonMetrics } from "./daemon-metrics.ts";
import type { ServedOptions } from "./daemon-options.ts";
import { serveAdmin } from "./speaker-admin.ts";

interface Watching {
  readonly log: Log;
  readonly threads: ThreadWatch;
  readonly metrics: DaemonMetrics;
  readonly signal: AbortSignal;
}

/** Lets people and machines look at a host: the admin socket, /healthz and /readyz, /metrics. @throws PortNotServed, BadTlsFlags */
export async function watchStandalone(
  flags: ServedOptions & { readonly adminSocket?: string },
  { speaker, client, faults }: Pick<Running, "speaker" | "client" | "faults">,
  { log, threads, metrics, signal }: Watching,
): Promise<{ close(): void }> {
  const health = new HealthServer(speakerHealth(speaker, threads));
  if (flags.healthProbePort !== 0) await health.listen(flags.healthProbePort, flags.healthProbeAddress);
  const readings = speaker.readings();
  // A folder that is refused is configuration that is not in force, as an object that is left out is.
  const config = (): ReturnType<typeof readings.config> => {
    const { loaded, stale } = readings.config();
    return { loaded, stale: stale || faults().length > 0 };
  };
  registerSpeakerMetrics(
    metrics.registry,
    { ...readings, config },
    { clock: systemClock, threads: () => threads.readings() },
  );
  await metrics.serve(flags, { client, log, signal });
  const admin = await serveAdmin(flags.adminSocket, speaker, log);
  return {
    close: () => {
      admin.close();
      health.close();
    },
  };
}
