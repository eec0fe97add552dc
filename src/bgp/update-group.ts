import type { Family } from "../net/ip-address.ts";
import { longestMessage } from "./message/header.ts";
import { announcing, type MouldPair, type NotSent, type Origination, originate, pour, withdrawing } from "./packing.ts";
import type { AttributeSets } from "./rib-attributes.ts";
import type { PrefixTable } from "./rib-prefixes.ts";

/** What stands on the wire in front of and behind prefixes with equal attributes: 0 is a withdrawal. */
export type WireId = number;

export const WITHDRAWN: WireId = 0;

const UNKNOWN = 0;
/** Octets of messages kept for the members that have not come so far yet. */
const SHARED_LIMIT = 1024 * 1024;
const LONGEST_NLRI: Record<Family, number> = { 4: 5, 6: 17 };

interface Layout {
  readonly moulds: MouldPair;
  /** Octets of prefixes that a message holds. */
  readonly room: number;
  readonly octets: string;
  /** Attribute sets that come to this, and rows of members that were sent so. */
  uses: number;
}

interface SharedMessage {
  readonly wire: WireId;
  readonly rows: Int32Array;
  readonly bytes: Uint8Array;
}

/** Sources of a group's encoding: the rows and attribute sets that all groups share. */
export interface GroupSources {
  readonly prefixes: PrefixTable;
  readonly sets: AttributeSets;
}

/**
 * The peers that get equal octets for equal routes. Nothing here belongs to one peer, so none can hold up another: a member that
 * is behind finds the message that another one made, or makes it again.
 */
export class UpdateGroup {
  readonly key: string;
  readonly origination: Origination;
  readonly #sources: GroupSources;
  /** By family, then by attribute set: the wire id, -1 - n for the n-th reason not to send, 0 while nobody asked. */
  readonly #wires: Record<Family, number[]> = { 4: [], 6: [] };
  readonly #idOfOctets = new Map<string, WireId>();
  readonly #withdrawing: Record<Family, Layout>;
  /** By wire id, which is of one family. */
  readonly #layouts: (Layout | undefined)[] = [undefined];
  readonly #freeWires: WireId[] = [];
  readonly #shared = new Map<number, SharedMessage>();
  #sharedOctets = 0;
  #generation = 0;
  #members = 0;
  #encoded = 0;
  #resolved = 0;
  /** Attribute sets, by family, that cannot be sent. */
  #refused = 0;

