import { describe, expect, it } from "vitest";
import { Framer } from "../../src/bgp/framer.ts";
import { decodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import type { Origination } from "../../src/bgp/packing.ts";
import { AdjRibIn } from "../../src/bgp/rib.ts";
import { AdjRibOut } from "../../src/bgp/rib-out.ts";
import { RouteStore } from "../../src/bgp/rib-store.ts";
import type { Route } from "../../src/bgp/route.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { IpPrefix } from "../../src/net/ip-prefix.ts";
import { asn, ip, prefix, route } from "./values.ts";

const external: Origination = {
  internal: false,
  fourOctetAsn: true,
  localAsn: asn(64512),
  nextHops: { 4: { address: ip("10.0.0.1"), linkLocal: undefined }, 6: undefined },
};
const ALL = Number.POSITIVE_INFINITY;
const SOME = 64 * 1024;
/** Work that no table, however large, may be taken in by at once. */
const LITTLE = 2_000;

const plain = route("0.0.0.0/0");
const hosts = (count: number): readonly Route[] =>
  Array.from({ length: count }, (_, i) => ({
    ...plain,
    prefix: IpPrefix.ofHost(new IpAddress(4, 0x0a000000n + BigInt(i))),
  }));

/** What the peer has after these messages. */
class Peer {
  readonly rib: AdjRibOut;
  readonly table = new AdjRibIn(ALL);

  constructor(store: RouteStore) {
    this.rib = new AdjRibOut(store);
  }

  hear(messages: readonly Uint8Array[]): void {
    for (const bytes of messages)
      for (const { body } of new Framer().push(bytes)) this.table.apply(interpretUpdate(decodeUpdate(body, external)));
  }

  drain(): readonly string[] {
    while (this.rib.pending) this.hear(this.rib.take(SOME, SOME));
    return [...this.table.routes].map((one) => `${one.prefix}`).toSorted();
  }
}

describe("a table of any size", () => {
  it("is taken in, queued, sorted, sent, sent again and withdrawn in small steps", () => {
    const store = new RouteStore();
    const { rib } = new Peer(store);
    const routes = hosts(100_000);
    const steps = (room = SOME): readonly number[] => {
      const counts: number[] = [];
      while (rib.pending) counts.push(rib.take(room, SOME).reduce((sum, { length }) => sum + length, 0));
      return counts;
    };
    rib.setRoutes(routes);
    expect(store.prefixes.size).toBe(0);
    const sizes: number[] = [];
    while (rib.pending) {
      const before = store.prefixes.size;
      rib.take(SOME, SOME);
      sizes.push(store.prefixes.size - before);
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(LITTLE);
    rib.open(external, [4]);
    expect(rib.take(0)).toEqual([]);
    const first = steps();
    expect([first.length > 10, Math.max(...first) <= SOME + 4096, rib.size]).toEqual([true, true, 100_000]);
    rib.refresh(4);
    expect(steps().length).toBeGreaterThan(10);
    rib.setRoutes([]);
    expect(steps().length).toBeGreaterThan(10);
    expect([rib.size, store.prefixes.size, store.sets.size]).toEqual([0, 0, 0]);
  });

  it("is let go in small steps when the session is lost in the midst of withdrawing it", () => {
    const store = new RouteStore();
    const { rib } = new Peer(store);
    rib.setRoutes(hosts(100_000));
    rib.open(external, [4]);
    rib.take(ALL);
    rib.setRoutes([]);
    rib.take(1);
    const sizes = [store.prefixes.size];
    rib.close();
    sizes.push(store.prefixes.size);
    // The next session is there before the last one's rows are all gone.
    rib.open(external, [4]);
    while (rib.pending) {
      expect(rib.take(SOME, SOME)).toEqual([]);
      sizes.push(store.prefixes.size);
    }
    const steps = sizes.slice(1).map((size, i) => (sizes[i] ?? 0) - size);
    expect(Math.max(...steps)).toBeLessThanOrEqual(2 * LITTLE);
    expect([store.prefixes.size, store.sets.size]).toEqual([0, 0]);
  });

  it("may be anything that gives routes", () => {
    const peer = new Peer(new RouteStore());
    peer.rib.open(external, [4]);
    peer.rib.setRoutes(new Set(hosts(3)));
    expect(peer.drain()).toEqual(["10.0.0.0/32", "10.0.0.1/32", "10.0.0.2/32"]);
  });

  it("of as many attribute sets as routes is sent in small steps too", () => {
    const { rib } = new Peer(new RouteStore());
    rib.setRoutes(hosts(5_000).map((one, i) => ({ ...one, med: i })));
    rib.open(external, [4]);
    const counts: number[] = [];
    while (rib.pending) counts.push(rib.take(SOME, SOME).length);
    expect(counts.length).toBeGreaterThan(50);
    expect(rib.size).toBe(5_000);
  });
});

describe("while a table comes in", () => {
  const table = [...hosts(5_000)];
  const first = prefix("10.0.0.0/32");
  const last = prefix("10.0.19.135/32");
  const extra = prefix("192.0.2.1/32");

  /** A peer that is up and has half of the table. */
  function halfway(store = new RouteStore()): Peer {
    const peer = new Peer(store);
    peer.rib.open(external, [4]);
    peer.rib.setRoutes(table);
    peer.hear(peer.rib.take(SOME, SOME));
    return peer;
  }

  it("what changes is newer than what the table says", () => {
    const peer = halfway();
    const med = { ...plain, med: 7 };
    peer.rib.changeRoutes([
      { prefix: first, route: undefined },
      { prefix: last, route: undefined },
      { prefix: prefix("10.0.19.134/32"), route: { ...med, prefix: prefix("10.0.19.134/32") } },
      { prefix: extra, route: { ...med, prefix: extra } },
    ]);
    expect(peer.drain()).toHaveLength(4_999);
    const odd = [...peer.table.routes].filter(({ attributes }) => attributes.med === 7);
    expect(odd.map((one) => `${one.prefix}`).toSorted()).toEqual(["10.0.19.134/32", "192.0.2.1/32"]);
    expect(peer.table.size).toBe(4_999);
  });

  it("the last of several changes counts, and one that is undone leaves nothing behind", () => {
    const store = new RouteStore();
    const peer = halfway(store);
    for (const to of [{ ...plain, prefix: extra }, undefined, { ...plain, prefix: extra }, undefined]) {
      peer.rib.changeRoutes([{ prefix: extra, route: to }]);
    }
    expect(peer.drain()).not.toContain(`${extra}`);
    expect(store.prefixes.rowOf(extra)).toBe(-1);
  });

  it("the number of a route that is gone does not come to mean another peer's", () => {
    const store = new RouteStore();
    const peer = halfway(store);
    const other = new Peer(store);
    other.rib.open(external, [4]);
    peer.rib.changeRoutes([{ prefix: first, route: undefined }]);
    other.rib.changeRoutes([{ prefix: extra, route: { ...plain, prefix: extra } }]);
    const wanted = [...table.slice(1).map((one) => `${one.prefix}`)].toSorted();
    expect([other.drain(), peer.drain()]).toEqual([[`${extra}`], wanted]);
  });

  it("another table takes its place", () => {
    const store = new RouteStore();
    const peer = halfway(store);
    peer.rib.changeRoutes([{ prefix: extra, route: { ...plain, prefix: extra } }]);
    peer.rib.setRoutes(table.slice(0, 2));
    expect(peer.drain()).toEqual(["10.0.0.0/32", "10.0.0.1/32"]);
    expect(store.prefixes.size).toBe(2);
  });

  it("the session may go and come again", () => {
    const peer = halfway();
    peer.rib.close();
    peer.table.clear();
    peer.rib.open(external, [4]);
    expect(peer.drain()).toHaveLength(5_000);
  });
});
