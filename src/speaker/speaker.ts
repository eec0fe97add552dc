import { setMaxListeners } from "node:events";
import { prepareNode } from "../announcement/decision.ts";
import type { RouteChange } from "../announcement/route-table.ts";
import { nodeName, peerName } from "../api/brands.ts";
import type { InvalidObject, PeerName, ServiceKey } from "../api/config.ts";
import type { EndpointSlice, Service } from "../api/core.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { stripEndpointSlice, stripService } from "../api/strip.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ConfigSource } from "../kubernetes/config-source.ts";
import { ConfigurationStateWriter } from "../kubernetes/configuration-state.ts";
import { type EventContent, EventRecorder } from "../kubernetes/event-recorder.ts";
import { Informer } from "../kubernetes/informer.ts";
import { ENDPOINT_SLICES, SERVICES } from "../kubernetes/resource.ts";
import { ElectionDigests } from "../layer2/election.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import type { WallClock } from "../system/clock.ts";
import { Announcer } from "./announcer.ts";
import type { BfdStart } from "./bfd-channel.ts";
import { BfdGuards } from "./bfd-guards.ts";
import { BfdService } from "./bfd-service.ts";
import { BgpListener, type ListenerPorts } from "./bgp-listener.ts";
import { OutboxHub } from "./bgp-outbox-hub.ts";
import type { BgpPorts } from "./bgp-ports.ts";
import { BgpSession } from "./bgp-session.ts";
import type { BgpSessionConfig } from "./bgp-session-config.ts";
import { DrainControl } from "./drain-control.ts";
import { drainEvent } from "./drain-events.ts";
import { EndpointIndex } from "./endpoint-index.ts";
import { peersWithoutSession, type SessionFacts, sessionConfigs, type Unsupported } from "./session-config.ts";
import { SessionSet } from "./session-set.ts";
import { WeightPacer } from "./weight-pacer.ts";

export interface SpeakerPorts extends BgpPorts {
  /** Needed where routers may open sessions. */
  readonly listen?: ListenerPorts["listen"];
  readonly client: KubernetesClient;
  readonly wallClock: WallClock;
  /** Starts what detects dead paths; without it, profiles are ignored and that is said. */
  readonly startBfd?: BfdStart;
}

export interface SpeakerOptions {
  readonly namespace: string;
  readonly nodeName: string;
  /** Empty handles the Services without a class. */
  readonly loadBalancerClass: string;
  readonly ignoreExcludeLb: boolean;
  /** What this machine can do for sessions; nothing special when absent. */
  readonly sessions?: Omit<SessionFacts, "nodeName" | "bfd">;
  /** Where routers may open sessions themselves, 179 or another port; nowhere when absent. */
  readonly bgpPort?: number;
  /** How long the end of the speaker may take to hand its traffic over; when absent it just ends. */
  readonly drainOnStop?: Micros;
  /** How often routers may hear of another weight of one route; 5 s when absent. */
  readonly weightInterval?: Micros;
}

const WEIGHT_INTERVAL = seconds(5);
const PLAIN: NonNullable<SpeakerOptions["sessions"]> = { native: false, neighbours: false, forwardingPreserved: true };

/** One node's announcer: watches the cluster, decides, and keeps the routers told. */
export class Speaker {
  readonly #ports: SpeakerPorts;
  readonly #options: SpeakerOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #config: ConfigSource;
  readonly #endpoints = new EndpointIndex();
  readonly #announcer: Announcer;
  readonly #sessions: SessionSet<BgpSession>;
  readonly #events: EventRecorder;
  readonly #drain: DrainControl;
  readonly #pacer: WeightPacer;
  readonly #state: ConfigurationStateWriter;
  readonly #bfd: BfdService | undefined;
  readonly #guards: BfdGuards | undefined;
  #listener: BgpListener | undefined;
  /** Hashing every node with every address once is enough. */
  readonly #digests = new ElectionDigests();
  #unsupported: readonly Unsupported[] = [];
  #stopping = false;

