import { afterBurst, type FlapHistory, isForgiven, nextBurst } from "../layer2/flap-damper.ts";
import { type MacAddress, macFromBytes } from "../net/mac-address.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { InterfaceView } from "../system/interfaces.ts";
import { CodedError } from "../wire/errors.ts";
import { type UsableInterface, usableInterfaces } from "./layer2-engine-interfaces.ts";
import { EngineLink, type EngineLinkPorts } from "./layer2-engine-link.ts";
import type { LinkPlace, PacketLink, PacketLinkHandlers } from "./layer2-ports.ts";

/** What the links need of their engine. */
export interface EngineLinksPorts extends Omit<EngineLinkPorts, "isOwn" | "failed"> {
  readonly clock: Clock;
  readonly openLink: (place: LinkPlace, handlers: PacketLinkHandlers) => PacketLink;
  received(link: EngineLink, frame: Uint8Array): void;
  /** Links have come, gone, or changed. */
  changed(): void;
  interfaceFailed(name: string, message: string): void;
}

/** What cannot be opened is tried again when the interface changes, and after a while: the change may have come too early. */
const FIRST_RETRY = seconds(1);
const LONGEST_RETRY = seconds(60);

interface Failure {
  readonly at: UsableInterface;
  readonly message: string;
  readonly wait: Micros;
  /** Until the next try. */
  timer: Timer | undefined;
  /** When a try succeeded: who fails again soon is not a new case. */
  openedAt: Micros | undefined;
  told: boolean;
}

/** The open interfaces: opened and closed by difference as the machine's interfaces change. */
export class EngineLinks {
  readonly #ports: EngineLinksPorts;
  readonly #excluded: RegExp;
  readonly #open = new Map<number, EngineLink>();
  readonly #failures = new Map<number, Failure>();
  readonly #flaps = new Map<string, FlapHistory>();
  /** Links that have to announce all that they carry. */
  readonly #fresh = new Set<EngineLink>();
  #sorted: readonly EngineLink[] = [];
  #changed = true;
  #own: ReadonlySet<MacAddress> = new Set();
  #view: InterfaceView = { links: new Map(), addresses: [] };

  constructor(ports: EngineLinksPorts, excluded: RegExp) {
    this.#ports = ports;
    this.#excluded = excluded;
  }

  /** Sorted by name. */
  get all(): readonly EngineLink[] {
    return this.#sorted;
  }

  close(): void {
    for (const link of this.#open.values()) link.close();
    for (const { timer } of this.#failures.values()) timer?.cancel();
    this.#open.clear();
    this.#sorted = [];
    this.#failures.clear();
  }

  /** Follows the machine's interfaces. */
  sync(view: InterfaceView): void {
    this.#view = view;
    this.#own = new Set([...view.links.values()].flatMap(({ mac }) => macFromBytes(mac) ?? []));
    const usable = new Map(usableInterfaces(view, this.#excluded).map((one) => [one.index, one]));
    this.#closeAllBut(usable);
    this.#forgetFailures(usable);
    for (const one of usable.values()) if (this.#failures.get(one.index)?.timer === undefined) this.#follow(one);
    this.#publish();
    this.#burst();
  }

  /** Tells the engine once for all that has changed. */
  #publish(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#sorted = [...this.#open.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#ports.changed();
  }

  #closeAllBut(usable: ReadonlyMap<number, UsableInterface>): void {
    for (const link of [...this.#open.values()]) if (usable.get(link.at.index)?.name !== link.name) this.#shut(link);
  }

  #shut(link: EngineLink): void {
    link.close();
    this.#open.delete(link.at.index);
    this.#fresh.delete(link);
    this.#changed = true;
  }

  #follow(at: UsableInterface): void {
    const link = this.#open.get(at.index);
    if (link === undefined) this.#tryOpen(at);
    else if (!sameInterface(link.at, at)) {
      const speaksMore = at.mac !== link.mac || at.families.some((family) => !link.at.families.includes(family));
      link.move(at);
      this.#changed = true;
      if (speaksMore) this.#fresh.add(link);
    }
  }

  #tryOpen(at: UsableInterface): void {
    let link: EngineLink | undefined;
    try {
      const packets = this.#ports.openLink(
        { index: at.index, name: at.name },
        {
          received: (frame) => {
            if (link !== undefined && this.#open.get(at.index) === link) this.#ports.received(link, frame);
          },
          failed: (message) => {
            if (link !== undefined) this.#onFailed(link, message);
          },
        },
      );
      link = new EngineLink(this.#linkPorts(), at, packets);
      this.#open.set(at.index, link);
      this.#fresh.add(link);
      this.#changed = true;
      link.targetsChanged();
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#remember(at, error.message);
      this.#complain(at.index);
    }
  }

  #linkPorts(): EngineLinkPorts {
    return {
      ...this.#ports,
      isOwn: (mac) => this.#own.has(mac),
      failed: (link, message) => this.#onFailed(link, message),
    };
  }

  #onFailed(link: EngineLink, message: string): void {
    if (this.#open.get(link.at.index) !== link) return;
    this.#shut(link);
    this.#remember(link.at, message);
    this.#publish();
  }

  #remember(at: UsableInterface, message: string): void {
    const before = this.#recentFailure(at.index);
    const wait = before === undefined ? FIRST_RETRY : micros(Math.min(before.wait * 2, LONGEST_RETRY));
    const timer = this.#ports.clock.after(wait, () => this.#retry(failure));
    const told = before?.message === message && before.told;
    const failure: Failure = { at, message, wait, timer, openedAt: undefined, told };
    this.#failures.set(at.index, failure);
  }

  #complain(index: number): void {
    const failure = this.#failures.get(index);
    if (failure === undefined || failure.told) return;
    failure.told = true;
    this.#ports.interfaceFailed(failure.at.name, failure.message);
  }

  #recentFailure(index: number): Failure | undefined {
    const failure = this.#failures.get(index);
    failure?.timer?.cancel();
    const stable = failure?.openedAt !== undefined && this.#ports.clock.now() - failure.openedAt >= LONGEST_RETRY;
    return stable ? undefined : failure;
  }

  #retry(failure: Failure): void {
    failure.timer = undefined;
    // A socket hears that its interface goes down before the machine's news of it come: that is no failure, and is forgotten by now.
    this.#complain(failure.at.index);
    this.sync(this.#view);
    if (this.#open.has(failure.at.index)) failure.openedAt = this.#ports.clock.now();
  }

  /** An interface that is another one now deserves another try. */
  #forgetFailures(usable: ReadonlyMap<number, UsableInterface>): void {
    for (const [index, failure] of this.#failures) {
      const now = usable.get(index);
      if (now !== undefined && sameInterface(now, failure.at)) continue;
      failure.timer?.cancel();
      this.#failures.delete(index);
    }
  }

  #burst(): void {
    const { clock } = this.#ports;
    const now = clock.now();
    for (const [name, history] of this.#flaps) if (isForgiven(history, now)) this.#flaps.delete(name);
    for (const link of this.#fresh) {
      const { name } = link;
      link.burstAt(nextBurst(this.#flaps.get(name), now), () => {
        this.#flaps.set(name, afterBurst(this.#flaps.get(name), clock.now()));
      });
    }
    this.#fresh.clear();
  }
}

function sameInterface(a: UsableInterface, b: UsableInterface): boolean {
  return a.name === b.name && a.mac === b.mac && a.mtu === b.mtu && `${a.families}` === `${b.families}`;
}
