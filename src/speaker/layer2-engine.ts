import { AddressTable } from "../layer2/address-table.ts";
import { announcementFrames, probeFrame } from "../layer2/announcement.ts";
import { type ArpDrop, hear, type NdpDrop, type Sign } from "../layer2/answer.ts";
import { type ClaimEffect, type ClaimEvent, initialClaim, step } from "../layer2/claim.ts";
import { type Mark, markOf } from "../layer2/mark.ts";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { formatMac } from "../net/mac-address.ts";
import { micros } from "../net/micros.ts";
import type { Timer } from "../system/clock.ts";
import { InvariantError } from "../wire/errors.ts";
import { Agenda } from "./layer2-engine-agenda.ts";
import { Entry, type Place } from "./layer2-engine-entry.ts";
import { excludePattern } from "./layer2-engine-interfaces.ts";
import type { EngineLink } from "./layer2-engine-link.ts";
import { EngineLinks } from "./layer2-engine-links.ts";
import type { HeldAddress, Layer2Command, Layer2Inspection, Layer2Report } from "./layer2-messages.ts";
import type { Layer2EngineOptions, Layer2EnginePorts } from "./layer2-ports.ts";

/** Claims that are woken in one turn of the event loop: frames come between the turns. */
const MOST_PER_TURN = 250;

/** All addresses that this node answers for, on all its interfaces. Commands in, reports out, both plain data. */
export class Layer2Engine {
  readonly #ports: Layer2EnginePorts;
  readonly #tell: (report: Layer2Report) => void;
  readonly #mark: Mark;
  readonly #entries = new Map<string, Entry>();
  readonly #table = new AddressTable<Entry>();
  readonly #agenda = new Agenda<Entry>();
  readonly #links: EngineLinks;
  readonly #unfollow: () => void;
  readonly #dropped: Partial<Record<ArpDrop | NdpDrop, number>> = {};
  #speakers: ReadonlyMap<Mark, string> = new Map();
  #fenced = false;
  #toldInterfaces: string | undefined;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #sendFailures = 0;
  #worstLateness = micros(0);

