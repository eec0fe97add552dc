import { hostname } from "node:os";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { MetricsAccess } from "../kubernetes/metrics-access.ts";
import { issueServerCertificate, makeAuthority } from "../system/certificates.ts";
import { type Clock, systemClock, systemWallClock } from "../system/clock.ts";
import { EVENT_LOOP_RESOLUTION, eventLoopDelays } from "../system/event-loop.ts";
import { ApiMetrics, type ObserveCall, registerApiSilence } from "../telemetry/api-metrics.ts";
import { EventLoopDelay } from "../telemetry/event-loop-delay.ts";
import type { Log } from "../telemetry/log.ts";
import { MetricsServer, type SecureMetrics } from "../telemetry/metrics-server.ts";
import { PromMetrics } from "../telemetry/prom-metrics.ts";
import { registerProcessMetrics } from "../telemetry/shared-metrics.ts";
import { followCertificateFiles } from "../webhook/certificate-files.ts";
import type { ServedOptions } from "./daemon-options.ts";
import { tlsOptionsOf } from "./tls-options.ts";
import { version } from "./version.ts";

/** What the server of metrics needs of the daemon. */
export interface MetricsHost {
  readonly client: KubernetesClient;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Nobody can check a certificate that the process signs itself: it need not be renewed while it lives. */
const SELF_SIGNED_DAYS = 3650;

/** The metrics of a daemon: there from its beginning, because what they count begins then. */
export class DaemonMetrics {
  readonly registry = new PromMetrics();
  readonly #clock: Clock = systemClock;
  readonly #eventLoop: EventLoopDelay;
  #server: MetricsServer | undefined;

  constructor() {
    const histogram = eventLoopDelays();
    this.#eventLoop = new EventLoopDelay({ clock: this.#clock, histogram }, EVENT_LOOP_RESOLUTION);
    registerProcessMetrics(this.registry, { version: version(), node: process.version, eventLoop: this.#eventLoop });
  }

  /** Counts the requests of a client to the API at this host. */
  observeApi(host: string): ObserveCall {
    return new ApiMetrics({ metrics: this.registry, clock: this.#clock }, host).observe;
  }

  /** Serves what was registered, where the flags want it, until it is closed. @throws PortNotServed, BadTlsFlags */
  async serve(flags: ServedOptions, host: MetricsHost): Promise<void> {
    const { client } = host;
    registerApiSilence(this.registry, () => client.silence());
    if (flags.port === 0) return;
    const secure = flags.secureMetrics ? this.#secure(flags, host) : undefined;
    const server = new MetricsServer({ metrics: this.registry, log: host.log, secure });
    this.#server = server;
    if (secure !== undefined) await certify(server, flags, host);
    await server.listen(flags.port, flags.metricsAddress);
  }

  close(): void {
    this.#eventLoop.close();
    this.#server?.close();
  }

  #secure(flags: ServedOptions, { client, log }: MetricsHost): SecureMetrics {
    const access = new MetricsAccess({ client, clock: this.#clock, log: log.child({ component: "metrics" }) });
    return { tls: tlsOptionsOf(flags), access: (token) => access.verdict(token) };
  }
}

/** Brings the server its certificate: one of its own until there are files, if there are to be any. */
async function certify(server: MetricsServer, flags: ServedOptions, { log, signal }: MetricsHost): Promise<void> {
  server.use(await selfSigned());
  const { metricsCertDir: folder } = flags;
  if (folder === undefined || folder === "") return;
  const ports = { clock: systemClock, log: log.child({ component: "metrics" }) };
  // Resolves when the signal is aborted, and never rejects.
  void followCertificateFiles(ports, folder, (pair) => server.use(pair), signal);
}

async function selfSigned(): Promise<{ readonly certificate: string; readonly key: string }> {
  const now = systemWallClock();
  const authority = await makeAuthority({ now, name: "herald-metrics", days: SELF_SIGNED_DAYS });
  return issueServerCertificate({ authority, dnsNames: [hostname(), "localhost"], now, days: SELF_SIGNED_DAYS });
}
