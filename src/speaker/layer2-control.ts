import type { Decision, NodeInput } from "../announcement/decision.ts";
import { addressConflicts } from "../api/address-conflict.ts";
import { nodeName } from "../api/brands.ts";
import type { Config, NodeName, ServiceKey } from "../api/config.ts";
import type { Node, Service } from "../api/core.ts";
import type { MoveContent } from "../inspection/move.ts";
import type { Informer, InformerPorts } from "../kubernetes/informer.ts";
import type { FenceRules } from "../layer2/fence.ts";
import { micros, millis } from "../net/micros.ts";
import type { Timer, WallClock } from "../system/clock.ts";
import { AddressConflictWriter, type ConflictWriterPorts } from "./address-conflict-writer.ts";
import { type ApiContact, Fencing } from "./fencing.ts";
import { Layer2Announcer, type Layer2AnnouncerPorts, type Layer2Reading } from "./layer2-announcer.ts";
import type { Layer2Start } from "./layer2-channel.ts";
import { Layer2Memory } from "./layer2-memory.ts";
import type { Layer2Inspection } from "./layer2-messages.ts";
import type { Members } from "./members.ts";
import type { StatusClaim, StatusRecord } from "./service-status.ts";
import type { SpeakerEvents } from "./speaker-events.ts";

export interface Layer2ControlPorts extends Omit<InformerPorts, "client"> {
  readonly client: ConflictWriterPorts["client"];
  readonly api: ApiContact;
  readonly wallClock: WallClock;
  /** Starts the engine; without, this node refuses layer 2 by name. */
  readonly startLayer2: Layer2Start | undefined;
  readonly members: Members;
  readonly convergence?: Layer2AnnouncerPorts["convergence"];
  readonly events: SpeakerEvents;
  readonly service: (key: ServiceKey) => Service | undefined;
  /** The ServiceL2Statuses of all nodes. */
  readonly statuses: Pick<Informer<StatusRecord>, "onChange" | "synced">;
  /** Whether this node keeps the Service by the order of the election. */
  readonly duel: (service: ServiceKey, rival: NodeName) => "keep" | "yield";
  /** Something happened that people want to hear of. */
  readonly moved?: (move: MoveContent) => void;
  /** Who is alive has changed, or was found out. */
  readonly membersChanged?: (members: ReadonlySet<NodeName> | undefined) => void;
  /** Everything is to be decided again, and of this one Service. */
  readonly changed: () => void;
  readonly decideAgain: (service: ServiceKey) => void;
  /** What this node says of the Service in its status object. */
  readonly say: (service: ServiceKey, claim: StatusClaim | undefined) => void;
}

export interface Layer2ControlOptions {
  readonly nodeName: NodeName;
  /** Interfaces that never carry announcements, as a regular expression; MetalLB's own list when absent. */
  readonly excludedInterfaces?: string;
  readonly fencing: Omit<FenceRules, "self">;
  /** Why there is no engine. */
  readonly unavailable: string;
}

type Layer2Facts = Pick<NodeInput, "members" | "interfaces" | "unavailable" | "fenced" | "quarantined" | "incumbents">;

/** Who may not list what others answer for must go on without it. */
const STATUSES_BY = millis(5000);
/** Statuses of other nodes come in crowds. */
const INCUMBENTS_DELAY = millis(200);

/** Layer 2 as one part of the speaker: the members, the fence, the engine, and what is known of who answers for what. */
export class Layer2Control {
  readonly #ports: Layer2ControlPorts;
  readonly #options: Layer2ControlOptions;
  readonly #memory: Layer2Memory;
  readonly #announcer: Layer2Announcer | undefined;
  readonly #conflicts: AddressConflictWriter;
  readonly #fencing: Fencing;
  #nodes: ReadonlySet<NodeName> = new Set();
  #members: ReadonlySet<NodeName> | undefined;
  /** The reason that the last decisions were made with. */
  #decidedFenced: string | undefined;
  /** Somebody was met who may have answered for what this node answers for; `decided` once it was known when all was decided. */
  #met: "no" | "fresh" | "decided" = "no";
  #usable = false;
  /** Begins to look for the other speakers, and to be seen by them. */
  #standUp: (() => void) | undefined;
  #sticky = false;
  #statusesKnown = false;
  #due: Timer | undefined;
  #incumbentsDue: Timer | undefined;

