import type { Asn } from "../../src/net/asn.ts";
import { asnFromNumber } from "../../src/net/asn.ts";
import { formatCommunity } from "../../src/net/community.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { type IpPrefix, parsePrefix } from "../../src/net/ip-prefix.ts";
import { BgpListener } from "../../src/speaker/bgp-listener.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { dialTcp, listenTcp } from "../../src/system/tcp.ts";
import { silentLog } from "../support/silent-log.ts";

/** BGPPeer allows ports up to 16384 only, so the kernel cannot choose. */
const PORTS = { first: 12_000, count: 4000 };

/** One path as the router has it. */
export interface Path {
  readonly from: string;
  readonly nextHop: string;
  readonly localPref: number | undefined;
  readonly communities: readonly string[];
}

export interface RouterOptions {
  readonly asn: number;
  readonly holdTime?: number;
}

/**
 * A router on loopback made from Herald's own engine, passive, which keeps what it is told. What it says of Herald's encoding
 * proves little, that is for golden bytes and labs: here it is about which routes are there, and when.
 */
export class TestRouter implements AsyncDisposable {
  readonly #listener: BgpListener;
  readonly #sessions: BgpSession[] = [];
  /** Every way a session ended, in order: `address: reason`. */
  readonly endings: string[] = [];
  port = 0;

  private constructor(options: RouterOptions) {
    const create = (peer: IpAddress): BgpSession => this.#create(peer, options);
    const prefixes = [must(parsePrefix("127.0.0.0/8"))];
    this.#listener = new BgpListener({ listen: listenTcp, log: silentLog }, { prefixes, create });
  }

  static async start(options: RouterOptions): Promise<TestRouter> {
    const router = new TestRouter(options);
    const offset = Math.trunc(systemRandom() * PORTS.count);
    for (let i = 0; i < PORTS.count; i++) {
      const port = PORTS.first + ((offset + i) % PORTS.count);
      try {
        router.port = await router.#listener.start(must(parseIpAddress("127.0.0.1")), port);
        return router;
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
      }
    }
    throw new Error("no port is free");
  }

  /** The addresses with a session, in order. */
  get peers(): readonly string[] {
    return this.#sessions
      .filter(({ view }) => view.state === "established")
      .map(({ config }) => `${config.peerAddress}`)
      .toSorted();
  }

  /** How often a session with this address was established. */
  established(peer: string): number {
    return this.#of(peer)?.view.counters.established ?? 0;
  }

  /** UPDATEs that came from this address, the End-of-RIB of each family included. */
  updates(peer: string): number {
    return this.#of(peer)?.view.counters.updatesReceived ?? 0;
  }

  /** `prefix` -> the addresses it is announced from. */
  table(): Readonly<Record<string, readonly string[]>> {
    const rows = [...this.#rows()].map(([prefix, paths]) => [prefix, paths.map(({ from }) => from)] as const);
    return Object.fromEntries(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  paths(prefix: string): readonly Path[] {
    return this.#rows().get(prefix) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.stop("test is over");
  }

  #of(peer: string): BgpSession | undefined {
    return this.#sessions.find(({ config }) => `${config.peerAddress}` === peer);
  }

  #rows(): ReadonlyMap<string, readonly Path[]> {
    const rows = new Map<string, Path[]>();
    for (const session of this.#sessions) {
      for (const { prefix, nextHop, attributes } of session.learned) {
        const key = prefix.toString();
        const { localPref, communities = [] } = attributes;
        const from = `${session.config.peerAddress}`;
        const path = { from, nextHop: nextHop.toString(), localPref, communities: communities.map(formatCommunity) };
        rows.set(
          key,
          [...(rows.get(key) ?? []), path].toSorted((a, b) => (a.from < b.from ? -1 : 1)),
        );
      }
    }
    return rows;
  }

  #create(peer: IpAddress, { asn, holdTime }: RouterOptions): BgpSession {
    const ports = { clock: systemClock, random: systemRandom, dial: dialTcp, log: silentLog };
    const session = new BgpSession(ports, {
      name: `from ${peer}`,
      localAsn: must(asnFromNumber(asn)),
      peerAsn: HERALD_ASN,
      peerAddress: peer,
      nodeName: "router",
      routerId: must(parseIpAddress("192.0.2.1")),
      families: new Set([4, 6] as const),
      passive: true,
      ...(holdTime === undefined ? {} : { holdTime }),
    });
    session.onChange(({ state, lastError }) => {
      if ((state === "idle" || state === "active") && lastError !== undefined) {
        this.endings.push(`${peer}: ${lastError}`);
      }
    });
    this.#sessions.push(session);
    return session;
  }
}

const HERALD_ASN: Asn = must(asnFromNumber(64512));

function must<T extends IpAddress | IpPrefix | Asn>(value: T | undefined): T {
  if (value === undefined) throw new Error("a constant of the test does not parse");
  return value;
}
