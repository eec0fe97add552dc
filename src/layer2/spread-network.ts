/** Something that one of several nodes takes. */
export interface Unit {
  readonly key: string;
  /** By the column of a node; Infinity where it may not go. */
  readonly costs: Float64Array;
  /** The column of its node; -1 for none. */
  at: number;
}

const NOWHERE = -1;

/** A unit that has another node than before. */
export interface Move {
  readonly unit: Unit;
  readonly from: number;
}

interface Step {
  readonly unit: Unit;
  readonly to: number;
}

/** Least costs between every column and one end, and the next column on the way there. */
interface Paths {
  readonly cost: Float64Array;
  readonly next: Int32Array;
}

/**
 * Units on nodes, as a flow of least cost: first the sum of the squares of the nodes' loads, which is least when they are as even
 * as they can be, then the sum of the units' costs. With costs of which no two sums are equal there is exactly one such placing,
 * whatever happened in which order. It is kept by one shortest path for each change: `place` for a unit that comes, `pull`
 * for a node that has room. A path visits a node once, so a change moves at most one unit off each node.
 */
export class SpreadNetwork {
  readonly #width: number;
  readonly #members: readonly Set<Unit>[];
  /** What it costs to move a unit from one column to another, at the cheapest: `from * width + to`. */
  readonly #edges: Float64Array;
  readonly #movers: (Unit | undefined)[];
  /** What one more unit cost on each column last time. Looking at columns by this finds most paths at the first try. */
  readonly #prices: Float64Array;

  constructor(width: number) {
    this.#width = width;
    this.#members = Array.from({ length: width }, () => new Set<Unit>());
    this.#edges = new Float64Array(width * width).fill(Infinity);
    this.#prices = new Float64Array(width);
    this.#movers = new Array<Unit | undefined>(width * width).fill(undefined);
  }

  /** The units of a node. */
  membersOf(column: number): ReadonlySet<Unit> {
    return this.#members[column] ?? new Set();
  }

  /** Puts a unit somewhere, and makes room for it where that is more even or cheaper. Returns what moved, itself included. */
  place(unit: Unit): readonly Move[] {
    const { cost, next } = this.#pathsFrom(unit);
    const end = this.#first(cost, (a, b) => this.#load(a) - this.#load(b));
    const steps: Step[] = [];
    for (let to = end; to !== NOWHERE; to = next[to] ?? NOWHERE) {
      const from = next[to] ?? NOWHERE;
      const mover = from === NOWHERE ? unit : this.#movers[from * this.#width + to];
      if (mover !== undefined) steps.push({ unit: mover, to });
    }
    return this.#apply(steps);
  }

  /** Takes a unit off its node. The node may have room then: `pull`. */
  take(unit: Unit): void {
    const from = unit.at;
    if (this.#members[from]?.delete(unit) !== true) return;
    unit.at = NOWHERE;
    for (let to = 0; to < this.#width; to++)
      if (this.#movers[from * this.#width + to] === unit) this.#findMover(from, to);
  }

  /** Brings a node the unit that makes the whole more even, or cheaper; nothing when none does. */
  pull(column: number): readonly Move[] {
    const { cost, next } = this.#pathsTo(column);
    cost[column] = Infinity;
    const start = this.#first(cost, (a, b) => this.#load(b) - this.#load(a));
    const gain = start === NOWHERE ? -1 : this.#load(start) - this.#load(column) - 1;
    if (gain < 0 || (gain === 0 && costAt(cost, start) >= 0)) return [];
    const steps: Step[] = [];
    for (let from = start; from !== column && from !== NOWHERE; from = next[from] ?? NOWHERE) {
      const to = next[from] ?? NOWHERE;
      const mover = this.#movers[from * this.#width + to];
      if (mover !== undefined) steps.push({ unit: mover, to });
    }
    return this.#apply(steps);
  }

  /** Looks again at who may move to a column: the costs of many units have changed there. */
  refresh(column: number): void {
    for (let from = 0; from < this.#width; from++) if (from !== column) this.#findMover(from, column);
  }

  #findMover(from: number, to: number): void {
    let mover: Unit | undefined;
    let least = Infinity;
    for (const unit of this.membersOf(from)) {
      const detour = costAt(unit.costs, to) - costAt(unit.costs, from);
      if (detour < least) [mover, least] = [unit, detour];
    }
    this.#edges[from * this.#width + to] = least;
    this.#movers[from * this.#width + to] = mover;
  }

  /** The column that comes first by load, then by cost; nowhere when none can be reached. */
  #first(cost: Float64Array, byLoad: (a: number, b: number) => number): number {
    let first = NOWHERE;
    for (let at = 0; at < this.#width; at++) {
      if (costAt(cost, at) === Infinity) continue;
      const order = first === NOWHERE ? -1 : byLoad(at, first) || costAt(cost, at) - costAt(cost, first);
      if (order < 0) first = at;
    }
    return first;
  }

  #load(column: number): number {
    return this.#members[column]?.size ?? 0;
  }

  #apply(steps: readonly Step[]): readonly Move[] {
    const moves = steps.map(({ unit }) => ({ unit, from: unit.at }));
    for (const { unit } of steps) this.take(unit);
    for (const { unit, to } of steps) this.#seat(unit, to);
    return moves;
  }

