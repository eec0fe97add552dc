import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parse, YAMLParseError } from "yaml";
import { nodeName as brandNodeName } from "../api/brands.ts";
import { isFields } from "../api/read-object.ts";
import type { InformerPorts } from "../kubernetes/informer.ts";
import { parseIpAddress } from "../net/ip-address.ts";
import { seconds } from "../net/micros.ts";
import type { GossipStart } from "../speaker/gossip-messages.ts";
import type { Layer2ControlOptions } from "../speaker/layer2-control.ts";
import { excludePattern } from "../speaker/layer2-engine-interfaces.ts";
import { everyone, KubernetesMembers, type Members } from "../speaker/members.ts";
import { GossipMembers } from "../speaker/members-gossip.ts";
import { GossipKeys } from "../speaker/members-keys.ts";
import { SpeakerPods } from "../speaker/members-pods.ts";
import { parseSeeds } from "../speaker/members-seeds.ts";
import { ConfigError } from "../wire/errors.ts";
import { parsePort, parseSeconds } from "./daemon-options.ts";

type FencePolicy = Layer2ControlOptions["fencing"]["policy"];

/** The flags of `herald speaker` that are about layer 2, with MetalLB's names where MetalLB has them. */
export interface Layer2Flags {
  readonly mlBindaddr: string;
  readonly mlBindport: number;
  readonly mlLabels: string;
  readonly mlSecretKeyPath: string;
  readonly mlJoin: string;
  readonly membership: "auto" | "kubernetes" | "all";
  readonly layer2Fencing: FencePolicy;
  readonly layer2FencingAfter: number;
  readonly layer2Exclude: string;
}

/** A file of interfaces to leave alone is there and says something else. */
class BadExcludeFile extends ConfigError {
  readonly code = "ERR_CLI_BAD_EXCLUDE_FILE";
}

/** What seeds are said to be is none. */
class BadSeeds extends ConfigError {
  readonly code = "ERR_CLI_BAD_SEEDS";
}

const POLICIES: readonly FencePolicy[] = ["both", "members", "api", "off"];
const EXCLUDE_FILE = "/etc/metallb/excludel2.yaml";
const EVERYWHERE = { 4: "0.0.0.0", 6: "::" } as const;

/** Adds them. */
export function addLayer2Options(command: Command): Command {
  return command
    .addOption(
      new Option("--ml-bindaddr <ip>", "gossip with the other speakers from this address")
        .env("METALLB_ML_BIND_ADDR")
        .argParser(parseAddress)
        .default("", "no gossip"),
    )
    .addOption(
      new Option("--ml-bindport <port>", "UDP port of the gossip, the same on every node")
        .env("METALLB_ML_BIND_PORT")
        .argParser(parsePort)
        .default(7946),
    )
    .addOption(
      new Option("--ml-labels <selector>", "labels of the speakers' pods, by which they find each other")
        .env("METALLB_ML_LABELS")
        .default("", "none"),
    )
    .addOption(
      new Option("--ml-secret-key-path <path>", "folder (or file) with the gossip's key, as the Secret is mounted")
        .env("METALLB_ML_SECRET_KEY_PATH")
        .default("", "not signed"),
    )
    .option("--ml-join <ip[:port],...>", "other speakers to gossip with, beside those that have pods", "")
    .addOption(
      new Option(
        "--membership <source>",
        "who is alive: gossip where it is set up, else the Nodes; or take all for alive",
      )
        .choices(["auto", "kubernetes", "all"])
        .default("auto"),
    )
    .addOption(
      new Option("--layer2-fencing <policy>", "stop answering when cut off from the API, from most speakers, or both")
        .choices(POLICIES)
        .default("both"),
    )
    .option("--layer2-fencing-after <seconds>", "how long it is cut off before that", parseFencingAfter, 10)
    .option("--layer2-exclude <file>", "YAML with announcedInterfacesToExclude, as MetalLB mounts it", EXCLUDE_FILE);
}

/** Who is alive among the speakers. @throws ConfigError for flags and files that cannot be used */
export function membersOf(
  flags: Layer2Flags,
  ports: InformerPorts & { readonly startGossip: GossipStart },
  where: { readonly namespace: string; readonly nodeName: string },
): Members {
  if (flags.membership === "all") return everyone;
  const { mlLabels: labels, mlBindport: port } = flags;
  const pods = labels === "" ? undefined : new SpeakerPods(ports, { namespace: where.namespace, labels });
  const join = parseSeeds(flags.mlJoin, port);
  if (join === undefined)
    throw new BadSeeds(`--ml-join: want addresses with commas between them, not "${flags.mlJoin}"`);
  const gossips = (flags.mlBindaddr !== "" && labels !== "") || join.length > 0;
  if (!gossips || flags.membership === "kubernetes") return new KubernetesMembers(pods);
  const address = flags.mlBindaddr === "" ? EVERYWHERE[familyOf(join[0]?.address)] : flags.mlBindaddr;
  return new GossipMembers(
    { clock: ports.clock, log: ports.log, start: ports.startGossip, pods, keys: keysOf(flags.mlSecretKeyPath, ports) },
    {
      node: brandNodeName(where.nodeName),
      bind: { address, port },
      advertise: flags.mlBindaddr === "" || isEverywhere(address) ? undefined : address,
      cluster: where.namespace,
      join,
    },
  );
}

/** What of layer 2 is set by flags. @throws ConfigError */
export function layer2OptionsOf(flags: Layer2Flags): Pick<Layer2ControlOptions, "fencing" | "excludedInterfaces"> {
  const excludedInterfaces = readExcluded(flags.layer2Exclude);
  return {
    fencing: { policy: flags.layer2Fencing, after: seconds(flags.layer2FencingAfter) },
    ...(excludedInterfaces === undefined ? {} : { excludedInterfaces }),
  };
}

function keysOf(path: string, ports: Pick<InformerPorts, "clock" | "log">): GossipKeys | undefined {
  if (path === "") return undefined;
  return new GossipKeys({ clock: ports.clock, log: ports.log, read: readText }, path);
}

function readExcluded(file: string): string | undefined {
  const text = readText(file);
  if (text === undefined) return undefined;
  const content = parseYaml(text, file);
  const list: unknown = isFields(content) ? content["announcedInterfacesToExclude"] : undefined;
  if (!isTexts(list)) throw new BadExcludeFile(`${file}: announcedInterfacesToExclude is no list of patterns`);
  // No pattern at all leaves no interface alone, and the empty pattern would leave every one alone.
  const pattern = list.length === 0 ? "^$" : list.map((one) => `(${one})`).join("|");
  // Go's patterns are not all JavaScript's: the engine would refuse to start, while the others elect this node.
  excludePattern(pattern);
  return pattern;
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    throw new BadExcludeFile(`${file}: ${cause.message}`, { cause });
  }
}

function isTexts(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every((one) => typeof one === "string");
}

/** Undefined where there is no such file; a folder is none. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw error;
  }
}

function parseFencingAfter(text: string): number {
  const time = parseSeconds(text);
  if (time === 0) throw new InvalidArgumentError("want at least 1: to fence never, use --layer2-fencing off");
  return time;
}

function familyOf(address: string | undefined): 4 | 6 {
  return address?.includes(":") === true ? 6 : 4;
}

function isEverywhere(address: string): boolean {
  return address === EVERYWHERE[4] || address === EVERYWHERE[6];
}

function parseAddress(text: string): string {
  if (text === "") return text;
  const address = parseIpAddress(text);
  if (address === undefined) throw new InvalidArgumentError("want an IP address");
  return address.toString();
}
