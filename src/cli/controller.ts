import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { Controller } from "../controller/controller.ts";
import { controllerHealth } from "../controller/controller-health.ts";
import { controllerStopwatch, registerControllerMetrics } from "../controller/controller-metrics.ts";
import { ensureGossipSecret } from "../controller/gossip-secret.ts";
import { leadByLease } from "../controller/leadership.ts";
import type { ControllerPorts } from "../controller/ports.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { ConfigSource } from "../kubernetes/config-source.ts";
import { clientConfigFromKubeconfig } from "../kubernetes/kubeconfig.ts";
import { LeaderElection } from "../kubernetes/lease.ts";
import { micros, seconds } from "../net/micros.ts";
import { systemClock, systemWallClock } from "../system/clock.ts";
import { HealthServer } from "../system/health-server.ts";
import { systemRandom } from "../system/random.ts";
import { suspendAwareClock } from "../system/suspend-aware-clock.ts";
import { pinoLog } from "../telemetry/pino-log.ts";
import { registerSharedMetrics } from "../telemetry/shared-metrics.ts";
import { reviewMetrics } from "../webhook/review-metrics.ts";
import { Webhook, type WebhookPorts } from "../webhook/webhook.ts";
import { DaemonMetrics } from "./daemon-metrics.ts";
import { addDaemonOptions, type DaemonOptions, parseSeconds, resolveNamespace, unusedFlags } from "./daemon-options.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { tlsOptionsOf } from "./tls-options.ts";
import {
  addWebhookOptions,
  UNUSED_WEBHOOK_FLAGS,
  WEBHOOK_EXAMPLES,
  type WebhookFlags,
  webhookOptions,
} from "./webhook-options.ts";

interface ControllerFlags extends DaemonOptions, WebhookFlags {
  readonly leaseName: string;
  readonly leaseDuration: number;
  readonly singleReplica: boolean;
  readonly goneNodeGrace: number;
  readonly mlSecretName: string;
  readonly deployment?: string;
}

const IGNORED = UNUSED_WEBHOOK_FLAGS;

const EXAMPLES = `
Examples:
  herald controller                                            in a pod, with its service account
  herald controller --kubeconfig ~/.kube/config --namespace metallb-system
  herald controller --lb-class herald.io/lb                    beside another implementation

Two controllers may run: they elect a leader by a Lease.
${WEBHOOK_EXAMPLES}`;

/** Adds `herald controller`. */
export function registerController(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("controller")
    .summary("hand out addresses to Services (one or two per cluster)")
    .description("Hands out addresses from IPAddressPools to Services of type LoadBalancer.");
  addDaemonOptions(command, "0.0.0.0", IGNORED);
  addWebhookOptions(command)
    .addOption(new Option("--lease-name <name>", "Lease that the leader holds").default("herald-controller"))
    .addOption(
      new Option(
        "--lease-duration <seconds>",
        "until the other takes over from a leader that is gone; the API must answer in three eighths of it",
      )
        .argParser(parseLeaseDuration)
        .default(4),
    )
    .addOption(
      new Option("--ml-secret-name <name>", "make this Secret for the speakers' gossip, unless it is there")
        .env("METALLB_ML_SECRET_NAME")
        .default("", "none"),
    )
    .addOption(new Option("--deployment <name>", "Deployment that owns that Secret").env("METALLB_DEPLOYMENT"))
    .option("--single-replica", "do not wait for a Lease that nobody holds yet: there is no second controller", false)
    .option(
      "--gone-node-grace <seconds>",
      "how long a Node may be away before the statuses that its speaker wrote are deleted",
      parseSeconds,
      300,
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ControllerFlags) => {
      const run = flags.webhookMode === "onlywebhook" ? runWebhookOnly : runController;
      await run(flags, ports, unusedFlags(command, IGNORED));
      done(0);
    });
}

