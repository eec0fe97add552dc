import { asnFromNumber } from "../net/asn.ts";
import { formatCommunity } from "../net/community.ts";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { comparePrefixes, type IpPrefix, parsePrefix } from "../net/ip-prefix.ts";
import { BgpListener } from "../speaker/bgp-listener.ts";
import type { BgpPorts } from "../speaker/bgp-ports.ts";
import { BgpSession } from "../speaker/bgp-session.ts";
import { dialTcp, ListenRefused, listenTcp } from "../system/tcp.ts";
import { InvariantError, SystemError } from "../wire/errors.ts";

/** BGPPeer allows ports up to 16384 only, so the kernel cannot choose. */
const PORTS = { first: 11790, last: 11890 };

/** All the ports the demo may use are taken. */
class NoPortFree extends SystemError {
  readonly code = "ERR_DEMO_NO_PORT";
}

class BadConstant extends InvariantError {
  readonly code = "ERR_DEMO_CONSTANT";
}

/** One line of the router's table: a prefix, and the ways that lead there. */
export interface TableRow {
  readonly prefix: IpPrefix;
  /** The peers that announce it and the next hop each names, in order of the peers. */
  readonly paths: readonly { readonly peer: string; readonly nextHop: string }[];
  readonly communities: readonly string[];
}

/** A router as small as can be: Herald's own engine, passive, on loopback, which only keeps what it is told. */
export class DemoRouter {
  readonly #listener: BgpListener;

  constructor(ports: Omit<BgpPorts, "dial">) {
    const create = (peer: IpAddress): BgpSession =>
      new BgpSession({ ...ports, dial: dialTcp }, { ...SESSION, name: `from ${peer}`, peerAddress: peer });
    const prefixes = [must(parsePrefix("127.0.0.0/8"))];
    this.#listener = new BgpListener({ listen: listenTcp, log: ports.log }, { prefixes, create });
  }

  /** Listens on the first free port of a few, and returns it. */
  async start(): Promise<number> {
    const address = must(parseIpAddress("127.0.0.1"));
    for (let port = PORTS.first; port <= PORTS.last; port++) {
      try {
        return await this.#listener.start(address, port);
      } catch (error) {
        if (!(error instanceof ListenRefused && error.errno === "EADDRINUSE")) throw error;
      }
    }
    throw new NoPortFree(`no free TCP port from ${PORTS.first} to ${PORTS.last} on 127.0.0.1`);
  }

  /** How many nodes have a session. */
  get established(): number {
    return this.#listener.dynamicSessions.filter(({ view }) => view.state === "established").length;
  }

  /** The table as a router would show it: equal prefixes of several nodes are one line with several paths. */
  table(): readonly TableRow[] {
    const rows = new Map<string, TableRow>();
    for (const session of this.#listener.dynamicSessions) {
      for (const route of session.learned) {
        const key = route.prefix.toString();
        const communities = (route.attributes.communities ?? []).map(formatCommunity);
        const row = rows.get(key) ?? { prefix: route.prefix, paths: [], communities };
        const path = { peer: `${session.view.peerAddress}`, nextHop: route.nextHop.toString() };
        rows.set(key, { ...row, paths: [...row.paths, path].toSorted((a, b) => (a.peer < b.peer ? -1 : 1)) });
      }
    }
    return [...rows.values()].toSorted((a, b) => comparePrefixes(a.prefix, b.prefix));
  }

  async stop(): Promise<void> {
    await this.#listener.stop("demo is over");
  }
}

const SESSION = {
  localAsn: must(asnFromNumber(64513)),
  peerAsn: "external",
  routerId: must(parseIpAddress("192.0.2.1")),
  nodeName: "router",
  families: new Set([4, 6] as const),
  passive: true,
} as const;

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new BadConstant("a constant of the demo does not parse");
  return value;
}
