import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { hostname } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import { convertBgpPeer } from "../admission/convert.ts";
import { defined } from "../api/defined.ts";
import { parseObject } from "../apiserver/object.ts";
import type { ClientConfig } from "../kubernetes/kubeconfig.ts";
import { seconds } from "../net/micros.ts";
import { machineClock } from "../speaker/bfd-clock.ts";
import { startThread } from "../speaker/bfd-thread.ts";
import { bgpSystem } from "../speaker/bgp-system.ts";
import { lanChannels } from "../speaker/lan-thread.ts";
import { speakerConvergence } from "../speaker/speaker-metrics.ts";
import { ThreadWatch } from "../speaker/thread-watch.ts";
import { runProbe } from "../standalone/probes.ts";
import { type CustomKinds, runStandalone, type StandaloneOptions } from "../standalone/standalone.ts";
import { StateFile } from "../standalone/state-file.ts";
import { watchFolder } from "../standalone/watch-folder.ts";
import { shippedCrdFolder } from "../system/assets.ts";
import { systemClock, systemWallClock } from "../system/clock.ts";
import { writePrivately } from "../system/private-file.ts";
import { systemRandom } from "../system/random.ts";
import { LOG_LEVELS, type LogLevel, pinoLog } from "../telemetry/pino-log.ts";
import { secured } from "./apiserver.ts";
import { DaemonMetrics } from "./daemon-metrics.ts";
import { addServedOptions, parsePort, parseSeconds, type ServedOptions } from "./daemon-options.ts";
import { readManifestFiles, readManifestFolder } from "./manifest-files.ts";
import { PLAN_FORMATS, type PlanFormat } from "./plan-render.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { addHostsOptions, type HostsFlags, otherHostsOf } from "./standalone-hosts.ts";
import { planOnce } from "./standalone-once.ts";
import { watchStandalone } from "./standalone-watch.ts";

interface StandaloneFlags extends ServedOptions, HostsFlags {
  readonly manifests: string;
  readonly once: boolean;
  readonly output: PlanFormat;
  readonly nodeName?: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly lbClass: string;
  readonly stateDir?: string;
  readonly kubeconfigOut?: string;
  readonly apiPort: number;
  readonly adminSocket?: string;
  readonly bgpListenPort?: number;
  readonly drainOnStop: number;
  readonly logLevel: LogLevel;
}

const LOOPBACK = "127.0.0.1";

const EXAMPLES = `
Examples:
  herald standalone -f manifests/ --once                what would be announced, and everything that is wrong; exit code 0 or 2
  herald standalone -f manifests/ --state-dir /var/lib/herald
  herald standalone -f manifests/ --kubeconfig-out kubeconfig --admin-socket /run/herald/speaker.sock
  herald sessions --socket /run/herald/speaker.sock
  KUBECONFIG=kubeconfig kubectl get services,healthchecks -A
  herald standalone -f manifests/ --member 192.0.2.11,192.0.2.12 --member-key /etc/herald/key
                                                        two hosts with the same layer-2 addresses: one of them answers

The folder has IPAddressPools, BGPPeers, BGPAdvertisements and Services as in a cluster, and for each Service a HealthCheck:

  apiVersion: herald.io/v1alpha1
  kind: HealthCheck
  metadata: { name: web }          # of the Service of this name, or of spec.service
  spec:
    http: { port: 80, path: /healthz }        # or tcp: { port: 53 }, or exec: { command: [/usr/bin/check] }
    interval: 2s                   # also: timeout, rise, fall, address (127.0.0.1)

A Service is announced while all of its checks pass. Its address must be on this host, or nobody answers there:
  ip addr add 203.0.113.10/32 dev lo

The folder is read again when it changes, and on SIGHUP. A file that is broken changes nothing: the last good state of the whole
folder stays, and the log says which file and field. On SIGTERM the routes are withdrawn.
`;

/** Adds `herald standalone`. */
export function registerStandalone(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("standalone")
    .summary("announce services of a host without Kubernetes")
    .description("Announces the Services of a folder of manifests from this host, while their health checks pass.")
    .option("-f, --manifests <folder>", "folder of YAML or JSON files", "/etc/herald/manifests")
    .option("--once", "only check the folder and show what would be announced with every health check passing", false)
    .addOption(new Option("-o, --output <format>", "of --once").choices(PLAN_FORMATS).default("table"))
    .option("--node-name <name>", "this host (default: host name)")
    .addOption(
      new Option("--node-labels <key=value,...>", "labels of this host, for node selectors")
        .argParser(parseLabels)
        .default({}, "none"),
    )
    .option("--namespace <name>", "namespace of pools, peers and advertisements", "metallb-system")
    .addOption(
      new Option("--lb-class <class>", "handle only Services of this loadBalancerClass").default(
        "",
        "those without one",
      ),
    )
    .option("--state-dir <path>", "remember here who has which address, and which sessions were up")
    .option("--kubeconfig-out <file>", "write a kubeconfig for kubectl there")
    .option("--api-port <port>", "port of the API on 127.0.0.1, 0 for any free one", parsePort, 0)
    .option("--admin-socket <path>", "answer herald sessions, routes, watch and capture at this Unix socket")
    .option("--bgp-listen-port <port>", "also let routers open sessions to this port, usually 179", parsePort)
    .option("--drain-on-stop <seconds>", "on SIGTERM, hand the traffic over for so long first", parseSeconds, 0)
    .addOption(new Option("--log-level <level>", "how much to log").choices(LOG_LEVELS).default("info"));
  addServedOptions(addHostsOptions(command), LOOPBACK)
    .addHelpText("after", EXAMPLES)
    .action(async (flags: StandaloneFlags) => {
      if (flags.once) done(once(flags, ports));
      else await run(flags, ports);
    });
}

