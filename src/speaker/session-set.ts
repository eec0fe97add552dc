import type { PeerName } from "../api/config.ts";
import type { Route } from "../bgp/route.ts";
import type { Log } from "../telemetry/log.ts";
import type { BgpSessionConfig } from "./bgp-session-config.ts";

/** A session as the set needs it. */
export interface RunningSession {
  setRoutes(routes: Iterable<Route>): void;
  /** Says goodbye with a Cease and resolves when the connection is gone. */
  stop(reason: string): Promise<void>;
}

export interface SessionSetPorts<S extends RunningSession> {
  readonly log: Log;
  /** Starts a session. */
  readonly open: (peer: PeerName, config: BgpSessionConfig) => S;
}

interface Entry<S> {
  readonly session: S;
  readonly fingerprint: string;
}

/** The sessions of this node: one per peer that selects it, replaced when its configuration changes (reference 4.6). */
export class SessionSet<S extends RunningSession> {
  readonly #ports: SessionSetPorts<S>;
  readonly #running = new Map<PeerName, Entry<S>>();
  /** Goodbyes under way: a new session to the same router waits for nobody, but a stop waits for them all. */
  readonly #closing = new Set<Promise<void>>();

  constructor(ports: SessionSetPorts<S>) {
    this.#ports = ports;
  }

  /** Closes what is gone or has changed, opens what is new, leaves the rest alone. Answers the peers that were (re)opened. */
  apply(desired: ReadonlyMap<PeerName, BgpSessionConfig>): readonly PeerName[] {
    for (const [peer, entry] of this.#running) {
      const config = desired.get(peer);
      if (config !== undefined && fingerprint(config) === entry.fingerprint) continue;
      this.#close(peer, entry, config === undefined ? "peer removed" : "configuration changed");
    }
    const opened: PeerName[] = [];
    for (const [peer, config] of desired) {
      if (this.#running.has(peer)) continue;
      this.#running.set(peer, { session: this.#ports.open(peer, config), fingerprint: fingerprint(config) });
      opened.push(peer);
    }
    return opened;
  }

  get(peer: PeerName): S | undefined {
    return this.#running.get(peer)?.session;
  }

  entries(): readonly (readonly [PeerName, S])[] {
    return [...this.#running].map(([peer, entry]) => [peer, entry.session] as const);
  }

  /** Ends every session with a Cease and waits until the routers have been told. */
  async stop(reason: string): Promise<void> {
    for (const [peer, entry] of this.#running) this.#close(peer, entry, reason);
    await Promise.all(this.#closing);
  }

  #close(peer: PeerName, entry: Entry<S>, reason: string): void {
    this.#running.delete(peer);
    this.#ports.log.info("bgp session closing", { component: "speaker", peer, reason });
    const closing = entry.session.stop(reason).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** Equal configurations have equal text: addresses and sets are written out in a fixed order. */
function fingerprint(config: BgpSessionConfig): string {
  return JSON.stringify(config, (_key, value: unknown) => (value instanceof Set ? [...value].toSorted() : value));
}
