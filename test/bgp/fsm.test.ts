import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { acceptingFsm, initialFsm, isDamped, step } from "../../src/bgp/fsm.ts";
import type { BgpState, Effect, Fsm, FsmConfig, FsmEvent, TimerName } from "../../src/bgp/fsm-values.ts";
import type { Open } from "../../src/bgp/message/open.ts";
import { seconds } from "../../src/net/micros.ts";
import { asn, routerId } from "./values.ts";

const config: FsmConfig = {
  localAsn: asn(64512),
  peerAsn: asn(65000),
  holdTime: 90,
  keepaliveTime: undefined,
  families: [4, 6],
  passive: false,
  maxRetry: seconds(30),
};
const open: Open = { myAs: 65000, holdTime: 9, identifier: 7, capabilities: { families: [{ afi: 1, safi: 1 }] } };
const NOTHING = { code: 6, subcode: 2, data: [] };

const STARTED: FsmEvent = { type: "started" };
const CONNECTED: FsmEvent = { type: "connected", identifier: routerId(9) };
const OPENED: FsmEvent = { type: "open-received", open };
const STOPPED: FsmEvent = { type: "stopped", goodbye: "shutdown" };
const ALIVE: FsmEvent = { type: "keepalive-received" };
const PATH: Record<BgpState, readonly FsmEvent[]> = {
  idle: [],
  connect: [STARTED],
  active: [STARTED, { type: "dial-failed", reason: "refused" }],
  "open-sent": [STARTED, CONNECTED],
  "open-confirm": [STARTED, CONNECTED, OPENED],
  established: [STARTED, CONNECTED, OPENED, ALIVE],
};

/** The machine after these events, and what the last one made it do. */
function run(events: readonly FsmEvent[], from: Fsm = initialFsm(config)): { fsm: Fsm; effects: readonly Effect[] } {
  let last: { fsm: Fsm; effects: readonly Effect[] } = { fsm: from, effects: [] };
  for (const event of events) last = step(last.fsm, event, 1);
  return last;
}

const at = (state: BgpState): Fsm => run(PATH[state]).fsm;

function words(effects: readonly Effect[]): string {
  const said = effects.flatMap((effect) => {
    if (effect.type === "disarm") return [];
    if (effect.type === "arm") return [`${effect.timer} ${effect.after / 1e6}s`];
    if (effect.type === "change") return [`to ${effect.to}`];
    if (effect.type !== "send") return [effect.type];
    const { message } = effect;
    return [
      message.type === "notification"
        ? `send ${message.notification.code}/${message.notification.subcode}`
        : `send ${message.type}`,
    ];
  });
  return said.join(", ");
}

const expired = (fsm: Fsm, timer: TimerName): FsmEvent => ({
  type: "timer-expired",
  timer,
  epoch: fsm.timers[timer] ?? 0,
});

