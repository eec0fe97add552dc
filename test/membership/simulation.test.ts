import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/net/micros.ts";
import { type Node, Simulation, type SimulationOptions } from "./simulation.ts";

/** A cluster in which everybody knows everybody, also who they are. */
function cluster(options: SimulationOptions): Simulation {
  const sim = new Simulation(options);
  sim.join();
  until(sim, () => sim.agreed, 10);
  sim.run(seconds(2));
  sim.observations.length = 0;
  return sim;
}

function until(sim: Simulation, holds: () => boolean, most: number): number {
  const from = sim.now;
  while (!holds() && sim.now - from < seconds(most)) sim.run(millis(20));
  expect(holds()).toBe(true);
  return sim.now - from;
}

function deaths(sim: Simulation): string[] {
  return sim.observations
    .filter(({ change }) => change.to === "dead")
    .map(({ observer, change }) => `${observer}: ${change.member}`);
}

/** How long after its death the last of the others knew. */
function detection(sim: Simulation, victim: Node): number {
  const from = sim.now;
  sim.observations.length = 0;
  sim.kill(victim);
  sim.run(seconds(2));
  const known = sim.observations.filter(({ change }) => change.to === "dead" && change.member === victim.name);
  const others = sim.nodes.filter(({ alive, left }) => alive && !left).length;
  expect(new Set(known.map(({ observer }) => observer)).size).toBe(others);
  expect(deaths(sim)).toHaveLength(others);
  return Math.max(...known.map(({ at }) => at)) - from;
}

describe("a member dies", () => {
  test.each([
    [2, 6, 1000, 1000],
    [3, 25, 550, 900],
    [10, 15, 550, 900],
    [30, 6, 550, 900],
    [100, 3, 600, 900],
  ])("all %i know in time", (members, count, median, worst) => {
    const sim = cluster({ members, seed: members, loss: 0.01 });
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      sim.run(millis(37 * i));
      const victim = sim.node(i % members);
      times.push(detection(sim, victim) / 1000);
      sim.restart(victim, [sim.node((i + 1) % members).place]);
      until(sim, () => sim.agreed, 2);
      sim.run(millis(500));
    }
    times.sort((a, b) => a - b);
    expect(times[times.length >> 1]).toBeLessThan(median);
    expect(times.at(-1)).toBeLessThan(worst);
  });

  test.each([
    [3, 600],
    [3, 1500],
    [3, 2500],
    [10, 2500],
    [30, 2500],
  ])(
    "one of %i that stands still for %i ms, comes back and then dies is not waited for as long as it was slow",
    (members, stall) => {
      const sim = cluster({ members, seed: members + stall, loss: 0.01 });
      const victim = sim.node(1);
      for (const pause of [50, 300, 1000]) {
        sim.stall(victim, millis(stall));
        sim.run(millis(stall + pause));
        sim.kill(victim);
        const others = sim.nodes.filter((node) => node !== victim);
        until(sim, () => others.every((node) => !sim.seenBy(node).includes(victim.name)), 3);
        sim.restart(victim, [sim.node(0).place]);
        until(sim, () => sim.agreed, 3);
        sim.run(seconds(5));
      }
    },
  );

  test("three at once, neighbours in the ring, are all found within a second", () => {
    const sim = cluster({ members: 10, seed: 4, loss: 0.01 });
    const victims = sim.node(0).membership.report().slice(2, 5);
    for (const { name } of victims) for (const node of sim.nodes) if (node.name === name) sim.kill(node);
    expect(until(sim, () => sim.agreed, 2)).toBeLessThan(seconds(1));
  });

  test("until then it is asked again and again, and each question says what is thought of it, also when it is dead", () => {
    const sim = cluster({ members: 3, seed: 3 });
    const [asker, victim] = [sim.node(0), sim.node(2)];
    const stateOf = () => asker.membership.report().find(({ name }) => name === victim.name)?.state;
    const asked = { alive: 0, suspect: 0, dead: 0, left: 0 };
    sim.tap = ({ from, message: { body, updates } }) => {
      const state = stateOf();
      if (from !== asker || body.type !== "ping" || body.target !== victim.name || state === undefined) return;
      asked[state] += 1;
      if (state !== "alive") expect(updates[0]).toMatchObject({ name: victim.name, state });
    };
    sim.kill(victim);
    sim.run(seconds(30));
    expect(asked.suspect).toBeGreaterThanOrEqual(4);
    expect(asked.dead).toBeGreaterThan(15);
  });

  test("when only two are left, the other says so too", () => {
    const sim = cluster({ members: 3, seed: 8 });
    sim.kill(sim.node(0));
    sim.run(seconds(2));
    expect(detection(sim, sim.node(1))).toBeLessThan(seconds(1));
  });
});

