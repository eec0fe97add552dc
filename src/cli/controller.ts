import { hostname } from "node:os";
import { type Command, Option } from "commander";
import { Controller } from "../controller/controller.ts";
import { registerControllerMetrics } from "../controller/controller-metrics.ts";
import { ensureGossipSecret } from "../controller/gossip-secret.ts";
import { leadByLease } from "../controller/leadership.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../kubernetes/kubeconfig.ts";
import { LeaderElection } from "../kubernetes/lease.ts";
import { micros } from "../net/micros.ts";
import { systemWallClock } from "../system/clock.ts";
import { HealthServer } from "../system/health-server.ts";
import { systemRandom } from "../system/random.ts";
import { suspendAwareClock } from "../system/suspend-aware-clock.ts";
import { pinoLog } from "../telemetry/pino-log.ts";
import { serveMetrics } from "./daemon-metrics.ts";
import { addDaemonOptions, type DaemonOptions, resolveNamespace, unusedFlags } from "./daemon-options.ts";
import type { CliPorts, ExitCode } from "./ports.ts";

interface ControllerFlags extends DaemonOptions {
  readonly leaseName: string;
  readonly singleReplica: boolean;
  readonly mlSecretName: string;
  readonly deployment?: string;
}

const IGNORED = [
  "--webhook-mode <mode>",
  "--disable-cert-rotation [bool]",
  "--cert-dir <dir>",
  "--cert-service-name <name>",
  "--webhook-secret <name>",
  "--webhook-http2 [bool]",
];

const EXAMPLES = `
Examples:
  herald controller                                            in a pod, with its service account
  herald controller --kubeconfig ~/.kube/config --namespace metallb-system
  herald controller --lb-class herald.io/lb                    beside another implementation

Two controllers may run: they elect a leader by a Lease. MetalLB's other flags are accepted and have no effect yet.
`;

/** Adds `herald controller`. */
export function registerController(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("controller")
    .summary("hand out addresses to Services (one or two per cluster)")
    .description("Hands out addresses from IPAddressPools to Services of type LoadBalancer.");
  addDaemonOptions(command, "0.0.0.0", IGNORED)
    .addOption(new Option("--lease-name <name>", "Lease that the leader holds").default("herald-controller"))
    .addOption(
      new Option("--ml-secret-name <name>", "make this Secret for the speakers' gossip, unless it is there")
        .env("METALLB_ML_SECRET_NAME")
        .default("", "none"),
    )
    .addOption(new Option("--deployment <name>", "Deployment that owns that Secret").env("METALLB_DEPLOYMENT"))
    .option("--single-replica", "do not wait for a Lease that nobody holds yet: there is no second controller", false)
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ControllerFlags) => {
      await runController(flags, ports, unusedFlags(command, IGNORED));
      done(0);
    });
}

async function runController(flags: ControllerFlags, ports: CliPorts, unused: readonly string[]): Promise<void> {
  const namespace = resolveNamespace(flags);
  const identity = flags.podName ?? hostname();
  const log = pinoLog(flags.logLevel, { component: "controller" });
  if (unused.length > 0) log.warn("flags have no effect", { flags: unused });
  const base = { clock: suspendAwareClock, wallClock: systemWallClock, random: systemRandom, log };
  const client = new KubernetesClient(base, clientConfigFromKubeconfig(flags.kubeconfig));
  const controller = new Controller({ ...base, client }, { namespace, loadBalancerClass: flags.lbClass });
  const health = new HealthServer(() => controller.unsynced());
  if (flags.healthProbePort !== 0) await health.listen(flags.healthProbePort, flags.healthProbeAddress);
  const lease = new LeaderElection(
    { ...base, client },
    { namespace, name: flags.leaseName, identity, ...(flags.singleReplica ? { vacantWait: micros(0) } : {}) },
  );
  const metrics = await serveMetrics(flags, log, (registry) =>
    registerControllerMetrics(registry, controller.readings()),
  );
  controller.start(ports.signal);
  const { mlSecretName: name, deployment } = flags;
  // Two that start at once both try, and one makes it.
  const secret =
    name === "" ? undefined : ensureGossipSecret({ ...base, client }, { namespace, name, deployment }, ports.signal);
  try {
    await leadByLease(lease, ports.signal, (term, wasReleased) =>
      controller.lead(term, { mayWrite: () => lease.isLeader(), lateWrites: !wasReleased }),
    );
    await secret;
  } finally {
    metrics.close();
    health.close();
    client.close();
  }
}
