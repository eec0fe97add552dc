import type { Decision } from "../announcement/decision.ts";
import { formatRefusal, type RefusalCause, type Stranger } from "../announcement/refusal.ts";
import { type AddressConflict, formatAddressConflicts } from "../api/address-conflict.ts";
import { nodeName } from "../api/brands.ts";
import type { NodeName, ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { MoveContent } from "../inspection/move.ts";
import type { EventContent } from "../kubernetes/event-recorder.ts";
import { micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { Convergence, ConvergenceMark } from "./convergence.ts";
import type { Layer2Start } from "./layer2-channel.ts";
import { type DuelHistory, Layer2Duels, type Rival } from "./layer2-duels.ts";
import { Layer2Holdings } from "./layer2-holdings.ts";
import { Layer2Keeper } from "./layer2-keeper.ts";
import type { Layer2Command, Layer2Inspection, Layer2Report } from "./layer2-messages.ts";
import { Layer2Yields } from "./layer2-yields.ts";
import type { StatusClaim } from "./service-status.ts";
import type { SpeakerEvents } from "./speaker-events.ts";

export interface Layer2AnnouncerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly start: Layer2Start;
  /** Measures how soon the LAN is told. */
  readonly convergence?: Convergence | undefined;
  readonly events: Pick<SpeakerEvents, "announced" | "ofService">;
  readonly service: (key: ServiceKey) => Service | undefined;
  /** What speakers are known to have answered for. */
  readonly memory: {
    knows(service: ServiceKey, ip: string): boolean;
    announced(service: ServiceKey, ip: string): void;
    forget(service: ServiceKey, ip: string): void;
  };
  /** Whether this node keeps the Service that the rival announces as well, and has so often in a row although it was kept. */
  readonly duel: (service: ServiceKey, rival: NodeName, contradictions: number) => "keep" | "yield";
  /** The interfaces changed: everything is to be decided again. */
  readonly changed: () => void;
  /** A Service's address was quarantined, or is so no longer. */
  readonly decideAgain: (service: ServiceKey) => void;
  /** Something happened on a LAN that people want to hear of. */
  readonly moved?: (move: MoveContent) => void;
  /** What this node does for the Service is another thing now. */
  readonly said: (service: ServiceKey) => void;
}

export interface Layer2AnnouncerOptions {
  readonly nodeName: NodeName;
  readonly excludedInterfaces: string | undefined;
}

/** What is known of the LAN outside of its thread, for metrics. */
export interface Layer2Reading {
  readonly duels: Readonly<Record<"keep" | "yield", number>>;
  readonly quarantined: number;
}

type ReportOf<Type extends Layer2Report["type"]> = Extract<Layer2Report, { readonly type: Type }>;

/** A little longer than the engine itself waits for a successor. */
const HAND_OVER = micros(seconds(2) + seconds(0.5));

/** Brings what this node decided at layer 2 onto its LANs, and what happens there back to where it is decided and told. */
export class Layer2Announcer {
  readonly #ports: Layer2AnnouncerPorts;
  readonly #options: Layer2AnnouncerOptions;
  readonly #log: Log;
  readonly #keeper: Layer2Keeper;
  readonly #yields: Layer2Yields;
  readonly #duels: Layer2Duels;
  readonly #holdings = new Layer2Holdings();
  readonly #announced = new Set<string>();
  /** Changes whose first announcement is still to come, by address. */
  readonly #marks = new Map<string, ConvergenceMark>();
  readonly #quarantined = new Map<string, Stranger>();
  readonly #refused = new Map<ServiceKey, string>();
  /** The Services whose announcement was said, once per stint. */
  readonly #saidOf = new Set<ServiceKey>();
  #interfaces: readonly string[] | undefined;
  #speakers: readonly string[] = [];
  #fenced = false;
  readonly #settledDuels = { keep: 0, yield: 0 };
  #handingOver: { readonly waitingFor: Set<string>; readonly done: () => void } | undefined;

  constructor(ports: Layer2AnnouncerPorts, options: Layer2AnnouncerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#log = ports.log.child({ component: "layer2" });
    const { nodeName: node, excludedInterfaces } = options;
    this.#keeper = new Layer2Keeper(
      {
        clock: ports.clock,
        log: this.#log,
        start: ports.start,
        report: (report) => this.#onReport(report),
        replay: () => this.#replay(),
        silent: () => this.#onSilent(),
      },
      { node, excludedInterfaces },
    );
    this.#duels = new Layer2Duels(ports.clock, (rival, history) => this.#settleDuel(rival, history));
    this.#yields = new Layer2Yields(ports.clock, (ip) => {
      this.#holdings.touch(ip);
      this.flush();
    });
  }

  start(): void {
    this.#keeper.start();
  }

  /** The interfaces that can carry announcements; undefined before the engine has said. */
  get interfaces(): ReadonlySet<string> | undefined {
    return this.#interfaces && new Set(this.#interfaces);
  }

  /** Why nothing can be announced just now, in words. */
  get unready(): string | undefined {
    if (!this.#keeper.running) return "the layer 2 engine does not run";
    return this.#interfaces === undefined ? "the layer 2 engine has not listed its interfaces" : undefined;
  }

  /** Goes with what happens: a decision looks at it when it is made. */
  get quarantined(): ReadonlyMap<string, Stranger> {
    return this.#quarantined;
  }

  /** What was decided on one Service, or nothing when it is gone; takes effect with `flush`. */
  decided(service: ServiceKey, decision: Decision | undefined): void {
    if (this.#handingOver !== undefined) return;
    const before = this.#holdings.addressesOf(service);
    const refusals = (decision?.refusals ?? []).filter(({ protocol }) => protocol === "layer2");
    const causes = new Map(refusals.flatMap(({ ip, cause }) => (ip === undefined ? [] : [[ip, cause] as const])));
    this.#holdings.put(service, decision?.layer2 ?? [], causes);
    const now = this.#holdings.addressesOf(service);
    for (const ip of before) if (this.#holdings.servicesOf(ip).length === 0) this.#yields.forget(ip);
    const [first] = refusals;
    this.#reportRefusal(service, first?.cause, first === undefined ? "" : formatRefusal(first));
    if (before.length > 0 && now.length === 0) this.#withdrawn(service, before, first?.cause);
    if (before.join() !== now.join() || this.#saidOf.has(service)) this.#ports.said(service);
  }

  /** Tells the engine what is different. */
  flush(): void {
    if (this.#handingOver !== undefined) return;
    const mustProbe = (ip: string, services: readonly ServiceKey[]): boolean =>
      !services.some((service) => this.#ports.memory.knows(service, ip));
    const isYielded = (ip: string): boolean => this.#yields.has(ip);
    for (const command of this.#holdings.flush({ mustProbe, isYielded })) {
      if (command.type === "release") this.#letGo(command.ip);
      else this.#mark(command);
      this.#keeper.post(command);
    }
  }

  /** From the change that this follows from to the first announcement of the address. */
  #mark(command: Layer2Command): void {
    const mark = this.#ports.convergence?.current;
    if (command.type !== "hold" || mark === undefined || this.#announced.has(command.address.ip)) return;
    this.#marks.set(command.address.ip, mark);
  }

  /** The speakers of the cluster, so that none is taken for a stranger. */
  setSpeakers(names: readonly string[]): void {
    if (names.join() === this.#speakers.join()) return;
    this.#speakers = names;
    this.#keeper.post({ type: "speakers", names });
  }

  /** Speakers that did not hear each other do now, and elect alike: what was left to one of them is the elected one's, and all is announced again. */
  met(): void {
    for (const ip of this.#yields.clear()) this.#holdings.touch(ip);
    this.flush();
    this.#keeper.post({ type: "reannounce", ips: undefined });
  }

  /** These speakers are gone: what was left to them is decided without them. Takes effect with `flush`. */
  left(speakers: ReadonlySet<string>): void {
    for (const ip of this.#yields.left(speakers)) this.#holdings.touch(ip);
  }

  setFenced(on: boolean): void {
    if (on === this.#fenced) return;
    this.#fenced = on;
    this.#keeper.post({ type: "fence", on });
    for (const service of this.#saidOf) this.#ports.said(service);
  }

  /** What a ServiceL2Status is to say of this node and the Service. */
  claimOf(service: ServiceKey): StatusClaim | undefined {
    const addresses = this.answeredFor(service);
    if (addresses.length === 0 || this.#fenced) return undefined;
    const wanted = this.#holdings.interfacesOf(service);
    const usable = this.#interfaces ?? wanted;
    const names = wanted.filter((name) => usable.includes(name));
    // No name at all would say that it is answered for on every interface.
    return wanted.length > 0 && names.length === 0 ? undefined : { names, addresses };
  }

  /** The addresses of the Service that this node is to answer for, sorted. */
  heldFor(service: ServiceKey): readonly string[] {
    return this.#holdings.addressesOf(service);
  }

  /** The addresses of the Service that are answered for, sorted. */
  answeredFor(service: ServiceKey): readonly string[] {
    return this.#holdings.addressesOf(service).filter((ip) => this.#announced.has(ip));
  }

  /** The strangers met on addresses that this node is to answer for. */
  conflictsOf(service: ServiceKey): readonly AddressConflict[] {
    return this.#holdings.addressesOf(service).flatMap((address) => {
      const stranger = this.#quarantined.get(address);
      return stranger === undefined ? [] : [{ address, ...stranger, node: this.#options.nodeName }];
    });
  }

  /** How duels over addresses ended, and how many addresses strangers keep from being answered for. */
  get reading(): Layer2Reading {
    return { duels: { ...this.#settledDuels }, quarantined: this.#quarantined.size };
  }

  inspect(): Promise<Layer2Inspection | undefined> {
    return this.#keeper.inspect();
  }

  /** Goes on answering for each address until its successor was heard, for a moment at most; takes no more decisions. */
  async handOver(how: "handover" | "now"): Promise<void> {
    const ips = this.#holdings.held().map(({ ip }) => ip);
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.after(HAND_OVER, resolve);
      const done = (): void => {
        timer.cancel();
        resolve();
      };
      this.#handingOver = { waitingFor: new Set(ips), done };
      for (const ip of ips) this.#keeper.post({ type: "release", ip, how });
      if (ips.length === 0 || !this.#keeper.running) done();
    });
  }

  async stop(): Promise<void> {
    this.#yields.clear();
    this.#duels.clear();
    await this.#keeper.close();
  }

  #replay(): readonly Layer2Command[] {
    return [
      { type: "speakers", names: this.#speakers },
      ...(this.#fenced ? [{ type: "fence", on: true } as const] : []),
      ...this.#holdings.held().map((address) => ({ type: "hold", address }) as const),
    ];
  }

  #onReport(report: Exclude<Layer2Report, { type: "inspected" }>): void {
    switch (report.type) {
      case "interfaces":
        this.#onInterfaces(report.names);
        return;
      case "announced":
        this.#onAnnounced(report.ip, report.interfaces);
        return;
      case "released":
        this.#onReleased(report);
        return;
      case "unclaimed":
        this.#onUnclaimed(report.ip);
        return;
      case "conflict":
        this.#onConflict(report);
        return;
      case "cleared":
        this.#onCleared(report.ip);
        return;
      case "rival":
        this.#onRival(report);
        return;
      case "interface-failed":
        this.#log.warn("interface failed", { interface: report.interface, "err.message": report.message });
        return;
    }
  }

  #onInterfaces(names: readonly string[]): void {
    this.#log.info("layer 2 interfaces changed", { interfaces: names });
    this.#interfaces = names;
    for (const service of this.#saidOf) this.#ports.said(service);
    this.#ports.changed();
  }

  #onAnnounced(ip: string, interfaces: readonly string[]): void {
    // An engine that was started again does not know that it cleared what the one before it had in quarantine.
    this.#clear(ip);
    if (!this.#holdings.isHeld(ip)) return;
    if (!this.#announced.has(ip)) this.#moved("answering", ip);
    this.#announced.add(ip);
    this.#holdings.announced(ip);
    this.#reached(ip);
    for (const key of this.#holdings.servicesOf(ip)) {
      this.#ports.memory.announced(key, ip);
      this.#ports.said(key);
      if (this.#saidOf.has(key)) continue;
      this.#saidOf.add(key);
      this.#log.info("service announced", { service: key, protocol: "layer2", ip: [ip], interfaces });
      const service = this.#ports.service(key);
      if (service !== undefined) this.#ports.events.announced(service, "layer2");
    }
  }

  #reached(ip: string): void {
    const mark = this.#marks.get(ip);
    if (mark === undefined) return;
    this.#marks.delete(ip);
    this.#ports.convergence?.reached(mark, "layer2");
  }

  #onReleased({ ip, because }: ReportOf<"released">): void {
    this.#log.info("address released", { address: ip, reason: because });
    this.#moved("silent", ip, { reason: because });
    this.#handingOver?.waitingFor.delete(ip);
    if (this.#handingOver?.waitingFor.size === 0) this.#handingOver.done();
  }

  /** Two that give way to each other would both be silent. */
  #onUnclaimed(ip: string): void {
    if (this.#handingOver !== undefined || !this.#yields.lapse(ip)) return;
    this.#holdings.touch(ip);
    this.flush();
  }

  #onConflict({ ip, mac, interface: name, found, quarantined }: ReportOf<"conflict">): void {
    this.#log.warn("address conflict", { address: ip, mac, interface: name, state: found, quarantined });
    const services = this.#holdings.servicesOf(ip);
    this.#moved("conflict", ip, { reason: found, message: `${mac} uses it on ${name}` });
    const message = formatAddressConflicts([{ address: ip, mac, interface: name, node: this.#options.nodeName }]);
    for (const key of services) {
      const action = quarantined ? "it is not announced until that is gone" : "it is defended";
      this.#say(key, { type: "Warning", reason: "AddressConflict", message: `${message}: ${action}` });
    }
    // The engine said it before it heard that the address is not to be held: there would be nobody to clear it.
    if (!quarantined || !this.#holdings.isHeld(ip)) return;
    this.#announced.delete(ip);
    this.#quarantined.set(ip, { mac, interface: name });
    for (const key of services) {
      this.#ports.memory.forget(key, ip);
      if (this.answeredFor(key).length === 0) this.#saidOf.delete(key);
      this.#ports.decideAgain(key);
      this.#ports.said(key);
    }
  }

  #onCleared(ip: string): void {
    if (this.#quarantined.has(ip)) this.#onAnnounced(ip, []);
  }

  #clear(ip: string): void {
    if (!this.#quarantined.delete(ip)) return;
    this.#log.info("address conflict cleared", { address: ip });
    this.#moved("conflict-cleared", ip);
    for (const key of this.#holdings.servicesOf(ip)) {
      const message = `${ip} is no longer in quarantine`;
      this.#say(key, { type: "Normal", reason: "AddressConflictCleared", message });
      this.#ports.decideAgain(key);
    }
  }

  #onRival({ ip, speaker, mac, interface: name }: ReportOf<"rival">): void {
    if (this.#handingOver === undefined && this.#holdings.isHeld(ip)) {
      this.#duels.heard({ ip, speaker, mac, interface: name });
    }
  }

  #settleDuel({ ip, speaker, mac, interface: name }: Rival, { again, contradictions }: DuelHistory): void {
    const [key] = this.#holdings.servicesOf(ip);
    if (key === undefined || this.#handingOver !== undefined) return;
    // Who insisted in vain before need not do so for as long again.
    const insisted = this.#yields.isTried(ip) ? Number.POSITIVE_INFINITY : contradictions;
    const verdict = this.#ports.duel(key, nodeName(speaker), insisted);
    this.#settledDuels[verdict] += 1;
    const fields = { address: ip, service: key, interface: name, mac, speaker, verdict };
    this.#log[again ? "warn" : "info"]("two speakers announce an address", fields);
    if (again || verdict === "yield") this.#sayDuel(key, { ip, speaker, verdict });
    if (verdict === "keep") {
      this.#keeper.post({ type: "reannounce", ips: [ip] });
      return;
    }
    this.#yields.add(ip, speaker);
    this.#holdings.touch(ip);
    this.flush();
    for (const service of this.#holdings.servicesOf(ip)) this.#ports.said(service);
  }

  #sayDuel(
    key: ServiceKey,
    { ip, speaker, verdict }: { ip: string; speaker: string; verdict: "keep" | "yield" },
  ): void {
    const outcome = verdict === "keep" ? "keeps" : "leaves";
    const message = `${ip} is announced by node "${speaker}" too: node "${this.#options.nodeName}" ${outcome} it`;
    this.#say(key, { type: "Warning", reason: "AddressDuel", message });
  }

  /** What is not answered for must not be said to be. */
  #onSilent(): void {
    this.#announced.clear();
    for (const service of this.#saidOf) this.#ports.said(service);
    this.#saidOf.clear();
  }

  #letGo(ip: string): void {
    this.#duels.forget(ip);
    this.#marks.delete(ip);
    this.#announced.delete(ip);
    this.#quarantined.delete(ip);
  }

  #withdrawn(service: ServiceKey, ips: readonly string[], cause: RefusalCause | undefined): void {
    if (!this.#saidOf.delete(service)) return;
    const reason = cause?.reason ?? "service-gone";
    this.#log.info("service withdrawn", { service, protocol: "layer2", ip: ips, reason });
  }

  /** One line and one event per change of mind, not per pass. */
  #reportRefusal(service: ServiceKey, cause: RefusalCause | undefined, message: string): void {
    const before = this.#refused.get(service);
    if (cause === undefined) this.#refused.delete(service);
    else this.#refused.set(service, message);
    if (cause === undefined || before === message) return;
    this.#log.debug("service not announced", { service, protocol: "layer2", reason: cause.reason, message });
    if (cause.reason === "interface-missing")
      this.#say(service, announceFailed(this.#options.nodeName, cause.interfaces));
  }

  #moved(type: MoveContent["type"], ip: string, more: Pick<MoveContent, "reason" | "message"> = {}): void {
    const [service] = this.#holdings.servicesOf(ip);
    this.#ports.moved?.({ type, protocol: "layer2", service, addresses: [ip], ...more });
  }

  #say(key: ServiceKey, content: EventContent): void {
    const service = this.#ports.service(key);
    if (service !== undefined) this.#ports.events.ofService(service, content);
  }
}

/** In MetalLB's words, with the interfaces in it. */
function announceFailed(node: NodeName, interfaces: readonly string[]): EventContent {
  const message = `the interfaces specified by the L2Advertisements (${interfaces.join(", ")}) don't exist in assigned node "${node}" with protocol "layer2"`;
  return { type: "Warning", reason: "announceFailed", message };
}