describe("nobody dies", () => {
  test.each([
    ["an hour at 1 % loss, 3 members", 3, 0.01, 3600],
    ["20 minutes at 1 % loss, 10 members", 10, 0.01, 1200],
    ["4 minutes at 10 % loss, 10 members", 10, 0.1, 240],
    ["a minute at 10 % loss, 30 members", 30, 0.1, 60],
  ])("%s", (_, members, loss, duration) => {
    const sim = cluster({ members, seed: members, loss });
    sim.run(seconds(duration));
    expect(deaths(sim)).toEqual([]);
  });

  test("also where an answer takes 200 ms, because patience is measured", () => {
    const sim = cluster({ members: 5, delay: millis(90), jitter: millis(20), loss: 0.01 });
    sim.run(seconds(60));
    expect(deaths(sim)).toEqual([]);
  });

  test("a round trip that grows from 1 to 150 ms from one moment to the next kills nobody", () => {
    const sim = cluster({ members: 5 });
    sim.delay = millis(75);
    sim.run(seconds(20));
    expect(deaths(sim)).toEqual([]);
  });
});

describe("a process stands still", () => {
  test("for 300 ms: it takes nobody for dead, nor anybody it", () => {
    const sim = cluster({ members: 5, loss: 0.01 });
    for (let i = 0; i < 40; i++) {
      sim.stall(sim.node(i % 5), millis(300));
      sim.run(millis(1013));
    }
    expect(deaths(sim)).toEqual([]);
  });

  test("for longer than a timer may be late: it doubts itself before it doubts others", () => {
    const sim = cluster({ members: 5 });
    const node = sim.node(2);
    for (const [stall, health] of [
      [10, 0],
      [130, 1],
    ] as const) {
      sim.run(millis(500));
      sim.stall(node, millis(stall));
      sim.run(millis(stall));
      expect(node.membership.health).toBe(health);
    }
  });

  test("with a question on its way: what it waited for itself is not taken for the others' slowness", () => {
    const sim = cluster({ members: 3 });
    const node = sim.node(0);
    let asked = false;
    sim.tap = ({ from, message: { body } }) => {
      if (from !== node || body.type !== "ping" || asked) return;
      asked = true;
      sim.stall(node, millis(200));
    };
    for (let i = 0; i < 20; i++) {
      asked = false;
      sim.run(millis(600));
      expect(asked).toBe(true);
      for (const { name, roundTrip } of node.membership.report())
        if (name !== node.name) expect(roundTrip).toBeLessThan(2000);
    }
  });

  test("for 10 s: the others take it for dead, it takes nobody for dead, and is a member again at once", () => {
    const sim = cluster({ members: 5, loss: 0.01 });
    const node = sim.node(2);
    sim.stall(node, seconds(10));
    sim.run(seconds(10));
    expect(sim.seenBy(sim.node(0))).not.toContain(node.name);
    expect(until(sim, () => sim.agreed, 2)).toBeLessThan(millis(300));
    expect(deaths(sim).filter((death) => death.startsWith(`${node.name}:`))).toEqual([]);
    expect(new Set(deaths(sim).map((death) => death.split(": ")[1]))).toEqual(new Set([node.name]));
  });
});

