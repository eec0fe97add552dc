import { AddressBook } from "../../src/allocation/address-book.ts";
import { Allocator } from "../../src/allocation/allocator.ts";
import type { Tenant } from "../../src/allocation/sharing.ts";
import { poolName, serviceKey } from "../../src/api/brands.ts";
import type { Pool } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { IpPrefix } from "../../src/net/ip-prefix.ts";
import { type Bench, numbers, operationsPerSecond, rate, type Table } from "./bench.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const RUNS = 3;
const OPERATIONS = 20_000;
const BASE = 10n << 24n;

const POOL: Pool = {
  name: poolName("bench"),
  labels: {},
  blocks: [{ text: "10.0.0.0/8", family: 4, prefixes: [IpPrefix.containing(new IpAddress(4, BASE), 8)] }],
  autoAssign: true,
  avoidBuggyIps: true,
  serviceAllocation: undefined,
  conflictDetection: true,
};

function tenant(i: number): Tenant {
  return { key: serviceKey("bench", `service-${i}`), sharingKey: "", backendKey: "", ports: ["TCP/80"] };
}

function takeLowest(book: AddressBook, who: Tenant): IpAddress {
  const ip = book.firstAcceptable(POOL.name, 4, who);
  if (ip === undefined || book.assign(who, [ip]) !== undefined) throw new Error("the pool is full");
  return ip;
}

/** `size` addresses in use, with a gap before about every third: what years of coming and going leave. */
function fragmented(size: number): AddressBook {
  const book = new AddressBook(() => false);
  book.setPools([POOL]);
  const below = numbers(size);
  let value = BASE;
  for (let i = 0; i < size; i++) {
    do value += below(3) === 0 ? 2n : 1n;
    while (book.assign(tenant(i), [new IpAddress(4, value)]) !== undefined);
  }
  return book;
}

/** The peer: an address is in use when a set has it, and the lowest free one is found by asking from the first on. */
class LinearScan {
  readonly used = new Set<number>();

  takeLowest(): number {
    let at = 0;
    while (this.used.has(at) || at % 256 === 0 || at % 256 === 255) at++;
    this.used.add(at);
    return at;
  }
}

interface Figures {
  readonly allocate: number;
  readonly release: number;
  readonly churn: number;
  readonly converge: number;
  readonly linear: number;
}

/** Allocations into a fragmented pool, and the releases that bring it back: many rounds on one book. */
function measureFragmented(size: number): Pick<Figures, "allocate" | "release"> {
  const book = fragmented(size);
  const count = Math.min(OPERATIONS, size);
  const guests = Array.from({ length: count }, (_, i) => tenant(10_000_000 + i));
  const leave = (): void => {
    for (const guest of guests) book.release(guest.key);
  };
  const guest = (i: number): Tenant => guests[i] ?? tenant(i);
  const allocate = operationsPerSecond(RUNS, count, () => {
    leave();
    return (i) => takeLowest(book, guest(i));
  });
  const release = operationsPerSecond(RUNS, count, () => {
    for (const who of guests) if (book.allocation(who.key) === undefined) takeLowest(book, who);
    return (i) => book.release(guest(i).key);
  });
  return { allocate, release };
}

/** A pool whose first `size` addresses are in use: one somewhere is given back, and taken again as the lowest free. */
function measureChurn(size: number): number {
  const book = new AddressBook(() => false);
  book.setPools([POOL]);
  const tenants = Array.from({ length: size }, (_, i) => tenant(i));
  for (const who of tenants) takeLowest(book, who);
  return operationsPerSecond(RUNS, OPERATIONS, () => {
    const below = numbers(7);
    return () => {
      const who = tenants[below(size)] ?? tenant(0);
      book.release(who.key);
      takeLowest(book, who);
    };
  });
}

/** The same, by linear scan; fewer operations, or it takes all day. */
function measureLinear(size: number): number {
  const scan = new LinearScan();
  const taken = Array.from({ length: size }, (_, i) => Math.floor(i / 254) * 256 + (i % 254) + 1);
  for (const at of taken) scan.used.add(at);
  const count = Math.max(10, Math.min(2_000, Math.floor(20_000_000 / size)));
  return operationsPerSecond(RUNS, count, () => {
    const below = numbers(7);
    return () => {
      scan.used.delete(taken[below(size)] ?? 0);
      scan.takeLowest();
    };
  });
}

/** A whole Service, new to the allocator, as the controller has it looked at; then its deletion. */
function measureConverge(size: number): number {
  const allocator = new Allocator();
  allocator.setConfig(new Map([[POOL.name, POOL]]), new Map());
  for (let i = 0; i < size; i++) {
    allocator.converge(service(i));
  }
  const guests = Array.from({ length: Math.min(OPERATIONS, size) }, (_, i) => service(10_000_000 + i));
  return operationsPerSecond(RUNS, guests.length, () => {
    for (const { metadata } of guests) allocator.remove(serviceKey(metadata.namespace, metadata.name));
    return (i) => allocator.converge(guests[i] ?? service(i));
  });
}

function service(i: number): Service {
  return {
    metadata: { namespace: "bench", name: `service-${i}` },
    spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], ports: [{ protocol: "TCP", port: 80 }] },
  };
}

function measure(size: number): Figures {
  return {
    ...measureFragmented(size),
    churn: measureChurn(size),
    converge: measureConverge(size),
    linear: measureLinear(size),
  };
}

async function run(note: (text: string) => void): Promise<readonly Table[]> {
  const rows = SIZES.map((size) => {
    note(`${size.toLocaleString("en-US")} addresses in use`);
    const { allocate, release, churn, converge, linear } = measure(size);
    const cells = [allocate, release, converge, churn, linear].map(rate);
    const memory = `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`;
    return [size.toLocaleString("en-US"), ...cells, `${Number((churn / linear).toPrecision(2))} ×`, memory];
  });
  return [
    {
      title: "Allocation, operations a second",
      columns: [
        "in use",
        "allocate",
        "release",
        "converge",
        "give back and take again",
        "… by linear scan",
        "ratio",
        "RSS",
      ],
      rows,
      remark:
        `Medians of ${RUNS} runs on a /8 with avoidBuggyIPs. "allocate" takes the lowest free address of a pool with a gap ` +
        `before every third in use; "release" gives such addresses back; "converge" is a whole new Service, annotations, families, events and ` +
        `status included. "Give back and take again" is on a pool without gaps, where a linear scan, given a hash set and ` +
        `nothing else to keep, has to walk to the gap. RSS is the whole process after the row, everything it measured included.`,
    },
  ];
}

export const allocationBench: Bench = {
  name: "allocation",
  summary: "addresses handed out and taken back, 1k to 1M in use, beside a linear scan",
  run,
};
