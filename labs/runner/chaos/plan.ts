import type { Random } from "../../../src/system/random.ts";
import { type Fault, type FaultKind, LASTING, mayOverlap, type PlannedFault } from "./fault.ts";
import type { Offers } from "./ground.ts";
import { between, pick, seeded, shuffled } from "./seeded.ts";

export interface PlanGoal {
  readonly seed: number;
  /** Milliseconds from the beginning to the end. */
  readonly duration: number;
  /** Milliseconds without a fault after one, in which everything must be well again, and be seen to be. */
  readonly settle: number;
}

/** Of so many faults, one begins while another one lasts. */
const OVERLAPS = 3;
/** The beginning, without a fault: what is wrong then is no fault's doing. */
const CALM = 3000;
/** After what settles, some time in which nothing may be wrong. */
const SEEN = 2000;

/** The faults of a chaos: a function of the seed and of what the lab offers. Every kind comes once before one comes again. */
export function planFaults(offers: Offers, { seed, duration, settle }: PlanGoal): readonly PlannedFault[] {
  const random = seeded(seed);
  const deck = new Deck(offers, random);
  const plan: PlannedFault[] = [];
  let at = CALM;
  for (;;) {
    const group = nextGroup(deck, random, { at, number: plan.length + 1 });
    const end = Math.max(...group.map((fault) => fault.at + fault.lasts));
    if (group.length === 0 || end + settle + SEEN > duration) return plan;
    plan.push(...group);
    at = end + settle + between(random, SEEN, 2 * SEEN);
  }
}

interface GroupStart {
  readonly at: number;
  readonly number: number;
}

/** One fault, or two of which one begins while the other lasts. */
function nextGroup(deck: Deck, random: Random, { at, number }: GroupStart): readonly PlannedFault[] {
  const fault = deck.draw();
  if (fault === undefined) return [];
  const first = { number, at, lasts: between(random, ...LASTING[fault.kind]), fault };
  if (between(random, 1, OVERLAPS) > 1) return [first];
  const other = deck.draw((candidate) => mayOverlap(fault, candidate));
  if (other === undefined) return [first];
  const begins = at + between(random, 0, Math.floor(first.lasts * 0.8));
  return [first, { number: number + 1, at: begins, lasts: between(random, ...LASTING[other.kind]), fault: other }];
}

/** The kinds that a lab offers, shuffled; when they are used up they are shuffled again. */
class Deck {
  readonly #offers: Offers;
  readonly #random: Random;
  #kinds: readonly FaultKind[] = [];

  constructor(offers: Offers, random: Random) {
    this.#offers = offers;
    this.#random = random;
  }

  /** A fault of the next kind; when it does not fit, its kind stays where it was and there is none. */
  draw(fits: (fault: Fault) => boolean = () => true): Fault | undefined {
    if (this.#kinds.length === 0)
      this.#kinds = shuffled(
        this.#random,
        KINDS.filter((kind) => this.#offers[kind].length > 0),
      );
    const [kind, ...rest] = this.#kinds;
    if (kind === undefined) return undefined;
    const fault = pick(this.#random, this.#offers[kind]);
    if (fault === undefined || !fits(fault)) return undefined;
    this.#kinds = rest;
    return fault;
  }
}

function isKind(text: string): text is FaultKind {
  return Object.hasOwn(LASTING, text);
}

const KINDS: readonly FaultKind[] = Object.keys(LASTING).filter(isKind);
