import { allDone } from "./command.ts";
import { at, listOf, textOf } from "./json.ts";
import type { Lab } from "./lab.ts";
import { pause } from "./poll.ts";
import type { LabProcess } from "./processes.ts";
import type { AddressedService, Vip } from "./service-address.ts";

/** Milliseconds between two looks. */
const EVERY = 50;
/** Losses that are told; the first ones say it all. */
const TOLD = 5;

export interface WatchedRoutes {
  readonly router: string;
  readonly service: AddressedService;
  /** Who has to be a next hop all the time. */
  readonly nodes: readonly string[];
}

/** What a {@link RouteWatch} saw. */
export interface RouteRecord {
  /** Looks at BGP's table and the kernel's. */
  readonly looks: number;
  /** Looks at which the router kept paths of a session that it had lost. */
  readonly stale: number;
  /** Changes of these routes of which the kernel told. */
  readonly changes: number;
  /** When a next hop or a whole prefix was missing, in words. */
  readonly losses: readonly string[];
}

/**
 * A router's view of a service while something goes on: its BGP table and its kernel's routes, looked at again and again, and
 * every change of which the kernel tells, so that none is too short to be seen.
 */
export class RouteWatch {
  readonly #lab: Lab;
  readonly #goal: WatchedRoutes;
  readonly #monitor: LabProcess;
  readonly #losses = new Set<string>();
  #looks = 0;
  #stale = 0;
  #changes = 0;
  #over = false;
  #loop: Promise<void> = Promise.resolve();

  private constructor(lab: Lab, goal: WatchedRoutes) {
    this.#lab = lab;
    this.#goal = goal;
    const argv = ["ip", "-o", "monitor", "route"];
    const onLine = (line: string): void => this.#changed(line);
    this.#monitor = lab.start({ node: goal.router, name: `routes-${goal.service.name}`, argv, onLine });
  }

  static begin(lab: Lab, goal: WatchedRoutes): RouteWatch {
    const watch = new RouteWatch(lab, goal);
    watch.#loop = watch.#lookOn();
    // A failure before it is awaited must not end the run: it is thrown where it is.
    watch.#loop.catch(() => {});
    return watch;
  }

  async end(): Promise<RouteRecord> {
    this.#over = true;
    await this.#loop;
    await this.#monitor.stop();
    await this.#monitor.closed;
    const losses = [...this.#losses].slice(0, TOLD);
    return { looks: this.#looks, stale: this.#stale, changes: this.#changes, losses };
  }

  async #lookOn(): Promise<void> {
    while (!this.#over && !this.#lab.signal.aborted) {
      await allDone(this.#goal.service.vips.map((vip) => this.#look(vip)));
      this.#looks += 1;
      await pause(EVERY);
    }
  }

  async #look({ prefix, family }: Vip): Promise<void> {
    const { router } = this.#goal;
    const table = await this.#lab.router(router).json(`show bgp ipv${family} unicast ${prefix} json`);
    const paths = listOf(at(table, "paths"));
    if (paths.some((path) => at(path, "stale") === true)) this.#stale += 1;
    const heard = paths.map((path) => this.#lab.nodeOf(textOf(at(path, "peer", "peerId"))));
    this.#expect(`BGP's table: ${prefix}`, heard);
    this.#expect(`the kernel: ${prefix}`, await this.#lab.kernelNextHops(router, prefix));
  }

  /** A line of `ip monitor`: "203.0.113.10 nhid 20 proto bgp ... nexthop via 10.98.0.11 ...". */
  #changed(line: string): void {
    const vip = this.#goal.service.vips.find(({ address }) => ` ${line}`.includes(` ${address} `));
    if (vip === undefined) return;
    this.#changes += 1;
    const gateways = [...line.matchAll(/\bvia (?:inet6? )?(\S+)/g)].map(([, gateway = ""]) => gateway);
    const hops = line.includes("Deleted ") ? [] : gateways.map((gateway) => this.#lab.nodeOf(gateway));
    this.#expect(`a change in the kernel: ${vip.prefix}`, hops);
  }

  #expect(where: string, hops: readonly string[]): void {
    if (this.#goal.nodes.every((node) => hops.includes(node))) return;
    this.#losses.add(`${where} via ${hops.toSorted().join(", ") || "nobody"}`);
  }
}

/** A record in words. */
export function recordText({ looks, stale, changes, losses }: RouteRecord): string {
  const lost = losses.length === 0 ? "nothing lost" : losses.join("; ");
  return `${looks} looks, ${stale} with stale paths, ${changes} changes in the kernel, ${lost}`;
}

/** How many UPDATEs a router has received on the session of each family with a node. */
export async function updatesFrom(lab: Lab, router: string, node: string): Promise<readonly number[]> {
  const count = async (family: 4 | 6): Promise<number> => {
    const address = lab.addressOf(node, family);
    const neighbour = at(await lab.router(router).json(`show bgp neighbors ${address} json`), address);
    return Number(at(neighbour, "messageStats", "updatesRecv"));
  };
  return [await count(4), await count(6)];
}
