import { sha256 } from "@noble/hashes/sha2.js";
import { type Move, SpreadNetwork, type Unit } from "./spread-network.ts";

/** Rows are this much longer than they have to be: a node that joins must not cost a copy of all. */
const SPARE_COLUMNS = 16;
const NOWHERE = -1;

/** The halves of a name's digest. */
type Mark = readonly [number, number];

interface Differences<Name> {
  readonly listed: ReadonlySet<Name>;
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

interface Adaptation<Name> extends Omit<Differences<Name>, "listed"> {
  readonly gone: readonly Name[];
  readonly joining: readonly Name[];
}

/**
 * Spreads addresses over the nodes that may have them, as evenly as that allows: an owner has at most one more than any other
 * node that may have the address, and no chain of moves would make it more even. Where this leaves a choice, digests of
 * node and address make it, so that the answer is one function of what is to be spread: every speaker with the same view
 * comes to it, whatever it saw before. An address that comes or goes moves at most one off each node, and as a rule none.
 */
export class EvenSpread<Name extends string> {
  #network = new SpreadNetwork(SPARE_COLUMNS);
  readonly #units = new Map<string, Unit>();
  readonly #wanted = new Map<string, readonly Name[]>();
  readonly #columns = new Map<Name, number>();
  readonly #names: (Name | undefined)[] = [];
  readonly #marks = new Map<Name, Mark>();
  #width = SPARE_COLUMNS;
  /** Somebody began to replace everything and did not come to an end. */
  #unfinished = false;
  /** Something came or went singly since then: lists that are half old and half new are no base for it. */
  #touched = false;

  /** Who has the address; undefined when nobody may. */
  ownerOf(key: string): Name | undefined {
    return this.#names[this.#units.get(key)?.at ?? NOWHERE];
  }

