import type { ArpDrop, NdpDrop } from "../layer2/answer.ts";
import type { ClaimState, EndReason, ReleaseHow } from "../layer2/claim.ts";
import type { Micros } from "../net/micros.ts";

/**
 * What the main thread and the layer-2 engine say to each other. Plain data that crosses a thread boundary: addresses are
 * canonical text, hardware addresses are `02:00:5e:10:00:01`.
 */
export type Layer2Command =
  /** Answers for the address from now on: announces it with a burst. Told again with other values it changes what is needed and no more. */
  | { readonly type: "hold"; readonly address: HeldAddress }
  /**
   * Stops answering. `now` at once; `handover` when another speaker was heard to announce the address, or after a bounded
   * time; `yield` at once, and looks for a while whether another speaker has it. An address that is not held is ignored.
   */
  | { readonly type: "release"; readonly ip: string; readonly how: ReleaseHow }
  /** Announces again with a burst, where held: a partition healed, a duel was won. Without addresses: all that are held. */
  | { readonly type: "reannounce"; readonly ips: readonly string[] | undefined }
  /** Answers nothing while fenced, and knows what to answer. Unfenced, it announces all again. */
  | { readonly type: "fence"; readonly on: boolean }
  /** The speakers of the cluster: whose marks are not a stranger's. */
  | { readonly type: "speakers"; readonly names: readonly string[] }
  | { readonly type: "inspect"; readonly request: number };

export interface HeldAddress {
  readonly ip: string;
  /** Sorted names; empty holds it on every usable interface. */
  readonly interfaces: readonly string[];
  /** Between announcements after the burst, jittered; 0 is never. */
  readonly refresh: Micros;
  /** Looks for strangers first (RFC 5227, RFC 4862): for an address that none of the speakers has answered for. */
  readonly probe: boolean;
}

/** What the engine tells the main thread. */
export type Layer2Report =
  /** Names of the interfaces that can carry layer-2 announcements, sorted; at start and at each change. */
  | { readonly type: "interfaces"; readonly names: readonly string[] }
  /** The first announcement is on the wire. */
  | { readonly type: "announced"; readonly ip: string; readonly interfaces: readonly string[]; readonly at: Micros }
  | { readonly type: "released"; readonly ip: string; readonly because: EndReason; readonly at: Micros }
  /** It was left to another speaker, which does not have it any more. */
  | { readonly type: "unclaimed"; readonly ip: string; readonly at: Micros }
  /** A stranger uses the address. Quarantined: nothing is answered until `cleared`. Not so: defended (RFC 5227 section 2.4). */
  | {
      readonly type: "conflict";
      readonly ip: string;
      readonly interface: string;
      readonly mac: string;
      readonly found: "probing" | "announced";
      readonly quarantined: boolean;
      readonly at: Micros;
    }
  /** A retry heard nobody: it is held and announced. */
  | { readonly type: "cleared"; readonly ip: string; readonly at: Micros }
  /** Another speaker announces what this one holds: the election order must settle it. Limited in rate per address. */
  | {
      readonly type: "rival";
      readonly ip: string;
      readonly interface: string;
      readonly mac: string;
      readonly speaker: string;
      readonly at: Micros;
    }
  /** Once per interface and message; it is tried again when the interface changes, and after a while. */
  | { readonly type: "interface-failed"; readonly interface: string; readonly message: string }
  | { readonly type: "inspected"; readonly request: number; readonly inspection: Layer2Inspection };

export interface Layer2Inspection {
  readonly addresses: readonly HeldReport[];
  readonly interfaces: readonly InterfaceReport[];
  /** Frames that were not answered, by reason, over all interfaces. */
  readonly dropped: Readonly<Partial<Record<ArpDrop | NdpDrop, number>>>;
  /** Announcements the kernel had no room for; each was sent again. */
  readonly sendFailures: number;
  /** The most that a timer of the thread has been late. */
  readonly worstLateness: Micros;
  readonly fenced: boolean;
}

export interface HeldReport {
  readonly ip: string;
  readonly state: ClaimState;
  readonly since: Micros;
  readonly requests: number;
  readonly answers: number;
  readonly gratuitous: number;
  readonly conflicts: number;
  readonly interfaces: readonly string[];
}

export interface InterfaceReport {
  readonly name: string;
  readonly mac: string;
  readonly families: readonly (4 | 6)[];
}
