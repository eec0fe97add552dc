import { createHash } from "node:crypto";
import { DEFAULT_SETTINGS } from "../../src/membership/settings.ts";
import { micros, millis } from "../../src/net/micros.ts";
import { GossipEngine } from "../../src/speaker/gossip-engine.ts";
import type { GossipInspection, GossipOptions, GossipReport } from "../../src/speaker/gossip-messages.ts";
import type { GossipEnginePorts, GossipPlace, GossipSocketHandlers } from "../../src/speaker/gossip-ports.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface Sent {
  readonly from: GossipPlace;
  readonly to: GossipPlace;
  readonly bytes: Uint8Array;
}

/** One engine on the network. */
export interface Speaker {
  readonly engine: GossipEngine;
  readonly place: GossipPlace;
  readonly reports: GossipReport[];
}

const key = ({ address, port }: GossipPlace): string => `${address} ${port}`;

/** Engines that talk through a switch in virtual time. */
export class GossipNetwork {
  readonly clock = new VirtualClock();
  readonly sent: Sent[] = [];
  readonly #sockets = new Map<string, GossipSocketHandlers>();
  /** The next sockets that are asked for cannot be had, and why. */
  refuseSockets: string | undefined;
  /** What waits for the reads to end; undefined where they end at once. */
  unread: (() => void)[] | undefined;
  /** How much later than asked for the timers come. */
  lateness = micros(0);
  #processes = 0;

  start(node: string, options: Partial<GossipOptions> = {}): Speaker {
    const place = { address: `10.0.0.${++this.#processes}`, port: 7946 };
    const reports: GossipReport[] = [];
    const all: GossipOptions = {
      node,
      bind: place,
      advertise: undefined,
      keys: [],
      settings: DEFAULT_SETTINGS,
      ...options,
    };
    const engine = new GossipEngine(this.#ports(), all, (report) => reports.push(report));
    return { engine, place, reports };
  }

  /** Delivers octets as if they came from somewhere. */
  deliver(to: GossipPlace, from: GossipPlace, bytes: Uint8Array): void {
    this.#sockets.get(key(to))?.received(bytes, from);
  }

  fail({ place }: Speaker, message: string): void {
    this.#sockets.get(key(place))?.failed(message);
  }

  #ports(): GossipEnginePorts {
    const seed = `process ${this.#processes}`;
    let drawn = 0;
    return {
      clock: {
        now: () => micros(this.clock.now() + this.lateness),
        after: (delay, fire) => this.clock.after(delay, fire),
      },
      randomBytes: (count) => {
        drawn += 1;
        return new Uint8Array(createHash("sha256").update(`${seed} ${drawn}`).digest().subarray(0, count));
      },
      afterReads: (then) => {
        if (this.unread === undefined) then();
        else this.unread.push(then);
      },
      openSocket: (at, handlers) => this.#openSocket(at, handlers),
    };
  }

  #openSocket(at: GossipPlace, handlers: GossipSocketHandlers) {
    const { refuseSockets } = this;
    if (refuseSockets === undefined) this.#sockets.set(key(at), handlers);
    else this.clock.after(micros(0), () => handlers.failed(refuseSockets));
    return {
      send: (bytes: Uint8Array, to: GossipPlace) => {
        this.sent.push({ from: at, to, bytes });
        this.clock.after(micros(200), () => this.deliver(to, at, bytes));
      },
      close: () => {
        if (this.#sockets.get(key(at)) === handlers) this.#sockets.delete(key(at));
      },
    };
  }

  /** Some engines, all members. */
  cluster(count: number, options: Partial<GossipOptions> = {}): readonly Speaker[] {
    const speakers = Array.from({ length: count }, (_, i) => this.start(`node-${i}`, options));
    for (const { engine } of speakers)
      engine.handle({ type: "seeds", seeds: speakers.slice(0, 2).map(({ place }) => place) });
    this.clock.advance(millis(1500));
    return speakers;
  }
}

/** Who is up, as this one said last. */
export function membersOf({ reports }: Speaker): readonly string[] {
  return reports.findLast((report) => report.type === "members")?.members ?? [];
}

export function inspect({ engine, reports }: Speaker): GossipInspection {
  engine.handle({ type: "inspect", request: 7 });
  const last = reports.at(-1);
  if (last?.type !== "inspected") throw new Error("nothing was inspected");
  return last.inspection;
}
