import { describe, expect, it } from "vitest";
import type { Move } from "../../src/inspection/move.ts";
import { Board } from "../../src/looking-glass/board.ts";
import { PlanFeed } from "../../src/looking-glass/plan-feed.ts";
import { SpeakerFeed } from "../../src/looking-glass/speaker-feed.ts";
import { seconds } from "../../src/net/micros.ts";
import { down, session } from "../inspection/explain-scene.ts";
import { settle } from "../support/settle.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { MadeUpSpeaker } from "./made-up-speaker.ts";

async function setUp(plans = false) {
  const clock = new VirtualClock();
  const now = (): Date => new Date(2e12 + clock.now() / 1000);
  const board = new Board(now);
  const speaker = new MadeUpSpeaker("a", now);
  const stop = new AbortController();
  speaker.putSession(session("a"));
  speaker.move({ type: "announced", service: "shop/one" });
  const feed = new SpeakerFeed(
    { clock, random: () => 1, board },
    speaker,
    plans ? new PlanFeed({ clock, board }, speaker) : undefined,
  );
  void feed.run(stop.signal);
  await settle();
  const pass = async (time: number): Promise<void> => {
    clock.advance(seconds(time));
    await settle(10);
  };
  return { board, speaker, stop, pass };
}

const moves = (board: Board): readonly Move["type"][] =>
  board.journal.find({}, 500).entries.map(({ move }) => move.type);
const state = (board: Board): string | undefined => board.sources.find(({ name }) => name === "a")?.state;

describe("following a speaker", () => {
  it("takes what is there, and then what changes", async () => {
    const { board, speaker, stop } = await setUp();
    expect(state(board)).toBe("answering");
    expect(board.sessions.reach("a", "tor")).toBe("up");
    expect(moves(board)).toEqual(["announced"]);
    speaker.putSession(down("a", "hold time"));
    await settle();
    expect(board.sessions.reach("a", "tor")).toBe("down");
    stop.abort();
  });

  it("tells why it is silent, tries again later each time, and tells no move twice when it is back", async () => {
    const { board, speaker, stop, pass } = await setUp();
    speaker.setSilent("the pod is gone");
    await settle(10);
    expect([state(board), board.sources[0]?.message]).toEqual(["silent", "the pod is gone"]);
    expect(board.sessions.reach("a", "tor")).toBe("unknown");
    const before = speaker.asked.length;
    await pass(60);
    const tries = speaker.asked.length - before;
    expect(tries).toBeLessThanOrEqual(5);
    speaker.setSilent(undefined);
    speaker.move({ type: "withdrawn", service: "shop/one" });
    await pass(30);
    expect(state(board)).toBe("answering");
    expect(board.sessions.reach("a", "tor")).toBe("up");
    expect(moves(board)).toEqual(["withdrawn", "announced"]);
    stop.abort();
  });

  it("forgets a session that went while nobody looked", async () => {
    const { board, speaker, stop, pass } = await setUp();
    speaker.setSilent("gone");
    await settle(10);
    speaker.setSilent(undefined);
    speaker.sessions.clear();
    await pass(2);
    expect(board.sessions.size).toBe(1);
    await pass(5);
    expect(board.sessions.size).toBe(0);
    stop.abort();
  });

  it("looks at the LAN again when something moves there, and else now and then", async () => {
    const { board, speaker, stop, pass } = await setUp();
    const asked = (): number => speaker.asked.filter((path) => path === "/v1/layer2").length;
    expect(asked()).toBe(1);
    await pass(1);
    expect(asked()).toBe(1);
    speaker.fenced = true;
    speaker.move({ type: "fenced", protocol: "layer2" });
    await settle();
    await pass(0.2);
    expect([asked(), board.layer2.isFenced("a")]).toEqual([2, true]);
    await pass(10);
    await pass(0.2);
    expect(asked()).toBe(3);
    stop.abort();
  });

  it("ends at once when it is asked to", async () => {
    const { speaker, stop, pass } = await setUp();
    const before = speaker.asked.length;
    stop.abort();
    await settle(10);
    await pass(120);
    expect(speaker.asked.length).toBe(before);
  });
});

describe("following a speaker without an API", () => {
  const plan = (service: string, peer: string) => ({
    node: "a",
    service,
    bgp: [{ ip: "192.0.2.1", peer, prefix: "192.0.2.1/32", advertisements: ["all"] }],
    layer2: [],
    refusals: [],
  });

  it("learns the Services from what the speaker decided, and asks again only for those that moved", async () => {
    const { board, speaker, stop, pass } = await setUp(true);
    speaker.plans.set("shop/one", plan("shop/one", "tor")).set("shop/two", plan("shop/two", "tor"));
    await pass(1);
    speaker.move({ type: "announced", service: "shop/one" });
    await pass(1);
    await pass(1);
    board.services.settle();
    expect([...board.services.rows()].map(({ name }) => name)).toEqual(["one"]);
    for (let i = 0; i < 62; i++) await pass(1);
    board.services.settle();
    expect([...board.services.rows()].map(({ name }) => name)).toEqual(["one", "two"]);
    speaker.plans.delete("shop/one");
    speaker.move({ type: "withdrawn", service: "shop/one", reason: "service-gone" });
    await pass(1);
    await pass(1);
    board.services.settle();
    expect([...board.services.rows()].map(({ name }) => name)).toEqual(["two"]);
    stop.abort();
  });
});
