import { setMaxListeners } from "node:events";
import { prepareNode } from "../announcement/decision.ts";
import { nodeName } from "../api/brands.ts";
import type { NodeName, PeerName, ServiceKey } from "../api/config.ts";
import type { EndpointSlice, Service } from "../api/core.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { MoveRing } from "../inspection/move.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ConfigSource } from "../kubernetes/config-source.ts";
import { ConfigurationStateWriter } from "../kubernetes/configuration-state.ts";
import { Informer } from "../kubernetes/informer.ts";
import { ENDPOINT_SLICES, SERVICES } from "../kubernetes/resource.ts";
import { speakerStateName } from "../kubernetes/status-names.ts";
import { ElectionDigests } from "../layer2/election.ts";
import { DEFAULT_FENCE_AFTER } from "../layer2/fence.ts";
import { type Micros, micros } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import type { WallClock } from "../system/clock.ts";
import type { AdminSources } from "./admin-views.ts";
import { Announcer } from "./announcer.ts";
import { BgpPeering, type BgpPeeringOptions, type BgpPeeringPorts } from "./bgp-peering.ts";
import type { BgpSession } from "./bgp-session.ts";
import type { Convergence, ConvergenceMark } from "./convergence.ts";
import { DrainControl } from "./drain-control.ts";
import { drainEvent } from "./drain-events.ts";
import { EndpointIndex } from "./endpoint-index.ts";
import type { ApiContact } from "./fencing.ts";
import type { Layer2Start } from "./layer2-channel.ts";
import { Layer2Control, type Layer2ControlOptions } from "./layer2-control.ts";
import { LeanObjects } from "./lean-objects.ts";
import { everyone, type Members } from "./members.ts";
import { MoveRecorder } from "./moves.ts";
import { Passes } from "./passes.ts";
import { RefusalEvents } from "./refusal-events.ts";
import { ServiceStatuses } from "./service-statuses.ts";
import { SessionStates } from "./session-states.ts";
import { SpeakerEvents, unsupportedObjects } from "./speaker-events.ts";
import type { SpeakerReadings } from "./speaker-metrics.ts";

export interface SpeakerPorts extends BgpPeeringPorts {
  readonly client: KubernetesClient;
  readonly wallClock: WallClock;
  /** Starts what answers on the LAN; without it, layer 2 is refused by name. */
  readonly startLayer2?: Layer2Start;
  /** Who among the speakers is alive; every known node when absent. */
  readonly members?: Members;
}

export interface SpeakerOptions extends BgpPeeringOptions {
  readonly namespace: string;
  /** Empty handles the Services without a class. */
  readonly loadBalancerClass: string;
  readonly ignoreExcludeLb: boolean;
  /** How long the end of the speaker may take to hand its traffic over; when absent it just ends. */
  readonly drainOnStop?: Micros;
  /** This speaker's pod, the owner of what it writes. */
  readonly podName?: string | undefined;
  readonly layer2?: Partial<Omit<Layer2ControlOptions, "nodeName">>;
}

const FENCING: Layer2ControlOptions["fencing"] = { policy: "both", after: DEFAULT_FENCE_AFTER };

