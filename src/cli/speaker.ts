import { hostname } from "node:os";
import { type Command, Option } from "commander";
import { KubernetesClient } from "../kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../kubernetes/kubeconfig.ts";
import { Speaker } from "../speaker/speaker.ts";
import { systemClock, systemWallClock } from "../system/clock.ts";
import { HealthServer } from "../system/health-server.ts";
import { addressBeside } from "../system/next-hop.ts";
import { systemRandom } from "../system/random.ts";
import { dialTcp } from "../system/tcp.ts";
import { pinoLog } from "../telemetry/pino-log.ts";
import { addDaemonOptions, type DaemonOptions, parseBoolean, resolveNamespace, unusedFlags } from "./daemon-options.ts";
import type { CliPorts, ExitCode } from "./ports.ts";

interface SpeakerFlags extends DaemonOptions {
  readonly nodeName?: string;
  readonly ignoreExcludeLb: boolean;
}

const IGNORED = [
  "--host <ip>",
  "--ml-bindaddr <ip>",
  "--ml-bindport <port>",
  "--ml-labels <labels>",
  "--ml-secret-key-path <path>",
  "--ml-wan-config [bool]",
  "--frrk8s-namespace <name>",
  "--frrk8s-secret-passthrough [bool]",
  "--bgp-debounce-timeout <ms>",
];

const EXAMPLES = `
Examples:
  herald speaker                                               in a pod of the DaemonSet
  herald speaker --kubeconfig ~/.kube/config --namespace metallb-system --node-name worker1

On SIGTERM it withdraws its routes with a Cease (Administrative Shutdown) and exits.
MetalLB's other flags are accepted and have no effect yet.
`;

/** Adds `herald speaker`. */
export function registerSpeaker(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("speaker")
    .summary("announce addresses from this node (one per node)")
    .description("Announces the addresses of Services from this node to its BGP peers.");
  addDaemonOptions(command, "127.0.0.1", IGNORED)
    .addOption(
      new Option("--node-name <name>", "the Node this speaker runs on (default: host name)").env("METALLB_NODE_NAME"),
    )
    .addOption(
      new Option(
        "--ignore-exclude-lb [bool]",
        "announce although the node carries the exclude-from-external-load-balancers label",
      )
        .preset("true")
        .argParser(parseBoolean)
        .default(false),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: SpeakerFlags) => {
      await runSpeaker(flags, ports, unusedFlags(command, IGNORED));
      done(0);
    });
}

async function runSpeaker(flags: SpeakerFlags, ports: CliPorts, unused: readonly string[]): Promise<void> {
  const namespace = resolveNamespace(flags);
  const nodeName = flags.nodeName ?? hostname();
  const log = pinoLog(flags.logLevel, { component: "speaker", node: nodeName });
  if (unused.length > 0) log.warn("flags have no effect", { flags: unused });
  const base = { clock: systemClock, wallClock: systemWallClock, random: systemRandom, log };
  const client = new KubernetesClient(base, clientConfigFromKubeconfig(flags.kubeconfig));
  const speaker = new Speaker(
    { ...base, client, dial: dialTcp, nextHopFor: (family, local) => addressBeside(local, family) },
    { namespace, nodeName, loadBalancerClass: flags.lbClass, ignoreExcludeLb: flags.ignoreExcludeLb },
  );
  const health = new HealthServer(() => speaker.unsynced());
  if (flags.healthProbePort !== 0) await health.listen(flags.healthProbePort, flags.healthProbeAddress);
  try {
    await speaker.run(ports.signal);
  } finally {
    health.close();
    client.close();
  }
}
