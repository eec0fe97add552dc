import { type Family, IpAddress } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";

/** The words of the longest address. IPv4 uses the first one. */
const WORDS = 4;
const FIRST_CAPACITY = 16;
/** What no prefix is: the kind of a row that is not in use. */
const FREE = 0;
/** Slots of an outgrown hash that are moved with each new row: all, long before it is outgrown again. */
const MOVED_AT_A_TIME = 8;

/**
 * Prefixes as numbered rows, some thirty octets each however many there are. A row keeps its number until it is removed; then the
 * number goes to a prefix that comes later. Paths of one prefix that have identifiers have a row each (RFC 7911).
 */
export class PrefixTable {
  #words = new Uint32Array(FIRST_CAPACITY * WORDS);
  /** Family and length of each row. */
  #kinds = new Uint16Array(FIRST_CAPACITY);
  #pathIds = new Uint32Array(FIRST_CAPACITY);
  /** An open-addressing hash: row + 1, or 0 for none. Twice as many as rows, so that runs stay short. */
  #slots = new Int32Array(FIRST_CAPACITY * 2);
  /** The hash before this one, while its rows are moved over: what it leads to is looked at again, so nothing is taken out of it. */
  #oldSlots: Int32Array | undefined;
  #moved = 0;
  readonly #key = new Uint32Array(WORDS);
  #kind = FREE;
  #pathId = 0;
  readonly #free: number[] = [];
  #top = 0;
  #generation = 0;

  get size(): number {
    return this.#top - this.#free.length;
  }

  /** Rows that are or were in use: every row is below. */
  get end(): number {
    return this.#top;
  }

  /** Changes whenever a row is removed: what is remembered about row numbers is void then. */
  get generation(): number {
    return this.#generation;
  }

