import type { Local } from "./local.ts";
import { isUp } from "./member-table.ts";
import type { Body } from "./message.ts";
import { formatPlace, type Place, samePlace } from "./place.ts";
import { type Update, updateSize } from "./update.ts";

/** How long a page is waited for. */
const PAGE_TIMEOUT = 300_000;
/** How often a page is asked for once the other has answered. */
const TRIES = 4;
/** Places that wait for their turn. */
const MOST_WAITING = 8;
/** How many seeds are tried in one round. */
const SEEDS_AT_ONCE = 3;
/** Rounds of seeds that are no members: the first wait, and the longest. */
const SEEDS_AGAIN = { least: 200_000, most: 10_000_000 } as const;

/** One exchange of whole tables, page by page; each page of theirs is asked for with one of ours. */
interface Exchange {
  readonly to: Place;
  number: number;
  /** What we have of theirs so far; undefined once it is everything. */
  after: string | undefined;
  /** What they have of ours so far; undefined once it is everything. */
  told: string | undefined;
  toldNext: string | undefined;
  due: number;
  tries: number;
  answered: boolean;
  /** We knew nobody when it began: what we learn others know, and it need not be spread. */
  readonly alone: boolean;
}

/** Joining, and comparing tables: with seeds, with those that came back, and with somebody now and then. */
export class Syncs {
  readonly #local: Local;
  #waiting: Place[] = [];
  #exchange: Exchange | undefined;
  #seeds: readonly Place[] = [];
  #seedsAt: number;
  #seedsWait: number = SEEDS_AGAIN.least;
  /** Where others say we are. */
  readonly #ownPlaces: Place[] = [];

  constructor(local: Local) {
    this.#local = local;
    this.#seedsAt = local.time;
    if (local.options.advertised !== undefined) this.#ownPlaces.push(local.options.advertised);
  }

  /** Whether what is learned now need not be told to others. */
  get alone(): boolean {
    return this.#exchange?.alone === true;
  }

  setSeeds(seeds: readonly Place[]): void {
    this.#seeds = seeds;
    this.#seedsWait = SEEDS_AGAIN.least;
    this.#seedsAt = this.#local.time;
    this.trySeeds();
  }

  /** Asks seeds that are no members, more and more rarely. */
  trySeeds(): void {
    const { time, chance } = this.#local;
    if (time < this.#seedsAt || this.#exchange !== undefined) return;
    this.#seedsAt = time + this.#seedsWait * (0.75 + 0.5 * chance.next());
    const known = new Set(this.#ownPlaces.map(formatPlace));
    for (const member of this.#local.table.all()) if (isUp(member)) known.add(formatPlace(member.place));
    const strangers = this.#seeds.filter((seed) => !known.has(formatPlace(seed)));
    this.#seedsWait = Math.min(SEEDS_AGAIN.most, 2 * this.#seedsWait);
    for (let i = 0; i < SEEDS_AT_ONCE && strangers.length > 0; i++)
      for (const seed of strangers.splice(chance.below(strangers.length), 1)) this.begin(seed);
  }

  begin(to: Place): void {
    if (this.#waiting.length >= MOST_WAITING || this.#waiting.some((place) => samePlace(place, to))) return;
    if (this.#exchange !== undefined && samePlace(this.#exchange.to, to)) return;
    this.#waiting.push(to);
    if (this.#exchange === undefined) this.#next();
  }

  due(): number {
    return this.#exchange?.due ?? Number.POSITIVE_INFINITY;
  }

  onTime(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#local.time < exchange.due) return;
    exchange.tries += 1;
    if (exchange.answered && exchange.tries < TRIES) this.#ask(exchange);
    else this.#next();
  }

  /** A page came. `number` says whether it is the one that was asked for. */
  received(body: Extract<Body, { type: "state" }>, updates: readonly Update[]): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.number !== body.number) return;
    exchange.answered = true;
    exchange.tries = 0;
    if (exchange.after !== undefined) exchange.after = body.more ? nameAfter(exchange.after, updates) : undefined;
    // Who asks for a proof has not taken our page.
    if (body.ask === undefined) exchange.told = exchange.toldNext;
    if (exchange.after === undefined && exchange.told === undefined) this.#next();
    else this.#ask(exchange);
  }

  /** Where others see us, as one of them says. */
  seenAs(place: Place): void {
    if (this.isOwnPlace(place)) return;
    this.#ownPlaces.push(place);
    if (this.#ownPlaces.length > MOST_WAITING) this.#ownPlaces.shift();
  }

  get ownPlace(): Place | undefined {
    return this.#ownPlaces.at(-1);
  }

  isOwnPlace(place: Place): boolean {
    return this.#ownPlaces.some((own) => samePlace(own, place));
  }

  /** The page after a name, as much as has room. */
  page(after: string | undefined, room: number): { readonly updates: readonly Update[]; readonly more: boolean } {
    const updates: Update[] = [];
    if (after === undefined) return { updates, more: false };
    let space = room;
    for (const member of this.#local.table.after(after)) {
      const update = this.#local.updateOf(member);
      space -= updateSize(update);
      if (space < 0 || updates.length === 255) return { updates, more: true };
      updates.push(update);
    }
    return { updates, more: false };
  }

  #next(): void {
    const to = this.#waiting.shift();
    this.#exchange = undefined;
    if (to === undefined) return;
    const alone = this.#local.table.ring.length === 0;
    const exchange: Exchange = {
      to,
      number: 0,
      after: "",
      told: "",
      toldNext: undefined,
      due: 0,
      tries: 0,
      answered: false,
      alone,
    };
    this.#exchange = exchange;
    this.#ask(exchange);
  }

  #ask(exchange: Exchange): void {
    const number = this.#local.ask(undefined, { type: "sync" });
    const body: Body = { type: "sync", number, after: exchange.after };
    const { updates, more } = this.page(exchange.told, this.#local.roomFor(body));
    exchange.number = number;
    exchange.toldNext = more ? updates.at(-1)?.name : undefined;
    exchange.due = this.#local.time + PAGE_TIMEOUT * this.#local.health.multiplier;
    this.#local.sendExactly(exchange.to, body, updates);
  }
}

/** Where the next page begins; undefined when this one did not get on: such a table would be asked for without end. */
function nameAfter(after: string, updates: readonly Update[]): string | undefined {
  const last = updates.at(-1)?.name;
  return last !== undefined && last > after ? last : undefined;
}
