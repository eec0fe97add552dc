import type { Decision } from "../announcement/decision.ts";
import { formatRefusal, type RefusalCause } from "../announcement/refusal.ts";
import type { ClaimState } from "../layer2/claim.ts";
import type { ListView, ViewHead } from "./view.ts";

/** Who answers, and since when: the first thing to ask of a socket. */
export interface AboutView extends ViewHead {
  readonly program: { readonly name: "herald"; readonly version: string };
  readonly started: string;
  /** What can be asked. */
  readonly paths: readonly string[];
}

/** An address that this node answers for on its LANs. */
export interface Layer2Item {
  readonly node: string;
  readonly address: string;
  readonly state: ClaimState;
  readonly since: string;
  /** Where it is answered for, with the hardware address that is said. */
  readonly interfaces: readonly { readonly name: string; readonly mac: string }[];
  readonly services: readonly string[];
  readonly requests: number;
  readonly answers: number;
  readonly gratuitous: number;
  readonly conflicts: number;
}

export interface Layer2View extends ListView<Layer2Item> {
  /** False where this speaker has no engine for layer 2. */
  readonly available: boolean;
  readonly fenced: boolean;
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string;
    readonly families: readonly (4 | 6)[];
  }[];
}

/** A speaker as another one sees it. */
export interface MemberItem {
  /** Who says so. */
  readonly node: string;
  readonly member: string;
  readonly state: "alive" | "suspect" | "dead" | "left";
  readonly since?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly incarnation?: number | undefined;
  /** Smoothed, in microseconds. */
  readonly roundTrip?: number | undefined;
}

export interface MembersView extends ListView<MemberItem> {
  /** `gossip` sees in half a second, `kubernetes` by Nodes and pods; `none` takes every node for alive. */
  readonly source: "gossip" | "kubernetes" | "none";
  /** Lifeguard's local health: above 0, this node itself is slow. */
  readonly health?: number | undefined;
}

/** What a node decided on one Service. */
export interface PlanItem {
  readonly node: string;
  readonly service: string;
  readonly bgp: readonly {
    readonly ip: string;
    readonly peer: string;
    readonly prefix: string;
    readonly advertisements: readonly string[];
  }[];
  readonly layer2: readonly {
    readonly ip: string;
    readonly interfaces: readonly string[];
    readonly advertisements: readonly string[];
  }[];
  readonly refusals: readonly RefusalItem[];
}

/** An address that is not announced by a protocol, and why. */
interface RefusalItem {
  /** Left out where the Service has no address. */
  readonly ip?: string | undefined;
  readonly protocol: "bgp" | "layer2";
  readonly reason: string;
  readonly message: string;
  /** The reason with the objects that decide it. */
  readonly cause: RefusalCause;
}

export function planItem(node: string, { key, bgp, layer2, refusals }: Decision): PlanItem {
  return {
    node,
    service: key,
    bgp: bgp.map(({ ip, peer, prefix, attributes: { advertisements } }) => ({
      ip: `${ip}`,
      peer,
      prefix: `${prefix}`,
      advertisements,
    })),
    layer2: layer2.map(({ ip, interfaces, advertisements }) => ({ ip: `${ip}`, interfaces, advertisements })),
    refusals: refusals.map((refusal) => ({
      ip: refusal.ip,
      protocol: refusal.protocol,
      reason: refusal.cause.reason,
      message: formatRefusal(refusal),
      cause: refusal.cause,
    })),
  };
}
