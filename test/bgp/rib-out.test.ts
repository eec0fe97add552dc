import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import { type Origination, originate } from "../../src/bgp/packing.ts";
import { AdjRibOut } from "../../src/bgp/rib-out.ts";
import { RouteStore } from "../../src/bgp/rib-store.ts";
import type { Route } from "../../src/bgp/route.ts";
import { FAMILIES, type Family } from "../../src/net/ip-address.ts";
import type { IpPrefix } from "../../src/net/ip-prefix.ts";
import { asn, ip, prefix, route } from "./values.ts";

const external: Origination = {
  internal: false,
  fourOctetAsn: true,
  localAsn: asn(64512),
  nextHops: {
    4: { address: ip("10.0.0.1"), linkLocal: undefined },
    6: { address: ip("2001:db8::1"), linkLocal: undefined },
  },
};
const internal: Origination = { ...external, internal: true };
/** A peer on another leg: other octets for the same routes. */
const elsewhere: Origination = {
  ...external,
  nextHops: { ...external.nextHops, 4: { address: ip("10.9.9.9"), linkLocal: undefined } },
};

const ALL = Number.POSITIVE_INFINITY;

/** The other end: what it has, in words, by prefix. */
class Receiver {
  readonly table = new Map<string, string>();
  /** Each message in words. */
  readonly heard: string[] = [];
  readonly octets: string[] = [];
  readonly #origination: Origination;

  constructor(origination: Origination) {
    this.#origination = origination;
  }

  hear(messages: readonly Uint8Array[]): void {
    for (const bytes of messages) {
      this.octets.push(bytes.join());
      const update = decodeUpdate(bytes.subarray(19), this.#origination);
      expect([update.verdict, update.problems]).toEqual(["accept", []]);
      const { withdrawn, announced, attributes } = interpretUpdate(update);
      const { nextHop: _, ...rest } = attributes;
      const words = JSON.stringify(rest);
      for (const gone of withdrawn) {
        // What was never announced is not withdrawn, and nothing twice.
        expect(this.table.delete(`${gone}`)).toBe(true);
        this.heard.push(`-${gone}`);
      }
      for (const added of announced.flatMap(({ prefixes }) => prefixes)) {
        this.table.set(`${added}`, words);
        this.heard.push(`+${added}`);
      }
    }
  }

  take(): readonly string[] {
    return this.heard.splice(0);
  }
}

class Peer {
  readonly rib: AdjRibOut;
  readonly desired = new Map<string, Route>();
  origination: Origination = external;
  families: readonly Family[] = FAMILIES;
  receiver: Receiver | undefined;

  constructor(store = new RouteStore()) {
    this.rib = new AdjRibOut(store);
  }

  join(origination: Origination = external, families: readonly Family[] = FAMILIES): this {
    this.origination = origination;
    this.families = families;
    this.receiver = new Receiver(origination);
    this.rib.open(origination, families);
    return this;
  }

  leave(): void {
    this.receiver = undefined;
    this.rib.close();
  }

  set(routes: readonly Route[]): this {
    this.desired.clear();
    for (const one of routes) this.desired.set(`${one.prefix}`, one);
    this.rib.setRoutes(routes);
    return this;
  }

  change(changes: readonly { readonly prefix: IpPrefix; readonly route: Route | undefined }[]): this {
    for (const { prefix: one, route: to } of changes) {
      if (to === undefined) this.desired.delete(`${one}`);
      else this.desired.set(`${one}`, to);
    }
    this.rib.changeRoutes(changes);
    return this;
  }

  drain(room = ALL, effort = ALL): readonly string[] {
    const messages = this.rib.take(room, effort);
    this.receiver?.hear(messages);
    return this.receiver?.take() ?? [];
  }

