import type { AnnouncedRoute, RouteChange } from "../announcement/route-table.ts";
import { peerName } from "../api/brands.ts";
import type { Config, Peer, PeerName } from "../api/config.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { InspectedSession } from "./admin-views.ts";
import type { BfdStart } from "./bfd-channel.ts";
import { BfdGuards } from "./bfd-guards.ts";
import { type BfdReadings, BfdService } from "./bfd-service.ts";
import { BgpListener, type ListenerPorts } from "./bgp-listener.ts";
import { OutboxHub } from "./bgp-outbox-hub.ts";
import type { BgpPorts } from "./bgp-ports.ts";
import { BgpSession } from "./bgp-session.ts";
import { type BgpSessionConfig, SESSION_DEFAULTS } from "./bgp-session-config.ts";
import type { BgpSessionView } from "./bgp-session-view.ts";
import type { Convergence } from "./convergence.ts";
import { peersWithoutSession, type SessionConfigs, type SessionFacts, sessionConfigs } from "./session-config.ts";
import type { SessionReading } from "./session-metrics.ts";
import { SessionSet } from "./session-set.ts";
import { WeightPacer } from "./weight-pacer.ts";

export interface BgpPeeringPorts extends BgpPorts {
  /** Needed where routers may open sessions. */
  readonly listen?: ListenerPorts["listen"];
  /** Starts what detects dead paths; without it, profiles are ignored and that is said. */
  readonly startBfd?: BfdStart;
  /** Hears of every change of a session's state. */
  readonly sessionChanged?: (peer: PeerName, view: BgpSessionView) => void;
  /** Measures how soon peers are told. */
  readonly convergence?: Convergence | undefined;
}

export interface BgpPeeringOptions {
  readonly nodeName: string;
  /** What this machine can do for sessions; nothing special when absent. */
  readonly sessions?: Omit<SessionFacts, "nodeName" | "bfd">;
  /** Where routers may open sessions themselves, 179 or another port; nowhere when absent. */
  readonly bgpPort?: number;
  /** How often routers may hear of another weight of one route; 5 s when absent. */
  readonly weightInterval?: Micros;
}

const WEIGHT_INTERVAL = seconds(5);
const PLAIN: NonNullable<BgpPeeringOptions["sessions"]> = {
  native: false,
  neighbours: false,
  forwardingPreserved: true,
};

/** The BGP sessions of this node, what guards them, and the routes on their way to the peers. */
export class BgpPeering {
  readonly #ports: BgpPeeringPorts;
  readonly #options: BgpPeeringOptions;
  readonly #sessions: SessionSet<BgpSession>;
  readonly #pacer: WeightPacer;
  readonly #bfd: BfdService | undefined;
  readonly #guards: BfdGuards | undefined;
  #listener: BgpListener | undefined;