  constructor(ports: Layer2ControlPorts, options: Layer2ControlOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#memory = new Layer2Memory((key) => {
      const service = ports.service(key);
      return service && ownAddresses(service);
    });
    this.#announcer = this.#makeAnnouncer();
    this.#conflicts = new AddressConflictWriter(
      {
        ...ports,
        found: (key) => this.#announcer?.conflictsOf(key) ?? [],
        held: (key) => this.#announcer?.heldFor(key) ?? [],
        answered: (key) => this.#announcer?.answeredFor(key) ?? [],
        alive: () => (this.#statusesKnown ? (this.#members ?? this.#nodes) : new Set()),
      },
      options.nodeName,
    );
    this.#fencing = new Fencing(
      { clock: ports.clock, log: ports.log, api: ports.api, changed: (on, why) => this.#fenced(on, why) },
      { self: options.nodeName, ...options.fencing },
    );
    ports.statuses.onChange(({ type, object, previous }) => {
      if (type === "deleted") this.#memory.remove(object);
      else this.#memory.put(object, previous);
      if (this.#sticky) this.#incumbentsChanged();
    });
  }

  /** Looks at the cluster until the signal is aborted; resolves when nothing more is written. */
  async run(signal: AbortSignal): Promise<void> {
    const { members, clock, statuses } = this.#ports;
    if (this.#announcer === undefined)
      this.#ports.log.warn("layer 2 is not available", { reason: this.#options.unavailable });
    this.#standUp = () => {
      this.#standUp = undefined;
      members.start(signal, {
        changed: () => this.#changed(),
        left: (names) => this.#fencing.left(names),
        met: () => {
          this.#met = "fresh";
        },
      });
    };
    if (this.#announcer === undefined) this.#standUp();
    this.#announcer?.start();
    this.#fencing.start(signal);
    const known = (): void => {
      late.cancel();
      this.#statusesKnown = true;
      this.#changed();
    };
    const late = clock.after(STATUSES_BY, known);
    void statuses.synced.then(known);
    await this.#conflicts.run(signal);
    for (const timer of [late, this.#due, this.#incumbentsDue]) timer?.cancel();
  }

  /** What decisions need to know beside the configuration. */
  facts(nodes: readonly Node[], config: Config): Layer2Facts {
    this.#sticky = config.l2Advertisements.some(({ sticky }) => sticky);
    this.#observeNodes(new Set(nodes.map(({ metadata }) => nodeName(metadata.name))));
    this.#observeMembers(this.#ports.members.current(nodes));
    if (this.#members !== undefined && this.#members.size > 0) this.#fencing.setMembers([...this.#members]);
    this.#announcer?.setSpeakers([...new Set([...this.#nodes, ...(this.#members ?? [])])].toSorted());
    this.#decidedFenced = this.#fencing.fenced;
    if (this.#met === "fresh") this.#met = "decided";
    return {
      // Before it is known what others answer for, nobody stands.
      members: this.#statusesKnown ? this.#members : new Set(),
      interfaces: this.#announcer?.interfaces,
      unavailable: this.#unavailable(),
      fenced: this.#decidedFenced,
      quarantined: this.#announcer?.quarantined,
      incumbents: this.#sticky ? this.#memory.incumbents() : undefined,
    };
  }

  decided(service: ServiceKey, decision: Decision | undefined): void {
    this.#memory.serviceChanged(service);
    this.#announcer?.decided(service, decision);
    this.#conflicts.decided(service, decision);
  }

  /** What was decided until now takes effect. */
  flush(): void {
    this.#announcer?.flush();
  }

  /** Everything was decided by the last facts. */
  passed(): void {
    // Whoever comes out of its fence lets go first of what is not its own any more.
    this.#announcer?.setFenced(this.#decidedFenced !== undefined || this.#fencing.fenced !== undefined);
    // Hosts on the other side of a partition believe whom they heard last: now that must be the one that was elected by all.
    if (this.#met !== "decided") return;
    this.#announcer?.met();
    this.#met = "no";
  }

  /** What this node says of the Service. */
  claimOf(service: ServiceKey): StatusClaim | undefined {
    return this.#announcer?.claimOf(service);
  }

  /** Why this node could answer for no address just now, in words; undefined where layer 2 was never to be had. */
  unready(): string | undefined {
    return this.#announcer?.unready;
  }

  get reading(): Layer2Reading | undefined {
    return this.#announcer?.reading;
  }

  /** Who is taken for alive; undefined takes every node. */
  get members(): ReadonlySet<NodeName> | undefined {
    return this.#members;
  }

  inspect(): Promise<Layer2Inspection | undefined> {
    return this.#announcer?.inspect() ?? Promise.resolve(undefined);
  }

  /** Tells the other speakers goodbye, and answers until they were heard to take over, for a moment at most. */
  async handOver(): Promise<void> {
    // Nobody can be heard where there is nobody else.
    const alone = this.#members !== undefined && this.#members.size <= 1;
    await Promise.all([this.#ports.members.leave(), this.#announcer?.handOver(alone ? "now" : "handover")]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#ports.members.stop(), this.#announcer?.stop()]);
  }

  /** Of a node that never had an interface for it, such as without the capability NET_RAW, nobody must expect an answer. */
  #unavailable(): string | undefined {
    if (this.#announcer === undefined) return this.#options.unavailable;
    return this.#usable || this.#announcer.interfaces === undefined ? undefined : "none of its interfaces can be used";
  }

  /** The others would elect a speaker that they hear: this one is not heard before it can answer. */
  #interfacesChanged(): void {
    this.#usable ||= (this.#announcer?.interfaces?.size ?? 0) > 0;
    if (this.#usable) this.#standUp?.();
    this.#changed();
  }

  #makeAnnouncer(): Layer2Announcer | undefined {
    const { startLayer2: start, clock, log, events, service, decideAgain, convergence } = this.#ports;
    const duel: Layer2AnnouncerPorts["duel"] = (...about) => this.#settleDuel(...about);
    if (start === undefined) return undefined;
    return new Layer2Announcer(
      {
        ...{ clock, log, events, service, duel, decideAgain, start, convergence },
        moved: (move) => this.#ports.moved?.(move),
        memory: this.#memory,
        changed: () => this.#interfacesChanged(),
        said: (key) => {
          this.#ports.say(key, this.claimOf(key));
          this.#conflicts.changed(key);
        },
      },
      { nodeName: this.#options.nodeName, excludedInterfaces: this.#options.excludedInterfaces },
    );
  }

  #settleDuel(service: ServiceKey, rival: NodeName, contradictions: number): "keep" | "yield" {
    const standing = this.#members?.has(rival) === false ? this.#fencing.standing : undefined;
    if (standing !== undefined) return standing;
    return this.#fencing.givesWay(rival, contradictions) ? "yield" : this.#ports.duel(service, rival);
  }

  /** Once for all that happens in one turn. */
  #changed(): void {
    this.#due ??= this.#ports.clock.after(micros(0), () => {
      this.#due = undefined;
      this.#ports.changed();
    });
  }

  #incumbentsChanged(): void {
    this.#incumbentsDue ??= this.#ports.clock.after(INCUMBENTS_DELAY, () => {
      this.#incumbentsDue = undefined;
      this.#changed();
    });
  }

  #observeMembers(members: ReadonlySet<NodeName> | undefined): void {
    const gone = [...(this.#members ?? [])].filter((name) => members?.has(name) === false);
    this.#members = members;
    this.#ports.membersChanged?.(members);
    if (gone.length === 0) return;
    this.#announcer?.left(new Set(gone));
    this.#conflicts.membersChanged();
  }

  #observeNodes(nodes: ReadonlySet<NodeName>): void {
    const gone = [...this.#nodes].filter((name) => !nodes.has(name));
    this.#nodes = nodes;
    if (gone.length > 0) this.#fencing.left(gone);
  }

  #fenced(on: boolean, why: string): void {
    const { log, events } = this.#ports;
    if (on) {
      log.error("layer 2 fenced", { reason: why });
      this.#announcer?.setFenced(true);
    } else log.warn("layer 2 unfenced", { reason: why });
    const message = on ? `answers for no address at layer 2: ${why}` : `answers at layer 2 again: ${why}`;
    this.#ports.moved?.({ type: on ? "fenced" : "unfenced", protocol: "layer2", message: why });
    events.ofNode({ type: on ? "Warning" : "Normal", reason: on ? "Layer2Fenced" : "Layer2Unfenced", message });
    this.#changed();
  }
}

/** The Service's addresses; not those that a speaker has met a stranger on since: what was answered for before proves nothing. */
function ownAddresses(service: Service): readonly string[] {
  const strange = new Set(addressConflicts(service).map(({ address }) => address));
  const addresses = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
  return addresses.filter((address) => !strange.has(address));
}