  /** What the other end should have in the end. */
  get expected(): ReadonlyMap<string, string> {
    const wanted = [...this.desired].filter(([, one]) => this.families.includes(one.prefix.family));
    return new Map(wanted.map(([key, one]) => [key, JSON.stringify(originate(one, this.origination))]));
  }
}

describe("one peer", () => {
  it("is told what differs and nothing else", () => {
    const peer = new Peer().set([route("10.0.0.1/32"), route("10.0.0.2/32"), route("10.0.0.3/32")]).join();
    expect(peer.drain()).toEqual(["+10.0.0.1/32", "+10.0.0.2/32", "+10.0.0.3/32"]);
    peer.set([route("10.0.0.2/32"), route("10.0.0.3/32", { communities: ["1:1"] }), route("10.0.0.4/32")]);
    expect(peer.drain()).toEqual(["-10.0.0.1/32", "+10.0.0.3/32", "+10.0.0.4/32"]);
    expect(peer.drain()).toEqual([]);
    expect(peer.rib.size).toBe(3);
  });

  it.each<[string, Route, Route]>([
    [
      "the order of communities",
      route("10.0.0.1/32", { communities: ["1:1", "1:2"] }),
      route("10.0.0.1/32", { communities: ["1:2", "1:1", "1:2"] }),
    ],
    ["LOCAL_PREF, which another AS is not told", route("10.0.0.1/32", { localPref: 5 }), route("10.0.0.1/32")],
    [
      "an object that says the same",
      route("10.0.0.1/32", { largeCommunities: ["1:2:3"] }),
      route("10.0.0.1/32", { largeCommunities: ["1:2:3"] }),
    ],
  ])("is told nothing when what changed is %s", (_name, before, after) => {
    const peer = new Peer().set([before]).join();
    peer.drain();
    peer.set([after]);
    expect(peer.drain()).toEqual([]);
  });

  it.each<[string, Partial<Route>]>([
    ["MED", { med: 0 }],
    ["prepends", { asPathPrepend: 1 }],
    ["link bandwidth", { linkBandwidth: 1_000_000 }],
    ["a large community", { largeCommunities: route("10.0.0.1/32", { largeCommunities: ["1:2:3"] }).largeCommunities }],
  ])("is told when what changed is %s", (_name, more) => {
    const peer = new Peer().set([route("10.0.0.1/32")]).join();
    peer.drain();
    peer.change([{ prefix: prefix("10.0.0.1/32"), route: { ...route("10.0.0.1/32"), ...more } }]);
    expect(peer.drain()).toEqual(["+10.0.0.1/32"]);
  });

  it("is told nothing of what changed and changed back before it was written", () => {
    const peer = new Peer().set([route("10.0.0.1/32"), route("10.0.0.2/32")]).join();
    peer.drain();
    peer.set([route("10.0.0.1/32", { communities: ["1:1"] }), route("10.0.0.3/32")]);
    peer.set([route("10.0.0.1/32"), route("10.0.0.2/32")]);
    expect(peer.drain()).toEqual([]);
    expect(peer.rib.pending).toBe(false);
  });

  it("is told nothing of what changed and changed back, even when nothing else had its attributes", () => {
    const peer = new Peer().set([route("10.0.0.1/32", { communities: ["7:7"] })]).join();
    peer.drain();
    peer.set([route("10.0.0.1/32")]);
    peer.set([]);
    peer.set([route("10.0.0.1/32", { communities: ["7:7"] })]);
    expect(peer.drain()).toEqual([]);
  });

  it("gets everything again after it was gone, and nothing of what went meanwhile", () => {
    const peer = new Peer().set([route("10.0.0.1/32"), route("10.0.0.2/32")]).join();
    peer.drain();
    peer.leave();
    peer.change([{ prefix: prefix("10.0.0.1/32"), route: undefined }]);
    peer.join(internal);
    expect(peer.drain()).toEqual(["+10.0.0.2/32"]);
  });

  it("gets one family again when it asks for it, once", () => {
    const peer = new Peer().set([route("10.0.0.1/32"), route("2001:db8::1/128")]).join();
    peer.drain();
    peer.rib.refresh(6);
    peer.change([{ prefix: prefix("10.0.0.1/32"), route: undefined }]);
    expect(peer.drain()).toEqual(["-10.0.0.1/32", "+2001:db8::1/128"]);
    expect(peer.drain()).toEqual([]);
    peer.rib.refresh(6);
    peer.change([{ prefix: prefix("2001:db8::1/128"), route: undefined }]);
    expect(peer.drain()).toEqual(["-2001:db8::1/128"]);
  });

  it("is told the newest state of a row that changed between two bursts", () => {
    const routes = Array.from({ length: 5000 }, (_, i) => route(`10.0.${i >> 8}.${i & 255}/32`));
    const peer = new Peer().set(routes).join();
    expect(peer.drain(1)).toHaveLength(810);
    peer.change([
      { prefix: prefix("10.0.19.0/32"), route: undefined },
      { prefix: prefix("10.0.19.1/32"), route: route("10.0.19.1/32", { communities: ["1:1"] }) },
      { prefix: prefix("10.0.0.0/32"), route: undefined },
    ]);
    const rest = peer.drain();
    expect(rest).not.toContain("+10.0.19.0/32");
    expect(rest).not.toContain("-10.0.19.0/32");
    expect(rest.filter((one) => one === "+10.0.19.1/32")).toHaveLength(1);
    expect(rest).toContain("-10.0.0.0/32");
    expect(peer.receiver?.table).toEqual(peer.expected);
  });

  it("with paths of one prefix each has an identifier before it (RFC 7911)", () => {
    const cx = { ...external, addPathSend: [4 as const] };
    const peer = new Peer().set([route("10.0.0.1/32"), route("2001:db8::/32")]).join(cx);
    const [v4, v6] = peer.rib.take(ALL);
    expect([...(v4 ?? [])].slice(-9)).toEqual([0, 0, 0, 1, 32, 10, 0, 0, 1]);
    expect([...(v6 ?? [])].length).toBe(65);
    peer.set([]);
    expect([...(peer.rib.take(1)[0] ?? [])].slice(21)).toEqual([0, 0, 0, 1, 32, 10, 0, 0, 1, 0, 0]);
  });

  it("is not told a route of one family as one of the other, when both got the same numbers while it took nothing", () => {
    const cx = { ...external, addPathSend: [4 as const] };
    const routes = [route("10.0.0.1/32"), route("10.0.0.2/32", { communities: ["1:1"] })];
    const peer = new Peer().set(routes).join(cx);
    expect(peer.rib.take(1)).toHaveLength(1);
    peer.change([{ prefix: prefix("10.0.0.2/32"), route: undefined }]);
    peer.change([{ prefix: prefix("2001:db8::/32"), route: route("2001:db8::/32", { communities: ["1:2"] }) }]);
    expect(peer.drain()).toEqual(["+2001:db8::/32"]);
  });

  it("with extended messages gets 100,000 hosts in eight (RFC 8654)", () => {
    const routes = Array.from({ length: 100_000 }, (_, i) => ({
      ...route("10.0.0.0/32"),
      prefix: prefix(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`),
    }));
    const rib = new AdjRibOut(new RouteStore());
    rib.setRoutes(routes);
    rib.open({ ...external, extendedMessages: true }, [4]);
    const messages = rib.take(ALL);
    expect(messages).toHaveLength(8);
    expect(Math.max(...messages.map(({ length }) => length))).toBeLessThanOrEqual(65_535);
  });
});

describe("peers of one group", () => {
  const routes = Array.from({ length: 2000 }, (_, i) => route(`10.0.${i >> 8}.${i & 255}/32`));

  it("share what is encoded: fifty cost the encoding of one more", () => {
    const store = new RouteStore();
    const peers = Array.from({ length: 50 }, () => new Peer(store).set(routes).join());
    for (const peer of peers) peer.receiver?.hear(peer.rib.take(ALL));
    const [group, ...others] = [...store.groups];
    expect(others).toEqual([]);
    expect([group?.members, group?.encoded]).toEqual([50, 3]);
    expect(new Set(peers.map(({ receiver }) => receiver?.octets.join("|"))).size).toBe(1);
  });

  it("are not held up by one that takes nothing, and keep nothing for it", () => {
    const store = new RouteStore();
    const [fast, slow] = [new Peer(store).set(routes).join(), new Peer(store).set(routes).join()];
    for (let i = 0; i < 100; i++) {
      const one = route("10.0.0.1/32", { communities: [`1:${i}`] });
      for (const peer of [fast, slow]) peer.change([{ prefix: one.prefix, route: one }]);
      fast.drain();
    }
    expect(fast.receiver?.table).toEqual(fast.expected);
    expect(store.sets.size).toBe(2);
    expect(slow.drain().filter((one) => one === "+10.0.0.1/32")).toHaveLength(1);
    expect(slow.receiver?.table).toEqual(slow.expected);
  });

  it("do not take a row's new prefix for its old one", () => {
    const store = new RouteStore();
    const peers = [new Peer(store).join(), new Peer(store).join()];
    const all = (routes: readonly Route[]): readonly string[] =>
      peers.map((peer) => peer.set(routes)).map((peer) => peer.drain().join());
    for (const text of ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"]) {
      expect(all([route(text)])).toEqual([`+${text}`, `+${text}`]);
      expect(all([])).toEqual([`-${text}`, `-${text}`]);
    }
    expect(store.prefixes.size).toBe(0);
  });

  it.each<[string, readonly string[], readonly string[]]>([
    ["one has more", ["10.0.0.1/32"], ["10.0.0.1/32", "10.0.0.2/32"]],
    ["the second differs", ["10.0.0.1/32", "10.0.0.2/32"], ["10.0.0.1/32", "10.0.0.3/32"]],
    ["the attributes differ", ["10.0.0.1/32"], ["10.0.0.1/32 1:1"]],
  ])("get each their own message when the first route is the same but %s", (_name, ...tables) => {
    const store = new RouteStore();
    const peers = tables.map((texts) => {
      const routes = texts
        .map((text) => text.split(" "))
        .map(([to = "", ...communities]) => route(to, { communities }));
      return new Peer(store).set(routes).join();
    });
    // In turn, so that each finds what was kept for the other.
    for (let i = 0; i < 4; i++) {
      for (const peer of peers) {
        expect(peer.drain()).toHaveLength(peer.desired.size);
        expect(peer.receiver?.table).toEqual(peer.expected);
        peer.rib.refresh(4);
      }
    }
  });

  it("keep a megabyte of messages for each other, and make again what is older", () => {
    const store = new RouteStore();
    const large = Array.from({ length: 300_000 }, (_, i) => ({
      ...route("10.0.0.0/32"),
      prefix: prefix(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`),
    }));
    const ribs = [new AdjRibOut(store), new AdjRibOut(store)];
    for (const rib of ribs) {
      rib.setRoutes(large);
      rib.open(external, [4]);
    }
    const [first = [], second = []] = ribs.map((rib) => rib.take(ALL));
    expect(second.length).toBe(first.length);
    expect(second.every((bytes, i) => Buffer.compare(bytes, first[i] ?? bytes) === 0)).toBe(true);
    expect([...store.groups].map(({ encoded }) => encoded)).toEqual([2 * first.length]);
  });

  it("leave nothing behind when they go before they were told of a withdrawal", () => {
    const store = new RouteStore();
    const peer = new Peer(store).set(routes).join();
    peer.drain();
    peer.change(routes.slice(0, 10).map((one) => ({ prefix: one.prefix, route: undefined })));
    expect(store.prefixes.size).toBe(2000);
    peer.leave();
    expect(peer.drain()).toEqual([]);
    expect(store.prefixes.size).toBe(1990);
    peer.join().drain();
    expect(peer.receiver?.table).toEqual(peer.expected);
  });

  it("leave nothing behind when they are gone", () => {
    const store = new RouteStore();
    const peers = [new Peer(store).set(routes).join(), new Peer(store).set(routes).join(internal)];
    for (const peer of peers) peer.drain();
    for (const peer of peers) {
      peer.leave();
      peer.leave();
      peer.set([]).drain();
    }
    expect([store.prefixes.size, store.sets.size, [...store.groups].length]).toEqual([0, 0, 0]);
  });
});

const anyRoute: fc.Arbitrary<Route> = fc
  .record({
    text: fc.constantFrom(
      "0.0.0.0/0",
      "10.0.0.0/8",
      "10.1.0.0/9",
      "192.0.2.0/25",
      "192.0.2.1/32",
      "192.0.2.2/32",
      "::/0",
      "2001:db8::/33",
      "2001:db8::1/128",
    ),
    localPref: fc.constantFrom(undefined, 0, 200),
    communities: fc.subarray(["1:1", "65535:0", "1:2"]),
    largeCommunities: fc.subarray(["1:1:1"]),
    med: fc.constantFrom(undefined, 5),
    huge: fc.constantFrom(false, false, false, true),
  })
  .map(({ text, localPref, med, huge, ...communities }) => ({
    ...route(text, { ...communities, ...(localPref === undefined ? {} : { localPref }) }),
    ...(huge ? { largeCommunities: Array.from({ length: 400 }, (_, i) => ({ global: i, local1: 0, local2: 0 })) } : {}),
    med,
  }));

type Move = (peers: readonly Peer[]) => void;
const anyPeer = fc.nat({ max: 3 });
const on = (peers: readonly Peer[], n: number): Peer => peers[n] ?? new Peer();
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  fc.tuple(anyPeer, fc.array(anyRoute, { maxLength: 8 })).map(
    ([n, routes]): Move =>
      (peers) =>
        void on(peers, n).set(routes),
  ),
  fc.array(anyRoute, { maxLength: 8 }).map(
    (routes): Move =>
      (peers) => {
        for (const peer of peers) peer.set(routes);
      },
  ),
  fc.tuple(anyRoute, fc.boolean()).map(
    ([one, gone]): Move =>
      (peers) => {
        for (const peer of peers) peer.change([{ prefix: one.prefix, route: gone ? undefined : one }]);
      },
  ),
  fc
    .tuple(
      anyPeer,
      fc.constantFrom(external, internal, elsewhere),
      fc.constantFrom<readonly Family[]>([4], [6], [4, 6]),
    )
    .map(
      ([n, origination, families]): Move =>
        (peers) =>
          void on(peers, n).join(origination, families),
    ),
  anyPeer.map(
    (n): Move =>
      (peers) =>
        on(peers, n).leave(),
  ),
  fc.tuple(anyPeer, fc.constantFrom<Family>(4, 6)).map(
    ([n, family]): Move =>
      (peers) =>
        on(peers, n).rib.refresh(family),
  ),
  // A slow peer: one message, and no more for now.
  fc.tuple(anyPeer, fc.constantFrom(1, ALL), fc.constantFrom(1, 100, ALL)).map(
    ([n, room, effort]): Move =>
      (peers) =>
        void on(peers, n).drain(room, effort),
  ),
);