describe("RFC 4271 section 8.2.2, state by event", () => {
  // state, event, what is done
  test.each<[BgpState, FsmEvent | TimerName, string]>([
    ["idle", STARTED, "to connect, dial, dial 10s"],
    ["idle", CONNECTED, "close"],
    ["idle", ALIVE, ""],
    ["idle", { type: "closed", reason: "late" }, ""],
    ["idle", STOPPED, ""],
    ["connect", STARTED, ""],
    ["connect", CONNECTED, "send open, hold 240s, to open-sent"],
    ["connect", { type: "dial-failed", reason: "refused" }, "to active, retry 1s"],
    ["connect", "dial", "abort-dial, to active, retry 1s"],
    ["connect", STOPPED, "abort-dial, to idle"],
    ["connect", ALIVE, ""],
    ["active", "retry", "to connect, dial, dial 10s"],
    ["active", CONNECTED, "send open, hold 240s, to open-sent"],
    ["active", STOPPED, "to idle"],
    ["active", { type: "dial-failed", reason: "late" }, ""],
    ["open-sent", OPENED, "send keepalive, keepalive 3s, hold 9s, to open-confirm"],
    ["open-sent", { type: "open-received", open: { ...open, myAs: 1 } }, "send 2/2, close, to idle, retry 1s"],
    ["open-sent", ALIVE, "send 5/1, close, to idle, retry 1s"],
    ["open-sent", { type: "update-received" }, "send 5/1, close, to idle, retry 1s"],
    ["open-sent", { type: "route-refresh-received" }, "send 5/1, close, to idle, retry 1s"],
    ["open-sent", { type: "notification-received", notification: NOTHING }, "close, to idle, retry 1s"],
    ["open-sent", { type: "closed", reason: "reset" }, "close, to idle, retry 1s"],
    ["open-sent", "hold", "send 4/0, close, to idle, retry 1s"],
    ["open-sent", STOPPED, "send 6/2, close, to idle"],
    ["open-sent", { type: "collision-lost" }, "send 6/7, close, to idle"],
    ["open-sent", CONNECTED, "close"],
    ["open-confirm", ALIVE, "hold 9s, send-hold 480s, stable 300s, to established"],
    ["open-confirm", OPENED, "send 5/2, close, to idle, retry 1s"],
    ["open-confirm", { type: "update-received" }, "send 5/2, close, to idle, retry 1s"],
    ["open-confirm", "hold", "send 4/0, close, to idle, retry 1s"],
    ["open-confirm", "keepalive", "send keepalive, keepalive 3s"],
    ["open-confirm", { type: "notification-received", notification: NOTHING }, "close, to idle, retry 1s"],
    ["open-confirm", { type: "collision-lost" }, "send 6/7, close, to idle"],
    ["established", ALIVE, "hold 9s"],
    ["established", { type: "update-received" }, "hold 9s"],
    ["established", { type: "route-refresh-received" }, "hold 9s"],
    ["established", OPENED, "send 5/3, close, to idle, retry 1s"],
    ["established", "hold", "send 4/0, close, to idle, retry 1s"],
    ["established", "keepalive", "send keepalive, keepalive 3s"],
    ["established", "stable", ""],
    ["established", "send-hold", "send 8/0, close, to idle, retry 1s"],
    ["established", { type: "send-progressed" }, "send-hold 480s"],
    ["open-sent", { type: "send-progressed" }, ""],
    ["established", { type: "superseded" }, "close, to idle"],
    ["idle", { type: "superseded" }, ""],
    ["connect", { type: "collision-lost" }, "abort-dial, to idle"],
    ["established", { type: "notification-received", notification: NOTHING }, "close, to idle, retry 1s"],
    ["established", { type: "closed", reason: "reset" }, "close, to idle, retry 1s"],
    [
      "established",
      { type: "fault-found", notification: { code: 1, subcode: 1, data: [] }, reason: "marker" },
      "send 1/1, close, to idle, retry 1s",
    ],
    ["established", { type: "stopped", goodbye: "removed" }, "send 6/3, close, to idle"],
  ])("%s: %j", (state, event, want) => {
    const fsm = at(state);
    expect(fsm.state).toBe(state);
    expect(words(step(fsm, typeof event === "string" ? expired(fsm, event) : event, 1).effects)).toBe(want);
  });
});

describe("OPEN", () => {
  it("says which message was not expected, in the data of the FSM error", () => {
    const { effects } = step(at("open-confirm"), { type: "update-received" }, 0);
    expect(effects).toContainEqual({
      type: "send",
      message: { type: "notification", notification: { code: 5, subcode: 2, data: [2] } },
    });
  });

  it("with hold time 0 arms neither hold nor keepalive, and still confirms", () => {
    const { fsm, effects } = run([...PATH["open-sent"], { type: "open-received", open: { ...open, holdTime: 0 } }]);
    expect(words(effects)).toBe("send keepalive, to open-confirm");
    expect(words(step(fsm, ALIVE, 0).effects)).toBe("send-hold 480s, stable 300s, to established");
  });

  it("ends the four minutes that were granted to it", () => {
    const opening = at("open-sent");
    const { fsm } = step(opening, OPENED, 0);
    expect(step(fsm, expired(opening, "hold"), 0).effects).toEqual([]);
  });
});

describe("passive", () => {
  const passive = initialFsm({ ...config, passive: true });

  it("waits and never dials", () => {
    expect(words(run([STARTED], passive).effects)).toBe("to active");
    const lost = run([STARTED, CONNECTED, { type: "closed", reason: "reset" }], passive);
    expect(words(lost.effects)).toBe("close, to active");
    expect(words(step(lost.fsm, CONNECTED, 0).effects)).toBe("send open, hold 240s, to open-sent");
  });

  it("a machine for an accepted connection is ready for it", () => {
    expect(words(step(acceptingFsm(config), CONNECTED, 0).effects)).toBe("send open, hold 240s, to open-sent");
  });
});