  /** Takes an address with the nodes that may have it, and returns the addresses whose owner changed. */
  put(key: string, nodes: readonly Name[]): ReadonlySet<string> {
    this.#touched = true;
    const known = this.#wanted.get(key);
    if (known !== undefined && sameNames(known, nodes)) return new Set();
    if (this.#columnsWith(nodes) > this.#width) return this.#widen(new Map(this.#wanted).set(key, nodes));
    const before = this.ownerOf(key);
    const moves: Move[] = [];
    this.#drop(key, moves);
    this.#add(key, nodes, moves);
    const moved = movedFor(moves, key);
    return this.ownerOf(key) === before ? moved : moved.add(key);
  }

  /** Forgets an address, and returns the others whose owner changed. */
  remove(key: string): ReadonlySet<string> {
    this.#touched = true;
    const moves: Move[] = [];
    this.#drop(key, moves);
    return movedFor(moves, key);
  }

  /**
   * Takes the place of everything, an address or a node at each step. Where only nodes came or went, no more is looked at than moves.
   * `all` may change between two steps, together with `put` and `remove`. One that is left before its end costs the next a new beginning.
   */
  *replace(all: ReadonlyMap<string, readonly Name[]>): Generator<void, void> {
    const { listed, changed, removed } = this.#differences(all);
    const gone = [...this.#columns.keys()].filter((node) => !listed.has(node));
    const joining = [...listed].filter((node) => !this.#columns.has(node));
    const most = this.#columns.size + joining.length > this.#width;
    const anew = this.#unfinished || most || (changed.length + removed.length) * 4 > all.size;
    this.#unfinished = true;
    this.#touched = false;
    if (anew) yield* this.#beginAnew(all, listed.size);
    else {
      yield* this.#adapt(all, { gone, joining, changed, removed });
      if (this.#touched) yield* this.#beginAnew(all, this.#columns.size);
    }
    this.#unfinished = false;
  }

  /** Ends early when something came or went singly: a node may only join where nobody has it yet. */
  *#adapt(all: ReadonlyMap<string, readonly Name[]>, to: Adaptation<Name>): Generator<void, void> {
    for (const node of to.gone) {
      for (const unit of this.#leave(node)) this.#network.place(unit);
      yield;
      if (this.#touched) return;
    }
    for (const key of [...to.removed, ...to.changed]) {
      this.#drop(key);
      const nodes = all.get(key)?.filter((node) => this.#columns.has(node));
      if (nodes !== undefined) this.#add(key, nodes);
      yield;
      if (this.#touched) return;
    }
    for (const [key, nodes] of all) this.#wanted.set(key, nodes);
    for (const node of to.joining) {
      this.#join(node, all);
      yield;
      if (this.#touched) return;
    }
  }

  *#beginAnew(all: ReadonlyMap<string, readonly Name[]>, nodes: number): Generator<void, void> {
    this.#clear(nodes + SPARE_COLUMNS);
    for (const [key, names] of all) {
      this.put(key, names);
      yield;
    }
  }

  /** Addresses whose nodes are others, apart from nodes that came or went for all of them. */
  #differences(all: ReadonlyMap<string, readonly Name[]>): Differences<Name> {
    const listed = new Set<Name>();
    for (const nodes of new Set(all.values())) for (const node of nodes) listed.add(node);
    const same = memoized((known: readonly Name[], nodes: readonly Name[]) =>
      sameNames(
        known.filter((node) => listed.has(node)),
        nodes.filter((node) => this.#columns.has(node)),
      ),
    );
    const isChanged = ([key, nodes]: readonly [string, readonly Name[]]): boolean => {
      const known = this.#wanted.get(key);
      return known === undefined || !same(known, nodes);
    };
    const changed = [...all].filter(isChanged).map(([key]) => key);
    return { listed, changed, removed: [...this.#wanted.keys()].filter((key) => !all.has(key)) };
  }

  /** Begins anew, with rows that are wide enough. */
  #widen(all: ReadonlyMap<string, readonly Name[]>): ReadonlySet<string> {
    const before = new Map([...this.#units.keys()].map((key) => [key, this.ownerOf(key)]));
    this.#clear(new Set([...all.values()].flat()).size + SPARE_COLUMNS);
    for (const [key, nodes] of all) this.#add(key, nodes);
    return new Set([...all.keys(), ...before.keys()].filter((key) => this.ownerOf(key) !== before.get(key)));
  }

  #clear(width: number): void {
    for (const memo of [this.#units, this.#wanted, this.#columns, this.#marks]) memo.clear();
    this.#names.length = 0;
    this.#width = width;
    this.#network = new SpreadNetwork(width);
  }

  #columnsWith(nodes: readonly Name[]): number {
    return this.#columns.size + nodes.filter((node) => !this.#columns.has(node)).length;
  }

  #add(key: string, nodes: readonly Name[], moves?: Move[]): void {
    const unit: Unit = { key, costs: new Float64Array(this.#width).fill(Infinity), at: NOWHERE };
    const mark = markOf(key);
    for (const node of nodes) unit.costs[this.#column(node)] = cost(mark, this.#mark(node));
    this.#units.set(key, unit);
    this.#wanted.set(key, nodes);
    const made = this.#network.place(unit);
    moves?.push(...made);
  }

  /** The node it was on has room now, which another may be glad of. */
  #drop(key: string, moves?: Move[]): void {
    const unit = this.#units.get(key);
    this.#units.delete(key);
    this.#wanted.delete(key);
    if (unit === undefined || unit.at === NOWHERE) return;
    const { at } = unit;
    this.#network.take(unit);
    const made = this.#network.pull(at);
    moves?.push(...made);
  }

  /** A node that was nobody's choice until now draws its share. */
  #join(node: Name, all: ReadonlyMap<string, readonly Name[]>): void {
    const column = this.#column(node);
    for (const [key, nodes] of all) {
      const unit = nodes.includes(node) ? this.#units.get(key) : undefined;
      if (unit !== undefined) unit.costs[column] = cost(markOf(key), this.#mark(node));
    }
    this.#network.refresh(column);
    for (const unit of this.#units.values()) if (unit.at === NOWHERE) this.#network.place(unit);
    while (this.#network.pull(column).length > 0);
  }

  /** Returns what has to be placed anew. */
  #leave(node: Name): readonly Unit[] {
    const column = this.#columns.get(node);
    if (column === undefined) return [];
    const homeless = [...this.#network.membersOf(column)];
    for (const unit of homeless) this.#network.take(unit);
    for (const unit of this.#units.values()) unit.costs[column] = Infinity;
    this.#network.refresh(column);
    this.#columns.delete(node);
    this.#marks.delete(node);
    this.#names[column] = undefined;
    return homeless;
  }

  #column(node: Name): number {
    const known = this.#columns.get(node);
    if (known !== undefined) return known;
    const free = this.#names.indexOf(undefined);
    const column = free === NOWHERE ? this.#names.length : free;
    this.#names[column] = node;
    this.#columns.set(node, column);
    return column;
  }

  #mark(node: Name): Mark {
    const known = this.#marks.get(node) ?? markOf(node);
    this.#marks.set(node, known);
    return known;
  }
}

/** The other units that ended up elsewhere: some go and come back. */
function movedFor(moves: readonly Move[], key: string): Set<string> {
  const origins = new Map<Unit, number>();
  for (const { unit, from } of moves) if (!origins.has(unit)) origins.set(unit, from);
  const moved = [...origins].filter(([unit, from]) => unit.at !== from && unit.key !== key);
  return new Set(moved.map(([unit]) => unit.key));
}

function markOf(name: string): Mark {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = sha256(new TextEncoder().encode(name));
  return [(a << 24) | (b << 16) | (c << 8) | d, (e << 24) | (f << 16) | (g << 8) | h];
}

/**
 * 42 bits of both digests: a hash of each pair would take seconds where there are many. Sums of them along a path of 2,000
 * nodes are still exact, and only equal ones could make two speakers choose differently.
 */
function cost([a, b]: Mark, [c, d]: Mark): number {
  const high = scramble(a ^ scramble(c));
  const low = scramble(b ^ scramble(d ^ high));
  return (high >>> 11) * 2 ** 21 + (low >>> 11);
}

/** MurmurHash3's finalizer: every bit of the input changes every bit of the output. */
function scramble(value: number): number {
  let bits = value;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/** Thousands of addresses have the same two lists. */
function memoized<List extends object>(compare: (a: List, b: List) => boolean): (a: List, b: List) => boolean {
  const known = new Map<List, Map<List, boolean>>();
  return (a, b) => {
    if (a === b) return true;
    const ofA = known.get(a) ?? new Map<List, boolean>();
    known.set(a, ofA);
    const result = ofA.get(b) ?? compare(a, b);
    ofA.set(b, result);
    return result;
  };
}

function sameNames<Name>(a: readonly Name[], b: readonly Name[]): boolean {
  if (a.length !== b.length) return false;
  const names = new Set(a);
  return b.every((name) => names.has(name));
}
