import { describe, expect, it, test } from "vitest";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { Lan, macText, Node, Station, scene } from "./layer2-lan.ts";

const V4 = "10.0.0.100";
const V6 = "fd00::1:100";

function one(): { lan: Lan; node: Node; client: Station } {
  const { lan, nodes, client } = scene(1);
  const [node] = nodes;
  if (node === undefined) throw new Error("no node");
  return { lan, node, client };
}

function two(): { lan: Lan; a: Node; b: Node; client: Station } {
  const { lan, nodes, client } = scene(2);
  const [a, b] = nodes;
  if (a === undefined || b === undefined) throw new Error("no nodes");
  return { lan, a, b, client };
}

describe.each([V4, V6])("taking over %s", (address) => {
  const perRound = address === V4 ? 2 : 1;

  it("announces at once, says so, and again at 0.1, 0.3, 1, 2 and 4 s", () => {
    const { lan, node, client } = one();
    lan.clock.advance(seconds(5));
    node.hold(address);
    lan.clock.advance(millis(1));
    expect(node.told("announced")).toMatchObject([{ ip: address, interfaces: ["eth1"] }]);
    expect(client.cache.get(address)).toBe(macText(node));
    lan.clock.advance(seconds(10));
    const times = lan.sent
      .filter(({ from }) => from === "node-1")
      .map(({ at }) => Math.round((at - 5e6) / 10_000) / 100);
    expect(times).toEqual([0, 0.1, 0.3, 1, 2, 4].flatMap((at) => Array(perRound).fill(at)));
    expect(node.held(address)).toMatchObject({ state: "holding", gratuitous: 6 * perRound, interfaces: ["eth1"] });
    expect(node.told("announced")).toHaveLength(1);
  });

  it("answers from then on, and counts", () => {
    const { lan, node, client } = one();
    client.ask(address);
    lan.clock.advance(millis(1));
    expect(client.answers).toEqual([]);
    node.hold(address);
    lan.clock.advance(millis(1));
    client.ask(address);
    client.ask("10.0.0.200");
    client.probe(address);
    lan.clock.advance(millis(1));
    expect(client.answers[0]).toMatchObject({ ip: address, mac: macText(node) });
    expect(node.held(address)).toMatchObject({ requests: 2, answers: 2 });
    expect(node.inspect().dropped["not-ours"]).toBeGreaterThan(0);
  });

  it("told the same again, does nothing", () => {
    const { lan, node } = one();
    node.hold(address);
    lan.clock.advance(seconds(10));
    const before = lan.sent.length;
    node.hold(address);
    lan.clock.advance(seconds(30));
    expect(lan.sent.length).toBe(before);
  });

  it("announces once a refresh, with jitter, and never with 0", () => {
    const { lan, node } = one();
    node.hold(address, { refresh: seconds(10) });
    lan.clock.advance(seconds(10));
    const start = lan.clock.now();
    lan.clock.advance(seconds(1000));
    const rounds = lan.announcements("node-1", address, start) / perRound;
    expect(rounds).toBeGreaterThan(85);
    expect(rounds).toBeLessThan(115);
    const gaps = lan.sent.filter(({ at }) => at > start).map(({ at }, i, all) => at - (all[i - 1]?.at ?? at));
    const real = gaps.filter((gap) => gap > 0);
    expect(Math.min(...real)).toBeGreaterThanOrEqual(seconds(7.5));
    expect(Math.max(...real)).toBeLessThanOrEqual(seconds(12.5));
    node.hold(address, { refresh: micros(0) });
    const off = lan.clock.now();
    lan.clock.advance(seconds(1000));
    expect(lan.announcements("node-1", address, off)).toBe(0);
    node.hold(address, { refresh: seconds(10) });
    lan.clock.advance(seconds(13));
    expect(lan.announcements("node-1", address, off)).toBe(perRound);
  });
});