describe("the network is torn", () => {
  test("two halves of 100 go on by themselves, and find each other when it heals", () => {
    const sim = cluster({ members: 100, seed: 3, loss: 0.01 });
    sim.partition((node) => sim.nodes.indexOf(node) % 2);
    until(sim, () => sim.nodes.every((node) => sim.seenBy(node).length === 50), 20);
    sim.heal();
    expect(until(sim, () => sim.agreed, 20)).toBeLessThan(seconds(5));
  });

  test("halves that have no seeds find each other too, because the dead are asked whether they are there again", () => {
    const sim = cluster({ members: 6, seed: 12 });
    for (const node of sim.nodes) sim.feed(node, { type: "seeds-changed", seeds: [] });
    sim.partition((node) => sim.nodes.indexOf(node) % 2);
    until(sim, () => sim.nodes.every((node) => sim.seenBy(node).length === 3), 20);
    sim.run(seconds(600));
    sim.heal();
    expect(until(sim, () => sim.agreed, 20)).toBeLessThan(seconds(6));
  });

  test("a member that is cut off finds itself alone in bounded time, and comes back", () => {
    const sim = cluster({ members: 10, seed: 5 });
    sim.partition((node) => (node === sim.node(3) ? 1 : 0));
    expect(until(sim, () => sim.seenBy(sim.node(3)).length === 1, 20)).toBeLessThan(seconds(12));
    expect(sim.seenBy(sim.node(0))).toHaveLength(9);
    sim.heal();
    expect(until(sim, () => sim.agreed, 20)).toBeLessThan(seconds(3));
  });

  test("packets of one pair are lost one way: others ask, and nobody is taken for dead", () => {
    const sim = cluster({ members: 5, loss: 0.01 });
    sim.block(sim.node(0), sim.node(1));
    sim.block(sim.node(2), sim.node(3));
    sim.run(seconds(120));
    expect(deaths(sim)).toEqual([]);
  });

  test("a member that hears nobody convinces nobody, and is taken for dead itself", () => {
    const sim = cluster({ members: 7, seed: 2 });
    const [deaf] = sim.nodes;
    for (const node of sim.nodes) if (deaf !== undefined && node !== deaf) sim.block(node, deaf);
    sim.run(seconds(20));
    const others = deaths(sim).filter((death) => !death.startsWith("node-0:"));
    expect(new Set(others.map((death) => death.split(": ")[1]))).toEqual(new Set(["node-0"]));
  });
});

describe("members come and go", () => {
  test("a newcomer has the whole table of 1,000 from one seed, page by page", () => {
    const sim = new Simulation({ members: 2, octets: true });
    sim.join();
    until(sim, () => sim.agreed, 2);
    sim.populate(sim.node(0), 1000);
    const late = sim.add("late");
    sim.feed(late, { type: "seeds-changed", seeds: [sim.node(0).place] });
    expect(until(sim, () => sim.seenBy(late).length >= 1000, 2)).toBeLessThan(millis(200));
  });

  test("one that says goodbye is gone at once, and suspected by nobody", () => {
    const sim = cluster({ members: 20, loss: 0.01 });
    sim.feed(sim.node(4), { type: "leave" });
    const others = sim.nodes.filter((node) => node !== sim.node(4));
    expect(until(sim, () => others.every((node) => !sim.seenBy(node).includes("node-4")), 2)).toBeLessThan(millis(100));
    sim.run(seconds(3));
    expect(sim.node(4).left).toBe(true);
    expect(deaths(sim)).toEqual([]);
  });

  test.each([
    ["at the same place, before it was missed", 0, false],
    ["at the same place, after it was found dead", 3, false],
    ["at another place, before it was missed", 0, true],
    ["at another place, after it was found dead", 3, true],
  ])("a process starts again %s: it is taken at once", (_, pause, elsewhere) => {
    const sim = cluster({ members: 6, seed: 9 });
    const node = sim.node(1);
    sim.kill(node);
    sim.run(seconds(pause));
    sim.restart(node, [sim.node(0).place, sim.node(2).place], elsewhere ? sim.freePlace() : node.place);
    expect(until(sim, () => sim.agreed, 3)).toBeLessThan(seconds(1));
    sim.run(seconds(3));
    expect(sim.agreed).toBe(true);
    const [seen] = sim
      .node(5)
      .membership.report()
      .filter(({ name }) => name === node.name);
    expect(seen?.place).toEqual(node.place);
  });

  test.each([4, 30])(
    "a process of %i whose address changes while it runs is reached at the new one, and taken for dead by nobody",
    (members) => {
      const sim = cluster({ members, seed: 6 });
      const node = sim.node(1);
      sim.move(node, sim.freePlace());
      const placeSeenBy = (other: Node) => other.membership.report().find(({ name }) => name === node.name)?.place;
      until(sim, () => sim.nodes.every((other) => other === node || placeSeenBy(other) === node.place), 3);
      sim.run(seconds(2));
      expect(deaths(sim)).toEqual([]);
    },
  );

  test("a second process with a name that is in use stays out, and that is said", () => {
    const sim = cluster({ members: 4 });
    const twin = sim.add("node-1");
    let told = 0;
    sim.tap = ({ to, message: { body } }) => {
      if (to === twin && body.type === "name-taken") told += 1;
    };
    sim.feed(twin, { type: "seeds-changed", seeds: [sim.node(0).place, sim.node(3).place] });
    sim.run(seconds(20));
    expect(told).toBeGreaterThan(0);
    expect(sim.refused["name-taken"]).toBeGreaterThan(told);
    expect(deaths(sim).filter((death) => !death.startsWith("node-1:"))).toEqual([]);
    for (const node of [sim.node(0), sim.node(2), sim.node(3)])
      expect(node.membership.report().find(({ name }) => name === "node-1")?.place).toEqual(sim.node(1).place);
  });

  test("old news of a dead member does not bring it back", () => {
    const sim = cluster({ members: 4 });
    const victim = sim.node(1);
    const report = sim
      .node(0)
      .membership.report()
      .find(({ name }) => name === "node-1");
    sim.kill(victim);
    sim.run(seconds(3));
    const update = {
      name: "node-1",
      state: "alive",
      incarnation: report?.incarnation ?? 1,
      place: victim.place,
    } as const;
    const says = sim.lastMessage(sim.node(2));
    sim.inject(sim.node(0), sim.node(2).place, {
      ...says,
      message: { ...says.message, body: { type: "gossip" }, updates: [{ ...update, accusers: [] }] },
    });
    sim.run(seconds(1));
    expect(sim.agreed).toBe(true);
  });
});

