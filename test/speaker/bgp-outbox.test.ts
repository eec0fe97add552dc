import { describe, expect, it } from "vitest";
import { Framer } from "../../src/bgp/framer.ts";
import { decodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import type { Origination } from "../../src/bgp/packing.ts";
import type { Route } from "../../src/bgp/route.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { IpPrefix } from "../../src/net/ip-prefix.ts";
import { micros, millis } from "../../src/net/micros.ts";
import { BgpOutbox } from "../../src/speaker/bgp-outbox.ts";
import { OutboxHub } from "../../src/speaker/bgp-outbox-hub.ts";
import type { BgpConnection } from "../../src/speaker/bgp-ports.ts";
import { asn, ip, prefix, route } from "../bgp/values.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const origination: Origination = {
  internal: false,
  fourOctetAsn: true,
  localAsn: asn(64512),
  nextHops: { 4: { address: ip("10.0.0.1"), linkLocal: undefined }, 6: undefined },
};

/** A connection that reads as fast as the test lets it. */
class Pipe implements BgpConnection {
  readonly localAddress = ip("10.0.0.1");
  readonly remoteAddress = ip("10.0.0.2");
  readonly localPort = 40000;
  readonly remotePort = 179;
  backlog = 0;
  most = 0;
  reads = true;
  readonly table = new Map<string, string>();
  readonly heard: string[] = [];
  readonly messages: Uint8Array[] = [];
  readonly #framer = new Framer();

  attach(): void {}
  end(): void {}
  destroy(): void {}

  write(bytes: Uint8Array): void {
    this.messages.push(bytes);
    if (!this.reads) this.backlog += bytes.length;
    this.most = Math.max(this.most, this.backlog);
    for (const { body } of this.#framer.push(bytes)) this.#hear(body);
  }

  #hear(body: Uint8Array): void {
    const { announced, withdrawn, attributes, endOfRib } = interpretUpdate(decodeUpdate(body, origination));
    if (endOfRib !== undefined) this.heard.push(`end-of-rib ${endOfRib}`);
    for (const one of withdrawn) {
      this.table.delete(`${one}`);
      this.heard.push(`-${one}`);
    }
    for (const one of announced.flatMap(({ prefixes }) => prefixes)) {
      this.table.set(`${one}`, `${attributes.communities ?? ""}`);
      this.heard.push(`+${one}`);
    }
  }
}

class Peer {
  readonly pipe = new Pipe();
  readonly outbox: BgpOutbox;

  constructor(hub: OutboxHub) {
    this.outbox = new BgpOutbox(hub);
  }

  open(): this {
    this.outbox.open({ connection: this.pipe, origination, families: [4] });
    return this;
  }

  /** The kernel takes all there is, and says so. */
  drain(): void {
    this.pipe.backlog = 0;
    this.outbox.flush();
  }
}

const hosts = (count: number): readonly Route[] =>
  Array.from({ length: count }, (_, i) => ({
    ...route("0.0.0.0/0"),
    prefix: IpPrefix.ofHost(new IpAddress(4, 0x0a000000n + BigInt(i))),
  }));

function scene(peers: number): {
  readonly clock: VirtualClock;
  readonly hub: OutboxHub;
  readonly peers: readonly Peer[];
} {
  const clock = new VirtualClock();
  const hub = new OutboxHub({ clock });
  return { clock, hub, peers: Array.from({ length: peers }, () => new Peer(hub)) };
}

const only = (peers: readonly Peer[]): Peer => {
  const [peer] = peers;
  if (peer === undefined) throw new Error("nobody is here");
  return peer;
};

