import { describe, expect, test } from "vitest";
import { MAX_INCARNATION } from "../../src/membership/iana.ts";
import type { Body, Sender } from "../../src/membership/message.ts";
import type { SessionId } from "../../src/membership/session.ts";
import type { Update } from "../../src/membership/update.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { type Node, Simulation } from "./simulation.ts";

interface Words {
  readonly body?: Body;
  readonly updates?: readonly Update[];
  readonly sender?: Partial<Sender>;
}

function cluster(members: number): readonly [Simulation, Node, Node, Node] {
  const sim = new Simulation({ members });
  sim.join();
  sim.run(seconds(2));
  sim.observations.length = 0;
  return [sim, sim.node(0), sim.node(1), sim.node(2)];
}

/** A member with the key that says what it likes. */
function say(sim: Simulation, { from, to }: { from: Node; to: Node }, words: Words): void {
  const says = sim.lastMessage(from);
  const { body = { type: "gossip" }, updates = [] } = words;
  const sender = { ...says.message.sender, ...words.sender };
  sim.inject(to, from.place, { ...says, message: { sender, body, updates } });
}

const suspicion = (node: Node, incarnation: number, accusers: readonly number[]): Update => ({
  name: node.name,
  state: "suspect",
  incarnation,
  place: node.place,
  accusers,
});

describe("a member that lies", () => {
  test("in the highest incarnation, which cannot be outbid: who is accused does not set off a storm of contradictions", () => {
    const [sim, a, b, c] = cluster(3);
    say(sim, { from: b, to: a }, { updates: [suspicion(c, MAX_INCARNATION, [1, 2])] });
    const before = sim.sent;
    sim.run(millis(200));
    expect(sim.sent - before).toBeLessThan(200);
  });

  test("and asks for thousands of questions on its behalf gets some, and all are forgotten after two seconds", () => {
    const [sim, a, b, c] = cluster(3);
    sim.kill(c);
    const before = a.sent;
    for (let number = 1; number <= 5000; number++)
      say(sim, { from: b, to: a }, { body: { type: "ping-request", number, target: c.name, patience: 65_535 } });
    expect(a.sent - before).toBeLessThan(400);
    const nacks: number[] = [];
    sim.tap = ({ from, message }) => {
      if (from === a && message.body.type === "nack") nacks.push(message.body.number);
    };
    sim.run(millis(2100));
    expect(nacks).toHaveLength(256);
  });

  test("and answers in the place of one that is dead does not keep it alive", () => {
    const [sim, a, b, c] = cluster(3);
    sim.kill(c);
    sim.tap = ({ from, to, message: { body } }) => {
      if (from !== a || to !== c || body.type !== "ping") return;
      say(sim, { from: b, to: a }, { body: { type: "ack", number: body.number } });
    };
    sim.run(seconds(3));
    expect(sim.seenBy(a)).not.toContain(c.name);
  });

  test("and answers with a table that does not get on is not asked for ever", () => {
    const [sim, a, b] = cluster(3);
    const late = sim.add("late");
    sim.feed(late, { type: "seeds-changed", seeds: [a.place] });
    sim.run(seconds(1));
    let pages = 0;
    sim.tap = ({ from, to, message: { body } }) => {
      if (from !== late || to !== b || body.type !== "sync" || ++pages > 500) return;
      const state = { type: "state", number: body.number, seenAs: late.place, more: true } as const;
      say(sim, { from: b, to: late }, { body: state, updates: [suspicion(a, 0, [])] });
    };
    sim.run(seconds(40));
    expect(pages).toBeGreaterThan(0);
    expect(pages).toBeLessThan(20);
  });
});

describe("strangers", () => {
  /** Says something in a session that nobody has heard of. */
  const call = (sim: Simulation, to: Node, words: { session: string; name?: string; body: Body }): void => {
    const { session, name = "somebody-from-far-away", body } = words;
    const sender: Sender = { name, incarnation: 1, leaving: false, advertised: undefined };
    const message = { sender, body, updates: [] };
    sim.inject(to, sim.node(2).place, { session: session as SessionId, sequence: 1, message });
  };

  test("who send little get no answer that is longer", () => {
    const [sim, a] = cluster(3);
    const before = a.sent;
    call(sim, a, { session: "s", name: "x", body: { type: "gossip" } });
    expect(a.sent).toBe(before);
  });

  test("who go on talking without asking are asked for a proof once in a while", () => {
    const [sim, a] = cluster(3);
    const before = a.sent;
    for (let i = 0; i < 50; i++) call(sim, a, { session: "s", body: { type: "gossip" } });
    expect(a.sent - before).toBe(1);
    sim.run(millis(100));
    const later = a.sent;
    call(sim, a, { session: "s", body: { type: "gossip" } });
    expect(a.sent - later).toBe(1);
  });

  test("who claim a hundred names that others have are looked into 64 at a time, and none gets one", () => {
    const [sim, a] = cluster(3);
    sim.populate(a, 100);
    const given: number[] = [];
    sim.tap = ({ message: { body } }) => {
      if (body.type === "ack" && body.ask !== undefined) given.push(body.ask);
    };
    const before = a.sent;
    const claims = sim.seenBy(a).filter((name) => name.startsWith("worker"));
    for (const [i, name] of claims.entries()) {
      call(sim, a, { session: `s${i}`, name, body: { type: "ping", number: 1, target: a.name } });
      const body: Body = { type: "ack", number: given.at(-1) ?? 0 };
      sim.inject(a, sim.freePlace(), {
        session: `s${i}` as SessionId,
        sequence: 2,
        message: { sender: { name, incarnation: 9, leaving: false, advertised: undefined }, body, updates: [] },
      });
    }
    expect([claims.length, a.sent - before]).toEqual([100, 100 + 64]);
    expect(a.membership.report().filter(({ incarnation }) => incarnation === 9)).toEqual([]);
  });

  test("cannot prove themselves with a number that another was given", () => {
    const [sim, a] = cluster(3);
    const given: number[] = [];
    sim.tap = ({ message: { body } }) => {
      if (body.type === "ack" && body.ask !== undefined) given.push(body.ask);
    };
    call(sim, a, { session: "first", body: { type: "ping", number: 1, target: a.name } });
    const [number = 0] = given;
    call(sim, a, { session: "second", name: "second", body: { type: "ack", number } });
    expect(sim.seenBy(a)).not.toContain("second");
    call(sim, a, { session: "first", name: "first", body: { type: "ack", number } });
    expect(sim.seenBy(a)).toContain("first");
  });

  test("whose question was pushed out by others are asked again later, and lock nobody out", () => {
    const [sim, a, b, c] = cluster(3);
    const knock = (session: string): void => {
      const says = sim.lastMessage(c);
      const body = { type: "ping", number: 1, target: a.name } as const;
      sim.inject(a, c.place, { ...says, session: session as SessionId, message: { ...says.message, body } });
    };
    for (let i = 0; i < 1100; i++) knock(`stranger ${i}`);
    for (let number = 1; number <= 4096; number++)
      say(sim, { from: b, to: a }, { body: { type: "ping-request", number, target: c.name, patience: 0 } });
    sim.run(seconds(4));
    expect(sim.refused.unproven).toBe(1024);
    const newcomer = sim.add("newcomer");
    sim.feed(newcomer, { type: "seeds-changed", seeds: [a.place] });
    sim.run(seconds(1));
    expect(sim.seenBy(a)).toContain(newcomer.name);
  });
});
