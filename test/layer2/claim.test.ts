import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type Claim,
  type ClaimEffect,
  type ClaimEvent,
  type ClaimState,
  initialClaim,
  stanceOf,
  step,
} from "../../src/layer2/claim.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";

const STRANGER = { interface: "eth0", mac: "02:00:00:00:66:66", speaker: undefined };
const SPEAKER = { interface: "eth0", mac: "02:00:00:00:00:02", speaker: "node-2" };
const SETTINGS = { refresh: seconds(60), probe: false };

const heard = (what: "announcement" | "probe", by: typeof STRANGER | typeof SPEAKER): ClaimEvent => ({
  type: "heard",
  what,
  by,
});

/** Plays events in order, one a millisecond; what came of them. */
function play(events: readonly ClaimEvent[], start: Claim = initialClaim(SETTINGS, false, micros(0))) {
  let claim = start;
  const effects: ClaimEffect[] = [];
  for (const [i, event] of events.entries()) {
    const next = step(claim, event, { now: micros(start.since + i * 1000), chance: 0.5 });
    claim = next.claim;
    effects.push(...next.effects);
  }
  return { claim, effects, words: effects.map(({ type }) => type) };
}

const audible: ClaimEvent = { type: "became-audible" };
const spoken: ClaimEvent = { type: "spoken" };

/** A claim in each state. */
const IN: Record<ClaimState, Claim> = {
  probing: play([audible], initialClaim({ ...SETTINGS, probe: true }, false, micros(0))).claim,
  announcing: play([audible, spoken]).claim,
  holding: { ...play([audible]).claim, state: "holding", wakeAt: seconds(60), told: true },
  releasing: play([audible, spoken, { type: "released", how: "handover" }]).claim,
  quarantined: play([audible, heard("probe", STRANGER)], initialClaim({ ...SETTINGS, probe: true }, false, micros(0)))
    .claim,
  yielded: play([audible, spoken, { type: "released", how: "yield" }]).claim,
};