describe("trying again", () => {
  const failure: FsmEvent = { type: "dial-failed", reason: "refused" };
  const waits = (fsm: Fsm, count: number, chance: number): readonly number[] => {
    const found: number[] = [];
    let now = fsm;
    for (let i = 0; i < count; i++) {
      const failed = step(now, failure, chance);
      for (const effect of failed.effects) if (effect.type === "arm") found.push(effect.after / 1e6);
      now = step(failed.fsm, expired(failed.fsm, "retry"), chance).fsm;
    }
    return found;
  };

  it("doubles up to the longest wait", () => {
    expect(waits(at("connect"), 8, 1)).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
  });

  it("is jittered between three quarters and the whole (RFC 4271 section 10)", () => {
    expect(waits(at("connect"), 3, 0)).toEqual([0.75, 1.5, 3]);
  });

  it("counts a connection that was lost apart from one that never was", () => {
    const failedOnce = run([STARTED, failure]).fsm;
    const lost = run([expired(failedOnce, "retry"), CONNECTED, { type: "closed", reason: "x" }], failedOnce);
    expect([lost.fsm.failures, lost.fsm.flaps]).toEqual([0, 1]);
    expect(words(lost.effects)).toContain("retry 1s");
  });

  it("ends with stop, and a collision lost is no failure", () => {
    expect(words(run([...PATH.established, STOPPED]).effects)).not.toContain("retry");
    const lost = run([...PATH["open-confirm"], { type: "collision-lost" }]);
    expect([lost.fsm.flaps, lost.fsm.running]).toEqual([0, false]);
  });
});

