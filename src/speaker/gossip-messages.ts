import type { GossipRefusal } from "../membership/error.ts";
import type { Micros } from "../net/micros.ts";

/** What the main thread and the gossip engine say to each other. Plain data that crosses a thread boundary. */
export type GossipCommand =
  /** Where other speakers may be: asked to let us in, again and again while they are not members. Replaces what was said before. */
  | { readonly type: "seeds"; readonly seeds: readonly GossipSeed[] }
  /** The texts of the Secret, the first to send with, all to receive with; empty is plain text. AES keys are derived from them. */
  | { readonly type: "keys"; readonly keys: readonly Uint8Array[] }
  /** Says goodbye to the members, answers for a moment longer, then reports `left`. */
  | { readonly type: "leave" }
  | { readonly type: "inspect"; readonly request: number };

export interface GossipSeed {
  readonly address: string;
  readonly port: number;
}

export interface GossipOptions {
  /** The node's name: unique in the cluster. */
  readonly node: string;
  readonly bind: { readonly address: string; readonly port: number };
  /** What the others reach us at; undefined is where our packets come from. */
  readonly advertise: string | undefined;
  /** As the command `keys` has them. */
  readonly keys: readonly Uint8Array[];
  /** Packets that say another one are not taken: keeps clusters apart that share a network and a key, or have none. */
  readonly cluster?: string;
  readonly settings: GossipSettings;
}

/** Times of the protocol. The defaults find a dead member in under a second. */
interface GossipSettings {
  readonly probeInterval: Micros;
  readonly probeTimeout: Micros;
}

export type GossipReport =
  /** Who is alive, by name, sorted, ourselves included; suspects are alive. At start and at each change. */
  | { readonly type: "members"; readonly members: readonly string[]; readonly change: GossipChange | undefined }
  | { readonly type: "left" }
  /** Packets that were not taken, by reason: at most one report a second. */
  | { readonly type: "refused"; readonly reason: GossipRefusal; readonly count: number; readonly from: string }
  | { readonly type: "socket-failed"; readonly message: string }
  | { readonly type: "inspected"; readonly request: number; readonly inspection: GossipInspection };

interface GossipChange {
  readonly member: string;
  readonly to: "alive" | "dead" | "left";
  readonly reason: string;
  readonly at: Micros;
}

export interface GossipInspection {
  readonly members: readonly GossipMemberReport[];
  readonly refused: Readonly<Partial<Record<GossipRefusal, number>>>;
  /** Lifeguard's local health: 0 is well; above, this node itself is slow. */
  readonly health: number;
  /** Members that were asked for a sign of life, by outcome. */
  readonly probes: Readonly<Record<"answered" | "failed", number>>;
  readonly worstLateness: Micros;
}

export interface GossipMemberReport {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly state: "alive" | "suspect" | "dead" | "left";
  readonly incarnation: number;
  /** Smoothed round-trip time; undefined before the first answer. */
  readonly roundTrip: Micros | undefined;
  readonly since: Micros;
}

/** What an engine tells its owner. */
export interface GossipChannelHandlers {
  report(report: GossipReport): void;
  /** The engine is gone, with everything it knew. Never after `close`. */
  lost(reason: string): void;
}

/** A gossip engine, wherever it runs. */
export interface GossipChannel {
  post(command: GossipCommand): void;
  /** Stops it at once, without a word to the members. */
  close(): Promise<void>;
}

/** Starts a gossip engine. */
export type GossipStart = (options: GossipOptions, handlers: GossipChannelHandlers) => GossipChannel;
