import type { Family } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { NotSent, Origination } from "./packing.ts";
import { AttributeSets } from "./rib-attributes.ts";
import { RowQueue, UpdatePlan } from "./rib-plan.ts";
import { PrefixTable } from "./rib-prefixes.ts";
import type { Route } from "./route.ts";
import { UpdateGroup, WITHDRAWN, type WireId } from "./update-group.ts";

/** What all peers of a speaker share: prefixes and attribute sets as numbers, and the update groups. */
export class RouteStore {
  readonly prefixes = new PrefixTable();
  readonly sets = new AttributeSets((set) => this.#forget(set));
  readonly #groups = new Map<string, UpdateGroup>();
  /** How many peers have, or are to have, a row's prefix. */
  #holders = new Uint32Array(0);

  get groups(): Iterable<UpdateGroup> {
    return this.#groups.values();
  }

  /** The group of the peers that get just these octets. */
  join(origination: Origination): UpdateGroup {
    const key = JSON.stringify(origination);
    const group = this.#groups.get(key) ?? new UpdateGroup(key, origination, this);
    this.#groups.set(key, group);
    group.count(1);
    return group;
  }

  leave(group: UpdateGroup): void {
    group.count(-1);
    if (group.members === 0) this.#groups.delete(group.key);
  }

  hold(row: number): void {
    if (row >= this.#holders.length) {
      const bigger = new Uint32Array(Math.max(row + 1, this.#holders.length * 2));
      bigger.set(this.#holders);
      this.#holders = bigger;
    }
    this.#holders[row] = (this.#holders[row] ?? 0) + 1;
  }

  release(row: number): void {
    const holders = (this.#holders[row] ?? 0) - 1;
    this.#holders[row] = holders;
    if (holders === 0) this.prefixes.remove(row);
  }

  #forget(set: number): void {
    for (const group of this.#groups.values()) group.forget(set);
  }
}

const QUEUED = 1;
/** The peer has it and asked for it again. */
const AGAIN = 2;

/** The adj-rib-out of one peer: what it should have, what it has, and the way from one to the other in messages. */
export class AdjRibOut {
  readonly #store: RouteStore;
  /** By row: the attribute set it should have, and what is on the wire. Nine octets a route and peer. */
  #desired = new Int32Array(0);
  #sent = new Int32Array(0);
  #flags = new Uint8Array(0);
  readonly #queue = new RowQueue();
  #plan: UpdatePlan | undefined;
  #group: UpdateGroup | undefined;
  #families: readonly Family[] = [];
  #size = 0;

  constructor(store: RouteStore) {
    this.#store = store;
  }

  /** Routes the peer has been sent and not been told to forget. */
  get size(): number {
    return this.#size;
  }

  /** Whether `take` may have something. */
  get pending(): boolean {
    return this.#plan !== undefined || this.#queue.length > 0;
  }

  /** Routes that cannot be sent, while there is a session. */
  *notSent(): Generator<{ readonly prefix: IpPrefix; readonly reason: NotSent }> {
    const { prefixes } = this.#store;
    for (let row = 0; row < this.#desired.length; row++) {
      const set = this.#desired[row] ?? 0;
      if (set === 0 || !this.#families.includes(prefixes.familyAt(row))) continue;
      const reason = this.#group?.refusal(set, prefixes.familyAt(row));
      if (reason !== undefined) yield { prefix: prefixes.prefixAt(row), reason };
    }
  }

  /** All the routes the peer should have, whatever was said before. The last of two for one prefix counts. */
  setRoutes(routes: Iterable<Route>): void {
    const { prefixes, sets } = this.#store;
    let named = new Uint8Array(this.#desired.length);
    for (const route of routes) {
      const row = prefixes.add(route.prefix);
      this.#want(row, sets.setOf(route));
      if (row >= named.length) named = grown(named, new Uint8Array(this.#desired.length));
      named[row] = 1;
    }
    for (let row = 0; row < this.#desired.length; row++) {
      if (this.#desired[row] !== 0 && named[row] !== 1) this.#want(row, 0);
    }
  }

  /** Some routes that the peer should have from now on, or no longer: the cost is theirs, however large the table is. */
  changeRoutes(changes: Iterable<{ readonly prefix: IpPrefix; readonly route: Route | undefined }>): void {
    const { prefixes, sets } = this.#store;
    for (const { prefix, route } of changes) {
      if (route !== undefined) {
        this.#want(prefixes.add(prefix), sets.setOf(route));
        continue;
      }
      const row = prefixes.rowOf(prefix);
      if (row >= 0) this.#want(row, 0);
    }
  }

  /** A new session: the peer has nothing. */
  open(origination: Origination, families: readonly Family[]): void {
    this.close();
    this.#group = this.#store.join(origination);
    this.#families = families;
    for (let row = 0; row < this.#desired.length; row++) if (this.#desired[row] !== 0) this.#enqueue(row);
  }

  close(): void {
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    this.#families = [];
    this.#plan = undefined;
    this.#queue.clear();
    this.#flags.fill(0);
    this.#size = 0;
    for (let row = 0; row < this.#sent.length; row++) {
      const wire = this.#sent[row] ?? WITHDRAWN;
      if (wire === WITHDRAWN) continue;
      group.use(wire, -1);
      this.#sent[row] = WITHDRAWN;
      if (this.#desired[row] === 0) this.#store.release(row);
    }
    this.#store.leave(group);
  }

  /** The peer asked for everything of one family again (RFC 2918). */
  refresh(family: Family): void {
    const { prefixes } = this.#store;
    for (let row = 0; row < this.#sent.length; row++) {
      if (this.#sent[row] === WITHDRAWN || prefixes.familyAt(row) !== family) continue;
      this.#flags[row] = (this.#flags[row] ?? 0) | AGAIN;
      this.#enqueue(row);
    }
  }

  /**
   * The next UPDATEs, `room` octets of them or a little more; fewer when that is all there is. They count as sent: the caller
   * writes them in this order, or closes.
   */
  take(room: number): readonly Uint8Array[] {
    const messages: Uint8Array[] = [];
    for (let left = room; left > 0; ) {
      const bytes = this.#next();
      if (bytes === undefined) break;
      messages.push(bytes);
      left -= bytes.length;
    }
    return messages;
  }

  #next(): Uint8Array | undefined {
    const group = this.#group;
    while (group !== undefined) {
      this.#plan ??= this.#makePlan();
      if (this.#plan === undefined) return undefined;
      const batch = this.#plan.next(group);
      if (batch === undefined) {
        this.#plan = undefined;
        continue;
      }
      const bytes = group.message(batch.wire, batch.rows, batch.length);
      group.use(batch.wire, batch.rows.length);
      for (const row of batch.rows) this.#settle(row, batch.wire, group);
      return bytes;
    }
    return undefined;
  }

  #makePlan(): UpdatePlan | undefined {
    const rows = this.#queue.take();
    if (rows.length === 0) return undefined;
    for (const row of rows) this.#flags[row] = (this.#flags[row] ?? 0) & ~QUEUED;
    return new UpdatePlan(rows, this.#store.prefixes, {
      wireOf: (row) => this.#wireOf(row),
      needs: (row, wire) => this.#needs(row, wire),
    });
  }

  /** What the peer should have of a row. */
  #wireOf(row: number): WireId {
    const set = this.#desired[row] ?? 0;
    if (set === 0 || this.#group === undefined) return WITHDRAWN;
    const family = this.#store.prefixes.familyAt(row);
    return this.#families.includes(family) ? this.#group.wireOf(set, family) : WITHDRAWN;
  }

  #needs(row: number, wire: WireId): boolean {
    return this.#sent[row] !== wire || (wire !== WITHDRAWN && ((this.#flags[row] ?? 0) & AGAIN) !== 0);
  }

  #want(row: number, set: number): void {
    if (row >= this.#desired.length) this.#grow(row);
    const before = this.#desired[row] ?? 0;
    if (before === set) return;
    const sent = this.#sent[row] ?? WITHDRAWN;
    if (before === 0 && sent === WITHDRAWN) this.#store.hold(row);
    if (set !== 0) this.#store.sets.retain(set);
    this.#desired[row] = set;
    // Before the old set may be forgotten: what comes to the same octets has to get the same id.
    this.#wireOf(row);
    if (before !== 0) this.#store.sets.release(before);
    if (set === 0 && sent === WITHDRAWN) this.#store.release(row);
    else if (this.#group !== undefined) this.#enqueue(row);
  }

  #enqueue(row: number): void {
    const flags = this.#flags[row] ?? 0;
    if ((flags & QUEUED) !== 0) return;
    this.#flags[row] = flags | QUEUED;
    this.#queue.push(row);
  }

  #settle(row: number, wire: WireId, group: UpdateGroup): void {
    const before = this.#sent[row] ?? WITHDRAWN;
    if (before === WITHDRAWN) this.#size++;
    else group.use(before, -1);
    if (wire === WITHDRAWN) this.#size--;
    this.#sent[row] = wire;
    this.#flags[row] = (this.#flags[row] ?? 0) & ~AGAIN;
    if (wire === WITHDRAWN && this.#desired[row] === 0) this.#store.release(row);
  }

  #grow(row: number): void {
    const capacity = Math.max(16, row + 1, Math.ceil(this.#desired.length * 1.5));
    this.#desired = grown(this.#desired, new Int32Array(capacity));
    this.#sent = grown(this.#sent, new Int32Array(capacity));
    this.#flags = grown(this.#flags, new Uint8Array(capacity));
  }
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
