import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Fence, type FenceEvent, type FencePolicy, newFence, stepFence } from "../../src/layer2/fence.ts";
import { type Micros, micros, seconds } from "../../src/net/micros.ts";

const after = seconds(10);

/** A speaker with a clock: says when it fences and lifts. */
class Speaker {
  fence: Fence;
  now: Micros = micros(0);
  readonly said: string[] = [];
  #wake: Micros | undefined;

  constructor(policy: FencePolicy = "both") {
    this.fence = newFence({ self: "a", policy, after }, this.now);
  }

  at(second: number): this {
    const until = seconds(second);
    while (this.#wake !== undefined && this.#wake <= until) {
      this.now = this.#wake;
      this.#wake = undefined;
      this.#step({ type: "woke", at: this.now });
    }
    this.now = until;
    return this;
  }

  heard(): this {
    return this.#step({ type: "heard", at: this.now });
  }

  members(...alive: readonly string[]): this {
    return this.#step({ type: "members", alive, at: this.now });
  }

  left(...members: readonly string[]): this {
    return this.#step({ type: "left", members, at: this.now });
  }

  #step(event: FenceEvent): this {
    const { fence, effects } = stepFence(this.fence, event);
    this.fence = fence;
    for (const effect of effects) {
      if (effect.type === "wake") this.#wake = micros(this.now + effect.after);
      else this.said.push(`${this.now / seconds(1)} ${effect.type}`);
    }
    return this;
  }
}

const three = (policy?: FencePolicy): Speaker => new Speaker(policy).members("a", "b", "c").heard();

describe("both: neither the API nor most members", () => {
  test("alone of three and without the API it is fenced 10 s after the last sign of either", () => {
    expect(three().at(1).heard().members("a").at(60).said).toEqual(["11 fence"]);
    expect(three().at(1).members("a").at(5).heard().at(60).said).toEqual(["15 fence"]);
    expect(three().at(20).members("a").at(60).said).toEqual(["30 fence"]);
  });

  test("says why, in figures", () => {
    const { fence } = three().at(1).members("a").at(60);
    expect(fence.fenced).toBe("the API has not answered for 11 s and 1 of 3 speakers are alive");
  });

  test.each<[string, (speaker: Speaker) => Speaker]>([
    ["an outage of the API alone", (s) => s.at(3600)],
    ["members gone while the API answers", (s) => s.members("a").at(8).heard().at(16).heard().at(24).heard()],
    ["one of three gone", (s) => s.members("a", "b").at(3600)],
    ["members that said goodbye", (s) => s.left("b", "c").at(3600)],
    ["goodbyes that gossip tells later than it loses them", (s) => s.members("a").at(5).left("b", "c").at(3600)],
    ["its own goodbye", (s) => s.left("a").at(3600)],
  ])("%s fences nobody", (_, happens) => {
    expect(happens(three()).said).toEqual([]);
  });

  test("a node that is alone from the start, and the last of a cluster that shrank, are never fenced", () => {
    for (const policy of ["both", "members", "api"] as const) {
      expect(new Speaker(policy).at(3600).members("a").at(7200).said).toEqual([]);
      expect(new Speaker(policy).members("a", "b", "c").left("c").left("b").at(7200).said).toEqual([]);
    }
  });

  test("of two halves neither is cut off: the survivor of two nodes goes on", () => {
    expect(new Speaker().members("a", "b").members("a").at(3600).said).toEqual([]);
    expect(new Speaker().members("a", "b", "c", "d").members("a", "b").at(3600).said).toEqual([]);
  });

  test("either of the two that comes back lifts it at once, and the time begins anew", () => {
    const fenced = (): Speaker => three().members("a").at(20);
    expect(fenced().heard().at(60).said).toEqual(["10 fence", "20 unfence", "30 fence"]);
    expect(fenced().members("a", "b").at(60).said).toEqual(["10 fence", "20 unfence"]);
    expect(fenced().left("b").at(60).said).toEqual(["10 fence", "20 unfence"]);
  });

  test("the dead are not forgotten by who is left alone: it stays fenced for as long as that lasts", () => {
    const alone = three().at(1).members("a").at(60);
    for (const second of [400, 800, 3600]) alone.at(second).members("a");
    expect(alone.said).toEqual(["11 fence"]);
  });

  test("the dead are forgotten after five minutes while most are alive: nodes may go one by one without a goodbye", () => {
    const five = new Speaker().members("a", "b", "c", "d", "e");
    five.at(1).members("a", "b", "c", "d").at(400).heard().members("a", "b", "c").at(800).heard().members("a", "b");
    expect(five.at(3600).said).toEqual([]);
    const quick = new Speaker().members("a", "b", "c", "d", "e").members("a", "b", "c", "d");
    expect(quick.at(200).members("a", "b").at(3600).said).toEqual(["210 fence"]);
  });
});

describe("other policies", () => {
  test("members: the API may answer, the majority counts", () => {
    expect(three("members").members("a").at(5).heard().at(60).said).toEqual(["10 fence"]);
  });
  test("api: all may be alive, silence counts", () => {
    expect(three("api").at(5).heard().at(60).heard().said).toEqual(["15 fence", "60 unfence"]);
  });
  test("off: nothing counts", () => {
    expect(three("off").members("a").at(3600).said).toEqual([]);
  });
});

test("whatever happens: fenced exactly while neither was seen for the time, never later than the bound", () => {
  const names = ["b", "c", "d", "e"];
  const event = fc.oneof(
    fc.constant({ type: "heard" as const }),
    fc.record({ type: fc.constant("members" as const), alive: fc.subarray(names) }),
    fc.record({ type: fc.constant("left" as const), members: fc.subarray(names) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.integer({ min: 0, max: 15 })), { maxLength: 40 }), (events) => {
      const speaker = new Speaker();
      let second = 0;
      for (const [happened, wait] of events) {
        if (happened.type === "heard") speaker.heard();
        else if (happened.type === "members") speaker.members(...happened.alive);
        else speaker.left(...happened.members);
        second += wait;
        speaker.at(second);
        const { heardAt, lostAt, fenced, known, alive } = speaker.fence;
        const cutOff = lostAt !== undefined && speaker.now - Math.max(heardAt, lostAt) >= after;
        expect(fenced !== undefined).toBe(cutOff);
        if (fenced !== undefined) expect(alive.size * 2).toBeLessThan(known.size);
      }
    }),
  );
});