function once(flags: StandaloneFlags, ports: CliPorts): ExitCode {
  return planOnce(
    { ...ports, wallClock: systemWallClock, log: pinoLog("none") },
    { ...flags, host: hostOf(flags), kinds: shippedKinds() },
  );
}

async function run(flags: StandaloneFlags, ports: CliPorts): Promise<void> {
  // First of all: a reload that comes while it starts must not end it.
  const listeners = new Set<() => void>();
  ports.hungUp?.(() => {
    for (const again of listeners) again();
  });
  const host = hostOf(flags);
  const log = pinoLog(flags.logLevel, { component: "standalone", node: host.nodeName });
  const base = { clock: systemClock, wallClock: systemWallClock, random: systemRandom, log };
  const { manifests: folder, stateDir } = flags;
  const threads = new ThreadWatch(machineClock);
  const metrics = new DaemonMetrics();
  const bgp = bgpSystem(base, { stateDir });
  const { startLayer2, startGossip } = lanChannels(threads);
  const startBfd = (handlers: Parameters<typeof startThread>[0]): ReturnType<typeof startThread> =>
    startThread(handlers, threads);
  const native = bgp.facts.native ? { startBfd, startLayer2 } : {};
  const others = otherHostsOf(flags, { ...base, startGossip }, host);
  // Anybody on this host reaches the port: only who has the token may say what is announced.
  const token = randomBytes(24).toString("hex");
  const { tls, rbac } = await secured(LOOPBACK);
  const options: StandaloneOptions = {
    host,
    kinds: shippedKinds(),
    api: { host: LOOPBACK, port: flags.apiPort, token, ...defined({ tls, rbac }) },
    clientConfig: (api) => bearer(api.url, token, tls?.cert),
    speaker: {
      loadBalancerClass: flags.lbClass,
      ignoreExcludeLb: false,
      drainOnStop: seconds(flags.drainOnStop),
      sessions: bgp.facts,
      layer2: { unavailable: "the native sockets are missing, see the build of the native layer" },
      ...(flags.bgpListenPort === undefined ? {} : { bgpPort: flags.bgpListenPort }),
    },
  };
  try {
    await runStandalone(
      {
        ...base,
        runProbe,
        machine: { ...bgp.ports, ...native, convergence: speakerConvergence(metrics.registry, base.clock) },
        ...(others === undefined ? {} : { others }),
        read: () => readManifestFolder(folder),
        watch: (changed) => {
          const watcher = watchFolder(folder, changed);
          listeners.add(changed);
          return {
            close: () => {
              listeners.delete(changed);
              watcher.close();
            },
          };
        },
        ...(stateDir === undefined ? {} : { state: new StateFile(stateDir) }),
        started: async (running) => {
          const { kubeconfigOut: file } = flags;
          const watched = await watchStandalone(flags, running, { log, threads, metrics, signal: ports.signal });
          if (file !== undefined) writePrivately(file, running.api.kubeconfig());
          ports.stderr(
            `herald standalone: ${host.nodeName} announces what ${folder} says; API at ${running.api.url}\n`,
          );
          return {
            close: () => {
              watched.close();
              if (file !== undefined) rmSync(file, { force: true });
            },
          };
        },
      },
      options,
      ports.signal,
    );
  } finally {
    metrics.close();
    bgp.close();
  }
}

/** How this process itself reaches its API. */
function bearer(server: string, token: string, ca: string | undefined): ClientConfig {
  const credentials = { headers: { Authorization: `Bearer ${token}` }, tls: defined({ ca }), fingerprint: "own" };
  return { server, credentials: () => Promise.resolve(credentials) };
}

/** Host names may have capitals, and names of Nodes may not: a kubelet makes them small as well. */
function hostOf({
  namespace,
  nodeName = hostname().toLowerCase(),
  nodeLabels,
}: StandaloneFlags): StandaloneOptions["host"] {
  return { namespace, nodeName, nodeLabels };
}

/** Peers are written in either version, and the speaker reads the newer one. */
function shippedKinds(): CustomKinds {
  return {
    crds: readManifestFiles([shippedCrdFolder()]),
    convert: (object, to) => {
      const isPeer = object.kind === "BGPPeer" && (to === "metallb.io/v1beta1" || to === "metallb.io/v1beta2");
      return isPeer ? parseObject(convertBgpPeer(object, to)) : undefined;
    },
  };
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(",").filter((pair) => pair !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, key = "", value = ""] = /^([^=,]+)=([^=,]*)$/.exec(pair) ?? [];
      if (key === "") throw new InvalidArgumentError(`want key=value,... and not "${pair}"`);
      return [key, value];
    }),
  );
}