  constructor(ports: SpeakerPorts, options: SpeakerOptions) {
    this.#ports = { ...ports, outboxHub: new OutboxHub(ports) };
    this.#options = options;
    this.#services = new Informer(ports, { resource: SERVICES, strip: stripService });
    this.#slices = new Informer(ports, { resource: ENDPOINT_SLICES, strip: stripEndpointSlice });
    this.#config = new ConfigSource(ports, options.namespace);
    this.#events = new EventRecorder(ports, { component: "metallb-speaker", host: options.nodeName });
    this.#state = new ConfigurationStateWriter(ports, {
      namespace: options.namespace,
      name: `speaker-${options.nodeName}`,
      labels: { "metallb.io/component-type": "speaker", "metallb.io/node-name": options.nodeName },
      condition: "configReconcilerValid",
    });
    this.#sessions = new SessionSet<BgpSession>({
      log: ports.log,
      open: (peer, config) => this.#open(peer, config),
      closing: (session) => {
        this.#listener?.remove(session);
        this.#guards?.remove(peerName(session.config.name));
      },
      rekeyed: (session) => this.#listener?.rekey(session),
    });
    this.#drain = new DrainControl({
      clock: ports.clock,
      log: ports.log,
      changed: () => this.#reconfigure(),
      entered: (phase, why) => this.#sayOfNode(drainEvent(phase, why)),
    });
    const tell = (changes: readonly RouteChange[]): void => this.#tell(changes);
    this.#pacer = new WeightPacer({ clock: ports.clock, tell }, options.weightInterval ?? WEIGHT_INTERVAL);
    this.#announcer = this.#makeAnnouncer();
    this.#bfd = ports.startBfd === undefined ? undefined : new BfdService({ ...ports, start: ports.startBfd });
    this.#guards = this.#bfd === undefined ? undefined : new BfdGuards(this.#bfd);
  }

  /** What has not been listed yet, in the words of the API; empty when the caches are complete. */
  unsynced(): readonly string[] {
    return [
      ...(this.#services.isSynced ? [] : [SERVICES.plural]),
      ...(this.#slices.isSynced ? [] : [ENDPOINT_SLICES.plural]),
      ...this.#config.unsynced(),
    ];
  }

  /** The sessions of this node, by peer. */
  sessions(): readonly (readonly [PeerName, BgpSession])[] {
    return this.#sessions.entries();
  }

  /**
   * Announces until the signal is aborted, then says goodbye and resolves when the routers have been told. Those that help with
   * graceful restart keep the routes for the next speaker. Sessions begin when all caches are complete, so that the first
   * End-of-RIB tells the whole. While the API is away it goes on with what it knew. With `drainOnStop` it hands its traffic over
   * before it goes, and looks at the cluster until then.
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.#acceptSessions();
    this.#listen();
    const watching = new AbortController();
    setMaxListeners(0, watching.signal);
    for (const source of [this.#services, this.#slices, this.#config]) source.start(watching.signal);
    const stating = this.#state.run(watching.signal);
    const synced = Promise.all([this.#services.synced, this.#slices.synced, this.#config.synced()]);
    await Promise.race([synced, aborted(signal)]);
    if (!signal.aborted) {
      this.#reconfigure();
      await aborted(signal);
    }
    await this.#drain.stop("speaker is stopping", this.#options.drainOnStop ?? micros(0));
    this.#stopping = true;
    watching.abort();
    const goodbye = this.#drain.drain.handedOver ? "shutdown" : "restarting";
    await Promise.all([this.#sessions.stop("speaker is stopping", goodbye), stating]);
    await Promise.all([this.#listener?.stop("speaker is stopping"), this.#bfd?.stop()]);
    await this.#events[Symbol.asyncDispose]();
  }

  async #acceptSessions(): Promise<void> {
    const { listen, log } = this.#ports;
    const { bgpPort, sessions } = this.#options;
    if (bgpPort === undefined || listen === undefined) return;
    this.#listener = new BgpListener({ listen, log, native: sessions?.native === true });
    await this.#listener.start(undefined, bgpPort);
  }

  #makeAnnouncer(): Announcer {
    return new Announcer({
      log: this.#ports.log,
      service: (key) => this.#services.get(key),
      services: () => this.#services.values(),
      endpoints: (key) => this.#endpoints.summary(key),
      keyOf: keyOfService,
      tell: (changes) => this.#pacer.tell(changes),
      announced: (service) => this.#sayAnnounced(service),
    });
  }

  #listen(): void {
    this.#services.onChange(({ object }) => {
      if (this.#isReady()) this.#announcer.serviceChanged(keyOfService(object));
    });
    this.#slices.onChange(({ type, object, previous }) => {
      const gone = type === "deleted";
      const touched = this.#endpoints.update(gone ? undefined : object, gone ? object : previous);
      if (this.#isReady()) for (const key of touched) this.#announcer.serviceChanged(key);
    });
    this.#config.onChange(() => {
      // A session opened while the others say goodbye would outlive them.
      if (this.#isReady() && !this.#stopping) this.#reconfigure();
    });
  }

  /** Deciding on half a picture would withdraw what the other half announces. */
  #isReady(): boolean {
    return this.unsynced().length === 0;
  }

  #reconfigure(): void {
    const { config, nodes, invalid } = this.#config.read();
    const { nodeName: name, loadBalancerClass, ignoreExcludeLb } = this.#options;
    this.#drain.observe(nodes.find(({ metadata }) => metadata.name === name));
    const { drain } = this.#drain;
    const facts = { nodeName: name, ...(this.#options.sessions ?? PLAIN), bfd: this.#bfd !== undefined };
    const context = prepareNode({
      config,
      nodes,
      nodeName: nodeName(name),
      drain,
      unsupportedPeers: peersWithoutSession(config.peers.values(), facts),
      members: undefined,
      ignoreExcludeLb,
      digests: this.#digests,
      loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass,
    });
    const { sessions, unsupported } = sessionConfigs(context.peers, facts);
    this.#state.report([...invalid, ...unsupportedObjects(unsupported, this.#options.namespace)]);
    this.#reportUnsupported(unsupported);
    this.#guards?.configure(context.peers, config.bfdProfiles);
    // Routes first: a session that is about to be opened starts with all of them, one about to close needs none.
    this.#announcer.reconfigure(context);
    if (drain.phase === "closed") {
      void this.#sessions.stop(drain.why === "" ? "drained" : `drained: ${drain.why}`, "shutdown");
      return;
    }
    for (const peer of this.#sessions.apply(sessions))
      this.#sessions.get(peer)?.setRoutes(this.#pacer.startOver(this.#announcer.routesOf(peer)));
  }

  #open(peer: PeerName, config: BgpSessionConfig): BgpSession {
    const session = new BgpSession(this.#ports, config);
    session.onChange(({ state, lastError }) => {
      this.#ports.log.debug("bgp session state", { peer, to: state, reason: lastError });
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
    for (const [peer, own] of byPeer) this.#sessions.get(peer)?.changeRoutes(own);
  }

  #sayOfNode(content: EventContent): void {
    // What a kubelet says of its node carries the name as uid, and kubectl looks for that.
    const name = this.#options.nodeName;
    this.#events.record({ apiVersion: "v1", kind: "Node", name, uid: name }, content);
  }

  #sayAnnounced(service: Service): void {
    const message = `announcing from node "${this.#options.nodeName}" with protocol "bgp"`;
    this.#events.record(
      { apiVersion: "v1", kind: "Service", ...service.metadata },
      { type: "Normal", reason: "nodeAssigned", message },
    );
  }

  #reportUnsupported(unsupported: readonly Unsupported[]): void {
    const said = new Set(this.#unsupported.map(({ peer, field }) => `${peer} ${field}`));
    for (const { peer, field, effect, reason } of unsupported) {
      if (said.has(`${peer} ${field}`)) continue;
      this.#ports.log.error("field of a peer is not supported", { peer, field, effect, reason });
      if (effect === "ignored") continue;
      const message = `no session with BGPPeer ${peer}: this node does not support its ${field}`;
      this.#sayOfNode({ type: "Warning", reason: "PeerNotSupported", message });
    }
    this.#unsupported = unsupported;
  }
}

/** A peer that this node has no session with is invalid here, whatever it is elsewhere. */
function unsupportedObjects(unsupported: readonly Unsupported[], namespace: string): readonly InvalidObject[] {
  return unsupported
    .filter(({ effect }) => effect === "no-session")
    .map(({ peer, field, reason }) => {
      const message = `${field} is not supported on this node (${reason})`;
      return { kind: "BGPPeer", namespace, name: peer, problems: [], message };
    });
}