describe("one peer", () => {
  it("RFC 7313 4 gets no mark of a refresh before its End-of-RIB", () => {
    const { peers } = scene(1);
    const { pipe, outbox } = only(peers);
    outbox.setRoutes(hosts(1));
    pipe.backlog = 1_000_000;
    outbox.open({ connection: pipe, origination, families: [4], marksRefresh: true });
    outbox.refresh(4);
    only(peers).drain();
    const kinds = (): readonly (number | undefined)[] => pipe.messages.splice(0).map((bytes) => bytes[18]);
    expect([pipe.heard, kinds()]).toEqual([
      ["+10.0.0.0/32", "end-of-rib 4"],
      [2, 2],
    ]);
    outbox.refresh(4);
    expect(kinds()).toEqual([5, 2, 5]);
  });

  it("gets its table and End-of-RIB at once, a change at once, and nothing when it is closed", () => {
    const { clock, peers } = scene(1);
    const { pipe, outbox } = only(peers);
    outbox.setRoutes([route("192.0.2.1/32")]);
    only(peers).open();
    expect(pipe.heard.splice(0)).toEqual(["+192.0.2.1/32", "end-of-rib 4"]);
    outbox.changeRoutes([{ prefix: prefix("192.0.2.1/32"), route: undefined }]);
    expect(pipe.heard.splice(0)).toEqual(["-192.0.2.1/32"]);
    expect([outbox.size, outbox.updates]).toEqual([0, 3]);
    outbox.close();
    outbox.setRoutes([route("192.0.2.2/32")]);
    outbox.refresh(4);
    clock.advance(millis(10));
    expect([pipe.heard, clock.armed]).toEqual([[], 0]);
  });

  it("gets End-of-RIB when there is nothing to announce, and one only", () => {
    const { clock, peers } = scene(1);
    const { pipe, outbox } = only(peers).open();
    clock.advance(millis(10));
    outbox.setRoutes([route("192.0.2.1/32")]);
    expect(pipe.heard).toEqual(["end-of-rib 4", "+192.0.2.1/32"]);
  });

  it("is not written to beyond its backlog, whatever the table, and goes on when it reads", () => {
    const { clock, peers } = scene(1);
    const peer = only(peers);
    peer.pipe.reads = false;
    peer.outbox.setRoutes(hosts(100_000));
    peer.open();
    clock.advance(millis(100));
    const most = 400 * 1024;
    expect(peer.pipe.table.size).toBeGreaterThan(40_000);
    expect(peer.pipe.most).toBeLessThan(most);
    for (let i = 0; i < 1_000; i++) {
      peer.outbox.changeRoutes([
        { prefix: prefix("192.0.2.1/32"), route: route("192.0.2.1/32", { communities: [`1:${i}`] }) },
      ]);
    }
    expect(peer.pipe.most).toBeLessThan(most);
    expect(peer.pipe.heard).not.toContain("end-of-rib 4");
    for (let i = 0; i < 20; i++) {
      peer.drain();
      clock.advance(millis(1));
    }
    expect(peer.pipe.table.size).toBe(100_001);
    expect(peer.pipe.heard.filter((one) => one === "+192.0.2.1/32")).toHaveLength(1);
    expect(peer.pipe.heard.at(-1)).toBe("end-of-rib 4");
    expect(peer.pipe.most).toBeLessThan(most);
  });

  it("gets changes that come in a rush together, and the first of them at once", () => {
    const { clock, peers } = scene(1);
    const { pipe, outbox } = only(peers).open();
    clock.advance(millis(1));
    const before = outbox.updates;
    for (const one of hosts(1_000)) outbox.changeRoutes([{ prefix: one.prefix, route: one }]);
    expect(pipe.heard).toContain("+10.0.0.0/32");
    clock.advance(millis(1));
    expect(pipe.table.size).toBe(1_000);
    expect(outbox.updates - before).toBeLessThan(12);
  });

  it("gives its rows back when it is disposed of", () => {
    const { hub, peers } = scene(1);
    const peer = only(peers).open();
    peer.outbox.setRoutes(hosts(10));
    peer.outbox.dispose();
    expect(hub.store.prefixes.size).toBe(0);
  });
});

describe("a table that takes several turns", () => {
  /** A hub whose writers are given one burst a turn: looking at the clock takes longer than a turn may. */
  function slowHub(): { readonly hub: OutboxHub; readonly turn: () => void } {
    let now = 0;
    const turns: (() => void)[] = [];
    const clock = {
      now: () => {
        now += 10_000;
        return micros(now);
      },
      after: (_delay: unknown, fire: () => void) => {
        turns.push(fire);
        return { cancel: () => turns.splice(turns.indexOf(fire), 1) };
      },
    };
    return { hub: new OutboxHub({ clock }), turn: () => turns.shift()?.() };
  }

  it("is taken in before there is a session, a share of each turn", () => {
    const { hub, turn } = slowHub();
    const { outbox } = new Peer(hub);
    outbox.setRoutes(hosts(5_000));
    const first = hub.store.prefixes.size;
    expect([first > 0, first < 5_000]).toEqual([true, true]);
    for (let i = 0; i < 20; i++) turn();
    expect([hub.store.prefixes.size, outbox.pending]).toEqual([5_000, false]);
  });

  it("is whole before its End-of-RIB, when the session comes or goes while it is taken in", () => {
    const { hub, turn } = slowHub();
    const peer = new Peer(hub);
    peer.outbox.setRoutes(hosts(5_000));
    peer.open();
    expect(peer.pipe.heard).not.toContain("end-of-rib 4");
    peer.outbox.close();
    turn();
    expect(hub.store.prefixes.size).toBeGreaterThan(0);
    const again = new Peer(hub);
    again.outbox.setRoutes(hosts(5_000));
    again.open();
    for (let i = 0; i < 60; i++) turn();
    expect([again.pipe.table.size, again.pipe.heard.at(-1)]).toEqual([5_000, "end-of-rib 4"]);
  });
});