  constructor(ports: BgpPeeringPorts, options: BgpPeeringOptions) {
    this.#ports = { ...ports, outboxHub: new OutboxHub(ports) };
    this.#options = options;
    this.#sessions = new SessionSet<BgpSession>({
      log: ports.log,
      open: (peer, config) => this.#open(peer, config),
      closing: (session) => {
        this.#listener?.remove(session);
        this.#guards?.remove(peerName(session.config.name));
      },
      rekeyed: (session) => this.#listener?.rekey(session),
    });
    const tell = (changes: readonly RouteChange[]): void => this.#tell(changes);
    this.#pacer = new WeightPacer({ clock: ports.clock, tell }, options.weightInterval ?? WEIGHT_INTERVAL);
    this.#bfd = ports.startBfd === undefined ? undefined : new BfdService({ ...ports, start: ports.startBfd });
    this.#guards = this.#bfd === undefined ? undefined : new BfdGuards(this.#bfd);
  }

  /** The sessions of this node, by peer. */
  sessions(): readonly (readonly [PeerName, BgpSession])[] {
    return this.#sessions.entries();
  }

  /** The sessions as they stand, with what guards them. */
  readings(): readonly SessionReading[] {
    return this.#sessions.entries().map(([, { view, config }]) => ({
      view,
      port: config.peerPort ?? SESSION_DEFAULTS.port,
      interface: config.interface,
      vrf: config.vrf,
    }));
  }

  /** Why no router could open a session, in words; undefined where none is to, or all is well. */
  unready(): string | undefined {
    const { bgpPort } = this.#options;
    if (bgpPort === undefined || this.#ports.listen === undefined || this.#listener?.listens === true) return undefined;
    return `bgp does not listen on port ${bgpPort}`;
  }

  /** What guards them. */
  bfdReadings(): Promise<BfdReadings | undefined> {
    return this.#bfd?.readings() ?? Promise.resolve(undefined);
  }

  /** The sessions themselves, for people to look into. */
  inspected(): readonly InspectedSession[] {
    return this.#sessions.entries().map(([peer, session]) => ({ peer, session, bfd: this.#guards?.view(peer) }));
  }

  /** Lets routers open sessions, where that is wanted. */
  async accept(): Promise<void> {
    const { listen, log } = this.#ports;
    const { bgpPort, sessions } = this.#options;
    if (bgpPort === undefined || listen === undefined) return;
    this.#listener = new BgpListener({ listen, log, native: sessions?.native === true });
    await this.#listener.start(undefined, bgpPort);
  }

  /** The peers that this node can have no session with, and the field that says why. */
  withoutSession(config: Config): ReadonlyMap<PeerName, string> {
    return peersWithoutSession(config.peers.values(), this.#facts());
  }

  /** Fits the guards of paths to the peers of this node; answers the fields that this node cannot honour. */
  configure(peers: readonly Peer[], config: Config): SessionConfigs {
    this.#guards?.configure(peers, config.bfdProfiles);
    return sessionConfigs(peers, this.#facts());
  }

  /** Opens and closes sessions by difference; a new one starts with all routes of its peer. */
  apply({ sessions }: SessionConfigs, routesOf: (peer: PeerName) => readonly AnnouncedRoute[]): void {
    for (const peer of this.#sessions.apply(sessions))
      this.#sessions.get(peer)?.setRoutes(this.#pacer.startOver(routesOf(peer)));
  }

  /** Routes that peers have to be told of; weights alone at their pace. */
  tell(changes: readonly RouteChange[]): void {
    this.#pacer.tell(changes);
  }

  /** Ends every session and waits until the routers have been told. */
  async close(reason: string, goodbye: "shutdown" | "restarting"): Promise<void> {
    await this.#sessions.stop(reason, goodbye);
  }

  /** Ends what guards the sessions and lets them in, when they are closed. */
  async stop(reason: string): Promise<void> {
    await Promise.all([this.#listener?.stop(reason), this.#bfd?.stop()]);
  }

  #facts(): SessionFacts {
    const { nodeName, sessions = PLAIN } = this.#options;
    return { nodeName, ...sessions, bfd: this.#bfd !== undefined };
  }

  #open(peer: PeerName, config: BgpSessionConfig): BgpSession {
    const session = new BgpSession(this.#ports, config);
    session.onChange((view) => {
      const { state, lastError } = view;
      this.#ports.log.debug("bgp session state", { peer, to: state, reason: lastError });
      this.#ports.sessionChanged?.(peer, view);
      if (state === "established") this.#guards?.established(peer, session);
    });
    session.start();
    this.#listener?.add(session);
    return session;
  }

  #tell(changes: readonly RouteChange[]): void {
    const byPeer = new Map<PeerName, RouteChange[]>();
    for (const change of changes) {
      const list = byPeer.get(change.peer);
      if (list === undefined) byPeer.set(change.peer, [change]);
      else list.push(change);
    }
    const mark = this.#ports.convergence?.current;
    const written = mark === undefined ? undefined : () => this.#ports.convergence?.reached(mark, "bgp");
    for (const [peer, own] of byPeer) this.#sessions.get(peer)?.changeRoutes(own, written);
  }
}