describe("letting go", () => {
  it("now: not another answer", () => {
    const { lan, node, client } = one();
    node.hold(V4);
    lan.clock.advance(seconds(10));
    node.release(V4);
    node.release(V4);
    expect(node.told("released")).toMatchObject([{ ip: V4, because: "asked" }]);
    client.ask(V4);
    lan.clock.advance(seconds(100));
    expect(client.answers).toEqual([]);
    expect(node.held(V4)).toBeUndefined();
    expect(lan.clock.armed).toBe(0);
  });

  it("an address that was never held is nothing", () => {
    const { node } = one();
    node.release(V4, "handover");
    node.engine.handle({ type: "reannounce", ips: [V4] });
    expect(node.told("released")).toEqual([]);
  });

  test.each([V4, V6])(
    "%s to a successor: somebody answers at every moment, and the old one stops when it hears the new one",
    (address) => {
      const { lan, a, b, client } = two();
      a.hold(address);
      lan.clock.advance(seconds(10));
      const start = lan.clock.now();
      let asked = 0;
      for (let ms = 0; ms < 1000; ms++) {
        if (ms === 100) a.release(address, "handover");
        if (ms === 300) b.hold(address);
        client.ask(address);
        asked++;
        lan.clock.advance(millis(1));
      }
      expect(client.answers.length).toBeGreaterThanOrEqual(asked);
      expect(a.told("released")).toMatchObject([{ because: "successor-heard" }]);
      expect(a.told("released")[0]?.at).toBeLessThan(start + millis(301));
      const late = client.answers.filter(({ at }) => at > start + millis(302));
      expect(new Set(late.map(({ mac }) => mac))).toEqual(new Set([macText(b)]));
      expect(client.cache.get(address)).toBe(macText(b));
      expect([...a.told("rival"), ...b.told("rival")]).toEqual([]);
    },
  );

  it("to nobody: stops after 2 s", () => {
    const { lan, a, client } = two();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    a.release(V4, "handover");
    lan.clock.advance(millis(1900));
    client.ask(V4);
    lan.clock.advance(millis(50));
    expect(client.answers).toHaveLength(1);
    expect(a.held(V4)?.state).toBe("releasing");
    lan.clock.advance(millis(60));
    expect(a.told("released")).toMatchObject([{ because: "successor-silent" }]);
  });

  it("is taken back by a hold, which announces again", () => {
    const { lan, a, client } = two();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    a.release(V4, "handover");
    lan.clock.advance(seconds(1));
    const back = lan.clock.now();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    expect(a.told("released")).toEqual([]);
    expect(lan.announcements("node-1", V4, back)).toBe(12);
    expect(a.told("announced")).toHaveLength(2);
    client.ask(V4);
    lan.clock.advance(millis(1));
    expect(client.answers).toHaveLength(1);
  });

  it("is heard on any of the interfaces where the address was held", () => {
    const clock = new Lan();
    const other = new Lan(clock.clock);
    const a = new Node("a", 1, [clock, other]);
    const b = new Node("b", 2, [new Lan(clock.clock), other]);
    for (const { engine } of [a, b]) engine.handle({ type: "speakers", names: ["a", "b"] });
    a.hold(V4);
    clock.clock.advance(seconds(10));
    a.release(V4, "handover");
    b.hold(V4, { interfaces: ["eth2"] });
    clock.clock.advance(millis(2));
    expect(a.told("released")).toMatchObject([{ because: "successor-heard" }]);
  });
});

describe("giving way to another speaker", () => {
  it("is told at once, not another answer; nobody is asked any more when that one goes on for a while", () => {
    const { lan, a, b, client } = two();
    a.hold(V4);
    b.hold(V4);
    lan.clock.advance(seconds(10));
    const since = lan.probes("node-1", V4);
    a.release(V4, "yield");
    expect(a.told("released")).toMatchObject([{ because: "asked" }]);
    client.ask(V4);
    lan.clock.advance(seconds(20));
    expect(client.answers.map(({ mac }) => mac)).toEqual([macText(b)]);
    expect(lan.probes("node-1", V4) - since).toBeLessThan(25);
    expect([a.told("unclaimed"), a.held(V4), a.told("released").length]).toEqual([[], undefined, 1]);
  });

  it("that is silent is told in 300 ms", () => {
    const { lan, a } = two();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    a.release(V4, "yield");
    lan.clock.advance(millis(310));
    expect(a.told("unclaimed")).toMatchObject([{ ip: V4 }]);
    expect([a.held(V4), lan.clock.armed]).toEqual([undefined, 0]);
  });

  it("an address that is taken back on an interface which is not there waits for that", () => {
    const { lan, a } = two();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    a.release(V4, "yield");
    a.hold(V4, { interfaces: ["eth9"] });
    lan.clock.advance(seconds(1));
    a.hold(V4);
    lan.clock.advance(millis(10));
    expect([a.held(V4)?.state, a.told("announced").length]).toEqual(["announcing", 2]);
  });
});