describe("several peers", () => {
  it("do not wait for one that reads nothing", () => {
    const { clock, peers } = scene(3);
    const [slow, ...fast] = peers;
    if (slow === undefined) throw new Error("nobody is here");
    slow.pipe.reads = false;
    const routes = hosts(80_000);
    for (const { outbox } of peers) outbox.setRoutes(routes);
    for (const peer of peers) peer.open();
    clock.advance(millis(20));
    for (const { pipe } of fast) expect([pipe.table.size, pipe.heard.at(-1)]).toEqual([80_000, "end-of-rib 4"]);
    expect(slow.pipe.table.size).toBeLessThan(80_000);
    const change = [{ prefix: prefix("192.0.2.1/32"), route: route("192.0.2.1/32") }];
    for (const { outbox } of peers) outbox.changeRoutes(change);
    for (const { pipe } of fast) expect(pipe.heard.at(-1)).toBe("+192.0.2.1/32");
    for (let i = 0; i < 20; i++) {
      slow.drain();
      clock.advance(millis(1));
    }
    expect(slow.pipe.table.size).toBe(80_001);
  });

  it("are given the very same octets, not copies", () => {
    const { clock, peers } = scene(50);
    const routes = hosts(3_000);
    for (const { outbox } of peers) outbox.setRoutes(routes);
    for (const peer of peers) peer.open();
    clock.advance(millis(50));
    const [first, second] = peers.slice(10, 12).map(({ pipe }) => pipe.messages.filter(({ length }) => length > 23));
    expect(first).toHaveLength(4);
    expect(first?.every((bytes, i) => bytes === second?.[i])).toBe(true);
    for (const { pipe } of peers) expect(pipe.table.size).toBe(3_000);
  });

  it("take turns: no turn of the event loop is longer than its share", () => {
    let now = 0;
    const turns: (() => void)[] = [];
    const clock = {
      now: () => micros(now),
      after: (_delay: unknown, fire: () => void) => {
        turns.push(fire);
        return { cancel: () => turns.splice(turns.indexOf(fire), 1) };
      },
    };
    const hub = new OutboxHub({ clock });
    const peers = Array.from({ length: 10 }, () => new Peer(hub));
    const routes = hosts(20_000);
    for (const { outbox, pipe } of peers) {
      outbox.setRoutes(routes);
      const { write } = pipe;
      // Each message takes a while to make.
      pipe.write = (bytes) => {
        now += 100;
        write.call(pipe, bytes);
      };
    }
    const lengths: number[] = [];
    const turn = (work: () => void): void => {
      const start = now;
      work();
      lengths.push(now - start);
    };
    turn(() => {
      for (const peer of peers) peer.open();
    });
    for (let next = turns.shift(); next !== undefined; next = turns.shift()) turn(next);
    expect(Math.max(...lengths)).toBeLessThan(10_000);
    for (const { pipe } of peers) expect([pipe.table.size, pipe.heard.at(-1)]).toEqual([20_000, "end-of-rib 4"]);
  });

  it("may close in the midst of it all", () => {
    const { clock, peers } = scene(2);
    for (const { outbox } of peers) outbox.setRoutes(hosts(60_000));
    for (const peer of peers) peer.open();
    only(peers).outbox.close();
    const heard = only(peers).pipe.heard.length;
    clock.advance(millis(50));
    expect(only(peers).pipe.heard).toHaveLength(heard);
    expect(peers[1]?.pipe.table.size).toBe(60_000);
    peers[1]?.outbox.close();
    clock.advance(millis(1));
    expect(clock.armed).toBe(0);
  });
});
