import type { Random } from "../../../src/system/random.ts";
import { type Bounds, type Fault, type FaultKind, lastingOf, mayOverlap, type PlannedFault } from "./fault.ts";
import { kindsOf, type Offers } from "./ground.ts";
import { between, pick, seeded, shuffled } from "./seeded.ts";

export interface PlanGoal {
  readonly seed: number;
  /** Milliseconds from the beginning to the end. */
  readonly duration: number;
  readonly bounds: Bounds;
}

/** Of so many faults, one begins while another one lasts. */
const OVERLAPS = 3;
/** The beginning, without a fault: what is wrong then is no fault's doing. */
const CALM = 3000;
/** After what settles, some time in which nothing may be wrong. */
const SEEN = 2000;

/** The faults of a chaos: a function of the seed and of what the lab offers. Every kind comes once before one comes again. */
export function planFaults(offers: Offers, { seed, duration, bounds }: PlanGoal): readonly PlannedFault[] {
  const random = seeded(seed);
  const deck = new Deck(offers, random, lastingOf(bounds));
  const plan: PlannedFault[] = [];
  let at = CALM;
  for (;;) {
    const group = nextGroup(deck, random, { at, number: plan.length + 1 });
    const end = Math.max(...group.map((fault) => fault.at + fault.lasts));
    // Everything has to be well again, and be seen to be.
    if (group.length === 0 || end + bounds.reach + SEEN > duration) return plan;
    plan.push(...group);
    at = end + bounds.reach + between(random, SEEN, 2 * SEEN);
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
  const first = { number, at, lasts: deck.lasting(fault), fault };
  if (between(random, 1, OVERLAPS) > 1) return [first];
  const other = deck.draw((candidate) => mayOverlap(fault, candidate));
  if (other === undefined) return [first];
  const begins = at + between(random, 0, Math.floor(first.lasts * 0.8));
  return [first, { number: number + 1, at: begins, lasts: deck.lasting(other), fault: other }];
}

/** The kinds that a lab offers, shuffled; when they are used up they are shuffled again. */
class Deck {
  readonly #offers: Offers;
  readonly #random: Random;
  readonly #lasting: ReturnType<typeof lastingOf>;
  #kinds: readonly FaultKind[] = [];

  constructor(offers: Offers, random: Random, lasting: ReturnType<typeof lastingOf>) {
    this.#offers = offers;
    this.#random = random;
    this.#lasting = lasting;
  }

  /** How long a fault lasts. */
  lasting({ kind }: Fault): number {
    return between(this.#random, ...this.#lasting[kind]);
  }

  /** A fault of the next kind; when it does not fit, its kind stays where it was and there is none. */
  draw(fits: (fault: Fault) => boolean = () => true): Fault | undefined {
    if (this.#kinds.length === 0) this.#kinds = shuffled(this.#random, kindsOf(this.#offers));
    const [kind, ...rest] = this.#kinds;
    if (kind === undefined) return undefined;
    const fault = pick(this.#random, this.#offers[kind]);
    if (fault === undefined || !fits(fault)) return undefined;
    this.#kinds = rest;
    return fault;
  }
}
