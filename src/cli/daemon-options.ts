import { existsSync, readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { LOG_LEVELS, type LogLevel } from "../telemetry/pino-log.ts";
import { ConfigError } from "../wire/errors.ts";
import { addTlsOptions, type TlsFlags } from "./tls-options.ts";

const SERVICE_ACCOUNT_NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/** Flags that say where a process can be looked at by machines. */
export interface ServedOptions extends TlsFlags {
  readonly healthProbePort: number;
  readonly healthProbeAddress: string;
  readonly port: number;
  readonly metricsAddress: string;
  readonly secureMetrics: boolean;
  readonly metricsCertDir?: string;
}

/** Flags that both daemons take, with MetalLB's names and environment variables. */
export interface DaemonOptions extends ServedOptions {
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly logLevel: LogLevel;
  readonly lbClass: string;
  readonly podName?: string;
}

/** MetalLB's flags that mean nothing here: taken so that its manifests start, and said so in the log. Profiles are Go's. */
const NOT_USED = ["--pprof-bind-address <address>"] as const;

/** Adds the shared flags. `ignored` are further flags of MetalLB's that this daemon takes and does not use. */
export function addDaemonOptions(command: Command, healthAddress: string, ignored: readonly string[]): Command {
  command
    .addOption(
      new Option("--kubeconfig <file>", "how to reach the API (default: in-cluster service account)").env("KUBECONFIG"),
    )
    .addOption(new Option("--namespace <name>", "namespace of the metallb.io objects").env("METALLB_NAMESPACE"))
    .addOption(new Option("--pod-name <name>", "this pod, the owner of what it writes").env("METALLB_POD_NAME"))
    .addOption(new Option("--log-level <level>", "how much to log").choices(LOG_LEVELS).default("info"))
    .addOption(
      new Option("--lb-class <class>", "handle only Services of this loadBalancerClass").default(
        "",
        "those without one",
      ),
    );
  addServedOptions(command, healthAddress);
  for (const flags of [...NOT_USED, ...ignored]) command.addOption(new Option(flags, "accepted, not used").hideHelp());
  return command;
}

/** Adds those of health probes and metrics. */
export function addServedOptions(command: Command, healthAddress: string): Command {
  command
    .option("--health-probe-port <port>", "port of /healthz and /readyz, 0 for none", parsePort, 17472)
    .option("--health-probe-address <ip>", "address of /healthz and /readyz", healthAddress)
    .option("--port <port>", "port of /metrics, 0 for none", parsePort, 9120)
    .option(
      "--metrics-address <ip>",
      "address of /metrics, which all may read who reach it, unless it is secure",
      "127.0.0.1",
    )
    .addOption(
      new Option("--secure-metrics [bool]", "/metrics by HTTPS, for bearers of a token that may GET /metrics")
        .preset("true")
        .argParser(parseBoolean)
        .default(false),
    )
    .option("--metrics-cert-dir <dir>", "folder with tls.crt and tls.key for that, read again when they change");
  addTlsOptions(command);
  return command;
}

/** The names of the given flags that were set and have no effect. */
export function unusedFlags(command: Command, ignored: readonly string[]): readonly string[] {
  const names = [...NOT_USED, ...ignored].map((flags) => new Option(flags));
  return names
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .map((option) => option.long ?? option.flags);
}

/** The namespace given, else the pod's own. @throws NamespaceUnknown outside a pod. */
export function resolveNamespace(options: Pick<DaemonOptions, "namespace">): string {
  if (options.namespace !== undefined && options.namespace !== "") return options.namespace;
  if (existsSync(SERVICE_ACCOUNT_NAMESPACE)) return readFileSync(SERVICE_ACCOUNT_NAMESPACE, "utf8").trim();
  throw new NamespaceUnknown("give --namespace (or METALLB_NAMESPACE): not running in a pod that could tell");
}

/** Neither flag, nor variable, nor pod says where the configuration is. */
class NamespaceUnknown extends ConfigError {
  readonly code = "ERR_CLI_NAMESPACE_UNKNOWN";
}

/** Reads what Go's flag package takes for a boolean: `--flag`, `--flag=true`, `--flag=0`. @throws InvalidArgumentError */
export function parseBoolean(text: string): boolean {
  if (/^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw new InvalidArgumentError("want true or false");
}

/** Reads a TCP port, 0 included. @throws InvalidArgumentError for commander to report. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65535)) throw new InvalidArgumentError("want a number from 0 to 65535");
  return port;
}

/** Reads whole seconds, an hour at most. @throws InvalidArgumentError for commander to report. */
export function parseSeconds(text: string): number {
  const time = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (!(time <= 3600)) throw new InvalidArgumentError("want a number of seconds from 0 to 3600");
  return time;
}