describe("any sequence of tables, changes, joins, leaves, refreshes and slow drains", () => {
  it("ends with each peer having what it should, no more and no less, and then nothing is left to send", () => {
    fc.assert(
      fc.property(fc.array(anyMove, { maxLength: 30 }), (moves) => {
        const store = new RouteStore();
        const peers = Array.from({ length: 4 }, () => new Peer(store).join());
        for (const move of moves) move(peers);
        for (const peer of peers) {
          peer.drain();
          if (peer.receiver === undefined) continue;
          const refused = new Set([...peer.rib.notSent()].map((one) => `${one.prefix}`));
          const expected = [...peer.expected].filter(([key]) => !refused.has(key));
          expect(new Map([...peer.receiver.table].sort())).toEqual(new Map(expected.sort()));
          expect(peer.rib.size).toBe(expected.length);
          expect([peer.rib.take(ALL), peer.rib.pending]).toEqual([[], false]);
        }
        const held = new Set(peers.flatMap(({ desired }) => [...desired.keys()]));
        expect(store.prefixes.size).toBe(held.size);
      }),
      { numRuns: 500 },
    );
  });

  it("gives two members of a group that are asked for the same the same octets", () => {
    fc.assert(
      fc.property(fc.array(anyMove, { maxLength: 20 }), (moves) => {
        const store = new RouteStore();
        const peers = Array.from({ length: 4 }, () => new Peer(store));
        for (const move of moves) move(peers);
        const routes = [...on(peers, 0).desired.values()];
        for (const peer of peers) {
          peer.drain();
          peer.set(routes).join();
          peer.receiver?.hear(peer.rib.take(ALL));
        }
        expect(new Set(peers.map(({ receiver }) => receiver?.octets.join("|"))).size).toBe(1);
      }),
      { numRuns: 150 },
    );
  });
});
