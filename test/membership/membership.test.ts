import { describe, expect, test } from "vitest";
import type { Update } from "../../src/membership/update.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { type Node, Simulation } from "./simulation.ts";

function cluster(members: number): readonly [Simulation, Node, Node, Node] {
  const sim = new Simulation({ members });
  sim.join();
  sim.run(seconds(2));
  sim.observations.length = 0;
  return [sim, sim.node(0), sim.node(1), sim.node(2)];
}

/** Puts news into a member's mouth. */
function say(
  sim: Simulation,
  { from, to, type }: { from: Node; to: Node; type: "gossip" | "state" },
  updates: Update[],
) {
  const says = sim.lastMessage(from);
  const state = { type: "state", number: 1, seenAs: to.place, more: false } as const;
  const body = type === "gossip" ? ({ type } as const) : state;
  sim.inject(to, from.place, { ...says, message: { ...says.message, body, updates } });
}

function seen(node: Node, name: string) {
  return node.membership.report().find((report) => report.name === name);
}

describe("what is said of a member", () => {
  const news = (node: Node, state: Update["state"], incarnation: number): Update => ({
    name: node.name,
    state,
    incarnation,
    place: node.place,
    accusers: [],
  });

  test("news of its death is believed, and contradicted by itself at once", () => {
    const [sim, a, b, c] = cluster(3);
    say(sim, { from: b, to: a, type: "gossip" }, [news(c, "dead", 1)]);
    expect(seen(a, c.name)?.state).toBe("dead");
    sim.run(millis(300));
    expect(seen(a, c.name)).toMatchObject({ state: "alive", incarnation: 2 });
  });

  test("a death in a whole table is a suspicion, and its own word is waited for", () => {
    const [sim, a, b, c] = cluster(3);
    say(sim, { from: b, to: a, type: "state" }, [news(c, "dead", 1)]);
    expect(seen(a, c.name)?.state).toBe("suspect");
    sim.run(millis(300));
    expect(seen(a, c.name)).toMatchObject({ state: "alive", incarnation: 2 });
    expect(sim.observations).toEqual([]);
  });

  test.each<[string, Update["state"], number, string, number]>([
    ["a suspicion in a higher incarnation than is known", "suspect", 5, "suspect", 5],
    ["a goodbye", "left", 1, "left", 1],
    ["a goodbye of an earlier life", "left", 0, "alive", 1],
    ["a suspicion of an earlier life", "suspect", 0, "alive", 1],
    ["a life in a higher incarnation", "alive", 9, "alive", 9],
  ])("%s is weighed", (_, state, incarnation, expected, then) => {
    const [sim, a, b, c] = cluster(3);
    say(sim, { from: b, to: a, type: "gossip" }, [news(c, state, incarnation)]);
    expect(seen(a, c.name)).toMatchObject({ state: expected, incarnation: then });
  });

  test("who hears that it is suspect contradicts, and doubts itself; news of an earlier life are no reason to", () => {
    const [sim, a, b] = cluster(3);
    say(sim, { from: b, to: a, type: "gossip" }, [news(a, "suspect", 0)]);
    expect([seen(a, a.name)?.incarnation, a.membership.health]).toEqual([1, 0]);
    say(sim, { from: b, to: a, type: "gossip" }, [news(a, "suspect", 1)]);
    expect([seen(a, a.name)?.incarnation, a.membership.health]).toEqual([2, 1]);
  });

  test("who starts again at its place goes on from its earlier life, so that its goodbye counts", () => {
    const [sim, a, b, c] = cluster(3);
    say(sim, { from: b, to: c, type: "gossip" }, [news(c, "suspect", 4)]);
    sim.run(millis(300));
    expect(seen(a, c.name)?.incarnation).toBe(5);
    sim.restart(c, [a.place]);
    sim.run(seconds(1));
    sim.feed(c, { type: "leave" });
    sim.run(millis(100));
    expect([seen(a, c.name)?.state, seen(b, c.name)?.state]).toEqual(["left", "left"]);
  });

  test("a suspicion brings one back that was dead in an earlier life, until it is proved", () => {
    const [sim, a, b, c] = cluster(3);
    sim.kill(c);
    sim.run(seconds(2));
    say(sim, { from: b, to: a, type: "gossip" }, [{ ...news(c, "suspect", 7), accusers: [1] }]);
    expect(seen(a, c.name)?.state).toBe("suspect");
    sim.run(seconds(2));
    expect(seen(a, c.name)?.state).toBe("dead");
  });

  test("of somebody nobody knows: news of a death is kept, a death in an old table is not, a suspicion makes it known", () => {
    const [sim, a, b, c] = cluster(3);
    const stranger = (name: string, state: Update["state"]): Update => ({
      ...news(c, state, 3),
      name,
      place: sim.freePlace(),
    });
    say(sim, { from: b, to: a, type: "gossip" }, [stranger("x", "dead"), stranger("z", "suspect")]);
    say(sim, { from: b, to: a, type: "state" }, [stranger("y", "dead")]);
    expect([seen(a, "x")?.state, seen(a, "y")?.state, seen(a, "z")?.state]).toEqual(["dead", undefined, "suspect"]);
  });

  test("more members than a table holds are refused", () => {
    const [sim, a, , c] = cluster(3);
    sim.populate(a, 4100);
    expect(sim.refused["table-full"]).toBeGreaterThan(0);
    expect(seen(a, c.name)?.state).toBe("alive");
  });

  test("a dead member is forgotten after an hour", () => {
    const [sim, a, , c] = cluster(3);
    sim.kill(c);
    sim.run(seconds(3500));
    expect(seen(a, c.name)?.state).toBe("dead");
    sim.run(seconds(120));
    expect(seen(a, c.name)).toBeUndefined();
  });
});

