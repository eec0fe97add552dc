import type { PeerName } from "../api/config.ts";
import type { Goodbye } from "../bgp/graceful-restart.ts";
import type { Route } from "../bgp/route.ts";
import type { Log } from "../telemetry/log.ts";
import type { BgpSessionConfig } from "./bgp-session-config.ts";

/** A session as the set needs it. */
export interface RunningSession {
  setRoutes(routes: Iterable<Route>): void;
  /** Takes another password, without losing the connection where that can be done. */
  setPassword(password: string | undefined): void;
  /** Says goodbye and resolves when the connection is gone. */
  stop(reason: string, goodbye: Goodbye): Promise<void>;
}

export interface SessionSetPorts<S extends RunningSession> {
  readonly log: Log;
  /** Starts a session. */
  readonly open: (peer: PeerName, config: BgpSessionConfig) => S;
  /** A session is about to end. */
  readonly closing?: (session: S) => void;
  /** A session has another password. */
  readonly rekeyed?: (session: S) => void;
}

interface Entry<S> {
  readonly session: S;
  readonly fingerprint: string;
  readonly password: string | undefined;
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
      if (config === undefined) this.#close(peer, entry, "peer removed", "removed");
      else if (fingerprint(config) !== entry.fingerprint) this.#close(peer, entry, "configuration changed", "changed");
      else this.#rekey(peer, entry, config.password);
    }
    const opened: PeerName[] = [];
    for (const [peer, config] of desired) {
      if (this.#running.has(peer)) continue;
      const session = this.#ports.open(peer, config);
      this.#running.set(peer, { session, fingerprint: fingerprint(config), password: config.password });
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

  /**
   * Ends every session and waits until the routers have been told: with "shutdown" what was announced goes at once, with "restarting"
   * routers that help with restarts keep it until we are back.
   */
  async stop(reason: string, goodbye: "shutdown" | "restarting"): Promise<void> {
    for (const [peer, entry] of this.#running) this.#close(peer, entry, reason, goodbye);
    await Promise.all(this.#closing);
  }

  #rekey(peer: PeerName, entry: Entry<S>, password: string | undefined): void {
    if (password === entry.password) return;
    this.#running.set(peer, { ...entry, password });
    this.#ports.log.info("bgp password changed", { component: "speaker", peer });
    entry.session.setPassword(password);
    this.#ports.rekeyed?.(entry.session);
  }

  #close(peer: PeerName, { session }: Entry<S>, reason: string, goodbye: Goodbye): void {
    this.#running.delete(peer);
    this.#ports.log.info("bgp session closing", { component: "speaker", peer, reason });
    this.#ports.closing?.(session);
    const closing = session.stop(reason, goodbye).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** Equal configurations have equal text: addresses and sets are written out in a fixed order. A password changes on its own. */
function fingerprint({ password: _, ...config }: BgpSessionConfig): string {
  return JSON.stringify(config, (_key, value: unknown) => (value instanceof Set ? [...value].toSorted() : value));
}
