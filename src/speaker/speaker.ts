import { prepareNode } from "../announcement/decision.ts";
import type { RouteChange } from "../announcement/route-table.ts";
import { nodeName, serviceKey } from "../api/brands.ts";
import type { PeerName, ServiceKey } from "../api/config.ts";
import type { EndpointSlice, Service } from "../api/core.ts";
import { stripEndpointSlice, stripService } from "../api/strip.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ConfigSource } from "../kubernetes/config-source.ts";
import { ConfigurationStateWriter } from "../kubernetes/configuration-state.ts";
import { EventRecorder } from "../kubernetes/event-recorder.ts";
import { Informer } from "../kubernetes/informer.ts";
import { ENDPOINT_SLICES, SERVICES } from "../kubernetes/resource.ts";
import { ElectionDigests } from "../layer2/election.ts";
import { aborted } from "../system/aborted.ts";
import type { WallClock } from "../system/clock.ts";
import { Announcer } from "./announcer.ts";
import type { BgpPorts } from "./bgp-ports.ts";
import { BgpSession, type BgpSessionConfig } from "./bgp-session.ts";
import { EndpointIndex } from "./endpoint-index.ts";
import { sessionConfigs, type Unsupported } from "./session-config.ts";
import { SessionSet } from "./session-set.ts";

export interface SpeakerPorts extends BgpPorts {
  readonly client: KubernetesClient;
  readonly wallClock: WallClock;
}

export interface SpeakerOptions {
  readonly namespace: string;
  readonly nodeName: string;
  /** Empty handles the Services without a class. */
  readonly loadBalancerClass: string;
  readonly ignoreExcludeLb: boolean;
}

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
  readonly #state: ConfigurationStateWriter;
  /** Hashing every node with every address once is enough. */
  readonly #digests = new ElectionDigests();
  #unsupported: readonly Unsupported[] = [];
  #stopping = false;

  constructor(ports: SpeakerPorts, options: SpeakerOptions) {
    this.#ports = ports;
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
    this.#sessions = new SessionSet<BgpSession>({ log: ports.log, open: (peer, config) => this.#open(peer, config) });
    this.#announcer = this.#makeAnnouncer();
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
   * Announces until the signal is aborted, then withdraws with a Cease and resolves when the routers have been told.
   * While the API is away it goes on with what it knew.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#listen();
    for (const source of [this.#services, this.#slices, this.#config]) source.start(signal);
    const stating = this.#state.run(signal);
    const synced = Promise.all([this.#services.synced, this.#slices.synced, this.#config.synced()]);
    await Promise.race([synced, aborted(signal)]);
    if (!signal.aborted) {
      this.#reconfigure();
      await aborted(signal);
    }
    this.#stopping = true;
    await Promise.all([this.#sessions.stop("speaker is stopping"), stating]);
    await this.#events[Symbol.asyncDispose]();
  }

  #makeAnnouncer(): Announcer {
    return new Announcer({
      log: this.#ports.log,
      service: (key) => this.#services.get(key),
      services: () => this.#services.values(),
      endpoints: (key) => this.#endpoints.summary(key),
      keyOf,
      tell: (changes) => this.#tell(changes),
      announced: (service) => this.#sayAnnounced(service),
    });
  }

  #listen(): void {
    this.#services.onChange(({ object }) => {
      if (this.#isReady()) this.#announcer.serviceChanged(keyOf(object));
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
    const context = prepareNode({
      config,
      nodes,
      nodeName: nodeName(name),
      members: undefined,
      ignoreExcludeLb,
      digests: this.#digests,
      loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass,
    });
    this.#state.report(invalid);
    const { sessions, unsupported } = sessionConfigs(context.peers, name);
    this.#reportUnsupported(unsupported);
    // Routes first: a session that is about to be opened starts with all of them, one about to close needs none.
    this.#announcer.reconfigure(context);
    for (const peer of this.#sessions.apply(sessions))
      this.#sessions.get(peer)?.setRoutes(this.#announcer.routesOf(peer));
  }

  #open(peer: PeerName, config: BgpSessionConfig): BgpSession {
    const session = new BgpSession(this.#ports, config);
    session.onChange(({ state, lastError }) => {
      this.#ports.log.debug("bgp session state", { peer, to: state, reason: lastError });
    });
    session.start();
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

  #sayAnnounced(service: Service): void {
    const message = `announcing from node "${this.#options.nodeName}" with protocol "bgp"`;
    this.#events.record(
      { apiVersion: "v1", kind: "Service", ...service.metadata },
      { type: "Normal", reason: "nodeAssigned", message },
    );
  }

  #reportUnsupported(unsupported: readonly Unsupported[]): void {
    const said = new Set(this.#unsupported.map(({ peer, field }) => `${peer} ${field}`));
    for (const { peer, field, effect } of unsupported) {
      if (said.has(`${peer} ${field}`)) continue;
      this.#ports.log.error("field of a peer is not supported", { peer, field, reason: effect });
    }
    this.#unsupported = unsupported;
  }
}

function keyOf(service: Service): ServiceKey {
  return serviceKey(service.metadata.namespace, service.metadata.name);
}