describe("step(): what follows from what, in each state", () => {
  test.each<[ClaimState, string, ClaimEvent, ClaimState, readonly ClaimEffect["type"][]]>([
    ["probing", "a stranger's announcement", heard("announcement", STRANGER), "quarantined", ["report-conflict"]],
    ["probing", "a stranger's probe", heard("probe", STRANGER), "quarantined", ["report-conflict"]],
    ["probing", "a speaker's announcement", heard("announcement", SPEAKER), "probing", ["report-rival"]],
    ["probing", "a speaker's probe", heard("probe", SPEAKER), "probing", []],
    ["probing", "a release", { type: "released", how: "handover" }, "probing", ["end"]],
    ["probing", "a reannouncement", { type: "reannounced" }, "probing", []],
    ["probing", "no more probing", { type: "held", settings: SETTINGS }, "announcing", ["speak"]],
    [
      "announcing",
      "a stranger's announcement",
      heard("announcement", STRANGER),
      "announcing",
      ["speak", "report-conflict"],
    ],
    ["announcing", "a stranger's probe", heard("probe", STRANGER), "announcing", []],
    ["announcing", "a speaker's announcement", heard("announcement", SPEAKER), "announcing", ["report-rival"]],
    ["announcing", "a hand-over", { type: "released", how: "handover" }, "releasing", []],
    ["announcing", "a release", { type: "released", how: "now" }, "announcing", ["end"]],
    ["announcing", "a reannouncement", { type: "reannounced" }, "announcing", ["speak"]],
    ["announcing", "the same again", { type: "held", settings: SETTINGS }, "announcing", []],
    ["holding", "a stranger's announcement", heard("announcement", STRANGER), "holding", ["speak", "report-conflict"]],
    ["holding", "a stranger's probe", heard("probe", STRANGER), "holding", []],
    ["holding", "a speaker's announcement", heard("announcement", SPEAKER), "holding", ["report-rival"]],
    ["holding", "a speaker's probe", heard("probe", SPEAKER), "holding", []],
    ["holding", "a hand-over", { type: "released", how: "handover" }, "releasing", []],
    ["holding", "a reannouncement", { type: "reannounced" }, "announcing", ["speak"]],
    ["holding", "that something was sent", spoken, "holding", []],
    ["holding", "another interface", audible, "holding", []],
    [
      "announcing",
      "that it is left to a rival",
      { type: "released", how: "yield" },
      "yielded",
      ["report-yielded", "speak"],
    ],
    ["releasing", "a speaker's announcement just after our own", heard("announcement", SPEAKER), "releasing", []],
    ["releasing", "a speaker's probe", heard("probe", SPEAKER), "releasing", []],
    ["releasing", "a stranger's announcement", heard("announcement", STRANGER), "releasing", []],
    ["releasing", "a second hand-over", { type: "released", how: "handover" }, "releasing", []],
    ["releasing", "a release", { type: "released", how: "now" }, "releasing", ["end"]],
    ["releasing", "a hold", { type: "held", settings: SETTINGS }, "announcing", ["speak"]],
    ["releasing", "a reannouncement", { type: "reannounced" }, "releasing", []],
    ["releasing", "the fence", { type: "fenced" }, "releasing", ["end"]],
    ["yielded", "a speaker's announcement", heard("announcement", SPEAKER), "yielded", []],
    ["yielded", "a stranger's announcement", heard("announcement", STRANGER), "yielded", []],
    ["yielded", "a speaker's probe", heard("probe", SPEAKER), "yielded", []],
    ["yielded", "a hold", { type: "held", settings: SETTINGS }, "announcing", ["speak"]],
    ["yielded", "a release", { type: "released", how: "now" }, "yielded", ["forget"]],
    ["yielded", "a reannouncement", { type: "reannounced" }, "yielded", []],
    ["yielded", "the fence", { type: "fenced" }, "yielded", ["forget"]],
    ["yielded", "the loss of its last interface", { type: "became-inaudible" }, "yielded", []],
    ["yielded", "an interface again", audible, "yielded", ["forget"]],
    ["quarantined", "a stranger's announcement", heard("announcement", STRANGER), "quarantined", []],
    ["quarantined", "a speaker's announcement", heard("announcement", SPEAKER), "quarantined", []],
    ["quarantined", "a hand-over", { type: "released", how: "handover" }, "quarantined", ["end"]],
    ["quarantined", "a reannouncement", { type: "reannounced" }, "quarantined", []],
    ["quarantined", "no more probing", { type: "held", settings: SETTINGS }, "announcing", ["report-cleared", "speak"]],
  ])("%s: %s", (state, _what, event, to, effects) => {
    expect(IN[state].state).toBe(state);
    const next = play([event], IN[state]);
    expect(next.claim.state).toBe(to);
    expect(next.words).toEqual(effects);
  });

  it("a defence between two rounds of the burst is not one of them", () => {
    const between = IN.announcing;
    expect(between.wakeAt).toBeDefined();
    expect(play([spoken], between).claim).toEqual({ ...between, spokenAt: between.since });
  });

  it("a probe does not come to its end while nothing can be heard", () => {
    const asked: Claim = { ...IN.probing, round: 3, wakeAt: seconds(1) };
    const deaf = play([{ type: "became-inaudible" }], asked).claim;
    const later = step(deaf, { type: "time-passed" }, { now: seconds(2), chance: 0 });
    expect(later.claim).toMatchObject({ state: "probing", wakeAt: undefined });
    expect(play([audible], deaf).claim).toMatchObject({ state: "probing", round: 0 });
  });

  test.each<[ClaimState, string]>([
    ["probing", "silent"],
    ["announcing", "answer"],
    ["holding", "answer"],
    ["releasing", "yield"],
    ["yielded", "silent"],
    ["quarantined", "silent"],
  ])("%s: the stance is %s, and silent behind the fence", (state, stance) => {
    expect(stanceOf(IN[state])).toBe(stance);
    expect(stanceOf({ ...IN[state], fenced: true })).toBe("silent");
  });
});

