import { networkInterfaces } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { nodeName } from "../api/brands.ts";
import { parseIpAddress } from "../net/ip-address.ts";
import type { GossipSeed, GossipStart } from "../speaker/gossip-messages.ts";
import { GossipMembers } from "../speaker/members-gossip.ts";
import { GossipKeys } from "../speaker/members-keys.ts";
import { parseSeeds } from "../speaker/members-seeds.ts";
import { ReportExchange } from "../standalone/report-exchange.ts";
import type { OtherHosts, StandaloneOptions } from "../standalone/standalone.ts";
import type { Clock } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";
import { ConfigError } from "../wire/errors.ts";
import { parsePort } from "./daemon-options.ts";
import { readText } from "./speaker-layer2.ts";

/** The flags of `herald standalone` about other hosts. */
export interface HostsFlags {
  readonly member: readonly string[];
  readonly memberKey?: string;
  readonly memberBind?: string;
  readonly memberPort: number;
}

/** What is said to be a host, or a key, is none. */
class BadMemberFlags extends ConfigError {
  readonly code = "ERR_CLI_BAD_MEMBER_FLAGS";
}

const EVERYWHERE = { 4: "0.0.0.0", 6: "::" } as const;

/** Adds them. */
export function addHostsOptions(command: Command): Command {
  return command
    .option(
      "--member <ip[:port],...>",
      "another host with the same layer-2 addresses: one of them answers; may be given again",
      (text: string, before: readonly string[]) => [...before, text],
      [] as readonly string[],
    )
    .option("--member-key <file>", "file with a secret that all of them share (default: they talk in plain text)")
    .option("--member-bind <ip>", "talk with them from this address (default: all addresses)", parseAddress)
    .option("--member-port <port>", "port for that, UDP and TCP, the same on every host", parsePort, 7946);
}

/** The hosts that the flags name; undefined where they name none. @throws BadMemberFlags, GossipKeyMissing */
export function otherHostsOf(
  flags: HostsFlags,
  ports: { readonly clock: Clock; readonly log: Log; readonly startGossip: GossipStart },
  { nodeName: name, namespace }: StandaloneOptions["host"],
): OtherHosts | undefined {
  if (flags.member.length === 0) return undefined;
  const { clock, log } = ports;
  const named = parseSeeds(flags.member.join(","), flags.memberPort);
  if (named === undefined)
    throw new BadMemberFlags(`--member: want addresses with commas between them, not "${flags.member.join(",")}"`);
  const others = named.filter((seed) => !isOwn(seed, flags));
  const address = flags.memberBind ?? EVERYWHERE[named.some((seed) => seed.address.includes(":")) ? 6 : 4];
  const bind = { address, port: flags.memberPort };
  const keys = keysOf(flags.memberKey, ports);
  const gossip = new GossipMembers(
    { clock, log, start: ports.startGossip, pods: undefined, keys },
    { node: nodeName(name), bind, advertise: flags.memberBind, cluster: namespace, join: others },
  );
  return {
    gossip,
    exchange: async (heard, signal) => {
      const exchange = new ReportExchange({ clock, log, keys: () => keys?.current() ?? [], ...heard });
      await exchange.start(bind, others, signal);
      return exchange;
    },
  };
}

/** One list may go to all hosts. */
function isOwn({ address, port }: GossipSeed, { memberBind, memberPort }: HostsFlags): boolean {
  if (port !== memberPort) return false;
  const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address));
  return [memberBind, ...own].some((one) => one !== undefined && parseIpAddress(one)?.toString() === address);
}

function keysOf(path: string | undefined, ports: { readonly clock: Clock; readonly log: Log }): GossipKeys | undefined {
  if (path === undefined) return undefined;
  const secret = readText(path) ?? readText(`${path}/secretkey`);
  // Whoever names a file wants no plain text.
  if (secret === undefined || secret.trim() === "")
    throw new BadMemberFlags(`--member-key ${path}: ${secret === undefined ? "there is no such file" : "is empty"}`);
  return new GossipKeys({ ...ports, read: readText }, path);
}

function parseAddress(text: string): string {
  const address = parseIpAddress(text);
  if (address === undefined) throw new InvalidArgumentError("want an IP address");
  return address.toString();
}