  /** @throws ConfigError when the pattern of excluded interfaces is none */
  constructor(ports: Layer2EnginePorts, options: Layer2EngineOptions, tell: (report: Layer2Report) => void) {
    this.#ports = ports;
    this.#tell = tell;
    this.#mark = markOf(options.node);
    this.#links = new EngineLinks(
      {
        clock: ports.clock,
        openLink: ports.openLink,
        mark: this.#mark,
        find: (frame, at, length) => this.#table.find(frame, at, length),
        framesFor: (entry, link) => this.#framesFor(entry, link),
        spoken: (entry, link) => this.#onSpoken(entry, link),
        targetsOn: (link) => this.#targetsOn(link),
        ownedOn: (link) => this.#ownedOn(link),
        sendFailed: () => {
          this.#sendFailures += 1;
        },
        received: (link, frame) => this.#onFrame(link, frame),
        changed: () => this.#onLinksChanged(),
        interfaceFailed: (name, message) => this.#tell({ type: "interface-failed", interface: name, message }),
      },
      excludePattern(options.excludedInterfaces),
    );
    this.#unfollow = ports.interfaces.onChange((view) => this.#links.sync(view));
    // Nothing is known before the first change, which is not the same as that there is nothing.
    if (ports.interfaces.view.links.size > 0) this.#links.sync(ports.interfaces.view);
  }

  /** @throws InvariantError when an address of a command is none */
  handle(command: Layer2Command): void {
    switch (command.type) {
      case "hold":
        this.#hold(command.address);
        return;
      case "release":
        this.#dispatchTo(command.ip, { type: "released", how: command.how });
        return;
      case "reannounce":
        for (const ip of command.ips ?? [...this.#entries.keys()]) this.#dispatchTo(ip, { type: "reannounced" });
        return;
      case "fence":
        this.#fence(command.on);
        return;
      case "speakers":
        this.#speakers = new Map(command.names.map((name) => [markOf(name), name]));
        return;
      case "inspect":
        this.#tell({ type: "inspected", request: command.request, inspection: this.#inspect() });
        return;
    }
  }

  /** Stops at once, without a word to anybody. */
  close(): void {
    this.#unfollow();
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#links.close();
    this.#entries.clear();
  }

  #hold({ ip: text, interfaces, refresh, probe }: HeldAddress): void {
    const ip = parseIpAddress(text);
    if (ip === undefined) throw new BadHeldAddress(`no address: ${text}`);
    const names = new Set(interfaces);
    const known = this.#entries.get(`${ip}`);
    if (known === undefined) {
      this.#add(ip, names, { refresh, probe });
      return;
    }
    const gained = this.#rewire(known, names);
    this.#dispatch(known, { type: "held", settings: { refresh, probe } });
    if (gained && known.stance === "answer") this.#dispatch(known, { type: "reannounced" });
  }

  #add(ip: IpAddress, interfaces: ReadonlySet<string>, settings: Parameters<typeof initialClaim>[0]): void {
    const entry = new Entry(ip, interfaces, initialClaim(settings, this.#fenced, this.#ports.clock.now()));
    this.#entries.set(`${ip}`, entry);
    this.#table.set(ip, entry);
    this.#listenAnew(entry, this.#linksOf(entry));
    this.#follow(entry);
  }

  #forget(entry: Entry): void {
    const links = this.#linksOf(entry);
    entry.claim = { ...entry.claim, wakeAt: undefined };
    entry.waiting.clear();
    this.#entries.delete(`${entry.ip}`);
    this.#table.delete(entry.ip);
    for (const link of links) link.forget(entry);
    this.#listenAnew(entry, links);
  }

  /** Holds an address on other interfaces than before. True when there are new ones. */
  #rewire(entry: Entry, names: ReadonlySet<string>): boolean {
    const before = this.#linksOf(entry);
    entry.interfaces = names;
    const after = this.#linksOf(entry);
    const lost = before.filter((link) => !after.includes(link));
    const gained = after.filter((link) => !before.includes(link));
    for (const link of lost) link.forget(entry);
    this.#listenAnew(entry, [...lost, ...gained]);
    this.#follow(entry);
    return gained.length > 0;
  }

  #listenAnew({ ip }: Entry, links: readonly EngineLink[]): void {
    if (ip.family === 6) for (const link of links) link.targetsChanged();
  }

  /** Tells the claim whether it can be heard, and does not wait for interfaces on which it cannot. */
  #follow(entry: Entry): void {
    const audible = this.#links.all.some((link) => link.covers(entry));
    if (!audible) entry.waiting.clear();
    if (audible !== entry.claim.audible)
      this.#dispatch(entry, { type: audible ? "became-audible" : "became-inaudible" });
    for (const link of entry.waiting) if (!link.covers(entry)) this.#onSpoken(entry, link);
  }

  #linksOf(entry: Entry): readonly EngineLink[] {
    return this.#links.all.filter((link) => link.covers(entry));
  }

  #fence(on: boolean): void {
    if (this.#fenced === on) return;
    this.#fenced = on;
    if (on) for (const link of this.#links.all) link.hush();
    for (const entry of [...this.#entries.values()]) {
      if (on) entry.waiting.clear();
      this.#dispatch(entry, { type: on ? "fenced" : "unfenced" });
    }
  }

  #dispatchTo(ip: string, event: ClaimEvent): void {
    const entry = this.#entries.get(ip);
    if (entry !== undefined) this.#dispatch(entry, event);
  }

  #dispatch(entry: Entry, event: ClaimEvent): void {
    const before = entry.wakeAt;
    const { clock, random } = this.#ports;
    const next = step(entry.claim, event, { now: clock.now(), chance: random() });
    entry.claim = next.claim;
    if (entry.wakeAt !== before) {
      this.#agenda.plan(entry);
      this.#arm();
    }
    for (const effect of next.effects) this.#perform(entry, effect);
  }

  #perform(entry: Entry, effect: ClaimEffect): void {
    const ip = `${entry.ip}`;
    const at = this.#ports.clock.now();
    switch (effect.type) {
      case "speak":
        this.#speak(entry, effect.urgent);
        return;
      case "report-announced":
        this.#tell({ type: "announced", ip, interfaces: this.#linksOf(entry).map(({ name }) => name), at });
        return;
      case "report-cleared":
        this.#tell({ type: "cleared", ip, at });
        return;
      case "report-conflict": {
        const { interface: name, mac } = effect.by;
        const found = effect.quarantined ? "probing" : "announced";
        this.#tell({ type: "conflict", ip, interface: name, mac, found, quarantined: effect.quarantined, at });
        return;
      }
      case "report-rival": {
        const { interface: name, mac } = effect.by;
        this.#tell({ type: "rival", ip, interface: name, mac, speaker: effect.speaker, at });
        return;
      }
      case "report-yielded":
        this.#tell({ type: "released", ip, because: "asked", at });
        return;
      case "report-unclaimed":
        this.#tell({ type: "unclaimed", ip, at });
        return;
      case "forget":
        this.#forget(entry);
        return;
      case "end":
        this.#forget(entry);
        this.#tell({ type: "released", ip, because: effect.because, at });
        return;
    }
  }

  #speak(entry: Entry, urgent: boolean): void {
    const links = this.#linksOf(entry);
    for (const link of links) entry.waiting.add(link);
    for (const link of links) link.enqueue(entry, urgent);
  }

  #onSpoken(entry: Entry, place: Place): void {
    const isLast = entry.waiting.delete(place) && entry.waiting.size === 0;
    if (isLast) this.#dispatch(entry, { type: "spoken" });
  }

  #framesFor(entry: Entry, link: EngineLink): readonly Uint8Array[] {
    if (entry.claim.fenced || !link.covers(entry)) return [];
    if (entry.claim.state === "probing" || entry.claim.state === "yielded") return [probeFrame(entry.ip, link)];
    if (entry.stance !== "answer") return [];
    const frames = announcementFrames(entry.ip, link);
    entry.gratuitous += frames.length;
    return frames;
  }

  #targetsOn(link: EngineLink): readonly IpAddress[] {
    const targets: IpAddress[] = [];
    for (const entry of this.#entries.values()) if (entry.ip.family === 6 && link.covers(entry)) targets.push(entry.ip);
    return targets;
  }

  *#ownedOn(link: EngineLink): Generator<Entry> {
    for (const entry of this.#entries.values()) if (entry.stance === "answer" && link.covers(entry)) yield entry;
  }

  #onLinksChanged(): void {
    const names = this.#links.all.map(({ name }) => name);
    if (`${names}` !== this.#toldInterfaces) {
      this.#toldInterfaces = `${names}`;
      this.#tell({ type: "interfaces", names });
    }
    for (const entry of [...this.#entries.values()]) this.#follow(entry);
  }

  #onFrame(link: EngineLink, frame: Uint8Array): void {
    const { drop, answer, asked, sign } = hear(frame, link);
    if (drop !== undefined) this.#dropped[drop] = (this.#dropped[drop] ?? 0) + 1;
    if (asked !== undefined) asked.requests += 1;
    if (asked !== undefined && answer !== undefined && link.answer(answer)) asked.answers += 1;
    if (sign !== undefined) this.#onSign(link, sign);
  }

  #onSign(link: EngineLink, { held, what, mac, mark }: Sign<Entry>): void {
    const speaker = mark === undefined ? undefined : this.#speakers.get(mark);
    const { state, fenced } = held.claim;
    if (speaker === undefined && !fenced && (what === "announcement" || state === "probing")) held.conflicts += 1;
    this.#dispatch(held, { type: "heard", what, by: { interface: link.name, mac: formatMac(mac), speaker } });
  }

  #arm(): void {
    const at = this.#agenda.next;
    if (at === undefined || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.timer.cancel();
    const delay = micros(Math.max(0, at - this.#ports.clock.now()));
    this.#timer = { at, timer: this.#ports.clock.after(delay, () => this.#onTimer(at)) };
  }

  #onTimer(at: number): void {
    this.#timer = undefined;
    const now = this.#ports.clock.now();
    this.#worstLateness = micros(Math.max(this.#worstLateness, now - at));
    for (let woken = 0; woken < MOST_PER_TURN; woken++) {
      const entry = this.#agenda.take(now);
      if (entry === undefined) break;
      this.#dispatch(entry, { type: "time-passed" });
    }
    this.#arm();
  }

  #inspect(): Layer2Inspection {
    const addresses = [...this.#entries.values()].map((entry) =>
      entry.report(this.#linksOf(entry).map(({ name }) => name)),
    );
    return {
      addresses,
      interfaces: this.#links.all.map((link) => link.report),
      dropped: { ...this.#dropped },
      sendFailures: this.#sendFailures,
      worstLateness: this.#worstLateness,
      fenced: this.#fenced,
    };
  }
}

/** The main thread sent an address that is none. */
class BadHeldAddress extends InvariantError {
  readonly code = "ERR_LAYER2_BAD_HELD_ADDRESS";
}
