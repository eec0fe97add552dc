import { type Micros, micros } from "../net/micros.ts";
import { type AnnouncedRoute, type RouteChange, sameRouteOnTheWire } from "./route-table.ts";

/** What a route last said of its weight, and since when. */
export interface ToldWeight {
  readonly weight: number | undefined;
  readonly since: Micros;
}

/** What to say now; `due` is when to ask again, where that is not what was wanted. */
export interface DampedWeight {
  readonly told: ToldWeight;
  readonly due: Micros | undefined;
}

/**
 * Decides whether a route may say its new weight yet: one that it has had for a shorter time than `interval` stays. That
 * there is a weight at all, and that there is none any more, is never held back.
 */
export function dampWeight(
  previous: ToldWeight | undefined,
  wanted: number | undefined,
  now: Micros,
  interval: Micros,
): DampedWeight {
  const told = { weight: wanted, since: now };
  if (previous?.weight === undefined || wanted === undefined) return { told, due: undefined };
  if (previous.weight === wanted) return { told: previous, due: undefined };
  const due = micros(previous.since + interval);
  return due <= now ? { told, due: undefined } : { told: previous, due };
}

interface Told {
  readonly told: ToldWeight;
  /** As the peer has it. */
  readonly route: AnnouncedRoute;
}

interface Held {
  /** As the peer should have it. */
  readonly route: AnnouncedRoute;
  readonly due: Micros;
}

/**
 * Stands between the route table and the sessions: a Deployment that rolls over twenty pods changes the weight forty times, and
 * routers hear of it once in an interval. Everything else about a route passes at once.
 */
export class WeightDamper {
  readonly #interval: Micros;
  readonly #told = new Map<string, Told>();
  readonly #held = new Map<string, Held>();

  constructor(interval: Micros) {
    this.#interval = interval;
  }

  /** When {@link release} has something to say next. */
  get due(): Micros | undefined {
    let first: Micros | undefined;
    for (const { due } of this.#held.values()) if (first === undefined || due < first) first = due;
    return first;
  }

  /** What of the changes peers are told now. */
  pass(changes: readonly RouteChange[], now: Micros): readonly RouteChange[] {
    return changes.flatMap((change) => this.#passOne(change, now) ?? []);
  }

  /** The weights that have waited long enough. */
  release(now: Micros): readonly RouteChange[] {
    const ripe = [...this.#held.values()].filter(({ due }) => due <= now);
    return this.pass(
      ripe.map(({ route }) => ({ peer: route.peer, prefix: route.prefix, route })),
      now,
    );
  }

  /** All routes of a peer that has none yet: nothing is held back from it. */
  startOver(routes: readonly AnnouncedRoute[], now: Micros): void {
    for (const route of routes) {
      const key = keyOf(route);
      this.#told.delete(key);
      this.#held.delete(key);
      if (route.linkBandwidth !== undefined)
        this.#told.set(key, { told: { weight: route.linkBandwidth, since: now }, route });
    }
  }

  #passOne(change: RouteChange, now: Micros): RouteChange | undefined {
    const { route } = change;
    const key = keyOf(change);
    const before = this.#told.get(key);
    this.#held.delete(key);
    if (route === undefined || (before === undefined && route.linkBandwidth === undefined)) {
      this.#told.delete(key);
      return change;
    }
    const { told, due } = dampWeight(before?.told, route.linkBandwidth, now, this.#interval);
    const said = due === undefined ? route : { ...route, linkBandwidth: told.weight };
    this.#told.set(key, { told, route: said });
    if (due !== undefined) this.#held.set(key, { route, due });
    const isNews = before === undefined || !sameRouteOnTheWire(before.route, said);
    return isNews ? { ...change, route: said } : undefined;
  }
}

function keyOf({ peer, prefix }: Pick<AnnouncedRoute, "peer" | "prefix">): string {
  return `${peer} ${prefix}`;
}
