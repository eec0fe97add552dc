import type { Decision } from "../announcement/decision.ts";
import { formatRefusal, type Refusal, type RefusalCause } from "../announcement/refusal.ts";
import type { ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import type { EventContent } from "../kubernetes/event-recorder.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";

/** What the events are made from, and who writes them. */
export interface RefusalEventsPorts {
  readonly clock: Clock;
  readonly service: (key: ServiceKey) => Service | undefined;
  /** All that is decided now. */
  readonly decisions: () => Iterable<Decision>;
  /** Whether the Service has a usable endpoint anywhere. */
  readonly isServed: (key: ServiceKey) => boolean;
  /** How many more events may wait to be written. */
  readonly room: () => number;
  readonly say: (service: Service, content: EventContent) => void;
}

/** A refusal that the whole cluster shares. */
interface Standing {
  readonly message: string;
  readonly since: Micros;
  readonly said: boolean;
}

/** So long a refusal has to stand: pods that are just being replaced are no news. */
const SETTLED_AFTER = seconds(10);
/** Where nobody takes more, it is tried again. */
const AGAIN_AFTER = millis(500);

/**
 * What is refused on every node alike, no matter which one is asked. Of the others each concerns one node, which others make up for.
 */
const EVERYWHERE: Readonly<Record<RefusalCause["reason"], boolean>> = {
  // The controller says why there is none.
  "no-address": false,
  "invalid-address": true,
  "address-not-in-pool": true,
  "node-not-selected": false,
  "no-matching-advertisement": true,
  "conflicting-local-pref": true,
  "network-unavailable": false,
  "node-excluded": false,
  "node-drained": false,
  "no-local-endpoint": false,
  "no-endpoint": true,
  "no-matching-peer": false,
  "family-not-carried": false,
  "peer-not-supported": false,
  "too-many-communities": true,
  "shared-ip-with-service-selector": true,
  "no-candidate-node": true,
  "lost-election": false,
  "layer2-unavailable": false,
  fenced: false,
  "interface-missing": false,
  "address-conflict": false,
};

/**
 * Says on a Service why no node announces it: once for each change of the cause, and by one speaker for all. Events have the same name
 * whoever writes them, so that another one that takes over says nothing twice.
 */
export class RefusalEvents {
  readonly #ports: RefusalEventsPorts;
  readonly #standing = new Map<ServiceKey, Standing>();
  #speaks = false;
  #look: Timer | undefined;

  constructor(ports: RefusalEventsPorts) {
    this.#ports = ports;
  }

  /** What was decided on a Service; nothing when it is gone. */
  decided(key: ServiceKey, decision: Decision | undefined): void {
    if (!this.#speaks) return;
    const message = decision === undefined ? undefined : this.#wordsOf(decision);
    if (message === undefined) this.#standing.delete(key);
    else if (this.#standing.get(key)?.message !== message) {
      this.#standing.set(key, { message, since: this.#ports.clock.now(), said: false });
      this.#look ??= this.#lookAfter(SETTLED_AFTER);
    }
  }

  /** Whether this speaker speaks for all: the first of those that are there, by name. Who knows of nobody yet is not the only one. */
  speakFor(node: string, speakers: Iterable<string>): void {
    const names = [...speakers];
    const speaks = names.includes(node) && names.every((other) => node <= other);
    if (speaks === this.#speaks) return;
    this.#speaks = speaks;
    if (speaks) this.#catchUp();
    else this.stop();
  }

  /** Says nothing more. */
  stop(): void {
    this.#speaks = false;
    this.#look?.cancel();
    this.#look = undefined;
  }

  /** What was said before and still stands is not said again. */
  #catchUp(): void {
    const gone = new Set(this.#standing.keys());
    for (const decision of this.#ports.decisions()) {
      gone.delete(decision.key);
      this.decided(decision.key, decision);
    }
    for (const key of gone) this.#standing.delete(key);
    this.#look ??= this.#lookAfter(SETTLED_AFTER);
  }

  #lookAfter(delay: Micros): Timer {
    return this.#ports.clock.after(delay, () => this.#sayWhatIsDue());
  }

  #sayWhatIsDue(): void {
    this.#look = undefined;
    const now = this.#ports.clock.now();
    let next: Micros | undefined;
    for (const [key, standing] of this.#standing) {
      if (standing.said) continue;
      const left = standing.since + SETTLED_AFTER - now;
      const wait = left > 0 ? micros(left) : this.#ports.room() > 0 ? undefined : AGAIN_AFTER;
      if (wait === undefined) this.#say(key, standing);
      else next = micros(Math.min(next ?? wait, wait));
    }
    if (next !== undefined) this.#look = this.#lookAfter(next);
  }

  #say(key: ServiceKey, standing: Standing): void {
    this.#standing.set(key, { ...standing, said: true });
    const service = this.#ports.service(key);
    if (service === undefined) return;
    this.#ports.say(service, { type: "Warning", reason: "announceFailed", message: standing.message });
  }

  #wordsOf({ key, bgp, layer2, refusals }: Decision): string | undefined {
    const shared = refusals.filter(({ cause }) => EVERYWHERE[cause.reason]);
    const telling = shared.find(({ cause }) => cause.reason !== "no-matching-advertisement");
    if (telling !== undefined) return formatRefusal(telling);
    const [first] = refusals;
    if (bgp.length + layer2.length > 0 || first === undefined || first.cause.reason === "no-address") return undefined;
    if (shared.length === refusals.length) return unadvertised(refusals);
    // A node that no advertisement selects is refused for that before anybody looks at endpoints.
    return this.#ports.isServed(key) ? undefined : formatRefusal({ ...first, cause: { reason: "no-endpoint" } });
  }
}

/** That one of the protocols has no advertisement is how most clusters are; that none has is a fault. */
function unadvertised(refusals: readonly Refusal[]): string | undefined {
  const distinct = [...new Set(refusals.filter(isOfAll).map((refusal) => formatRefusal(refusal)))];
  return distinct.length === 0 ? undefined : distinct.join("; ");
}

/** An advertisement that is there may select another node. */
function isOfAll({ cause }: Refusal): boolean {
  return cause.reason === "no-matching-advertisement" && !cause.exist;
}
