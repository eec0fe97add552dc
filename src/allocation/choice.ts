import type { PoolName } from "../api/config.ts";
import { type FamilySet, familySet } from "../api/service-addresses.ts";
import type { Family, IpAddress } from "../net/ip-address.ts";
import type { AddressBook } from "./address-book.ts";
import type { PoolDirectory } from "./pool-directory.ts";
import { quoted, quotedList, type Refusal, refusal } from "./reason.ts";
import type { Subject } from "./subject.ts";

/** What decides over addresses: which pools there are for whom, and who holds what. */
export interface Desk {
  readonly book: AddressBook;
  readonly directory: PoolDirectory;
}

export type Choice = { readonly ips: readonly IpAddress[] } | { readonly refused: Refusal };

/** Puts the Service on these addresses, if the pools and those already on them allow it. */
export function claim({ book, directory }: Desk, subject: Subject, ips: readonly IpAddress[]): Refusal | undefined {
  const pool = book.poolOf(ips);
  if (pool !== undefined && !directory.isCompatible(pool, subject.service)) return notCompatible(pool);
  return book.assign(subject.tenant, ips);
}

/** Finds new addresses for a Service that holds none, and puts it on them (3.4): the exact ones, or from the pool, it asks for; else the pinned pools, else the rest. */
export function allocate(desk: Desk, subject: Subject): Choice {
  const { requests, clusterFamilies } = subject;
  if (clusterFamilies === undefined) {
    const message = `cannot tell the IP family of the cluster IPs ${quotedList(subject.clusterIps)}`;
    return refusal("cluster-ip-family-unknown", message);
  }
  if (requests.problems.length > 0) return refusal("invalid-request", requests.problems.join("; "));
  if (requests.ips.length > 0) return allocateRequested(desk, subject);
  if (requests.pool !== undefined) return allocateFromPool(desk, subject, requests.pool);
  for (const tier of desk.directory.candidates(subject.service)) {
    const ips = firstAddresses(desk.book, tier, subject);
    if (ips !== undefined) return take(desk, subject, ips);
  }
  return refusal("no-available-addresses", "no available IPs");
}

/** The words for a pool that has nothing left for these families. */
export function noneInPool(pool: PoolName, families: FamilySet): string {
  return `no available IPs in pool ${pool} for ${families} IPFamily`;
}

function allocateRequested(desk: Desk, subject: Subject): Choice {
  const { ips, pool } = subject.requests;
  const which = `requested loadBalancer IP(s) ${quotedList(ips)}`;
  if (familySet(ips) !== subject.clusterFamilies) {
    return refusal("request-family-mismatch", `${which} does not match the ipFamily of the service`);
  }
  const owner = desk.book.poolOf(ips);
  if (owner !== undefined && pool !== undefined && owner !== pool) {
    return refusal("request-pool-mismatch", `${which} is not compatible with requested address pool ${pool}`);
  }
  return take(desk, subject, ips);
}

function allocateFromPool(desk: Desk, subject: Subject, pool: PoolName): Choice {
  if (!desk.directory.has(pool)) return refusal("pool-unknown", `unknown pool ${quoted(pool)}`);
  if (!desk.directory.isCompatible(pool, subject.service)) return { refused: notCompatible(pool) };
  const ips = firstAddresses(desk.book, [pool], subject);
  if (ips !== undefined) return take(desk, subject, ips);
  return refusal("no-available-addresses", noneInPool(pool, subject.clusterFamilies ?? "dual"));
}

function take(desk: Desk, subject: Subject, ips: readonly IpAddress[]): Choice {
  const refused = claim(desk, subject, ips);
  return refused === undefined ? { ips } : { refused };
}

function notCompatible(pool: PoolName): Refusal {
  return { reason: "pool-not-compatible", message: `pool ${pool} not compatible for ip assignment` };
}

/** The first acceptable addresses of the pools, as the families and the policy of the Service want them (3.5). */
function firstAddresses(
  book: AddressBook,
  pools: readonly PoolName[],
  subject: Subject,
): readonly IpAddress[] | undefined {
  const { clusterFamilies, policy, primaryFamily, tenant } = subject;
  const firstOf = (family: Family) => firstOffer(pools, (pool) => book.firstAcceptable(pool, family, tenant));
  if (clusterFamilies !== "dual") return firstOf(clusterFamilies === "ipv6" ? 6 : 4);
  if (policy !== "PreferDualStack" && policy !== "RequireDualStack") return undefined;
  for (const pool of pools) {
    const [v4, v6] = [book.firstAcceptable(pool, 4, tenant), book.firstAcceptable(pool, 6, tenant)];
    // IPv4 first, whatever ipFamilies says.
    if (v4 !== undefined && v6 !== undefined) return [v4, v6];
  }
  if (policy === "RequireDualStack") return undefined;
  return firstOf(primaryFamily) ?? firstOf(primaryFamily === 4 ? 6 : 4);
}

function firstOffer(
  pools: readonly PoolName[],
  offer: (pool: PoolName) => IpAddress | undefined,
): readonly IpAddress[] | undefined {
  for (const pool of pools) {
    const ip = offer(pool);
    if (ip !== undefined) return [ip];
  }
  return undefined;
}
