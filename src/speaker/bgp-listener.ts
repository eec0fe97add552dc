import type { IpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { BgpConnection } from "./bgp-ports.ts";
import type { BgpSession } from "./bgp-session.ts";

/** Peers that need no configuration of their own: any address of the prefix gets a session made for it. */
export interface DynamicPeers {
  readonly prefixes: readonly IpPrefix[];
  /** Makes the session of one address; it should be passive. The listener starts it. */
  create(peer: IpAddress): BgpSession;
}

/** What the listener needs to know of who is calling, before a session has it. */
interface Caller {
  readonly address: IpAddress;
  readonly zone: string | undefined;
}

interface ListeningSocket {
  readonly port: number;
  /** Asks these peers for a password from now on, for another one, or for none. */
  setPassword?(peers: IpPrefix, password: string | undefined): void;
  close(): Promise<void>;
}

export interface ListenerPorts {
  readonly listen: (
    where: {
      readonly address: IpAddress | undefined;
      readonly port: number;
      readonly optionsFor?: (caller: Caller) => { readonly minTtl?: number };
    },
    accepted: (connection: BgpConnection) => void,
  ) => Promise<ListeningSocket>;
  readonly log: Log;
  /** Whether TTLs can be checked; only then is the system asked to. */
  readonly native?: boolean;
}

/** Accepts connections and hands each to the session of its source address; the peers without one are turned away. */
export class BgpListener {
  readonly #ports: ListenerPorts;
  readonly #dynamic: DynamicPeers | undefined;
  readonly #sessions = new Set<BgpSession>();
  readonly #made = new Map<string, BgpSession>();
  #server: ListeningSocket | undefined;

  constructor(ports: ListenerPorts, dynamic?: DynamicPeers) {
    this.#ports = ports;
    this.#dynamic = dynamic;
  }

  /** Listens, and returns the port: the kernel's choice when 0 is asked for. */
  async start(address: IpAddress | undefined, port: number): Promise<number> {
    const options = this.#ports.native === true ? { optionsFor: (caller: Caller) => this.#optionsFor(caller) } : {};
    this.#server = await this.#ports.listen({ address, port, ...options }, (connection) =>
      this.#onAccepted(connection),
    );
    for (const session of this.#sessions) this.rekey(session);
    return this.#server.port;
  }

  get listens(): boolean {
    return this.#server !== undefined;
  }

  /** Connections from the session's peer go to it from now on. */
  add(session: BgpSession): void {
    this.#sessions.add(session);
    if (session.password !== undefined) this.rekey(session);
  }

  remove(session: BgpSession): void {
    if (!this.#sessions.delete(session) || session.password === undefined) return;
    const { peerAddress } = session;
    const other = peerAddress === undefined ? undefined : this.#candidates(peerAddress, undefined)[0];
    this.#setPassword(peerAddress, other?.password);
  }

  /** Asks the session's peer for the password that the session has now. */
  rekey(session: BgpSession): void {
    this.#setPassword(session.peerAddress, session.password);
  }

  /** The sessions made for dynamic peers, in the order they first came. */
  get dynamicSessions(): readonly BgpSession[] {
    return [...this.#made.values()];
  }

  /** Stops listening, and stops the sessions it made. */
  async stop(reason: string): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
    await Promise.all(this.dynamicSessions.map((session) => session.stop(reason)));
    this.#made.clear();
  }

  #setPassword(peer: IpAddress | undefined, password: string | undefined): void {
    if (this.#server === undefined || peer === undefined) return;
    try {
      this.#server.setPassword?.(IpPrefix.ofHost(peer), password);
    } catch (error) {
      this.#ports.log.error("bgp password not set for incoming connections", {
        peer: `${peer}`,
        ...errorFields(error),
      });
    }
  }

  /** The kernel checks nothing before the handshake is over: a TTL that is too low then costs the connection, not the session. */
  #optionsFor({ address, zone }: Caller): { readonly minTtl?: number } {
    const minTtl = this.#candidates(address, zone)[0]?.config.minTtl;
    return minTtl === undefined ? {} : { minTtl };
  }

  #onAccepted(connection: BgpConnection): void {
    const session = this.#sessionFor(connection);
    if (session !== undefined) {
      session.accept(connection);
      return;
    }
    this.#ports.log.warn("bgp connection refused", { peer: `${connection.remoteAddress}`, reason: "unknown-peer" });
    connection.destroy();
  }

  #sessionFor({ remoteAddress, localAddress, zone }: BgpConnection): BgpSession | undefined {
    const wanted = this.#candidates(remoteAddress, zone).filter(
      ({ config }) => config.localAddress === undefined || config.localAddress.equals(localAddress),
    );
    // Several with one address: nobody can tell whom the peer means, so the first that is free has it.
    return wanted.find(({ state }) => state !== "established") ?? wanted[0] ?? this.#dynamicSessionFor(remoteAddress);
  }

  #candidates(peer: IpAddress, zone: string | undefined): readonly BgpSession[] {
    return [...this.#sessions].filter(({ config, peerAddress }) => {
      const sameZone = zone === undefined || config.interface === undefined || config.interface === zone;
      return sameZone && peerAddress?.equals(peer) === true;
    });
  }

  #dynamicSessionFor(peer: IpAddress): BgpSession | undefined {
    const key = peer.toString();
    const known = this.#made.get(key);
    if (known !== undefined || this.#dynamic === undefined) return known;
    if (!this.#dynamic.prefixes.some((prefix) => prefix.contains(peer))) return undefined;
    const session = this.#dynamic.create(peer);
    this.#made.set(key, session);
    session.start();
    return session;
  }
}