describe("two speakers that both hold an address", () => {
  it("tell it within the round, at most once a second each, and do not fight", () => {
    const { lan, a, b } = two();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    b.hold(V4);
    const start = lan.clock.now();
    lan.clock.advance(millis(2));
    expect(a.told("rival")).toMatchObject([{ ip: V4, interface: "eth1", mac: macText(b), speaker: "node-2" }]);
    lan.clock.advance(seconds(10));
    expect(a.told("rival").length).toBeLessThanOrEqual(5);
    // One round is two frames: what A sent since is at most its refresh.
    expect(lan.announcements("node-1", V4, start)).toBeLessThanOrEqual(2);
    expect(a.told("conflict")).toEqual([]);
  });

  it("after a partition that heals hear of each other by the first announcement, and the one that was told to announces again", () => {
    const { lan, a, b, client } = two();
    lan.part = (owner) => (owner === "node-2" ? "apart" : "");
    a.hold(V4);
    b.hold(V4);
    lan.clock.advance(seconds(20));
    expect([...a.told("rival"), ...b.told("rival")]).toEqual([]);
    lan.part = () => "";
    a.engine.handle({ type: "reannounce", ips: undefined });
    lan.clock.advance(millis(2));
    expect(b.told("rival")).toMatchObject([{ speaker: "node-1" }]);
    b.release(V4);
    lan.clock.advance(seconds(5));
    client.ask(V4);
    lan.clock.advance(millis(1));
    expect(client.answers.map(({ mac }) => mac)).toEqual([macText(a)]);
    expect(lan.announcements("node-1", V4, seconds(20))).toBe(12);
    expect(a.told("announced")).toHaveLength(1);
  });

  it("our own frames that a bridge brings back are nobody's", () => {
    const { lan, node } = one();
    const mirror = new Station("mirror", lan, "02:00:00:00:99:02");
    node.hold(V4);
    lan.clock.advance(seconds(10));
    for (const { frame } of lan.sent.slice(0, 4))
      lan.send({ owner: "mirror", mac: node.mac(), hears: () => false, received: () => {} }, frame);
    lan.clock.advance(seconds(1));
    expect(mirror.answers).toEqual([]);
    expect(node.told("conflict")).toEqual([]);
    expect(node.inspect().dropped.own).toBe(4);
  });
});

describe.each([V4, V6])("a stranger that uses %s", (address) => {
  function withStranger(): { lan: Lan; node: Node; client: Station; stranger: Station } {
    const stage = one();
    const stranger = new Station("stranger", stage.lan, "02:00:00:00:66:66");
    stranger.owns.add(address);
    return { ...stage, stranger };
  }

  it("is found before the first announcement: quarantine, with its address, and nothing is answered", () => {
    const { lan, node, client } = withStranger();
    node.hold(address, { probe: true });
    lan.clock.advance(seconds(5));
    expect(node.told("conflict")).toMatchObject([
      { ip: address, interface: "eth1", mac: "02:00:00:00:66:66", found: "probing", quarantined: true },
    ]);
    expect(node.told("announced")).toEqual([]);
    expect(lan.announcements("node-1", address)).toBe(0);
    client.ask(address);
    lan.clock.advance(millis(1));
    expect(client.answers.map(({ mac }) => mac)).toEqual(["02:00:00:00:66:66"]);
    expect(node.held(address)).toMatchObject({ state: "quarantined", conflicts: 1, requests: 1, answers: 0 });
  });

  it("is looked for again after 30 s, 1, 2, 4, 8 min and then every 10 min, until it is gone", () => {
    const { lan, node, stranger } = withStranger();
    node.hold(address, { probe: true });
    lan.clock.advance(seconds(3600));
    const found = node.told("conflict").map(({ at }) => at);
    const gaps = found.slice(1).map((at, i) => (at - (found[i] ?? 0)) / 1e6);
    for (const [i, least] of [30, 60, 120, 240, 480, 600, 600].entries()) {
      expect(gaps[i]).toBeGreaterThanOrEqual(least);
      expect(gaps[i]).toBeLessThan(least * 1.1 + 1);
    }
    stranger.owns.clear();
    lan.clock.advance(seconds(700));
    expect(node.told("cleared")).toHaveLength(1);
    expect(node.told("announced")).toHaveLength(1);
    expect(node.held(address)?.state).toBe("holding");
  });

  it("that is not there costs about a second", () => {
    const { lan, node } = one();
    node.hold(address, { probe: true });
    lan.clock.advance(millis(900));
    expect(node.told("announced")).toEqual([]);
    expect(node.held(address)?.state).toBe("probing");
    lan.clock.advance(millis(250));
    expect(node.told("announced")).toHaveLength(1);
    expect(node.told("cleared")).toEqual([]);
    expect(lan.probes("node-1", address)).toBe(3);
  });

  it("that wants the address at the same time gets it", () => {
    const { lan, node, stranger } = withStranger();
    stranger.owns.clear();
    node.hold(address, { probe: true });
    lan.clock.advance(millis(500));
    stranger.probe(address);
    lan.clock.advance(millis(10));
    expect(node.held(address)?.state).toBe("quarantined");
  });

  it("later, is answered once in 10 s, and told once a minute", () => {
    const { lan, node, client, stranger } = withStranger();
    stranger.owns.clear();
    node.hold(address, { refresh: micros(0) });
    lan.clock.advance(seconds(10));
    const start = lan.clock.now();
    for (let i = 0; i < 120; i++) {
      stranger.announce(address);
      lan.clock.advance(seconds(1));
    }
    const perRound = address === V4 ? 2 : 1;
    expect(lan.announcements("node-1", address, start) / perRound).toBe(12);
    expect(node.told("conflict")).toHaveLength(2);
    expect(node.told("conflict")[0]).toMatchObject({
      found: "announced",
      quarantined: false,
      mac: "02:00:00:00:66:66",
    });
    expect(node.held(address)).toMatchObject({ state: "holding", conflicts: 120 });
    stranger.announce(address);
    lan.clock.advance(millis(10));
    expect(client.cache.get(address)).toBe(macText(node));
  });

  it("is let be when conflict detection is switched off: then the address is announced", () => {
    const { lan, node } = withStranger();
    node.hold(address, { probe: true });
    lan.clock.advance(seconds(5));
    node.hold(address, { probe: true });
    expect(node.held(address)?.state).toBe("quarantined");
    node.hold(address, { probe: false });
    lan.clock.advance(seconds(5));
    expect(node.told("announced")).toHaveLength(1);
  });

  it("an unknown speaker is one, a known one is none", () => {
    const { lan, a, b } = two();
    a.engine.handle({ type: "speakers", names: ["node-1"] });
    a.hold(address, { probe: true });
    b.hold(address);
    lan.clock.advance(seconds(2));
    expect(a.told("conflict")).toMatchObject([{ quarantined: true, mac: macText(b) }]);
    a.release(address);
    a.engine.handle({ type: "speakers", names: ["node-1", "node-2"] });
    a.hold(address, { probe: true });
    lan.clock.advance(seconds(1.5));
    expect(a.told("conflict")).toHaveLength(1);
    expect(a.told("rival").length).toBeGreaterThan(0);
  });
});