describe("somebody sends packets again", () => {
  test("everything of the last minute, to everybody: nothing changes, and each is counted", () => {
    const sim = cluster({ members: 4 });
    const recorded: Parameters<NonNullable<Simulation["tap"]>>[0][] = [];
    sim.tap = (packet) => recorded.push(packet);
    sim.kill(sim.node(3));
    sim.run(seconds(2));
    sim.restart(sim.node(3), [sim.node(0).place]);
    sim.run(seconds(10));
    sim.tap = undefined;
    sim.observations.length = 0;
    const before = sim.refused.replayed ?? 0;
    const third = sim.node(3);
    const living = recorded.filter(({ from, to }) => from !== third && to !== third);
    for (const packet of living) sim.inject(packet.to, packet.source, packet);
    sim.run(seconds(2));
    expect(sim.observations).toEqual([]);
    expect((sim.refused.replayed ?? 0) - before).toBe(living.length);
  });

  test("the words of a life that is over are not believed: a proof is asked for, and never comes", () => {
    const sim = cluster({ members: 3 });
    const recorded: Parameters<NonNullable<Simulation["tap"]>>[0][] = [];
    sim.tap = (packet) => recorded.push(packet);
    sim.kill(sim.node(2));
    sim.run(seconds(2));
    sim.tap = undefined;
    // The others start afresh and remember nothing.
    for (const node of [sim.node(0), sim.node(1)]) {
      sim.kill(node);
      sim.restart(node, [sim.node(0).place, sim.node(1).place]);
    }
    sim.run(seconds(2));
    sim.observations.length = 0;
    for (const packet of recorded) sim.inject(sim.node(0), packet.source, packet);
    sim.run(seconds(5));
    expect(sim.observations).toEqual([]);
    expect(sim.refused.unproven).toBeGreaterThan(0);
  });
});

test("every message of a busy cluster fits a packet, and reads as it was written", () => {
  const sim = new Simulation({ members: 12, loss: 0.05, octets: true });
  sim.join();
  sim.run(seconds(5));
  sim.partition((node) => sim.nodes.indexOf(node) % 2);
  sim.run(seconds(5));
  sim.heal();
  until(sim, () => sim.agreed, 5);
});
