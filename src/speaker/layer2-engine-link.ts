import type { Ear } from "../layer2/answer.ts";
import type { Mark } from "../layer2/mark.ts";
import { initialPacer, mayGo, type Pacer, refill, spend, waitFor } from "../layer2/pacer.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { formatMac, type MacAddress } from "../net/mac-address.ts";
import { type Micros, micros, millis } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import { SystemError } from "../wire/errors.ts";
import type { Entry } from "./layer2-engine-entry.ts";
import type { UsableInterface } from "./layer2-engine-interfaces.ts";
import type { InterfaceReport } from "./layer2-messages.ts";
import type { PacketLink } from "./layer2-ports.ts";

/** What a link needs of its engine. */
export interface EngineLinkPorts {
  readonly clock: Clock;
  readonly mark: Mark;
  isOwn(mac: MacAddress): boolean;
  find(frame: Uint8Array, at: number, length: 4 | 16): Entry | undefined;
  /** What is to be said of an address now; nothing when it is no more of this state. */
  framesFor(entry: Entry, link: EngineLink): readonly Uint8Array[];
  /** That has been sent. */
  spoken(entry: Entry, link: EngineLink): void;
  /** The IPv6 addresses that are to be listened for here. */
  targetsOn(link: EngineLink): readonly IpAddress[];
  /** What is answered for here. */
  ownedOn(link: EngineLink): Iterable<Entry>;
  sendFailed(): void;
  failed(link: EngineLink, message: string): void;
}

/** How long the kernel gets to make room. */
const CONGESTION_WAIT = millis(10);
/** Between the rounds in which an interface that came up announces all that it carries. */
const BURST_GAPS = [millis(0), millis(1000), millis(2000)];

/** One open interface: what is to be said there, and at which pace. */
export class EngineLink implements Ear<Entry> {
  readonly #ports: EngineLinkPorts;
  readonly #packets: PacketLink;
  readonly #urgent = new Set<Entry>();
  readonly #later = new Set<Entry>();
  #at: UsableInterface;
  #pacer: Pacer;
  #timer: Timer | undefined;
  #burst: Timer | undefined;
  #draining = false;
  #targetsChanged = false;
  #closed = false;

  constructor(ports: EngineLinkPorts, at: UsableInterface, packets: PacketLink) {
    this.#ports = ports;
    this.#at = at;
    this.#packets = packets;
    this.#pacer = initialPacer(ports.clock.now());
  }

  get at(): UsableInterface {
    return this.#at;
  }

  get name(): string {
    return this.#at.name;
  }

  get mac(): MacAddress {
    return this.#at.mac;
  }

  get mtu(): number {
    return this.#at.mtu;
  }

  get mark(): Mark {
    return this.#ports.mark;
  }

  get report(): InterfaceReport {
    return { name: this.name, mac: formatMac(this.mac), families: this.#at.families };
  }

  isOwn(mac: MacAddress): boolean {
    return this.#ports.isOwn(mac);
  }

  find(frame: Uint8Array, at: number, length: 4 | 16): Entry | undefined {
    return this.#ports.find(frame, at, length);
  }

  covers(entry: Entry): boolean {
    return !this.#closed && this.#at.families.includes(entry.ip.family) && entry.isOn(this.#at.name);
  }

  /** It is the same interface with other values. */
  move(to: UsableInterface): void {
    this.#at = to;
    this.targetsChanged();
  }

  /** Announces, or probes for, the address as soon as the pace allows; urgent ones first. */
  enqueue(entry: Entry, urgent: boolean): void {
    if (this.#closed) return;
    if (urgent) {
      this.#later.delete(entry);
      this.#urgent.add(entry);
    } else if (!this.#urgent.has(entry)) this.#later.add(entry);
    if (this.#timer === undefined && !this.#draining) this.#drain();
  }

  forget(entry: Entry): void {
    this.#urgent.delete(entry);
    this.#later.delete(entry);
  }

  /** Nothing is left to say. */
  hush(): void {
    this.#urgent.clear();
    this.#later.clear();
  }

  /** Listens for other targets before anything else is sent. */
  targetsChanged(): void {
    if (this.#targetsChanged) return;
    this.#targetsChanged = true;
    if (!this.#draining) this.#wakeIn(micros(0));
  }

  /** Announces all that is answered for here, in some rounds from this time on. */
  burstAt(at: Micros, started: () => void): void {
    const delay = micros(Math.max(0, at - this.#ports.clock.now()));
    this.#planBurst(delay, 0, started);
  }

  /** An answer; false when the kernel has no room: who asked will ask again. */
  answer(frame: Uint8Array): boolean {
    return this.#guarded(() => this.#packets.send(frame)) ?? false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#burst?.cancel();
    this.hush();
    this.#packets.close();
  }

  #planBurst(delay: Micros, round: number, started: () => void): void {
    this.#burst?.cancel();
    this.#burst = this.#ports.clock.after(delay, () => {
      this.#burst = undefined;
      if (round === 0) started();
      for (const entry of this.#ports.ownedOn(this)) this.enqueue(entry, false);
      const gap = BURST_GAPS[round + 1];
      if (gap !== undefined && !this.#closed) this.#planBurst(gap, round + 1, started);
    });
  }

  #wakeIn(delay: Micros): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.after(delay, () => {
      this.#timer = undefined;
      this.#drain();
    });
  }

  #drain(): void {
    this.#draining = true;
    this.#pacer = refill(this.#pacer, this.#ports.clock.now());
    const wait = this.#guarded(() => this.#sendSome());
    this.#draining = false;
    if (wait !== undefined) this.#wakeIn(wait);
  }

  /** How long to wait until more may be sent; undefined when there is no more. */
  #sendSome(): Micros | undefined {
    this.#listen();
    for (let entry = this.#first(); entry !== undefined; entry = this.#first()) {
      if (!mayGo(this.#pacer)) return waitFor(this.#pacer);
      if (!this.#speak(entry)) return CONGESTION_WAIT;
      this.forget(entry);
      this.#ports.spoken(entry, this);
    }
    return this.#targetsChanged ? micros(0) : undefined;
  }

  #listen(): void {
    if (!this.#targetsChanged) return;
    this.#targetsChanged = false;
    this.#packets.listenFor(this.#ports.targetsOn(this));
  }

  #first(): Entry | undefined {
    if (this.#closed) return undefined;
    for (const entry of this.#urgent) return entry;
    for (const entry of this.#later) return entry;
    return undefined;
  }

  /** False when it is to be said again. */
  #speak(entry: Entry): boolean {
    const frames = this.#ports.framesFor(entry, this);
    this.#pacer = spend(this.#pacer, frames.length);
    for (const frame of frames) {
      if (!this.#packets.send(frame)) {
        this.#ports.sendFailed();
        return false;
      }
    }
    return true;
  }

  /** What the operating system refuses ends this link, and nothing else. */
  #guarded<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#ports.failed(this, error.message);
      return undefined;
    }
  }
}