describe("fenced", () => {
  it("says and answers nothing, whatever happens, and announces all when it is lifted", () => {
    const { lan, a, b, client } = two();
    a.hold(V4);
    a.hold(V6);
    a.hold("10.0.0.101", { probe: true });
    lan.clock.advance(millis(500));
    a.engine.handle({ type: "fence", on: true });
    a.engine.handle({ type: "fence", on: true });
    const start = lan.clock.now();
    a.hold("10.0.0.102");
    a.engine.handle({ type: "reannounce", ips: undefined });
    for (const address of [V4, V6, "10.0.0.101", "10.0.0.102"]) client.ask(address);
    b.hold(V4);
    a.unplug(1);
    lan.clock.advance(seconds(1));
    a.plug(1);
    lan.clock.advance(seconds(200));
    expect(lan.sent.filter(({ from, at }) => from === "node-1" && at >= start)).toEqual([]);
    expect(a.inspect().fenced).toBe(true);
    expect(a.inspect().addresses.map(({ ip: address }) => address)).toEqual([V4, V6, "10.0.0.101", "10.0.0.102"]);
    expect(a.told("rival")).toEqual([]);
    b.release(V4);
    const before = a.told("announced").length;
    a.engine.handle({ type: "fence", on: false });
    lan.clock.advance(seconds(2));
    expect(
      new Set(
        a
          .told("announced")
          .slice(before)
          .map(({ ip: address }) => address),
      ),
    ).toEqual(new Set([V4, V6, "10.0.0.101", "10.0.0.102"]));
    expect(lan.probes("node-1", "10.0.0.101")).toBeGreaterThanOrEqual(3);
  });

  it("hands nothing over", () => {
    const { lan, a } = two();
    a.hold(V4);
    lan.clock.advance(seconds(10));
    a.release(V4, "handover");
    a.engine.handle({ type: "fence", on: true });
    expect(a.told("released")).toMatchObject([{ because: "asked" }]);
  });
});

it("an address that is none is a bug of the caller", () => {
  const { node } = one();
  expect(() => node.hold("10.0.0.999")).toThrow("no address: 10.0.0.999");
});

it("closed, leaves nothing behind", () => {
  const { lan, node } = one();
  node.hold(V4);
  node.hold(V6, { probe: true });
  node.engine.close();
  expect(lan.clock.armed).toBe(0);
  expect(node.interfaces.listeners).toBe(0);
  lan.clock.advance(seconds(10));
  node.plug(1);
  expect(node.opened).toEqual(["eth1"]);
});
