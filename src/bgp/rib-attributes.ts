import type { Route } from "./route.ts";

/** What routes differ in beside their prefix, numbered: equal sets have equal numbers. 0 is none. */
export class AttributeSets {
  readonly #routes: (Route | undefined)[] = [undefined];
  readonly #keys: string[] = [""];
  readonly #uses: number[] = [0];
  readonly #byKey = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #onFree: (set: number) => void;
  #last: Route | undefined;
  #lastSet = 0;

  /** `onFree` hears of sets that nobody uses any more, before their number means another. */
  constructor(onFree: (set: number) => void) {
    this.#onFree = onFree;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The number of a route's set. Whoever keeps it calls `retain`. */
  setOf(route: Route): number {
    // Neighbours in a table mostly share the very same lists: no key has to be made to see that.
    if (this.#last !== undefined && evidentlyAlike(this.#last, route)) return this.#lastSet;
    const key = keyOf(route);
    const set = this.#byKey.get(key) ?? this.#add(key, route);
    this.#last = route;
    this.#lastSet = set;
    return set;
  }

  /** Any route with this set. */
  routeOf(set: number): Route {
    const route = this.#routes[set];
    if (route === undefined) throw new RangeError(`no attribute set ${set}`);
    return route;
  }

  retain(set: number): void {
    this.#uses[set] = this.#usesOf(set) + 1;
  }

  release(set: number): void {
    const uses = this.#usesOf(set) - 1;
    this.#uses[set] = uses;
    if (uses > 0) return;
    this.#byKey.delete(this.#keys[set] ?? "");
    this.#routes[set] = undefined;
    this.#free.push(set);
    this.#last = undefined;
    this.#onFree(set);
  }

  #usesOf(set: number): number {
    return this.#uses[set] ?? 0;
  }

  #add(key: string, route: Route): number {
    const set = this.#free.pop() ?? this.#routes.length;
    this.#routes[set] = route;
    this.#keys[set] = key;
    this.#uses[set] = 0;
    this.#byKey.set(key, set);
    return set;
  }
}

function evidentlyAlike(a: Route, b: Route): boolean {
  return (
    a.localPref === b.localPref &&
    a.med === b.med &&
    a.asPathPrepend === b.asPathPrepend &&
    a.linkBandwidth === b.linkBandwidth &&
    sameList(a.communities, b.communities) &&
    sameList(a.largeCommunities, b.largeCommunities)
  );
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === 0 && b.length === 0);
}

/** Equal for equal sets: neither the order in which communities are given nor one given twice matters. */
function keyOf({ localPref, med, asPathPrepend, linkBandwidth, communities, largeCommunities }: Route): string {
  const numbers = `${localPref ?? ""}|${med ?? ""}|${asPathPrepend ?? ""}|${linkBandwidth ?? ""}`;
  const large = largeCommunities.map((c) => `${c.global}:${c.local1}:${c.local2}`);
  return `${numbers}|${[...new Set(communities)].sort().join()}|${[...new Set(large)].sort().join()}`;
}