async function runController(flags: ControllerFlags, ports: CliPorts, unused: readonly string[]): Promise<void> {
  const { namespace, base, metrics } = begin(flags, unused);
  const { client, log } = base;
  const identity = flags.podName ?? hostname();
  const stopwatch = controllerStopwatch(metrics.registry, systemClock);
  const controller = new Controller(
    { ...base, stopwatch },
    {
      namespace,
      loadBalancerClass: flags.lbClass,
      podName: flags.podName,
      goneNodeGrace: seconds(flags.goneNodeGrace),
    },
  );
  const cluster = {
    objects: () => ({ ...controller.objects(), namespace }),
    unsynced: () => controller.unsynced(),
  };
  const webhook =
    flags.webhookMode === "enabled" ? makeWebhook({ ...base, cluster }, metrics, flags, namespace) : undefined;
  const lease = new LeaderElection(base, {
    namespace,
    name: flags.leaseName,
    identity,
    leaseDuration: seconds(flags.leaseDuration),
    ...(flags.singleReplica ? { vacantWait: micros(0) } : {}),
  });
  const health = new HealthServer(
    controllerHealth({ caches: controller, watches: () => controller.watches(), lease: () => lease, webhook }),
  );
  if (flags.healthProbePort !== 0) await health.listen(flags.healthProbePort, flags.healthProbeAddress);
  registerControllerMetrics(metrics.registry, controller.readings(), () => lease);
  await metrics.serve(flags, { client, log, signal: ports.signal });
  controller.start(ports.signal);
  const webhooks = webhook?.run(ports.signal);
  const { mlSecretName: name, deployment } = flags;
  // Two that start at once both try, and one makes it.
  const secret = name === "" ? undefined : ensureGossipSecret(base, { namespace, name, deployment }, ports.signal);
  try {
    await leadByLease(lease, ports.signal, (term, wasReleased) =>
      controller.lead(term, { mayWrite: () => lease.isLeader(), lateWrites: !wasReleased }),
    );
    await Promise.all([secret, webhooks]);
  } finally {
    metrics.close();
    health.close();
    client.close();
  }
}

/** Whole seconds, because the Lease says them. @throws InvalidArgumentError for commander to report. */
function parseLeaseDuration(text: string): number {
  const time = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (!(time >= 2 && time <= 60)) throw new InvalidArgumentError("want a number of seconds from 2 to 60");
  return time;
}

/** Answers webhooks and does nothing else: no Lease, no addresses. */
async function runWebhookOnly(flags: ControllerFlags, ports: CliPorts, unused: readonly string[]): Promise<void> {
  const { namespace, base, metrics } = begin(flags, unused);
  const config = new ConfigSource(base, namespace);
  const cluster = { objects: () => ({ ...config.objects(), namespace }), unsynced: () => config.unsynced() };
  const webhook = makeWebhook({ ...base, cluster }, metrics, flags, namespace);
  const health = new HealthServer(controllerHealth({ caches: config, watches: () => config.watches(), webhook }));
  if (flags.healthProbePort !== 0) await health.listen(flags.healthProbePort, flags.healthProbeAddress);
  registerSharedMetrics(metrics.registry, {
    watches: () => config.watches(),
    queues: () => [],
    config: () => ({ loaded: config.unsynced().length === 0, stale: false }),
  });
  await metrics.serve(flags, { client: base.client, log: base.log, signal: ports.signal });
  config.start(ports.signal);
  try {
    await webhook.run(ports.signal);
  } finally {
    metrics.close();
    health.close();
    base.client.close();
  }
}

/** What every mode begins with. */
function begin(
  flags: ControllerFlags,
  unused: readonly string[],
): { namespace: string; base: ControllerPorts; metrics: DaemonMetrics } {
  const namespace = resolveNamespace(flags);
  const log = pinoLog(flags.logLevel, { component: "controller" });
  if (unused.length > 0) log.warn("flags have no effect", { flags: unused });
  const base = { clock: suspendAwareClock, wallClock: systemWallClock, random: systemRandom, log };
  const metrics = new DaemonMetrics();
  const config = clientConfigFromKubeconfig(flags.kubeconfig);
  const observe = metrics.observeApi(new URL(config.server).host);
  const client = new KubernetesClient({ ...base, observe }, config);
  return { namespace, base: { ...base, client }, metrics };
}

function makeWebhook(ports: WebhookPorts, metrics: DaemonMetrics, flags: ControllerFlags, namespace: string): Webhook {
  const observe = reviewMetrics(metrics.registry, systemClock);
  return new Webhook({ ...ports, observe }, { ...webhookOptions(flags, namespace), tls: tlsOptionsOf(flags) });
}
