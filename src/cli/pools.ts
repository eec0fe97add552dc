import type { Command } from "commander";
import type { Allocation } from "../allocation/address-book.ts";
import { Allocator } from "../allocation/allocator.ts";
import type { FamilyCounters } from "../allocation/counters.ts";
import type { Pool } from "../api/config.ts";
import type { KubernetesObject } from "../api/object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { IP_ADDRESS_POOLS } from "../kubernetes/resource.ts";
import type { Family } from "../net/ip-address.ts";
import { addClusterFlags, type ClusterFacts } from "./cluster-facts.ts";
import { addWatchFlag, type ListFlags, showCluster } from "./cluster-list.ts";
import { compareBy } from "./inspect.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import type { Column, Tone } from "./table.ts";

/** One pool. The fields are the interface of `-o json`; numbers that JSON cannot carry exactly are text. */
interface PoolItem {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly autoAssign: boolean;
  readonly ipv4: FamilyItem;
  readonly ipv6: FamilyItem;
  /** In percent, of the family that is nearer to its end. */
  readonly use: number;
  /** Days until a family of it is full, if addresses go as they did lately and none comes back; left out where too few went to tell. */
  readonly fullInDays?: number | undefined;
  readonly holders: readonly string[];
}

interface FamilyItem {
  readonly capacity: number | string;
  readonly assigned: number | string;
}

const EXAMPLES = `
Examples:
  herald pools            capacity and use of every pool, the fullest first
  herald pools -o wide    and which Services have an address of it
  herald pools -w         and go on with what changes
  herald pools -o json    for programs

FULL IN goes by the addresses of Services that exist and were created in the last seven days (or since the pool was, but a day at
least), family by family, and takes it that none goes: it is the soonest. With fewer than three of them nothing is said.
`;

const WEEK = 7;
const DAY_MILLIS = 86_400_000;
const FEWEST = 3;

/** Adds `herald pools`. */
export function registerPools(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("pools")
    .summary("show how full the address pools are, and who holds what")
    .description("Shows the capacity and use of each IPAddressPool, the fullest first.")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ListFlags) => done(await runPools(flags, ports)));
  addClusterFlags(addWatchFlag(command), "pools");
}

const COLUMNS: readonly Column<PoolItem>[] = [
  { title: "NAME", read: ({ name }) => name },
  { title: "AUTO", read: ({ autoAssign }) => String(autoAssign) },
  { title: "IPV4", read: ({ ipv4 }) => `${ipv4.assigned}/${ipv4.capacity}` },
  { title: "IPV6", read: ({ ipv6 }) => `${ipv6.assigned}/${ipv6.capacity}` },
  { title: "USE", read: ({ use }) => `${use}%`, tone: ({ use }) => toneOf(use) },
  { title: "FULL IN", read: ({ fullInDays }) => formatDays(fullInDays) },
  { title: "SERVICES", read: ({ holders }) => holders.length },
  { title: "ADDRESSES", read: ({ addresses }) => addresses.join(",") },
  { title: "HELD BY", read: ({ holders }) => holders.join(","), wide: true },
];

function formatDays(days: number | undefined): string {
  if (days === undefined) return "";
  return days === 0 ? "<1d" : `${days}d`;
}

function toneOf(use: number): Tone | undefined {
  if (use >= 95) return "bad";
  return use >= 80 ? "doubtful" : undefined;
}

async function runPools(flags: ListFlags, ports: CliPorts): Promise<ExitCode> {
  return await showCluster(flags, ports, {
    resource: IP_ADDRESS_POOLS,
    columns: COLUMNS,
    itemsOf: (facts) => itemsOf(facts, Date.now()),
    keyOf: ({ name }) => name,
    nameOf: ({ name }) => `ipaddresspool.metallb.io/${name}`,
  });
}

function itemsOf({ manifests, parsed, loadBalancerClass }: ClusterFacts, now: number): readonly PoolItem[] {
  const allocator = new Allocator(loadBalancerClass);
  const namespaces = new Map(manifests.namespaces.map(({ metadata: { name, labels } }) => [name, labels ?? {}]));
  allocator.setConfig(parsed.config.pools, namespaces);
  for (const service of manifests.services) allocator.reclaim(service);
  const held = manifests.services.flatMap((service): readonly Holder[] => {
    const allocation = allocator.allocation(keyOfService(service));
    const age = ageInDays(service, now);
    return allocation === undefined ? [] : [{ ...allocation, age }];
  });
  const ages = new Map(manifests.pools.map((pool) => [pool.metadata.name, ageInDays(pool, now)]));
  const items = [...parsed.config.pools.values()].flatMap((pool) => {
    const counters = allocator.countersOf(pool.name);
    const holders = held.filter((one) => one.pool === pool.name);
    const days = Math.min(Math.max(ages.get(pool.name) ?? WEEK, 1), WEEK);
    return counters === undefined ? [] : [itemOf(pool, counters, { holders, days })];
  });
  return items.toSorted(
    compareBy(
      ({ use }) => -use,
      ({ name }) => name,
    ),
  );
}

/** A Service with addresses of a pool; its age in days. */
interface Holder extends Allocation {
  readonly age: number;
}

function ageInDays({ metadata }: KubernetesObject, now: number): number {
  const age = (now - Date.parse(metadata.creationTimestamp ?? "")) / DAY_MILLIS;
  return Number.isNaN(age) ? Number.POSITIVE_INFINITY : age;
}

interface Use {
  readonly holders: readonly Holder[];
  /** How far back it is looked for the rate. */
  readonly days: number;
}

function itemOf(pool: Pool, counters: Readonly<Record<Family, FamilyCounters>>, { holders, days }: Use): PoolItem {
  const fresh = holders.filter(({ age }) => age < days);
  const until = FAMILIES.flatMap((family) => {
    const taken = new Set(fresh.flatMap(({ ips }) => ips.filter((ip) => ip.family === family).map(String))).size;
    return taken === 0 || fresh.length < FEWEST ? [] : [(Number(counters[family].available) * days) / taken];
  });
  const soonest = Math.floor(Math.min(...until));
  const families = [counters[4], counters[6]].filter(({ capacity }) => capacity > 0n);
  return {
    name: pool.name,
    addresses: pool.blocks.map(({ text }) => text),
    autoAssign: pool.autoAssign,
    ipv4: familyItem(counters[4]),
    ipv6: familyItem(counters[6]),
    use: Math.max(0, ...families.map(percent)),
    fullInDays: Number.isSafeInteger(soonest) ? soonest : undefined,
    holders: holders.map(({ key }) => key).sort(),
  };
}

const FAMILIES: readonly Family[] = [4, 6];

function percent({ assigned, capacity }: FamilyCounters): number {
  return Number((assigned * 100n) / capacity);
}

function familyItem({ capacity, assigned }: FamilyCounters): FamilyItem {
  return { capacity: exact(capacity), assigned: exact(assigned) };
}

function exact(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : count.toString();
}
