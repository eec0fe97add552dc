import type { Move } from "../inspection/move.ts";
import type { Layer2Item, Layer2View, MembersView } from "../inspection/state-view.ts";
import { byAddress } from "./address-order.ts";
import { Recent } from "./bounded.ts";
import type { Health, Layer2HistoryView, Layer2Node, Layer2Owner, OwnerSpan } from "./model.ts";

const MOST_SPANS = 64;
/** Addresses whose past is remembered: of those that come later only the present is known. */
const MOST_ADDRESSES = 20_000;
/** A node in one of these answers for the address, or is about to. */
const HOLDS: ReadonlySet<Layer2Item["state"]> = new Set<Layer2Item["state"]>(["announcing", "holding"]);
const SHOWN_AT_ONCE = 500;

/** Who answers for which address on the LAN, now and before. */
export class Layer2Board {
  readonly #views = new Map<string, Layer2View>();
  readonly #members = new Map<string, MembersView>();
  readonly #history = new Map<string, Recent<OwnerSpan>>();
  readonly #changed = new Set<string>();
  /** Nobody answers for what these said. */
  readonly #silent = new Set<string>();
  #inConflict = 0;
  #addresses = 0;

  get counts(): { readonly addresses: number; readonly inConflict: number; readonly fenced: number } {
    const fenced = [...this.#views.keys()].filter((node) => this.isFenced(node)).length;
    return { addresses: this.#addresses, inConflict: this.#inConflict, fenced };
  }

  /** What a node says of its addresses; true when it was silent before. */
  observe(view: Layer2View): boolean {
    const wasSilent = this.#silent.delete(view.node);
    const before = new Map((this.#views.get(view.node)?.items ?? []).map((item) => [item.address, item]));
    this.#views.set(view.node, view);
    for (const item of view.items) {
      if (before.get(item.address)?.state !== item.state) this.#settle(item);
      if (wasSilent) this.#changed.add(item.address);
      before.delete(item.address);
    }
    for (const item of before.values()) this.#left(item, view.at);
    this.#recount();
    return wasSilent;
  }

  /** The node does not answer: what it said last is kept, and counts for nothing against what others say. */
  silence(node: string): void {
    this.#silent.add(node);
    for (const { address } of this.#views.get(node)?.items ?? []) this.#changed.add(address);
    this.#recount();
  }

  isSilent(node: string): boolean {
    return this.#silent.has(node);
  }

  observeMembers(view: MembersView): void {
    this.#members.set(view.node, view);
  }

  /** The node is no longer there. */
  forget(node: string, at: string): void {
    const view = this.#views.get(node);
    this.#views.delete(node);
    this.#members.delete(node);
    for (const item of view?.items ?? []) this.#left(item, at);
    this.#recount();
  }

  /** A move of a node, which says why. */
  moved({ type, node, at, addresses = [], reason, message }: Move): void {
    const why = message ?? reason;
    for (const address of addresses) {
      if (type === "answering") this.#turn(address, { node, state: "answering", start: at, reason: why });
      else if (type === "conflict") this.#turn(address, { node, state: "conflict", start: at, reason: why });
      else if (type === "silent" || type === "conflict-cleared") this.#end(address, node, { at, why });
    }
  }

  isFenced(node: string): boolean {
    return this.#views.get(node)?.fenced === true && !this.#silent.has(node);
  }

  /** The addresses that a node answers for. */
  heldBy(node: string): number {
    return (this.#views.get(node)?.items ?? []).filter(({ state }) => HOLDS.has(state)).length;
  }

  items(): readonly Layer2Item[] {
    return [...this.#views.values()].flatMap((view) => view.items);
  }

  nodes(): readonly Layer2Node[] {
    const names = [...new Set([...this.#views.keys(), ...this.#members.keys()])].sort();
    return names.map((node) => {
      const [view, members] = [this.#views.get(node), this.#members.get(node)];
      return {
        node,
        available: view?.available === true,
        fenced: this.isFenced(node),
        interfaces: (view?.interfaces ?? []).map(({ name, mac }) => ({ name, mac })),
        members: members?.items ?? [],
        memberSource: members?.source,
      };
    });
  }

  /** Every address that a node has to do with, those in trouble first. */
  owners(): readonly Layer2Owner[] {
    const owners = [...grouped(this.items())].map(([address, holders]) => this.#ownerOf(address, holders));
    return byAddress(owners, ({ address }) => address).toSorted((a, b) => WORST[a.health] - WORST[b.health]);
  }

  /** Only those that somebody else uses, in no order. */
  inConflict(): readonly Layer2Owner[] {
    const found = this.#heard().filter(({ state }) => state === "quarantined");
    return [...grouped(found)].map(([address, holders]) => ownerOf(address, holders));
  }

  history(address: string | undefined): Layer2HistoryView["addresses"] {
    const names =
      address === undefined ? byAddress([...this.#history.keys()], (one) => one).slice(0, SHOWN_AT_ONCE) : [address];
    return names.map((name) => ({ address: name, spans: this.#history.get(name)?.latest() ?? [] }));
  }

  /** Addresses whose owner changed since this was asked last. */
  takeChanges(): readonly string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** What is said by nodes that answer. */
  #heard(): readonly Layer2Item[] {
    return this.items().filter(({ node }) => !this.#silent.has(node));
  }

  /** Who had it when last heard of is told only where nobody else has it. */
  #ownerOf(address: string, holders: readonly Layer2Item[]): Layer2Owner {
    const heard = holders.filter(({ node }) => !this.#silent.has(node));
    if (heard.some(({ state }) => HOLDS.has(state) || state === "quarantined")) return ownerOf(address, heard);
    const last = holders.filter(({ node, state }) => HOLDS.has(state) && this.#silent.has(node));
    if (last.length === 0) return ownerOf(address, holders);
    const names = last.map(({ node }) => node).join(" and ");
    return { address, health: "unknown", message: `${names} had it when last heard of, and is silent now`, holders };
  }

  #settle({ address, node, state, since }: Layer2Item): void {
    const last = this.#history.get(address)?.last;
    const told = last?.node === node && last.end === undefined;
    this.#changed.add(address);
    if (HOLDS.has(state) && !(told && last.state === "answering")) {
      this.#turn(address, { node, state: "answering", start: since });
    } else if (state === "quarantined" && !(told && last.state === "conflict")) {
      this.#turn(address, { node, state: "conflict", start: since });
    }
  }

  #left({ address, node }: Layer2Item, at: string): void {
    this.#end(address, node, { at, why: undefined });
  }

  #turn(address: string, span: OwnerSpan): void {
    const spans = this.#spansOf(address);
    const last = spans?.last;
    this.#changed.add(address);
    if (spans === undefined || (last?.end === undefined && last?.node === span.node && last?.state === span.state))
      return;
    const start = last === undefined || span.start > last.start ? span.start : last.start;
    if (last !== undefined && last.end === undefined) spans.replaceLast({ ...last, end: start });
    spans.push({ ...span, start });
  }

  /** Only who answered can cease to. */
  #end(address: string, node: string, { at, why }: { readonly at: string; readonly why: string | undefined }): void {
    const spans = this.#history.get(address);
    const last = spans?.last;
    if (last === undefined || last.node !== node || last.end !== undefined) return;
    this.#turn(address, { state: "silent", start: at, reason: why });
  }

  #spansOf(address: string): Recent<OwnerSpan> | undefined {
    const known = this.#history.get(address);
    if (known !== undefined || this.#history.size >= MOST_ADDRESSES) return known;
    const spans = new Recent<OwnerSpan>(MOST_SPANS);
    this.#history.set(address, spans);
    return spans;
  }

  #recount(): void {
    const all = this.#heard();
    this.#addresses = new Set(all.filter(({ state }) => HOLDS.has(state)).map(({ address }) => address)).size;
    this.#inConflict = new Set(all.filter(({ state }) => state === "quarantined").map(({ address }) => address)).size;
  }
}

function grouped(items: readonly Layer2Item[]): ReadonlyMap<string, readonly Layer2Item[]> {
  const groups = new Map<string, Layer2Item[]>();
  for (const item of items) {
    const list = groups.get(item.address);
    if (list === undefined) groups.set(item.address, [item]);
    else list.push(item);
  }
  return groups;
}

const WORST: Readonly<Record<Health, number>> = { bad: 0, doubtful: 1, unknown: 2, good: 3, quiet: 4 };

function ownerOf(address: string, holders: readonly Layer2Item[]): Layer2Owner {
  const answering = holders.filter(({ state }) => HOLDS.has(state)).map(({ node }) => node);
  const quarantined = holders.filter(({ state }) => state === "quarantined").map(({ node }) => node);
  if (quarantined.length > 0) {
    const message = `somebody else uses it, as ${quarantined.join(" and ")} found`;
    return { address, health: "bad", message, holders };
  }
  if (answering.length > 1) {
    return { address, health: "doubtful", message: `${answering.join(" and ")} answer at the same time`, holders };
  }
  return answering.length === 1
    ? { address, health: "good", holders }
    : { address, health: "doubtful", message: "nobody answers at the moment", holders };
}
