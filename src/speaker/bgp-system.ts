import { networkInterfaces, uptime } from "node:os";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import type { Clock } from "../system/clock.ts";
import { InterfaceMonitor } from "../system/interface-monitor.ts";
import { systemSockets } from "../system/native/socket.ts";
import { watchNeighbour } from "../system/neighbour-discovery.ts";
import { addressBeside } from "../system/next-hop.ts";
import type { Random } from "../system/random.ts";
import { RestartMemory } from "../system/restart-memory.ts";
import { dialTcp, listenTcp } from "../system/tcp.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { ListenerPorts } from "./bgp-listener.ts";
import type { BgpPorts, WatchNeighbour } from "./bgp-ports.ts";
import type { SessionFacts } from "./session-config.ts";

/** What of the machine BGP sessions use, beside clock, chance and log. */
export interface BgpSystem {
  readonly ports: Omit<BgpPorts, "clock" | "random" | "log"> & { readonly listen: ListenerPorts["listen"] };
  readonly facts: Pick<SessionFacts, "native" | "neighbours" | "forwardingPreserved">;
  close(): void;
}

/** A machine that was started so short a time ago has lost what it forwarded with, whatever a state file says. */
const FRESH_BOOT_SECONDS = 180;

/**
 * The machine as it is. `stateDir` is where a restart is remembered; without it no session ever says that it has restarted, which
 * routers only use to decide whether they wait for us while they restart themselves.
 * @throws the system's error when the folder cannot be used
 */
export function bgpSystem(
  base: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  { stateDir }: { readonly stateDir: string | undefined },
): BgpSystem {
  const native = systemSockets.available;
  const monitor = native ? new InterfaceMonitor(systemSockets) : undefined;
  const neighbours = monitor === undefined ? {} : { watchNeighbour: neighbourWatch(base, monitor) };
  return {
    ports: {
      dial: dialTcp,
      listen: listenTcp,
      nextHopFor: (family, local) => addressBeside(local, family),
      hasAddress: isLocal,
      ...neighbours,
      ...(stateDir === undefined
        ? {}
        : {
            restarts: new RestartMemory(stateDir, (error) =>
              base.log.error("restart memory not written", errorFields(error)),
            ),
          }),
    },
    facts: { native, neighbours: monitor !== undefined, forwardingPreserved: uptime() > FRESH_BOOT_SECONDS },
    close: () => monitor?.close(),
  };
}

function neighbourWatch(
  base: { readonly clock: Clock; readonly random: Random },
  interfaces: InterfaceMonitor,
): WatchNeighbour {
  return (name, { found, failed }) =>
    watchNeighbour(
      { ...base, sockets: systemSockets, interfaces, failed: (_name, error) => failed(error.message) },
      name,
      found,
    );
}

/** Every address of 127.0.0.0/8 is this machine's, although only the first is listed (RFC 1122 section 3.2.1.3). */
function isLocal(address: IpAddress): boolean {
  if (address.family === 4 && address.toBytes()[0] === 127) return true;
  return localAddresses().some((local) => parseIpAddress(local)?.equals(address) === true);
}

function localAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
}