  #seat(unit: Unit, at: number): void {
    unit.at = at;
    this.#members[at]?.add(unit);
    const base = costAt(unit.costs, at);
    const row = at * this.#width;
    for (let to = 0; to < this.#width; to++) {
      const detour = costAt(unit.costs, to) - base;
      if (to === at || detour >= costAt(this.#edges, row + to)) continue;
      this.#edges[row + to] = detour;
      this.#movers[row + to] = unit;
    }
  }

  /** To every column for one more unit, by way of others. Single costs may be negative, those of a circle never are. */
  #pathsFrom(unit: Unit): Paths {
    const cost = unit.costs.slice();
    const next = new Int32Array(this.#width).fill(NOWHERE);
    const open = new OpenColumns(cost.map((value, at) => value - costAt(this.#prices, at)));
    for (let from = open.take(); from !== NOWHERE; from = open.take()) {
      const base = costAt(cost, from);
      const row = from * this.#width;
      for (let to = 0; to < this.#width; to++) {
        const through = base + costAt(this.#edges, row + to);
        if (through >= costAt(cost, to)) continue;
        cost[to] = through;
        next[to] = from;
        open.add(to, through - costAt(this.#prices, to));
      }
    }
    for (let at = 0; at < this.#width; at++) if (costAt(cost, at) !== Infinity) this.#prices[at] = costAt(cost, at);
    return { cost, next };
  }

  /** From every column to one. */
  #pathsTo(column: number): Paths {
    const cost = new Float64Array(this.#width).fill(Infinity);
    cost[column] = 0;
    const next = new Int32Array(this.#width).fill(NOWHERE);
    const open = new OpenColumns(cost.map((value, at) => value + costAt(this.#prices, at)));
    for (let to = open.take(); to !== NOWHERE; to = open.take()) {
      const base = costAt(cost, to);
      for (let from = 0; from < this.#width; from++) {
        const through = base + costAt(this.#edges, from * this.#width + to);
        if (through >= costAt(cost, from)) continue;
        cost[from] = through;
        next[from] = to;
        open.add(from, through + costAt(this.#prices, from));
      }
    }
    return { cost, next };
  }
}

/** Columns whose cost fell and was not passed on yet: the lowest rank first, so that few have to be passed on twice. */
class OpenColumns {
  readonly #rank: Float64Array;

  constructor(rank: Float64Array) {
    this.#rank = rank;
  }

  add(column: number, rank: number): void {
    this.#rank[column] = rank;
  }

  take(): number {
    let lowest = NOWHERE;
    let least = Infinity;
    for (let at = 0; at < this.#rank.length; at++) {
      const rank = this.#rank[at] ?? Infinity;
      if (rank < least) [lowest, least] = [at, rank];
    }
    if (lowest !== NOWHERE) this.#rank[lowest] = Infinity;
    return lowest;
  }
}

function costAt(values: Float64Array, index: number): number {
  return values[index] ?? Infinity;
}
