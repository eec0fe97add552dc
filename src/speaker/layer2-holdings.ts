import type { Layer2Announcement } from "../announcement/layer2-decision.ts";
import type { RefusalCause } from "../announcement/refusal.ts";
import type { ServiceKey } from "../api/config.ts";
import { micros } from "../net/micros.ts";
import type { HeldAddress, Layer2Command } from "./layer2-messages.ts";

/** What is known of addresses beside the decisions. */
export interface AddressFacts {
  /** Whether strangers are to be looked for before these Services' address is announced. */
  readonly mustProbe: (ip: string, services: readonly ServiceKey[]) => boolean;
  /** Left to a rival for a while. */
  readonly isYielded: (ip: string) => boolean;
}

type Claim = Pick<Layer2Announcement, "interfaces" | "refresh" | "conflictDetection">;
type Reason = RefusalCause["reason"];

/** Another node takes over, and this one can go on until it has. */
const HANDED_OVER: ReadonlySet<Reason> = new Set<Reason>([
  "lost-election",
  "node-drained",
  "node-excluded",
  "network-unavailable",
  "node-not-selected",
  "no-local-endpoint",
]);
/** The engine keeps the address, silent, and speaks again by itself when it is told or has found that it may. */
const KEPT: ReadonlySet<Reason> = new Set<Reason>(["fenced", "address-conflict"]);

/** Turns what this node decided about Services into what its engine is to hold: one address of several Services once. */
export class Layer2Holdings {
  readonly #claims = new Map<string, Map<ServiceKey, Claim>>();
  readonly #addresses = new Map<ServiceKey, ReadonlySet<string>>();
  readonly #held = new Map<string, HeldAddress>();
  readonly #dirty = new Set<string>();
  readonly #handedOver = new Set<string>();

  /** What was decided on one Service; `refusals` say what becomes of addresses that are not announced any more. */
  put(
    service: ServiceKey,
    announcements: readonly Layer2Announcement[],
    refusals: ReadonlyMap<string, RefusalCause>,
  ): void {
    const before = this.#addresses.get(service) ?? new Set();
    const now = new Set<string>();
    for (const { ip, interfaces, refresh, conflictDetection } of announcements) {
      const text = ip.toString();
      now.add(text);
      this.#claim(text, service, { interfaces, refresh, conflictDetection });
    }
    for (const ip of before) {
      if (now.has(ip)) continue;
      const reason = refusals.get(ip)?.reason;
      if (reason !== undefined && KEPT.has(reason)) now.add(ip);
      else this.#disclaim(ip, service, reason !== undefined && HANDED_OVER.has(reason));
    }
    if (now.size > 0) this.#addresses.set(service, now);
    else this.#addresses.delete(service);
  }

  /** The commands that lead from what is held to what was decided since the last call. */
  flush({ mustProbe, isYielded }: AddressFacts): readonly Layer2Command[] {
    const commands: Layer2Command[] = [];
    for (const ip of this.#dirty) {
      const claims = this.#claims.get(ip);
      if (claims !== undefined && !isYielded(ip)) commands.push(...this.#hold(ip, claims, mustProbe));
      else if (this.#held.delete(ip)) {
        const elsewhere = this.#handedOver.has(ip) ? "handover" : "now";
        commands.push({ type: "release", ip, how: claims === undefined ? elsewhere : "yield" });
      }
    }
    this.#dirty.clear();
    this.#handedOver.clear();
    return commands;
  }

  /** What is known of the address is another thing now. */
  touch(ip: string): void {
    this.#dirty.add(ip);
  }

  /** The address is known to be ours now: nobody need be looked for again. */
  announced(ip: string): void {
    const held = this.#held.get(ip);
    if (held !== undefined) this.#held.set(ip, { ...held, probe: false });
  }

  /** Whether the engine was told to hold it, and not yet to let it go. */
  isHeld(ip: string): boolean {
    return this.#held.has(ip);
  }

  /** Everything that is held, as an engine that knows nothing is to be told. */
  held(): readonly HeldAddress[] {
    return [...this.#held.values()];
  }

  /** The Services that an address is held for, in name order. */
  servicesOf(ip: string): readonly ServiceKey[] {
    return [...(this.#claims.get(ip)?.keys() ?? [])].toSorted();
  }

  /** The addresses held for a Service, sorted. */
  addressesOf(service: ServiceKey): readonly string[] {
    return [...(this.#addresses.get(service) ?? [])].toSorted();
  }

  /** The interfaces that the Service's addresses may be announced on; empty is all. */
  interfacesOf(service: ServiceKey): readonly string[] {
    const claims = this.addressesOf(service).flatMap((ip) => this.#claims.get(ip)?.get(service) ?? []);
    return union(claims);
  }

  #claim(ip: string, service: ServiceKey, claim: Claim): void {
    const claims = this.#claims.get(ip) ?? new Map<ServiceKey, Claim>();
    this.#claims.set(ip, claims.set(service, claim));
    this.#dirty.add(ip);
  }

  #disclaim(ip: string, service: ServiceKey, handedOver: boolean): void {
    const claims = this.#claims.get(ip);
    claims?.delete(service);
    if (claims?.size === 0) this.#claims.delete(ip);
    this.#dirty.add(ip);
    if (handedOver) this.#handedOver.add(ip);
  }

  #hold(
    ip: string,
    claims: ReadonlyMap<ServiceKey, Claim>,
    mustProbe: AddressFacts["mustProbe"],
  ): readonly Layer2Command[] {
    const before = this.#held.get(ip);
    const all = [...claims.values()];
    const refreshes = all.map(({ refresh }) => refresh).filter((refresh) => refresh > 0);
    const address: HeldAddress = {
      ip,
      interfaces: union(all),
      refresh: micros(refreshes.length === 0 ? 0 : Math.min(...refreshes)),
      probe: all.every((claim) => claim.conflictDetection) && (before?.probe ?? mustProbe(ip, [...claims.keys()])),
    };
    if (before !== undefined && sameHold(before, address)) return [];
    this.#held.set(ip, address);
    return [{ type: "hold", address }];
  }
}

/** One that may use all makes it all. */
function union(claims: readonly Pick<Claim, "interfaces">[]): readonly string[] {
  if (claims.some(({ interfaces }) => interfaces.length === 0)) return [];
  return [...new Set(claims.flatMap(({ interfaces }) => interfaces))].toSorted();
}

function sameHold(a: HeldAddress, b: HeldAddress): boolean {
  return a.refresh === b.refresh && a.probe === b.probe && a.interfaces.join() === b.interfaces.join();
}
