import type { IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { Attributes } from "./attribute/registry.ts";
import type { RouteChange } from "./message/update.ts";
import { PrefixTable } from "./rib-prefixes.ts";

/** One route a peer told us of. */
export interface LearnedRoute {
  readonly prefix: IpPrefix;
  /** Tells the paths of one prefix apart (RFC 7911); 0 where the session has no identifiers. */
  readonly pathId: number;
  readonly nextHop: IpAddress;
  readonly attributes: Attributes;
}

/** What routes of one or several UPDATEs share. */
interface Path {
  readonly key: string;
  readonly nextHop: IpAddress;
  readonly attributes: Attributes;
  routes: number;
}

/**
 * What one peer announced, for people to look at: never installed, never passed on, and never more than `limit`, which may be
 * infinite. A route takes some thirty octets, whatever its attributes are: those are kept once for all that share them.
 */
export class AdjRibIn {
  readonly #prefixes = new PrefixTable();
  /** By row. */
  #pathOf = new Int32Array(16);
  readonly #paths: (Path | undefined)[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #limit: number;
  #ignored = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes one UPDATE in. False when the table was full and routes were left out.
   * A prefix that is both withdrawn and announced by one UPDATE counts as announced (RFC 4271 section 4.3).
   */
  apply(change: RouteChange): boolean {
    const ignored = this.#ignored;
    change.withdrawn.forEach((prefix, i) => {
      const row = this.#prefixes.rowOf(prefix, change.withdrawnPathIds?.[i]);
      if (row >= 0) this.#remove(row);
    });
    for (const { prefixes, pathIds, nextHop } of change.announced) {
      // Held while the routes are put in, lest the last of its old ones takes it along.
      const path = this.#pathFor(nextHop, change.attributes);
      prefixes.forEach((prefix, i) => {
        this.#put(path, prefix, pathIds?.[i]);
      });
      this.#leavePath(path);
    }
    return this.#ignored === ignored;
  }

  clear(): void {
    this.#prefixes.clear();
    this.#pathOf = new Int32Array(16);
    this.#paths.length = 0;
    this.#free.length = 0;
    this.#byKey.clear();
    this.#ignored = 0;
  }

  get size(): number {
    return this.#prefixes.size;
  }

  /** Announcements that found the table full. */
  get ignored(): number {
    return this.#ignored;
  }

  get routes(): Iterable<LearnedRoute> {
    return this.#each();
  }

  *#each(): Generator<LearnedRoute> {
    for (let row = 0; row < this.#prefixes.end; row++) {
      const path = this.#prefixes.has(row) ? this.#paths[this.#pathAt(row)] : undefined;
      if (path === undefined) continue;
      const { nextHop, attributes } = path;
      yield { prefix: this.#prefixes.prefixAt(row), pathId: this.#prefixes.pathIdAt(row), nextHop, attributes };
    }
  }

  #put(path: number, prefix: IpPrefix, pathId: number | undefined): void {
    const { size } = this.#prefixes;
    if (size >= this.#limit && this.#prefixes.rowOf(prefix, pathId) < 0) {
      this.#ignored++;
      return;
    }
    const row = this.#prefixes.add(prefix, pathId);
    if (row >= this.#pathOf.length) this.#grow(row);
    if (this.#prefixes.size === size) this.#leavePath(this.#pathAt(row));
    this.#pathOf[row] = path;
    const joined = this.#paths[path];
    if (joined !== undefined) joined.routes++;
  }

  #remove(row: number): void {
    this.#prefixes.remove(row);
    this.#leavePath(this.#pathAt(row));
  }

  #pathFor(nextHop: IpAddress, attributes: Attributes): number {
    const key = `${nextHop} ${JSON.stringify(attributes, plain)}`;
    const known = this.#byKey.get(key);
    const path = known === undefined ? undefined : this.#paths[known];
    if (known !== undefined && path !== undefined) {
      path.routes++;
      return known;
    }
    const number = this.#free.pop() ?? this.#paths.length;
    this.#paths[number] = { key, nextHop, attributes, routes: 1 };
    this.#byKey.set(key, number);
    return number;
  }

  #leavePath(number: number): void {
    const path = this.#paths[number];
    if (path === undefined || --path.routes > 0) return;
    this.#byKey.delete(path.key);
    this.#paths[number] = undefined;
    this.#free.push(number);
  }

  #pathAt(row: number): number {
    return this.#pathOf[row] ?? 0;
  }

  #grow(row: number): void {
    const wider = new Int32Array(Math.max(row + 1, this.#pathOf.length * 2));
    wider.set(this.#pathOf);
    this.#pathOf = wider;
  }
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}
