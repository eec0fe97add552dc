import type { Family } from "../net/ip-address.ts";
import type { PrefixTable } from "./rib-prefixes.ts";
import { WITHDRAWN, type WireId } from "./update-group.ts";

/** Rows sorted at a time: enough to pack well, few enough that the first message does not have to wait. */
export const SLICE = 50_000;

/** Rows in the order they came. */
export class RowQueue {
  #rows = new Int32Array(64);
  #start = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  push(row: number): void {
    if (this.#end === this.#rows.length) this.#makeRoom();
    this.#rows[this.#end++] = row;
  }

  /** The first ones, as many as are sorted at a time, or no more than so many. */
  take(most = SLICE): Int32Array {
    const rows = this.#rows.slice(this.#start, Math.min(this.#end, this.#start + most));
    this.#start += rows.length;
    if (this.#start === this.#end) this.clear();
    return rows;
  }

  clear(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#rows.length > SLICE) this.#rows = new Int32Array(64);
  }

  #makeRoom(): void {
    const { length } = this;
    const rows = length * 2 > this.#rows.length ? new Int32Array(this.#rows.length * 2) : this.#rows;
    rows.set(this.#rows.subarray(this.#start, this.#end));
    this.#rows = rows;
    this.#start = 0;
    this.#end = length;
  }
}

/** What a plan asks about a row at the moment. */
export interface RowState {
  wireOf(row: number): WireId;
  /** Whether the peer has to be told that the row is this now. */
  needs(row: number, wire: WireId): boolean;
  /** What answering cost beyond the usual since this was last asked, in the measure of `prepare`. */
  toll(): number;
}

/** What messages hold. */
export interface MessageSpace {
  /** Octets of prefixes in one message. */
  room(wire: WireId, family: Family): number;
  /** Octets in front of each prefix. */
  pathIdLength(family: Family): number;
}

/** Rows for one UPDATE, and the octets their prefixes take. `rows` is valid until the next call. */
export interface Batch {
  readonly wire: WireId;
  readonly rows: Int32Array;
  readonly length: number;
}

/** What sorting one row costs, where writing an octet costs one. */
const ROW_EFFORT = 8;
/** Every 16th row is asked what the ones before it cost. */
const TOLL_MASK = 15;

interface Bucket {
  readonly wire: WireId;
  readonly family: Family;
  at: number;
  end: number;
}

/** Rows by what they are on the wire, withdrawals first. Those that changed in the meantime are left to a later plan. */
export class UpdatePlan {
  #rows: Int32Array;
  readonly #bucketOf: Int32Array;
  readonly #buckets: Bucket[] = [newBucket(WITHDRAWN, 4), newBucket(WITHDRAWN, 6)];
  readonly #numbers = new Map<number, number>();
  readonly #prefixes: PrefixTable;
  readonly #state: RowState;
  #looked = 0;
  #ready = false;
  #bucket = 0;
  #batch = new Int32Array(1024);

  constructor(rows: Int32Array, prefixes: PrefixTable, state: RowState) {
    this.#rows = rows;
    this.#bucketOf = new Int32Array(rows.length);
    this.#prefixes = prefixes;
    this.#state = state;
    for (const [i, { wire, family }] of this.#buckets.entries()) this.#numbers.set(keyOf(wire, family), i);
  }

  /** Whether the rows are sorted, so that `next` has nothing else to do first. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Sorts on for about so much effort, and returns what it took: stable, by counting. */
  prepare(effort: number): number {
    const { wireOf, needs, toll } = this.#state;
    let spent = toll();
    let lastKey = -1;
    let last = 0;
    for (; this.#looked < this.#rows.length; this.#looked++) {
      if ((this.#looked & TOLL_MASK) === 0) spent += toll();
      if (spent >= effort) return spent;
      const row = this.#rowAt(this.#looked);
      const wire = wireOf(row);
      spent += ROW_EFFORT;
      this.#bucketOf[this.#looked] = NO_BUCKET;
      if (!needs(row, wire)) continue;
      const family = this.#prefixes.familyAt(row);
      const key = keyOf(wire, family);
      if (key !== lastKey) last = this.#bucketFor(key, wire, family);
      lastKey = key;
      this.#bucketOf[this.#looked] = last;
      const bucket = this.#buckets[last];
      if (bucket !== undefined) bucket.end++;
    }
    this.#rows = layOut(this.#rows, this.#bucketOf, this.#buckets);
    this.#ready = true;
    return spent;
  }

  #bucketFor(key: number, wire: WireId, family: Family): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#buckets.length);
    return this.#buckets.push(newBucket(wire, family)) - 1;
  }

  /** The next UPDATE's rows, undefined when all are done. */
  next(space: MessageSpace): Batch | undefined {
    if (!this.#ready) this.prepare(Number.POSITIVE_INFINITY);
    for (let bucket = this.#buckets[this.#bucket]; bucket !== undefined; bucket = this.#buckets[++this.#bucket]) {
      const batch = this.#gather(bucket, space);
      if (batch !== undefined) return batch;
    }
    return undefined;
  }

  #rowAt(at: number): number {
    return this.#rows[at] ?? 0;
  }

  #gather(bucket: Bucket, space: MessageSpace): Batch | undefined {
    const { wire, family } = bucket;
    const room = space.room(wire, family);
    const pathId = space.pathIdLength(family);
    let count = 0;
    let length = 0;
    for (; bucket.at < bucket.end; bucket.at++) {
      const row = this.#rowAt(bucket.at);
      // The row and the id may both have come to mean something of the other family.
      if (this.#prefixes.familyAt(row) !== family) continue;
      if (this.#state.wireOf(row) !== wire || !this.#state.needs(row, wire)) continue;
      const octets = this.#prefixes.nlriLength(row) + pathId;
      if (length + octets > room) break;
      if (count === this.#batch.length) this.#widen();
      this.#batch[count++] = row;
      length += octets;
    }
    return count === 0 ? undefined : { wire, rows: this.#batch.subarray(0, count), length };
  }

  #widen(): void {
    const wider = new Int32Array(this.#batch.length * 2);
    wider.set(this.#batch);
    this.#batch = wider;
  }
}

/** Rows that need no message. */
const NO_BUCKET = -1;

/** Turns the buckets' counts into ranges of the list it returns. */
function layOut(rows: Int32Array, bucketOf: Int32Array, buckets: readonly Bucket[]): Int32Array {
  const next = new Int32Array(buckets.length);
  let total = 0;
  buckets.forEach((bucket, i) => {
    next[i] = total;
    bucket.at = total;
    total += bucket.end;
    bucket.end = total;
  });
  const sorted = new Int32Array(total);
  for (let i = 0; i < rows.length; i++) {
    const bucket = bucketOf[i] ?? NO_BUCKET;
    if (bucket === NO_BUCKET) continue;
    const at = next[bucket] ?? 0;
    sorted[at] = rows[i] ?? 0;
    next[bucket] = at + 1;
  }
  return sorted;
}

function newBucket(wire: WireId, family: Family): Bucket {
  return { wire, family, at: 0, end: 0 };
}

function keyOf(wire: WireId, family: Family): number {
  return wire * 8 + family;
}