describe("who sends a packet", () => {
  test("a session that changes its name is refused", () => {
    const [sim, a, b] = cluster(3);
    const says = sim.lastMessage(b);
    const sender = { ...says.message.sender, name: "somebody-else" };
    sim.inject(a, b.place, { ...says, message: { ...says.message, sender } });
    expect(sim.refused).toEqual({ malformed: 1 });
  });

  test("a process that is seen at two places is one process", () => {
    const [sim, a, b] = cluster(3);
    sim.inject(a, sim.freePlace(), sim.lastMessage(b));
    sim.run(seconds(2));
    expect(seen(a, b.name)?.place).toEqual(b.place);
    expect(sim.refused).toEqual({});
    expect(sim.observations).toEqual([]);
  });

  test("our own packets, come back to us, are nobody's", () => {
    const [sim, a] = cluster(3);
    sim.inject(a, a.place, sim.lastMessage(a));
    expect(sim.refused).toEqual({});
  });

  test("a stranger's question to somebody else gets no answer", () => {
    const [sim, a, b] = cluster(3);
    const sent = a.sent;
    const says = sim.lastMessage(b);
    const body = { type: "ping", number: 1, target: "node-7" } as const;
    const session = sim.add("stranger").session;
    sim.inject(a, b.place, { ...says, session, message: { ...says.message, body } });
    expect(a.sent).toBe(sent);
  });
});

test("after each step the next one is due later: time gets on", () => {
  const [sim, a] = cluster(3);
  sim.loss = 0.3;
  for (let i = 0; i < 2000; i++) {
    sim.run(millis(7));
    expect(a.membership.deadline()).toBeGreaterThan(sim.now);
  }
});

test.each([
  ["an hour back", -3600],
  ["an hour ahead", 3600],
])("a clock that jumps %s is no reason to wait, nor to judge", (_, jump) => {
  const [sim, a] = cluster(3);
  const now = micros(sim.now + seconds(jump));
  expect(a.membership.step({ type: "time-passed" }, now).filter(({ type }) => type !== "send")).toEqual([]);
  expect(a.membership.deadline()).toBeGreaterThanOrEqual(now);
  expect(a.membership.deadline()).toBeLessThan(now + millis(200));
  expect(sim.seenBy(a)).toHaveLength(3);
});

test("who leaves twice says goodbye once", () => {
  const [sim, a, b] = cluster(3);
  sim.feed(b, { type: "leave" });
  sim.feed(b, { type: "leave" });
  sim.run(seconds(1));
  expect(b.left).toBe(true);
  expect(seen(a, b.name)?.state).toBe("left");
  expect(seen(b, b.name)?.state).toBe("left");
});
