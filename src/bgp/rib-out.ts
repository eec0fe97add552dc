import type { Family } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { NotSent, Origination } from "./packing.ts";
import { TableLoad } from "./rib-load.ts";
import { type Batch, RowQueue, SLICE, UpdatePlan } from "./rib-plan.ts";
import type { RouteStore } from "./rib-store.ts";
import type { Route } from "./route.ts";
import { type UpdateGroup, WITHDRAWN, type WireId } from "./update-group.ts";

const QUEUED = 1;
/** The peer has it and asked for it again. */
const AGAIN = 2;

/** What work costs beside octets written, which cost one each: about as long. */
const EFFORT = { load: 40, drop: 40, sweep: 2, resolve: 1000 } as const;
/** Rows looked at in one go. */
const STRIDE = 1024;

/** Whether a peer has a route that it should have, or why it has not. */
export type RouteOutState = "sent" | "pending" | "no-session" | "family-not-carried" | NotSent;

/** Rows that are still to be queued: all that a new session gets, or again those of one family. */
interface Sweep {
  at: number;
  readonly again: Family | undefined;
}

/**
 * The adj-rib-out of one peer: what it should have, what it has, and the way from one to the other in messages. What takes long
 * with a large table is only noted at first; `take` does it, bit by bit.
 */
export class AdjRibOut {
  readonly #store: RouteStore;
  /** By row: the attribute set it should have, and what is on the wire. Nine octets a route and peer. */
  #desired = new Int32Array(0);
  #sent = new Int32Array(0);
  #flags = new Uint8Array(0);
  /** By wire id: rows that were sent so. */
  #uses = new Int32Array(0);
  readonly #queue = new RowQueue();
  /** Rows that a session ended with before the peer was told to forget them: nobody wants them, and they are held still. */
  readonly #left = new RowQueue();
  #load: TableLoad | undefined;
  #sweeps: readonly Sweep[] = [];
  #plan: UpdatePlan | undefined;
  #group: UpdateGroup | undefined;
  #families: readonly Family[] = [];
  #size = 0;
  #effort = 0;
  /** How many attribute sets the group had encoded when that was last paid for. */
  #resolved = 0;

  constructor(store: RouteStore) {
    this.#store = store;
  }

  /** Routes the peer has been sent and not been told to forget. */
  get size(): number {
    return this.#size;
  }

  /** Whether `take` may have something, or something to do. */
  get pending(): boolean {
    const queued = this.#queue.length > 0 || this.#left.length > 0;
    return queued || this.#plan !== undefined || this.#load !== undefined || this.#sweeps.length > 0;
  }