/** One node's announcer: watches the cluster, decides, and keeps the routers told. */
export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #config: ConfigSource;
  readonly #endpoints = new EndpointIndex();
  readonly #announcer: Announcer;
  readonly #peering: BgpPeering;
  readonly #events: SpeakerEvents;
  readonly #refusals: RefusalEvents;
  readonly #drain: DrainControl;
  readonly #layer2: Layer2Control;
  readonly #statuses: ServiceStatuses;
  readonly #sessionStates: SessionStates;
  readonly #state: ConfigurationStateWriter;
  /** Elections whose outcome nothing has changed are not held again. */
  readonly #digests = new ElectionDigests<NodeName>();
  readonly #members: Members;
  readonly #ports: Pick<SpeakerPorts, "clock" | "wallClock">;
  readonly #moves: MoveRing;
  readonly #recorder: MoveRecorder;
  readonly #convergence: Convergence | undefined;
  /** How many objects are left out or go on as they last worked; undefined before the first reading. */
  #invalid: number | undefined;
  #stopping = false;
  readonly #passes = new Passes(() => this.#decideAll());

  constructor(ports: SpeakerPorts, options: SpeakerOptions) {
    this.#options = options;
    this.#ports = { clock: ports.clock, wallClock: ports.wallClock };
    this.#moves = new MoveRing(options.nodeName, ports.wallClock);
    this.#recorder = new MoveRecorder(this.#moves);
    this.#convergence = ports.convergence;
    this.#members = ports.members ?? everyone;
    const lean = new LeanObjects();
    this.#services = new Informer(ports, { resource: SERVICES, strip: lean.service });
    this.#slices = new Informer(ports, { resource: ENDPOINT_SLICES, strip: lean.slice });
    this.#config = new ConfigSource(ports, options.namespace);
    this.#events = new SpeakerEvents(ports, options.nodeName);
    this.#state = new ConfigurationStateWriter(ports, {
      namespace: options.namespace,
      name: speakerStateName(nodeName(options.nodeName)),
      labels: speakerStateLabels(options.nodeName),
      condition: "configReconcilerValid",
      podName: options.podName,
    });
    const sessionChanged: BgpPeeringPorts["sessionChanged"] = (peer, { state, lastError }) => {
      this.#recorder.session(peer, state, lastError);
      this.#sessionStates.changed();
    };
    this.#peering = new BgpPeering({ ...ports, sessionChanged }, options);
    this.#drain = new DrainControl({
      clock: ports.clock,
      log: ports.log,
      changed: () => this.#reconfigure(),
      entered: (phase, why) => {
        this.#events.ofNode(drainEvent(phase, why));
        this.#recorder.record({ type: "draining", reason: phase, message: why === "" ? undefined : why });
      },
    });
    this.#announcer = this.#makeAnnouncer(ports);
    this.#refusals = this.#makeRefusals(ports);
    const whose = { ...options, nodeName: nodeName(options.nodeName) };
    this.#statuses = new ServiceStatuses(ports, whose);
    this.#sessionStates = new SessionStates({ ...ports, sessions: () => this.#peering.inspected() }, whose);
    this.#layer2 = this.#makeLayer2(ports);
  }

  /** What has not been listed yet, in the words of the API; empty when the caches are complete. */
  unsynced(): readonly string[] {
    return [
      ...(this.#services.isSynced ? [] : [SERVICES.plural]),
      ...(this.#slices.isSynced ? [] : [ENDPOINT_SLICES.plural]),
      ...this.#config.unsynced(),
    ];
  }

  /** What this node could not announce just now although it should, in words; routers and the API are not its own. */
  unready(): readonly string[] {
    return [this.#peering.unready(), this.#layer2.unready(), this.#members.trouble?.()].filter(
      (reason) => reason !== undefined,
    );
  }

  /** The sessions of this node, by peer. */
  sessions(): readonly (readonly [PeerName, BgpSession])[] {
    return this.#peering.sessions();
  }

  /** What people can look at, through the admin socket. */
  inspected(): AdminSources {
    return {
      node: this.#options.nodeName,
      ...this.#ports,
      moves: this.#moves,
      sessions: () => this.#peering.inspected(),
      routes: () => this.#announcer.routes(),
      decisions: () => this.#announcer.decisions(),
      layer2: () => this.#layer2.inspect(),
      gossip: () => this.#members.inspect(),
      members: () => this.#layer2.members,
    };
  }

  /** What can be asked of it at any moment. */
  readings(): SpeakerReadings {
    return {
      node: this.#options.nodeName,
      sessions: () => this.#peering.readings(),
      decisions: () => this.#announcer.decisions(),
      config: () => ({ loaded: this.#invalid !== undefined, stale: (this.#invalid ?? 0) > 0 }),
      watches: () => [
        ...[this.#services.reading, this.#slices.reading],
        ...[...this.#config.watches(), ...this.#statuses.watches(), this.#sessionStates.watch],
      ],
      queues: () => this.#statuses.queues(),
      bfd: () => this.#peering.bfdReadings(),
      layer2: () => this.#layer2.inspect(),
      lan: () => this.#layer2.reading,
      gossip: () => this.#members.inspect(),
    };
  }

  /**
   * Announces until the signal is aborted, then says goodbye and resolves when the routers have been told. Those that help with
   * graceful restart keep the routes for the next speaker. Sessions begin when all caches are complete, so that the first
   * End-of-RIB tells the whole. While the API is away it goes on with what it knew. With `drainOnStop` it hands its traffic over
   * before it goes, and looks at the cluster until then.
   */
  async run(signal: AbortSignal): Promise<void> {
    await this.#peering.accept();
    this.#listen();
    const watching = new AbortController();
    setMaxListeners(0, watching.signal);
    for (const source of [this.#services, this.#slices, this.#config]) source.start(watching.signal);
    const { signal: watched } = watching;
    const stating = Promise.all([this.#state.run(watched), this.#statuses.run(watched), this.#layer2.run(watched)]);
    const synced = Promise.all([this.#services.synced, this.#slices.synced, this.#config.synced()]);
    await Promise.race([synced, aborted(signal)]);
    let telling: Promise<void> | undefined;
    if (!signal.aborted) {
      this.#reconfigure();
      await Promise.race([this.#passes.ended(), aborted(signal)]);
    }
    if (!signal.aborted) {
      this.#statuses.settle(watched);
      telling = this.#sessionStates.run(watched);
      await aborted(signal);
    }
    this.#statuses.leaveLayer2();
    await Promise.all([
      this.#layer2.handOver(),
      this.#drain.stop("speaker is stopping", this.#options.drainOnStop ?? micros(0)),
    ]);
    this.#stopping = true;
    this.#announcer.stop();
    this.#refusals.stop();
    watching.abort();
    const goodbye = this.#drain.drain.handedOver ? "shutdown" : "restarting";
    await Promise.all([this.#peering.close("speaker is stopping", goodbye), stating, telling]);
    await Promise.all([this.#peering.stop("speaker is stopping"), this.#layer2.stop()]);
    await this.#events[Symbol.asyncDispose]();
  }

  #makeAnnouncer({ clock, log }: SpeakerPorts): Announcer {
    return new Announcer({
      clock,
      log,
      service: (key) => this.#services.get(key),
      services: () => this.#services.values(),
      endpoints: (key) => this.#endpoints.summary(key),
      keyOf: keyOfService,
      tell: (changes) => this.#peering.tell(changes),
      announced: (service) => this.#events.announced(service, "bgp"),
      decided: (key, decision) => {
        this.#recorder.decided(key, decision);
        this.#statuses.decided(key, decision);
        this.#layer2.decided(key, decision);
        this.#refusals.decided(key, decision);
      },
      flush: () => this.#layer2.flush(),
      passed: () => this.#layer2.passed(),
    });
  }

  #makeRefusals({ clock }: SpeakerPorts): RefusalEvents {
    return new RefusalEvents({
      clock,
      service: (key) => this.#services.get(key),
      decisions: () => this.#announcer.decisions(),
      isServed: (key) => this.#endpoints.summary(key).any,
      room: () => this.#events.room,
      say: (service, content) => this.#events.ofService(service, content),
    });
  }

  #makeLayer2(ports: SpeakerPorts): Layer2Control {
    const { client, startLayer2 } = ports;
    const members = this.#members;
    const { layer2 = {}, nodeName: name } = this.#options;
    const { clock, random, wallClock, log, convergence } = ports;
    return new Layer2Control(
      {
        ...{ clock, random, wallClock, log, client, startLayer2, members, convergence, events: this.#events },
        api: contactOf(client),
        service: (key) => this.#services.get(key),
        statuses: this.#statuses.l2Records,
        moved: (move) => this.#recorder.record(move),
        membersChanged: (names) => this.#recorder.members(names),
        duel: (key, rival) => this.#announcer.duel(key, rival),
        changed: () => {
          if (this.#isReady() && !this.#stopping) this.#reconfigure();
        },
        decideAgain: (key) => this.#announcer.serviceChanged(key),
        say: (key, claim) => this.#statuses.sayLayer2(key, claim),
      },
      { fencing: FENCING, unavailable: "no layer 2 engine was started", ...layer2, nodeName: nodeName(name) },
    );
  }

  #listen(): void {
    this.#services.onChange(({ type, object, previous }) => {
      // Addresses that were there when the speaker came are no move.
      if (this.#isReady())
        this.#recorder.allocated(type === "deleted" ? undefined : object, type === "deleted" ? object : previous);
      if (this.#isReady()) this.#decide("service", [keyOfService(object)]);
    });
    this.#slices.onChange(({ type, object, previous }) => {
      const gone = type === "deleted";
      const touched = this.#endpoints.update(gone ? undefined : object, gone ? object : previous);
      if (this.#isReady()) this.#decide("endpoints", touched);
    });
    this.#config.onChange(() => {
      // A session opened while the others say goodbye would outlive them.
      if (this.#isReady() && !this.#stopping) this.#reconfigure();
    });
  }

  #decide(cause: ConvergenceMark["cause"], services: Iterable<ServiceKey>): void {
    const decide = (): void => {
      for (const key of services) this.#announcer.serviceChanged(key);
    };
    if (this.#convergence === undefined) decide();
    else this.#convergence.during(cause, decide);
  }

  /** Deciding on half a picture would withdraw what the other half announces. */
  #isReady(): boolean {
    return this.unsynced().length === 0;
  }

  #reconfigure(): void {
    this.#passes.request();
  }

  #decideAll(): void {
    const { config, nodes, invalid } = this.#config.read();
    this.#invalid = invalid.length;
    const { nodeName: name, namespace, loadBalancerClass, ignoreExcludeLb } = this.#options;
    this.#drain.observe(nodes.find(({ metadata }) => metadata.name === name));
    const { drain } = this.#drain;
    const context = prepareNode({
      config,
      nodes,
      nodeName: nodeName(name),
      drain,
      unsupportedPeers: this.#peering.withoutSession(config),
      ...this.#layer2.facts(nodes, config),
      ignoreExcludeLb,
      digests: this.#digests,
      loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass,
    });
    const sessions = this.#peering.configure(context.peers, config);
    this.#state.report([...invalid, ...unsupportedObjects(sessions.unsupported, namespace)]);
    this.#events.unsupported(sessions.unsupported);
    const speakers = this.#layer2.members ?? new Set(nodes.map(({ metadata }) => metadata.name));
    this.#events.among(speakers.size, nodes.length);
    this.#refusals.speakFor(name, speakers);
    // Routes first: a session that is about to be opened starts with all of them, one about to close needs none.
    this.#announcer.reconfigure(context, () => {
      if (this.#stopping) return;
      if (drain.phase === "closed")
        void this.#peering.close(drain.why === "" ? "drained" : `drained: ${drain.why}`, "shutdown");
      else this.#peering.apply(sessions, (peer) => this.#announcer.routesOf(peer));
      this.#passes.done();
    });
  }
}

/** A node's name may be longer than a label can be. */
function speakerStateLabels(node: string): Readonly<Record<string, string>> {
  return { "metallb.io/component-type": "speaker", ...(node.length > 63 ? {} : { "metallb.io/node-name": node }) };
}

function contactOf(client: KubernetesClient): ApiContact {
  return {
    get lastHeardAt() {
      return client.lastHeardAt;
    },
    ask: (timeout) => client.version({ timeout }),
  };
}
