import { describe, expect, test } from "vitest";
import { MAX_INCARNATION } from "../../src/membership/iana.ts";
import type { Body, Sender } from "../../src/membership/message.ts";
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
});
