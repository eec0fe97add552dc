import { prepareNode } from "../announcement/decision.ts";
import type { RouteChange } from "../announcement/route-table.ts";
import { nodeName, serviceKey } from "../api/brands.ts";
import type { InvalidObject, PeerName, ServiceKey } from "../api/config.ts";
import type { EndpointSlice, Node, Service } from "../api/core.ts";
import { type ConfigMemory, NO_MEMORY, parseKeepingLastGood } from "../api/last-good.ts";
import { stripEndpointSlice, stripNode, stripService } from "../api/strip.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ConfigWatch } from "../kubernetes/config-watch.ts";
import { EventRecorder } from "../kubernetes/event-recorder.ts";
import { Informer } from "../kubernetes/informer.ts";
import { ENDPOINT_SLICES, NODES, SERVICES } from "../kubernetes/resource.ts";
import { micros } from "../net/micros.ts";
import type { Timer, WallClock } from "../system/clock.ts";
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
  readonly #nodes: Informer<Node>;
  readonly #config: ConfigWatch;
  readonly #endpoints = new EndpointIndex();
  readonly #announcer: Announcer;
  readonly #sessions: SessionSet<BgpSession>;
  readonly #events: EventRecorder;
  #memory: ConfigMemory = NO_MEMORY;
  #invalid: readonly InvalidObject[] = [];
  #unsupported: readonly Unsupported[] = [];
  #due: Timer | undefined;

  constructor(ports: SpeakerPorts, options: SpeakerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#services = new Informer(ports, { resource: SERVICES, strip: stripService });
    this.#slices = new Informer(ports, { resource: ENDPOINT_SLICES, strip: stripEndpointSlice });
    this.#nodes = new Informer(ports, { resource: NODES, strip: stripNode });
    this.#config = new ConfigWatch(ports, { namespace: options.namespace, kinds: ALL_KINDS });
    this.#events = new EventRecorder(ports, { component: "metallb-speaker" });
    this.#sessions = new SessionSet<BgpSession>({ log: ports.log, open: (peer, config) => this.#open(peer, config) });
    this.#announcer = new Announcer({
      log: ports.log,
      service: (key) => this.#services.get(key),
      services: () => this.#services.values(),
      endpoints: (key) => this.#endpoints.summary(key),
      keyOf,
      tell: (changes) => this.#tell(changes),
      announced: (service) => this.#sayAnnounced(service),
    });
  }

  /** What has not been listed yet, in the words of the API; empty when the caches are complete. */
  unsynced(): readonly string[] {
    const pairs = [
      [this.#services, SERVICES],
      [this.#slices, ENDPOINT_SLICES],
      [this.#nodes, NODES],
    ] as const;
    const waiting = pairs.filter(([informer]) => !informer.isSynced).map(([, resource]) => resource.plural);
    return [...waiting, ...this.#config.unsynced()];
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
    for (const informer of [this.#services, this.#slices, this.#nodes]) informer.start(signal);
    this.#config.start(signal);
    const synced = [this.#services.synced, this.#slices.synced, this.#nodes.synced, this.#config.synced()];
    await Promise.race([Promise.all(synced), aborted(signal)]);
    if (!signal.aborted) {
      this.#reconfigure();
      await aborted(signal);
    }
    this.#due?.cancel();
    await this.#sessions.stop("speaker is stopping");
    await this.#events.flush();
  }

  #listen(): void {
    this.#services.onChange(({ object }) => {
      if (this.#isReady()) this.#announcer.serviceChanged(keyOf(object));
    });
    this.#slices.onChange(({ type, object, previous }) => {
      const touched = this.#endpoints.update(
        type === "deleted" ? undefined : object,
        type === "deleted" ? object : previous,
      );
      if (this.#isReady()) for (const key of touched) this.#announcer.serviceChanged(key);
    });
    this.#nodes.onChange(({ object, previous }) => {
      // A kubelet's heartbeat changes nothing that decides.
      if (previous === undefined || nodeText(object) !== nodeText(previous)) this.#reconfigureSoon();
    });
    this.#config.onChange(() => this.#reconfigureSoon());
  }

  /** Deciding on half a picture would withdraw what the other half announces. */
  #isReady(): boolean {
    return this.unsynced().length === 0;
  }

  /** All that one watch delivers in one turn is one change. */
  #reconfigureSoon(): void {
    if (this.#due !== undefined || !this.#isReady()) return;
    this.#due = this.#ports.clock.after(micros(0), () => this.#reconfigure());
  }

  #reconfigure(): void {
    this.#due = undefined;
    const nodes = [...this.#nodes.values()];
    const { config, invalid, memory } = parseKeepingLastGood(this.#config.objects(), { nodes }, this.#memory);
    this.#memory = memory;
    const { nodeName: name, loadBalancerClass, ignoreExcludeLb } = this.#options;
    const context = prepareNode({
      config,
      nodes,
      nodeName: nodeName(name),
      members: undefined,
      ignoreExcludeLb,
      loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass,
    });
    const { sessions, unsupported } = sessionConfigs(context.peers, name);
    this.#report(invalid, unsupported);
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

  #report(invalid: readonly InvalidObject[], unsupported: readonly Unsupported[]): void {
    const { log } = this.#ports;
    const known = new Set(this.#invalid.map(({ kind, name, message }) => `${kind}/${name}: ${message}`));
    for (const { kind, name, message } of invalid) {
      if (!known.has(`${kind}/${name}: ${message}`))
        log.error("object is invalid and left out", { kind, name, reason: message });
    }
    const said = new Set(this.#unsupported.map(({ peer, field }) => `${peer} ${field}`));
    for (const { peer, field, effect } of unsupported) {
      if (!said.has(`${peer} ${field}`)) log.error("field of a peer is not supported", { peer, field, reason: effect });
    }
    this.#invalid = invalid;
    this.#unsupported = unsupported;
  }
}

const ALL_KINDS = [
  "pools",
  "peers",
  "bgpAdvertisements",
  "l2Advertisements",
  "communities",
  "bfdProfiles",
  "secrets",
] as const;

function keyOf(service: Service): ServiceKey {
  return serviceKey(service.metadata.namespace, service.metadata.name);
}

function nodeText({ metadata, status }: Node): string {
  return JSON.stringify([metadata.labels, status]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
