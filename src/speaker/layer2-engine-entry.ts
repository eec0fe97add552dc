import type { Held, Stance } from "../layer2/answer.ts";
import { type Claim, stanceOf } from "../layer2/claim.ts";
import type { IpAddress } from "../net/ip-address.ts";
import type { Micros } from "../net/micros.ts";
import type { Sleeper } from "./layer2-engine-agenda.ts";
import type { HeldReport } from "./layer2-messages.ts";

/** Where an address can be spoken for. */
export interface Place {
  covers(entry: Entry): boolean;
}

/** One address of the engine: its claim, and what was counted. */
export class Entry implements Held, Sleeper {
  readonly ip: IpAddress;
  /** Names; empty is every interface. */
  interfaces: ReadonlySet<string>;
  claim: Claim;
  /** Where the claim's last word has still to be sent. */
  readonly waiting = new Set<Place>();
  requests = 0;
  answers = 0;
  gratuitous = 0;
  conflicts = 0;

  constructor(ip: IpAddress, interfaces: ReadonlySet<string>, claim: Claim) {
    this.ip = ip;
    this.interfaces = interfaces;
    this.claim = claim;
  }

  get stance(): Stance {
    return stanceOf(this.claim);
  }

  get wakeAt(): Micros | undefined {
    return this.claim.wakeAt;
  }

  /** Whether it is held on an interface of this name. */
  isOn(name: string): boolean {
    return this.interfaces.size === 0 || this.interfaces.has(name);
  }

  report(interfaces: readonly string[]): HeldReport {
    const { requests, answers, gratuitous, conflicts } = this;
    const { state, since } = this.claim;
    return { ip: `${this.ip}`, state, since, requests, answers, gratuitous, conflicts, interfaces };
  }
}
