import type { IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { Log } from "../telemetry/log.ts";
import type { BgpConnection } from "./bgp-ports.ts";
import type { BgpSession } from "./bgp-session.ts";

/** Peers that need no configuration of their own: any address of the prefix gets a session made for it. */
export interface DynamicPeers {
  readonly prefixes: readonly IpPrefix[];
  /** Makes the session of one address; it should be passive. The listener starts it. */
  create(peer: IpAddress): BgpSession;
}

export interface ListenerPorts {
  readonly listen: (
    where: { readonly address: IpAddress | undefined; readonly port: number },
    accepted: (connection: BgpConnection) => void,
  ) => Promise<{ readonly port: number; close(): Promise<void> }>;
  readonly log: Log;
}

/** Accepts connections and hands each to the session of its source address; the peers without one are turned away. */
export class BgpListener {
  readonly #ports: ListenerPorts;
  readonly #dynamic: DynamicPeers | undefined;
  readonly #sessions = new Map<string, BgpSession>();
  readonly #made = new Map<string, BgpSession>();
  #server: { readonly port: number; close(): Promise<void> } | undefined;

  constructor(ports: ListenerPorts, dynamic?: DynamicPeers) {
    this.#ports = ports;
    this.#dynamic = dynamic;
  }

  /** Listens, and returns the port: the kernel's choice when 0 is asked for. */
  async start(address: IpAddress | undefined, port: number): Promise<number> {
    this.#server = await this.#ports.listen({ address, port }, (connection) => this.#onAccepted(connection));
    return this.#server.port;
  }

  /** Connections from the session's peer go to it from now on. */
  add(session: BgpSession): void {
    this.#sessions.set(session.config.peerAddress.toString(), session);
  }

  remove(session: BgpSession): void {
    const key = session.config.peerAddress.toString();
    if (this.#sessions.get(key) === session) this.#sessions.delete(key);
  }

  /** The sessions made for dynamic peers, in the order they first came. */
  get dynamicSessions(): readonly BgpSession[] {
    return [...this.#made.values()];
  }

  /** Stops listening, and stops the sessions it made. */
  async stop(reason: string): Promise<void> {
    await this.#server?.close();
    await Promise.all(this.dynamicSessions.map((session) => session.stop(reason)));
    this.#made.clear();
  }

  #onAccepted(connection: BgpConnection): void {
    const session = this.#sessionFor(connection.remoteAddress);
    if (session !== undefined) {
      session.accept(connection);
      return;
    }
    this.#ports.log.warn("bgp connection refused", { peer: `${connection.remoteAddress}`, reason: "unknown-peer" });
    connection.destroy();
  }

  #sessionFor(peer: IpAddress): BgpSession | undefined {
    const key = peer.toString();
    const known = this.#sessions.get(key) ?? this.#made.get(key);
    if (known !== undefined || this.#dynamic === undefined) return known;
    if (!this.#dynamic.prefixes.some((prefix) => prefix.contains(peer))) return undefined;
    const session = this.#dynamic.create(peer);
    this.#made.set(key, session);
    session.start();
    return session;
  }
}