describe("a peer that flaps (RFC 4271 section 8.1.1)", () => {
  const ROUND: readonly FsmEvent[] = [CONNECTED, OPENED, ALIVE, { type: "closed", reason: "flap" }];
  const waits = (from: Fsm, rounds: number): { fsm: Fsm; seconds: readonly number[] } => {
    const found: number[] = [];
    let fsm = from;
    for (let i = 0; i < rounds; i++) {
      const lost = run(ROUND, fsm);
      for (const effect of lost.effects) if (effect.type === "arm") found.push(effect.after / 1e6);
      fsm = step(lost.fsm, expired(lost.fsm, "retry"), 1).fsm;
    }
    return { fsm, seconds: found };
  };

  it("waits longer each time, up to the longest idle hold time", () => {
    const { fsm } = run([STARTED], initialFsm({ ...config, maxIdleHold: seconds(60) }));
    expect(waits(fsm, 8).seconds).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  it.each([
    [
      "passive session lets it in at once when it is new, and not while it is damped",
      true,
      [false, false, false, true, true],
    ],
    ["session that dials as well always lets it in", false, [false, false, false, false, false]],
  ])("a %s", (_name, passive, want) => {
    let fsm = run([STARTED], initialFsm({ ...config, passive })).fsm;
    const damped: boolean[] = [];
    for (let i = 0; i < 5; i++) {
      fsm = run(ROUND, fsm).fsm;
      damped.push(isDamped(fsm));
      fsm = step(fsm, expired(fsm, "retry"), 1).fsm;
    }
    expect(damped).toEqual(want);
  });

  it("is forgiven by a session that was stable", () => {
    const { fsm } = waits(run([STARTED]).fsm, 5);
    const up = run([CONNECTED, OPENED, ALIVE], fsm).fsm;
    const forgiven = step(up, expired(up, "stable"), 1).fsm;
    expect(words(step(forgiven, { type: "closed", reason: "x" }, 1).effects)).toContain("retry 1s");
    expect(words(step(up, { type: "closed", reason: "x" }, 1).effects)).toContain("retry 30s");
  });

  it("stays damped through a connection that it opened itself", () => {
    const { fsm } = waits(run([STARTED]).fsm, 5);
    const accepted = run(ROUND, acceptingFsm(config, fsm));
    expect(words(accepted.effects)).toContain("retry 30s");
  });

  it("when passive, is waited for at once until it is damped", () => {
    let fsm = run([STARTED], initialFsm({ ...config, passive: true })).fsm;
    const states: string[] = [];
    for (let i = 0; i < 4; i++) {
      fsm = run(ROUND, fsm).fsm;
      states.push(fsm.state);
    }
    expect(states).toEqual(["active", "active", "active", "idle"]);
    expect(words(step(fsm, expired(fsm, "retry"), 1).effects)).toBe("to active");
  });
});

describe("an OPEN that was refused (RFC 5492 section 3)", () => {
  const refusal = (subcode: number, code = 2): FsmEvent => ({
    type: "notification-received",
    notification: { code, subcode, data: [] },
  });
  const opens = (events: readonly FsmEvent[], change: Partial<FsmConfig> = {}): readonly string[] => {
    let fsm = run([STARTED], initialFsm({ ...config, ...change })).fsm;
    return events.map((event) => {
      const connected = step(fsm, CONNECTED, 1);
      const refused = step(connected.fsm, event, 1);
      fsm = step(refused.fsm, expired(refused.fsm, "retry"), 1).fsm;
      const [sent] = connected.effects.flatMap((effect) => (effect.type === "send" ? [effect.message] : []));
      return sent?.type === "open" ? Object.keys(sent.open.capabilities).join(" ") : "none";
    });
  };
  const BASIC = "families routeRefresh fourOctetAsn";

  it.each([
    ["unsupported optional parameter", refusal(4)],
    ["unsupported capability", refusal(7)],
    ["unspecific", refusal(0)],
  ])("says less each time after %s, and begins anew after the least", (_name, event) => {
    const [full, ...rest] = opens([event, event, event, event]);
    expect(rest).toEqual([BASIC, "", full]);
  });

  it.each([
    ["bad peer AS", refusal(2)],
    ["an administrative shutdown", refusal(2, 6)],
    ["a connection that just closes", { type: "closed", reason: "x" } as const],
  ])("says the same again after %s", (_name, event) => {
    const [full, again] = opens([event, event]);
    expect(again).toBe(full);
  });

  it("does not go bare without IPv4, which is all that a bare OPEN means", () => {
    const [full, basic, again] = opens([refusal(7), refusal(7), refusal(7)], { families: [6] });
    expect([basic, again]).toEqual([BASIC, full]);
  });

  it("never carries what the peer must not be sent", () => {
    const [said] = opens([refusal(7)], { denied: ["routeRefresh"] });
    expect(said?.split(" ")).not.toContain("routeRefresh");
  });

  it("remembers how much the peer takes, until a stable session has ended", () => {
    const connected = run([STARTED, CONNECTED, refusal(7)]).fsm;
    const up = run([expired(connected, "retry"), CONNECTED, OPENED, ALIVE], connected).fsm;
    const courtesyAfter = (fsm: Fsm): string => step(fsm, { type: "closed", reason: "x" }, 1).fsm.courtesy;
    expect(courtesyAfter(up)).toBe("basic");
    expect(courtesyAfter(step(up, expired(up, "stable"), 1).fsm)).toBe("full");
  });

  it("that nothing can mend is tried again no sooner than it must", () => {
    const longest = { ...config, maxIdleHold: seconds(60) };
    const none = run(
      [STARTED, CONNECTED, { type: "open-received", open: { ...open, capabilities: { families: [] } } }],
      {
        ...initialFsm(longest),
      },
    );
    expect(words(none.effects)).toBe("send 2/7, close, to idle, retry 60s");
    const role = run([STARTED, CONNECTED, refusal(11)], initialFsm(longest));
    expect(words(role.effects)).toBe("close, to idle, retry 60s");
  });
});

describe("timers of the configuration", () => {
  it("a peer that accepts and says nothing is given the open timeout", () => {
    const { effects } = run([STARTED, CONNECTED], initialFsm({ ...config, openTimeout: seconds(5) }));
    expect(words(effects)).toBe("send open, hold 5s, to open-sent");
  });

  it("the send hold time is twice a long hold time (RFC 9687 section 3)", () => {
    const long = initialFsm({ ...config, holdTime: 600 });
    const { effects } = run(
      [STARTED, CONNECTED, { type: "open-received", open: { ...open, holdTime: 600 } }, ALIVE],
      long,
    );
    expect(words(effects)).toContain("send-hold 1200s");
  });
});

it("RFC 4724 section 4: goes without a word when it comes back and the peer helps with that, and says so itself", () => {
  const gracefulRestart = { restartTime: 120, preserved: [4] } as const;
  const theirs = { restarted: false, notification: false, restartTime: 90, families: [] };
  const helper = { ...open, capabilities: { ...open.capabilities, gracefulRestart: theirs } };
  const up = [STARTED, CONNECTED, { type: "open-received", open: helper } as const, ALIVE];
  const { effects } = run(
    [...up, { type: "stopped", goodbye: "restarting" }],
    initialFsm({ ...config, gracefulRestart }),
  );
  expect(words(effects)).toBe("close, to idle");
  expect(effects.find(({ type }) => type === "change")).toMatchObject({ reason: "stopped: restarting" });
});

const anyEvent = fc.oneof(
  fc.constantFrom<FsmEvent>(
    STARTED,
    CONNECTED,
    OPENED,
    ALIVE,
    { type: "stopped", goodbye: "shutdown", communication: "why" },
    { type: "dial-failed", reason: "x" },
    { type: "closed", reason: "x" },
    { type: "update-received" },
    { type: "route-refresh-received" },
    { type: "notification-received", notification: NOTHING },
    { type: "fault-found", notification: NOTHING, reason: "x" },
    { type: "collision-lost" },
    { type: "superseded" },
    { type: "send-progressed" },
    { type: "stopped", goodbye: "restarting" },
    { type: "notification-received", notification: { code: 2, subcode: 7, data: [] } },
    { type: "open-received", open: { ...open, holdTime: 1 } },
  ),
  fc.record({
    type: fc.constant("timer-expired" as const),
    timer: fc.constantFrom<TimerName>("retry", "dial", "hold", "send-hold", "keepalive", "stable"),
    epoch: fc.integer({ min: 0, max: 12 }),
  }),
);

/** Chance alone hardly ever comes as far as Established, so it starts anywhere. */
const anyHistory = fc
  .tuple(fc.constantFrom(...Object.values(PATH)), fc.array(anyEvent, { maxLength: 40 }))
  .map(([beginning, rest]) => [...beginning, ...rest]);

interface Passage {
  readonly before: Fsm;
  readonly event: FsmEvent;
  readonly after: Fsm;
  readonly effects: readonly Effect[];
}

const does = ({ effects }: Passage, type: Effect["type"]): boolean => effects.some((effect) => effect.type === type);
const arrivesAt = ({ before, after }: Passage, state: BgpState): boolean =>
  after.state === state && before.state !== state;

// rule, when it applies, what must hold then
const INVARIANTS: readonly (readonly [string, (p: Passage) => boolean, (p: Passage) => boolean])[] = [
  [
    "a NOTIFICATION is the last thing sent, and the connection is closed behind it",
    ({ effects }) => effects.some((effect) => effect.type === "send" && effect.message.type === "notification"),
    (p) => {
      const sent = p.effects.flatMap((effect) => (effect.type === "send" ? [effect.message.type] : []));
      return sent.at(-1) === "notification" && does(p, "close");
    },
  ],
  [
    "what is negotiated is known from OpenConfirm on, and only then",
    () => true,
    ({ after }) => (after.negotiated !== undefined) === ["open-confirm", "established"].includes(after.state),
  ],
  [
    "Established is reached from OpenConfirm by a KEEPALIVE, and in no other way",
    (p) => arrivesAt(p, "established"),
    ({ before, event }) => before.state === "open-confirm" && event.type === "keepalive-received",
  ],
  ["a passive machine never dials", ({ before }) => before.config.passive, (p) => !does(p, "dial")],
  ["one that does not run is idle", ({ after }) => !after.running, ({ after }) => after.state === "idle"],
  [
    "an active one with nothing in hand has a timer to wake it",
    (p) => p.after.running && !p.after.config.passive && (arrivesAt(p, "idle") || arrivesAt(p, "active")),
    ({ after }) => after.timers.retry !== undefined,
  ],
  [
    "a timer that fired late changes nothing",
    ({ before, event }) => event.type === "timer-expired" && event.epoch !== before.timers[event.timer],
    ({ before, after }) => after === before,
  ],
];

describe("invariants over any list of events", () => {
  it("holds them, and a journal's copy of the state goes on as the state itself does", () => {
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(anyHistory, fc.boolean(), (events, passive) => {
        let before = initialFsm({ ...config, passive });
        for (const event of events) {
          const { fsm: after, effects } = step(before, event, 0.5);
          for (const [rule, applies, holds] of INVARIANTS) {
            if (!applies({ before, event, after, effects })) continue;
            reached.set(rule, (reached.get(rule) ?? 0) + 1);
            expect(holds({ before, event, after, effects }), rule).toBe(true);
          }
          const copy: Fsm = JSON.parse(JSON.stringify(before));
          expect(step(copy, event, 0.5)).toEqual({ fsm: after, effects });
          before = after;
        }
      }),
      { numRuns: 1500 },
    );
    expect([...reached.keys()].sort()).toEqual(INVARIANTS.map(([rule]) => rule).sort());
  });
});