describe("a successor that is heard", () => {
  const said: Claim = { ...IN.releasing, spokenAt: IN.releasing.since };
  const at = (claim: Claim, event: ClaimEvent, ms: number) =>
    step(claim, event, { now: micros(said.since + ms * 1000), chance: 0 });

  it("long after our own last announcement ends the hand-over at once", () => {
    expect(at(said, heard("announcement", SPEAKER), 400).effects).toEqual([
      { type: "end", because: "successor-heard" },
    ]);
  });

  it("while it may still give way to our own ends it when that time is over", () => {
    const { claim } = at(said, heard("announcement", SPEAKER), 100);
    expect(at(claim, { type: "time-passed" }, 400).effects).toEqual([{ type: "end", because: "successor-heard" }]);
  });

  it("and then asks whether it may have the address has given way: it is waited for again", () => {
    const { claim } = at(said, heard("announcement", SPEAKER), 100);
    const waits = at(claim, heard("probe", SPEAKER), 300).claim;
    expect(at(waits, { type: "time-passed" }, 400).effects).toEqual([]);
    expect(at(waits, heard("announcement", SPEAKER), 600).effects).toEqual([
      { type: "end", because: "successor-heard" },
    ]);
    expect(at(waits, { type: "time-passed" }, 2000).effects).toEqual([{ type: "end", because: "successor-silent" }]);
  });
});

describe("a thread that was stalled", () => {
  const late = (claim: Claim, by: Micros) =>
    step(claim, { type: "time-passed" }, { now: micros((claim.wakeAt ?? 0) + by), chance: 0 });
  const asked = play([audible, spoken], initialClaim({ ...SETTINGS, probe: true }, false, micros(0))).claim;
  const last: Claim = { ...asked, round: 3, wakeAt: seconds(1) };

  it("hears out what has come before it believes that nobody answered, once", () => {
    const waits = late(last, millis(200));
    expect(waits.claim).toMatchObject({ state: "probing", wakeAt: millis(1250) });
    expect(late(waits.claim, millis(200)).claim.state).toBe("announcing");
  });

  it("in time, needs no second look", () => {
    expect(late(last, millis(20)).claim.state).toBe("announcing");
  });

  it("too early, a timer is nothing", () => {
    expect(step(last, { type: "time-passed" }, { now: micros(999_999), chance: 0 })).toEqual({
      claim: last,
      effects: [],
    });
  });
});