  /** Routes that were found impossible to send, while there is a session. */
  *notSent(): Generator<{ readonly prefix: IpPrefix; readonly reason: NotSent }> {
    const { prefixes } = this.#store;
    if (this.#group?.refuses !== true) return;
    for (let row = 0; row < this.#desired.length; row++) {
      const set = this.#setAt(row);
      if (set === 0 || !this.#families.includes(prefixes.familyAt(row))) continue;
      const reason = this.#group?.refusal(set, prefixes.familyAt(row));
      if (reason !== undefined) yield { prefix: prefixes.prefixAt(row), reason };
    }
  }

  /** How far this prefix has come on its way to the peer. */
  stateOf(prefix: IpPrefix): RouteOutState {
    const row = this.#store.prefixes.rowOf(prefix);
    if (this.#group === undefined) return "no-session";
    if (row < 0) return "pending";
    if (!this.#families.includes(prefix.family)) return "family-not-carried";
    const [set, wire] = [this.#setAt(row), this.#wireOf(row)];
    if (set !== 0 && wire === WITHDRAWN) return this.#group.refusal(set, prefix.family) ?? "pending";
    return this.#needs(row, wire) || wire === WITHDRAWN ? "pending" : "sent";
  }

  /**
   * All the routes the peer should have, whatever was said before. The last of two for one prefix counts. They are looked at when
   * there is time: a list must not change after this.
   */
  setRoutes(routes: Iterable<Route>): void {
    this.#endLoad();
    this.#load = new TableLoad(routes);
    this.#store.prefixes.reserve(this.#load.length);
  }

  /** Some routes that the peer should have from now on, or no longer: the cost is theirs, however large the table is. */
  changeRoutes(changes: Iterable<{ readonly prefix: IpPrefix; readonly route: Route | undefined }>): void {
    const { prefixes, sets } = this.#store;
    for (const { prefix, route } of changes) {
      // While a table comes in, also what is not there has to have a row: that it is gone is newer than what the table says.
      const named = route !== undefined || this.#load !== undefined;
      const row = named ? prefixes.add(prefix) : prefixes.rowOf(prefix);
      if (row < 0) continue;
      if (this.#load?.change(row) === true) this.#store.hold(row);
      this.#want(row, route === undefined ? 0 : sets.setOf(route));
    }
  }

  /** A new session: the peer has nothing. */
  open(origination: Origination, families: readonly Family[]): void {
    this.close();
    this.#group = this.#store.join(origination);
    this.#resolved = this.#group.resolved;
    this.#families = families;
    this.#sweeps = [{ at: 0, again: undefined }];
  }

  close(): void {
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    this.#families = [];
    this.#plan = undefined;
    this.#queue.clear();
    this.#sweeps = [];
    this.#flags.fill(0);
    this.#size = 0;
    for (let row = 0; row < this.#sent.length; row++) {
      if (this.#sent[row] !== WITHDRAWN && this.#desired[row] === 0) this.#left.push(row);
    }
    this.#sent.fill(WITHDRAWN);
    this.#uses.forEach((rows, wire) => {
      if (rows > 0) group.use(wire, -rows);
    });
    this.#uses.fill(0);
    this.#store.leave(group);
  }

  /** The peer asked for everything of one family again (RFC 2918). */
  refresh(family: Family): void {
    if (this.#group === undefined) return;
    this.#sweeps = [...this.#sweeps.filter(({ again }) => again !== family), { at: 0, again: family }];
  }

  /**
   * The next UPDATEs, `room` octets of them or a little more; fewer when that is all there is, or all that so much effort comes
   * to, and then `pending` stays true. They count as sent: the caller writes them in this order, or closes.
   */
  take(room: number, effort = Number.POSITIVE_INFINITY): readonly Uint8Array[] {
    const messages: Uint8Array[] = [];
    this.#effort = effort;
    for (let left = room; left > 0; ) {
      const bytes = this.#next();
      if (bytes === undefined) break;
      messages.push(bytes);
      left -= bytes.length;
    }
    return messages;
  }

  #next(): Uint8Array | undefined {
    while (this.#effort > 0) {
      this.#plan ??= this.#makePlan();
      const group = this.#group;
      if (this.#plan === undefined || group === undefined) return undefined;
      if (!this.#plan.ready) {
        this.#effort -= this.#plan.prepare(this.#effort);
        continue;
      }
      const batch = this.#plan.next(group);
      if (batch !== undefined) return this.#encode(batch, group);
      this.#plan = undefined;
    }
    return undefined;
  }

  #encode(batch: Batch, group: UpdateGroup): Uint8Array {
    const bytes = group.message(batch.wire, batch.rows, batch.length);
    this.#use(group, batch.wire, batch.rows.length);
    for (let i = 0; i < batch.rows.length; i++) this.#settle(batch.rows[i] ?? 0, batch.wire, group);
    this.#effort -= bytes.length + (batch.wire === WITHDRAWN ? EFFORT.drop * batch.rows.length : 0);
    return bytes;
  }

  #makePlan(): UpdatePlan | undefined {
    while (this.#effort > 0 && this.#queue.length < SLICE) {
      const sweep = this.#sweeps[0];
      if (this.#load !== undefined) this.#loadSome(this.#load);
      else if (sweep !== undefined) this.#sweep(sweep);
      else if (this.#left.length > 0) this.#releaseLeft();
      else break;
    }
    if (this.#effort <= 0 || this.#queue.length === 0) return undefined;
    const rows = this.#queue.take();
    // Not by iteration, here and below: that is slow until it is compiled, which is when the first routes go out.
    for (let i = 0; i < rows.length; i++) this.#unqueue(rows[i] ?? 0);
    return new UpdatePlan(rows, this.#store.prefixes, {
      wireOf: (row) => this.#wireOf(row),
      needs: (row, wire) => this.#needs(row, wire),
      toll: () => this.#toll(),
    });
  }

  #loadSome(load: TableLoad): void {
    const { prefixes, sets } = this.#store;
    for (let i = 0; i < STRIDE && this.#effort > 0; i++) {
      const route = load.nextRoute();
      if (route === undefined) {
        this.#dropUnnamed(load);
        return;
      }
      const row = prefixes.add(route.prefix);
      if (load.name(row)) this.#want(row, sets.setOf(route));
      this.#effort -= EFFORT.load + this.#toll();
    }
  }

  #dropUnnamed(load: TableLoad): void {
    for (let i = 0; i < STRIDE; i++) {
      const row = load.nextRow(this.#desired.length);
      if (row === undefined) {
        this.#endLoad();
        return;
      }
      if (this.#desired[row] === 0 || load.knows(row)) continue;
      this.#want(row, 0);
      this.#effort -= EFFORT.drop;
    }
    this.#effort -= EFFORT.sweep * STRIDE;
  }

  #releaseLeft(): void {
    const rows = this.#left.take(STRIDE);
    for (let i = 0; i < rows.length; i++) this.#store.release(rows[i] ?? 0);
    this.#effort -= EFFORT.drop * rows.length;
  }

  #endLoad(): void {
    for (const row of this.#load?.changed ?? []) this.#store.release(row);
    this.#load = undefined;
  }

  #sweep(sweep: Sweep): void {
    const end = Math.min(this.#desired.length, sweep.at + STRIDE);
    for (; sweep.at < end; sweep.at++) this.#requeue(sweep.at, sweep.again);
    if (end === this.#desired.length) this.#sweeps = this.#sweeps.filter((one) => one !== sweep);
    this.#effort -= EFFORT.sweep * STRIDE;
  }

  /** Whether the first sweep of a new session has yet to come by this row. */
  #isSwept(row: number): boolean {
    const first = this.#sweeps[0];
    return first !== undefined && first.again === undefined && row >= first.at;
  }

  #requeue(row: number, again: Family | undefined): void {
    if (again === undefined) {
      if (this.#desired[row] !== 0) this.#enqueue(row);
      return;
    }
    if (this.#sent[row] === WITHDRAWN || this.#store.prefixes.familyAt(row) !== again) return;
    this.#flags[row] = this.#flagsAt(row) | AGAIN;
    this.#enqueue(row);
  }

  /** What attribute sets cost that were encoded for the first time since this was last asked. */
  #toll(): number {
    const resolved = this.#group?.resolved ?? this.#resolved;
    const toll = (resolved - this.#resolved) * EFFORT.resolve;
    this.#resolved = resolved;
    return toll;
  }

  #setAt(row: number): number {
    return this.#desired[row] ?? 0;
  }

  #wireAt(row: number): WireId {
    return this.#sent[row] ?? WITHDRAWN;
  }

  #flagsAt(row: number): number {
    return this.#flags[row] ?? 0;
  }

  /** What the peer should have of a row. */
  #wireOf(row: number): WireId {
    const set = this.#setAt(row);
    if (set === 0 || this.#group === undefined) return WITHDRAWN;
    const family = this.#store.prefixes.familyAt(row);
    return this.#families.includes(family) ? this.#group.wireOf(set, family) : WITHDRAWN;
  }

  #needs(row: number, wire: WireId): boolean {
    return this.#sent[row] !== wire || (wire !== WITHDRAWN && (this.#flagsAt(row) & AGAIN) !== 0);
  }

  #want(row: number, set: number): void {
    if (row >= this.#desired.length) this.#grow(row);
    const before = this.#setAt(row);
    if (before === set) return;
    const sent = this.#wireAt(row);
    if (before === 0 && sent === WITHDRAWN) this.#store.hold(row);
    if (set !== 0) this.#store.sets.retain(set);
    this.#desired[row] = set;
    // Before the old set may be forgotten: what comes to the same octets has to get the same id.
    this.#wireOf(row);
    if (before !== 0) this.#store.sets.release(before);
    if (set === 0 && sent === WITHDRAWN) this.#store.release(row);
    else if (this.#group !== undefined && !this.#isSwept(row)) this.#enqueue(row);
  }

  #enqueue(row: number): void {
    const flags = this.#flagsAt(row);
    if ((flags & QUEUED) !== 0) return;
    this.#flags[row] = flags | QUEUED;
    this.#queue.push(row);
  }

  #unqueue(row: number): void {
    this.#flags[row] = this.#flagsAt(row) & ~QUEUED;
  }

  #settle(row: number, wire: WireId, group: UpdateGroup): void {
    const before = this.#wireAt(row);
    if (before === WITHDRAWN) this.#size++;
    else this.#use(group, before, -1);
    if (wire === WITHDRAWN) this.#size--;
    this.#sent[row] = wire;
    this.#flags[row] = this.#flagsAt(row) & ~AGAIN;
    if (wire === WITHDRAWN && this.#desired[row] === 0) this.#store.release(row);
  }

  #use(group: UpdateGroup, wire: WireId, rows: number): void {
    if (wire === WITHDRAWN) return;
    if (wire >= this.#uses.length) this.#uses = grown(this.#uses, new Int32Array(wire * 2));
    this.#uses[wire] = (this.#uses[wire] ?? 0) + rows;
    group.use(wire, rows);
  }

  #grow(row: number): void {
    const capacity = Math.max(16, row + 1, Math.ceil(this.#desired.length * 1.5), this.#load?.length ?? 0);
    this.#desired = grown(this.#desired, new Int32Array(capacity));
    this.#sent = grown(this.#sent, new Int32Array(capacity));
    this.#flags = grown(this.#flags, new Uint8Array(capacity));
  }
}

function grown<T extends Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