  /** Makes room for so many prefixes in all. */
  reserve(rows: number): void {
    if (rows > this.#kinds.length) this.#widen(2 ** Math.ceil(Math.log2(rows)));
  }

  /** The row of a prefix, or -1. */
  rowOf(prefix: IpPrefix, pathId = 0): number {
    this.#load(prefix, pathId);
    const row = this.#rowIn(this.#find());
    return row >= 0 || this.#oldSlots === undefined ? row : this.#findOld(this.#oldSlots);
  }

  /** The row of a prefix, a new one when it has none. */
  add(prefix: IpPrefix, pathId = 0): number {
    if (this.#oldSlots !== undefined) this.#move(this.#oldSlots, MOVED_AT_A_TIME);
    this.#load(prefix, pathId);
    let slot = this.#find();
    let known = this.#rowIn(slot);
    if (known < 0 && this.#oldSlots !== undefined) known = this.#findOld(this.#oldSlots);
    if (known >= 0) return known;
    const row = this.#free.pop() ?? this.#top++;
    if (row >= this.#kinds.length) {
      this.#widen(this.#kinds.length * 2);
      this.#load(prefix, pathId);
      slot = this.#find();
    }
    this.#put(row, slot);
    return row;
  }

  remove(row: number): void {
    this.#loadRow(row);
    const slot = this.#find();
    if (this.#rowIn(slot) === row) this.#close(slot);
    this.#kinds[row] = FREE;
    this.#free.push(row);
    this.#generation++;
  }

  clear(): void {
    this.#words = new Uint32Array(FIRST_CAPACITY * WORDS);
    this.#kinds = new Uint16Array(FIRST_CAPACITY);
    this.#pathIds = new Uint32Array(FIRST_CAPACITY);
    this.#slots = new Int32Array(FIRST_CAPACITY * 2);
    this.#oldSlots = undefined;
    this.#free.length = 0;
    this.#top = 0;
    this.#generation++;
  }

  has(row: number): boolean {
    return this.#kindAt(row) !== FREE;
  }

  familyAt(row: number): Family {
    return this.#kindAt(row) >>> 8 === 6 ? 6 : 4;
  }

  prefixAt(row: number): IpPrefix {
    const family = this.familyAt(row);
    let value = 0n;
    for (let i = 0; i < (family === 4 ? 1 : WORDS); i++) value = (value << 32n) | BigInt(this.#wordAt(row * WORDS + i));
    return IpPrefix.containing(new IpAddress(family, value), this.#kindAt(row) & 0xff);
  }

  /** The identifier the row was added with, 0 for none. */
  pathIdAt(row: number): number {
    return this.#pathIds[row] ?? 0;
  }

  /** Octets the prefix takes on the wire. */
  nlriLength(row: number): number {
    return 1 + (((this.#kindAt(row) & 0xff) + 7) >>> 3);
  }

  /** Writes the prefix as it is on the wire (RFC 4271 section 4.3) and returns where the next one goes. */
  writeNlri(bytes: Uint8Array, at: number, row: number): number {
    const length = this.#kindAt(row) & 0xff;
    const end = at + 1 + ((length + 7) >>> 3);
    bytes[at] = length;
    let word = row * WORDS;
    for (let to = at + 1; to < end; word++) {
      const value = this.#wordAt(word);
      for (let shift = 24; shift >= 0 && to < end; shift -= 8) bytes[to++] = value >>> shift;
    }
    return end;
  }

  #kindAt(row: number): number {
    return this.#kinds[row] ?? FREE;
  }

  #wordAt(index: number): number {
    return this.#words[index] ?? 0;
  }

  /** The row a slot of the hash leads to, -1 for none. */
  #rowIn(slot: number): number {
    return (this.#slots[slot] ?? 0) - 1;
  }

  #load({ address: { family, value }, length }: IpPrefix, pathId: number): void {
    const key = this.#key;
    this.#pathId = pathId;
    this.#kind = (family << 8) | length;
    if (family === 4) {
      key[0] = Number(value);
      key[1] = key[2] = key[3] = 0;
      return;
    }
    const high = value >> 64n;
    key[0] = Number(high >> 32n);
    key[1] = Number(high & 0xffffffffn);
    key[2] = Number((value >> 32n) & 0xffffffffn);
    key[3] = Number(value & 0xffffffffn);
  }

  #loadRow(row: number): void {
    this.#kind = this.#kindAt(row);
    this.#pathId = this.pathIdAt(row);
    for (let i = 0; i < WORDS; i++) this.#key[i] = this.#wordAt(row * WORDS + i);
  }

  /** Where the loaded prefix is, or would go. */
  #find(): number {
    const mask = this.#slots.length - 1;
    let slot = this.#hash() & mask;
    for (let row = this.#rowIn(slot); row >= 0 && !this.#isAt(row); row = this.#rowIn(slot)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #isAt(row: number): boolean {
    const at = row * WORDS;
    const words = this.#words;
    const key = this.#key;
    return (
      this.#kinds[row] === this.#kind &&
      this.#pathIds[row] === this.#pathId &&
      words[at] === key[0] &&
      (this.#kind < 0x600 || (words[at + 1] === key[1] && words[at + 2] === key[2] && words[at + 3] === key[3]))
    );
  }

  #hash(): number {
    let hash = Math.imul(this.#kind ^ this.#pathId, 0x9e3779b1);
    for (let i = 0; i < (this.#kind < 0x600 ? 1 : WORDS); i++) {
      hash = Math.imul(hash ^ (this.#key[i] ?? 0), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #put(row: number, slot: number): void {
    this.#words.set(this.#key, row * WORDS);
    this.#kinds[row] = this.#kind;
    this.#pathIds[row] = this.#pathId;
    this.#slots[slot] = row + 1;
  }

  /** The rows stay where they are; that they are found in the larger hash is seen to bit by bit. */
  #widen(capacity: number): void {
    if (this.#oldSlots !== undefined) this.#move(this.#oldSlots, Number.POSITIVE_INFINITY);
    this.#words = widened(this.#words, new Uint32Array(capacity * WORDS));
    this.#kinds = widened(this.#kinds, new Uint16Array(capacity));
    this.#pathIds = widened(this.#pathIds, new Uint32Array(capacity));
    this.#oldSlots = this.#slots;
    this.#moved = 0;
    this.#slots = new Int32Array(capacity * 2);
  }

  #move(old: Int32Array, most: number): void {
    const end = Math.min(old.length, this.#moved + most);
    for (; this.#moved < end; this.#moved++) {
      const row = (old[this.#moved] ?? 0) - 1;
      if (row >= 0 && this.#kindAt(row) !== FREE) this.#enter(row);
    }
    if (end === old.length) this.#oldSlots = undefined;
  }

  /** The row of the loaded prefix by way of the old hash. A row that means something else by now is not taken for it. */
  #findOld(slots: Int32Array): number {
    const mask = slots.length - 1;
    for (let slot = this.#hash() & mask; ; slot = (slot + 1) & mask) {
      const row = (slots[slot] ?? 0) - 1;
      if (row < 0 || this.#isAt(row)) return row;
    }
  }

  #enter(row: number): void {
    this.#loadRow(row);
    this.#slots[this.#find()] = row + 1;
  }

  /** Empties a slot and moves up those behind it that would not be found any more. */
  #close(slot: number): void {
    const mask = this.#slots.length - 1;
    this.#slots[slot] = 0;
    let next = (slot + 1) & mask;
    for (let row = this.#rowIn(next); row >= 0; row = this.#rowIn(next)) {
      this.#slots[next] = 0;
      this.#enter(row);
      next = (next + 1) & mask;
    }
  }
}

function widened<T extends Uint32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