  constructor(key: string, origination: Origination, sources: GroupSources) {
    this.key = key;
    this.origination = origination;
    this.#sources = sources;
    this.#withdrawing = {
      4: this.#layoutOf(withdrawing(4, origination)),
      6: this.#layoutOf(withdrawing(6, origination)),
    };
  }

  get members(): number {
    return this.#members;
  }

  /** Messages encoded since the beginning: what members shared is counted once. */
  get encoded(): number {
    return this.#encoded;
  }

  /** Attribute sets encoded since the beginning. */
  get resolved(): number {
    return this.#resolved;
  }

  /** Whether there are routes that cannot be sent. */
  get refuses(): boolean {
    return this.#refused > 0;
  }

  /** Takes a member in (1) or lets one go (-1). */
  count(change: 1 | -1): void {
    this.#members += change;
    if (this.#members < 2) this.#unshare();
  }

  /** What a route of this family with these attributes is on the wire: WITHDRAWN when it cannot be sent. */
  wireOf(set: number, family: Family): WireId {
    const known = this.#wires[family][set] ?? UNKNOWN;
    return Math.max(WITHDRAWN, known === UNKNOWN ? this.#resolve(set, family) : known);
  }

  /** Why such a route cannot be sent, undefined when it can. */
  refusal(set: number, family: Family): NotSent | undefined {
    if (this.wireOf(set, family) !== WITHDRAWN) return undefined;
    return this.#wires[family][set] === NO_NEXT_HOP ? "no-next-hop" : "attributes-too-large";
  }

  /** An attribute set is no longer used, and its number may come to mean another. */
  forget(set: number): void {
    for (const family of [4, 6] as const) {
      const wires = this.#wires[family];
      const wire = wires[set] ?? UNKNOWN;
      if (wire !== UNKNOWN) wires[set] = UNKNOWN;
      if (wire < UNKNOWN) this.#refused--;
      this.use(wire, -1);
    }
  }

  /** Rows that a member has sent so from now on, or no longer. An id means the same for as long as it is in use. */
  use(wire: WireId, rows: number): void {
    const layout = this.#layouts[wire];
    if (layout === undefined) return;
    layout.uses += rows;
    if (layout.uses > 0) return;
    this.#layouts[wire] = undefined;
    this.#idOfOctets.delete(layout.octets);
    this.#freeWires.push(wire);
    this.#unshare();
  }

  /** Octets of prefixes that one message holds. */
  room(wire: WireId, family: Family): number {
    return this.#layout(wire, family)?.room ?? 0;
  }

  /** Octets in front of each prefix (RFC 7911 section 3). */
  pathIdLength(family: Family): number {
    return this.origination.addPathSend?.includes(family) === true ? 4 : 0;
  }

  /** The UPDATE for these rows, which take `length` octets: made once for all members that ask for the same. */
  message(wire: WireId, rows: Int32Array, length: number): Uint8Array {
    if (this.#members < 2) return this.#encode(wire, rows, length);
    this.#checkGeneration();
    const first = rows[0] ?? 0;
    const found = this.#shared.get(first);
    if (found !== undefined && found.wire === wire && sameRows(found.rows, rows)) return found.bytes;
    const bytes = this.#encode(wire, rows, length);
    this.#share(first, { wire, rows: rows.slice(), bytes });
    return bytes;
  }

  #encode(wire: WireId, rows: Int32Array, length: number): Uint8Array {
    const { prefixes } = this.#sources;
    const family = prefixes.familyAt(rows[0] ?? 0);
    const moulds = this.#layout(wire, family)?.moulds;
    if (moulds === undefined) return new Uint8Array();
    this.#encoded++;
    const mould = length <= moulds.shortLimit ? moulds.short : moulds.long;
    const bytes = pour(mould, length);
    const pathId = this.pathIdLength(family);
    let at = mould.before.length;
    for (let i = 0; i < rows.length; i++) {
      at += pathId;
      if (pathId > 0) bytes[at - 1] = ONLY_PATH;
      at = prefixes.writeNlri(bytes, at, rows[i] ?? 0);
    }
    return bytes;
  }

  #resolve(set: number, family: Family): number {
    const { origination } = this;
    const nextHop = origination.nextHops[family];
    const resolved = nextHop === undefined ? NO_NEXT_HOP : this.#wireFor(set, family, nextHop);
    const wires = this.#wires[family];
    while (wires.length <= set) wires.push(UNKNOWN);
    wires[set] = resolved;
    this.#resolved++;
    if (resolved < UNKNOWN) this.#refused++;
    return resolved;
  }

  #wireFor(set: number, family: Family, nextHop: NonNullable<Origination["nextHops"][Family]>): number {
    const { origination } = this;
    const moulds = announcing(
      originate(this.#sources.sets.routeOf(set), origination),
      { family, nextHop },
      origination,
    );
    const layout = this.#layoutOf(moulds);
    if (layout.room < LONGEST_NLRI[family] + this.pathIdLength(family)) return TOO_LARGE;
    // Sets that differ in nothing this group sends are one on the wire, and no reason for an UPDATE.
    const wire = this.#idOfOctets.get(layout.octets) ?? this.#addWire(layout);
    this.use(wire, 1);
    return wire;
  }

  #addWire(layout: Layout): WireId {
    const wire = this.#freeWires.pop() ?? this.#layouts.length;
    this.#layouts[wire] = layout;
    this.#idOfOctets.set(layout.octets, wire);
    return wire;
  }

  #layout(wire: WireId, family: Family): Layout | undefined {
    return wire === WITHDRAWN ? this.#withdrawing[family] : this.#layouts[wire];
  }

  #layoutOf(moulds: MouldPair): Layout {
    const { before, after } = moulds.long;
    const octets = `${before.length} ${textOf(before)}${textOf(after)}`;
    return { moulds, room: longestMessage(this.origination) - before.length - after.length, octets, uses: 0 };
  }

  #share(first: number, message: SharedMessage): void {
    const old = this.#shared.get(first);
    if (old !== undefined) this.#drop(first, old);
    this.#shared.set(first, message);
    this.#sharedOctets += message.bytes.length;
    for (const [oldest, shared] of this.#shared) {
      if (this.#sharedOctets <= SHARED_LIMIT) break;
      this.#drop(oldest, shared);
    }
  }

  #drop(first: number, message: SharedMessage): void {
    this.#shared.delete(first);
    this.#sharedOctets -= message.bytes.length;
  }

  /** Once a row was removed its number may mean another prefix. */
  #checkGeneration(): void {
    const { generation } = this.#sources.prefixes;
    if (generation !== this.#generation) this.#unshare();
    this.#generation = generation;
  }

  #unshare(): void {
    this.#shared.clear();
    this.#sharedOctets = 0;
  }
}

/** The identifier of our path where the peer wants one: we have no other. */
const ONLY_PATH = 1;
const NO_NEXT_HOP = -1;
const TOO_LARGE = -2;

function sameRows(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A character for each octet: a key that is quickly made. */
function textOf(octets: Uint8Array): string {
  let text = "";
  // As arguments they lie on the stack, which is not without end.
  for (let at = 0; at < octets.length; at += 4096) {
    text += Reflect.apply(String.fromCharCode, undefined, octets.subarray(at, at + 4096));
  }
  return text;
}
