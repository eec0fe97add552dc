import type { PlanItem } from "../inspection/state-view.ts";
import { pause } from "../kubernetes/backoff.ts";
import { millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { Alarm } from "./alarm.ts";
import type { Board } from "./board.ts";
import type { GlassSpeaker } from "./speaker-port.ts";

/** How often everything is asked for again: what changes without a move is rare. */
const WHOLE_EVERY = seconds(60);
const AFTER = millis(200);
/** Services named in one question; more than that, and everything is asked for. */
const MOST_NAMED = 50;

/** Tells the board what one speaker decided on each Service: for where there is no API to say it. */
export class PlanFeed {
  readonly #clock: Clock;
  readonly #board: Board;
  readonly #speaker: GlassSpeaker;
  readonly #moved = new Set<string>();
  readonly #alarm: Alarm;
  #known = new Set<string>();

  constructor(ports: { readonly clock: Clock; readonly board: Board }, speaker: GlassSpeaker) {
    this.#clock = ports.clock;
    this.#board = ports.board;
    this.#speaker = speaker;
    this.#alarm = new Alarm(ports.clock);
  }

  /** The speaker changed its mind on a Service. */
  moved(service: string | undefined): void {
    if (service === undefined) return;
    this.#moved.add(service);
    this.#alarm.ring();
  }

  /** @throws CodedError */
  async run(signal: AbortSignal): Promise<void> {
    let whole = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const named = [...this.#moved];
      this.#moved.clear();
      if (this.#clock.now() - whole >= WHOLE_EVERY || named.length > MOST_NAMED) {
        whole = this.#clock.now();
        await this.#readAll(signal);
      } else if (named.length > 0) await this.#read(named, signal);
      await this.#alarm.wait(WHOLE_EVERY, signal);
      await pause(this.#clock, AFTER, signal);
    }
  }

  async #readAll(signal: AbortSignal): Promise<void> {
    const seen = new Set<string>();
    for await (const item of this.#speaker.rows<PlanItem>("/v1/plan", signal)) {
      seen.add(item.service);
      this.#take(item);
    }
    for (const service of this.#known) if (!seen.has(service)) this.#forget(service);
    this.#known = seen;
  }

  async #read(services: readonly string[], signal: AbortSignal): Promise<void> {
    const left = new Set(services);
    const query = new URLSearchParams(services.map((service): [string, string] => ["service", service]));
    for await (const item of this.#speaker.rows<PlanItem>(`/v1/plan?${query.toString()}`, signal)) {
      left.delete(item.service);
      this.#known.add(item.service);
      this.#take(item);
    }
    for (const service of left) this.#forget(service);
  }

  #take({ service, bgp, layer2, refusals }: PlanItem): void {
    const node = this.#speaker.name;
    const announces = bgp.length + layer2.length > 0;
    const addresses = [...new Set([...bgp, ...layer2].map(({ ip }) => ip))];
    const peers = [...new Set(bgp.map(({ peer }) => peer))].sort();
    const announcement = announces ? { service, node, peers, layer2: layer2.length > 0, addresses } : undefined;
    this.#board.setAnnouncement(`plan/${node}/${service}`, announcement);
    const told = refusals.map(({ ip, protocol, reason, message }) => ({ node, ip, protocol, reason, message }));
    this.#board.setRefusals(service, node, told);
  }

  #forget(service: string): void {
    this.#known.delete(service);
    this.#board.setAnnouncement(`plan/${this.#speaker.name}/${service}`, undefined);
    this.#board.setRefusals(service, this.#speaker.name, []);
  }
}