describe("whatever happens", () => {
  const events: fc.Arbitrary<ClaimEvent> = fc.oneof(
    fc.constantFrom<ClaimEvent>(
      audible,
      spoken,
      { type: "became-inaudible" },
      { type: "fenced" },
      { type: "unfenced" },
      { type: "reannounced" },
      { type: "released", how: "handover" },
      { type: "released", how: "yield" },
      { type: "time-passed" },
      { type: "time-passed" },
      { type: "time-passed" },
    ),
    fc.constantFrom(heard("probe", STRANGER), heard("announcement", STRANGER)),
    fc.constantFrom(heard("probe", SPEAKER), heard("announcement", SPEAKER)),
    fc.record({
      type: fc.constant("held" as const),
      settings: fc.record({ refresh: fc.constantFrom(micros(0), seconds(60)), probe: fc.boolean() }),
    }),
  );
  const history = fc.array(fc.tuple(events, fc.constantFrom(0, 1, 50, 400, 1000, 11_000, 700_000)), { maxLength: 60 });

  const ends = ({ type }: ClaimEffect): boolean => type === "end" || type === "forget";

  /** Plays until the claim ends. */
  function run(
    list: readonly (readonly [ClaimEvent, number])[],
    seen: (before: Claim, after: ReturnType<typeof step>, now: Micros) => void,
    start: Claim = initialClaim({ ...SETTINGS, probe: true }, false, micros(0)),
  ) {
    let claim = start;
    let now = start.since;
    for (const [event, wait] of list) {
      now = micros(now + wait * 1000);
      const next = step(claim, event, { now, chance: 0.5 });
      seen(claim, next, now);
      if (next.effects.some(ends)) return;
      claim = next.claim;
    }
  }

  it("nothing is said behind the fence, or without an interface", () => {
    fc.assert(
      fc.property(history, (list) => {
        run(list, (_before, { claim, effects }) => {
          if (claim.fenced) expect(effects.filter(({ type }) => type === "speak")).toEqual([]);
          if (!claim.audible && claim.state === "probing") expect(claim.wakeAt).toBeUndefined();
        });
      }),
    );
  });

  it("a stranger found while probing is never announced over without a probe that nobody answered", () => {
    fc.assert(
      fc.property(history, (list) => {
        run(list, ({ state, round, settings }, { claim }) => {
          if (state !== "probing" || claim.state !== "announcing") return;
          expect(round >= 3 || (settings.probe && !claim.settings.probe) || !claim.settings.probe).toBe(true);
        });
      }),
    );
  });

  it("defences are ten seconds apart, reports of a rival one", () => {
    fc.assert(
      fc.property(history, (list) => {
        let defended = Number.NEGATIVE_INFINITY;
        let rival = Number.NEGATIVE_INFINITY;
        run(list, (before, { claim, effects }, now) => {
          if (claim.defendedAt !== before.defendedAt) {
            expect(now - defended).toBeGreaterThanOrEqual(seconds(10));
            defended = now;
          }
          if (effects.some(({ type }) => type === "report-rival")) {
            expect(now - rival).toBeGreaterThanOrEqual(seconds(1));
            rival = now;
          }
        });
      }),
    );
  });

  const waits = fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 40 });

  it("what was left to a speaker is looked after for eight seconds, however often that one is heard", () => {
    fc.assert(
      fc.property(waits, (list) => {
        run(
          list.map((wait) => [heard("announcement", SPEAKER), wait] as const),
          (before, { effects }, now) => expect(effects.some(ends)).toBe(now - before.since >= seconds(8)),
          IN.yielded,
        );
      }),
    );
  });

  it("what was left to a speaker that is not heard any more is unclaimed after three questions at most", () => {
    fc.assert(
      fc.property(waits, (list) => {
        let [claim, at] = [IN.yielded, IN.yielded.since];
        run(
          list.map((wait) => [heard("announcement", SPEAKER), wait % 200] as const),
          (_before, next, now) => ([claim, at] = [next.claim, now]),
          claim,
        );
        const words: string[] = [];
        for (let i = 0; i < 10 && !words.includes("forget"); i++) {
          at = micros(Math.max(at, claim.wakeAt ?? at));
          const type = claim.wakeAt === undefined ? "spoken" : "time-passed";
          const next = step(claim, { type }, { now: at, chance: 0 });
          words.push(...next.effects.map((effect) => effect.type));
          claim = next.claim;
        }
        expect(words.slice(-2)).toEqual(["report-unclaimed", "forget"]);
        expect(words.filter((word) => word === "speak").length).toBeLessThanOrEqual(3);
      }),
    );
  });

  it("left alone, a claim that can be heard comes to rest holding", () => {
    fc.assert(
      fc.property(history, (list) => {
        let end: Claim | undefined;
        let at = micros(0);
        run(list, (_before, { claim, effects }, now) => {
          end = effects.some(ends) ? undefined : claim;
          at = now;
        });
        if (end === undefined || end.state === "releasing" || end.state === "yielded") return;
        let claim = step(end, { type: "unfenced" }, { now: at, chance: 0 }).claim;
        claim = step(claim, audible, { now: at, chance: 0 }).claim;
        for (let i = 0; i < 40 && claim.state !== "holding"; i++) {
          at = micros(Math.max(at, claim.wakeAt ?? at));
          const type = claim.wakeAt === undefined ? "spoken" : "time-passed";
          claim = step(claim, { type }, { now: at, chance: 0 }).claim;
        }
        expect(claim.state).toBe("holding");
      }),
    );
  });
});
