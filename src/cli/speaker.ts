import { hostname } from "node:os";
import { type Command, Option } from "commander";
import { KubernetesClient } from "../kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../kubernetes/kubeconfig.ts";
import { seconds } from "../net/micros.ts";
import type { BfdStart } from "../speaker/bfd-channel.ts";
import { machineClock } from "../speaker/bfd-clock.ts";
import { startThread } from "../speaker/bfd-thread.ts";
import { bgpSystem } from "../speaker/bgp-system.ts";
import { lanChannels } from "../speaker/lan-thread.ts";
import { everyone } from "../speaker/members.ts";
import { Speaker } from "../speaker/speaker.ts";
import { speakerHealth } from "../speaker/speaker-health.ts";
import { registerSpeakerMetrics, speakerConvergence } from "../speaker/speaker-metrics.ts";
import { ThreadWatch } from "../speaker/thread-watch.ts";
import { systemClock, systemWallClock } from "../system/clock.ts";
import { HealthServer } from "../system/health-server.ts";
import { systemRandom } from "../system/random.ts";
import { pinoLog } from "../telemetry/pino-log.ts";
import { DaemonMetrics } from "./daemon-metrics.ts";
import {
  addDaemonOptions,
  type DaemonOptions,
  parseBoolean,
  parsePort,
  parseSeconds,
  resolveNamespace,
  unusedFlags,
} from "./daemon-options.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { serveAdmin } from "./speaker-admin.ts";
import { addLayer2Options, type Layer2Flags, layer2OptionsOf, membersOf } from "./speaker-layer2.ts";

interface SpeakerFlags extends DaemonOptions, Layer2Flags {
  readonly nodeName?: string;
  readonly ignoreExcludeLb: boolean;
  readonly bgpListenPort?: number;
  readonly stateDir?: string;
  readonly drainOnStop: number;
  readonly linkBandwidthInterval: number;
  readonly adminSocket?: string;
}

const IGNORED = [
  "--host <ip>",
  "--ml-wan-config [bool]",
  "--frrk8s-namespace <name>",
  "--frrk8s-secret-passthrough [bool]",
  "--bgp-debounce-timeout <ms>",
];

const EXAMPLES = `
Examples:
  herald speaker                                               in a pod of the DaemonSet
  herald speaker --kubeconfig ~/.kube/config --namespace metallb-system --node-name worker1
  herald speaker --node-name worker1 --ml-bindaddr 192.0.2.11 --ml-labels app=metallb,component=speaker \\
      --ml-secret-key-path /etc/ml_secret_key          find the others by their pods, and see in half a second when one dies
  herald speaker --node-name worker1 --ml-join 192.0.2.12,192.0.2.13:7947   the same without pods

Layer 2 needs the native sockets and the capability NET_RAW. Speakers that gossip elect among those that are alive; without gossip among
the nodes that are Ready, which takes Kubernetes most of a minute to find out. A speaker that hears neither the API nor most of the others for
--layer2-fencing-after seconds stops answering (--layer2-fencing), because the others have taken over by then.

On SIGTERM it tells the other speakers goodbye and answers on the LAN until they do, for two seconds at most. To routers it withdraws its
routes with a Cease (Administrative Shutdown), and exits. Routers of peers with enableGracefulRestart are
not told: they keep the routes for two minutes, for the speaker that comes next. With --drain-on-stop they are: see herald drain.
MetalLB's other flags are accepted and have no effect yet.
`;

/** Adds `herald speaker`. */
export function registerSpeaker(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("speaker")
    .summary("announce addresses from this node (one per node)")
    .description(
      "Announces the addresses of Services from this node: to its BGP peers, and on its LANs by ARP and NDP.",
    );
  addLayer2Options(addDaemonOptions(command, "127.0.0.1", IGNORED))
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
    .option("--bgp-listen-port <port>", "also let routers open sessions to this port, usually 179", parsePort)
    .option("--state-dir <path>", "remember here which sessions were up, so that a restart can be told to routers")
    .option("--drain-on-stop <seconds>", "on SIGTERM, hand the traffic over for so long first", parseSeconds, 0)
    .option(
      "--link-bandwidth-interval <seconds>",
      "tell routers of another weight of a route this often",
      parseSeconds,
      5,
    )
    .option("--admin-socket <path>", "answer herald sessions, routes, watch and capture at this Unix socket")
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
  const metrics = new DaemonMetrics();
  const config = clientConfigFromKubeconfig(flags.kubeconfig);
  const observe = metrics.observeApi(new URL(config.server).host);
  const client = new KubernetesClient({ ...base, observe }, config);
  const convergence = speakerConvergence(metrics.registry, base.clock);
  const threads = new ThreadWatch(machineClock);
  const bgp = bgpSystem(base, { stateDir: flags.stateDir });
  const { startLayer2, startGossip } = lanChannels(threads);
  // Whoever cannot answer on the LAN must not be elected by those who gossip.
  const members = bgp.facts.native
    ? membersOf(flags, { ...base, client, startGossip }, { namespace, nodeName })
    : everyone;
  const native = bgp.facts.native ? { startBfd: guarded(threads), startLayer2 } : {};
  const speaker = new Speaker(
    { ...base, client, ...bgp.ports, ...native, members, convergence },
    {
      namespace,
      nodeName,
      loadBalancerClass: flags.lbClass,
      ignoreExcludeLb: flags.ignoreExcludeLb,
      drainOnStop: seconds(flags.drainOnStop),
      weightInterval: seconds(flags.linkBandwidthInterval),
      sessions: bgp.facts,
      podName: flags.podName,
      layer2: {
        ...layer2OptionsOf(flags),
        unavailable: "the native sockets are missing, see the build of the native layer",
      },
      ...(flags.bgpListenPort === undefined ? {} : { bgpPort: flags.bgpListenPort }),
    },
  );
  const health = new HealthServer(speakerHealth(speaker, threads));
  if (flags.healthProbePort !== 0) await health.listen(flags.healthProbePort, flags.healthProbeAddress);
  const { clock } = base;
  registerSpeakerMetrics(metrics.registry, speaker.readings(), { clock, threads: () => threads.readings() });
  await metrics.serve(flags, { client, log, signal: ports.signal });
  const admin = await serveAdmin(flags.adminSocket, speaker, log);
  try {
    await speaker.run(ports.signal);
  } finally {
    admin.close();
    metrics.close();
    health.close();
    client.close();
    bgp.close();
  }
}

function guarded(threads: ThreadWatch): BfdStart {
  return (handlers) => startThread(handlers, threads);
}
