import { describe, expect, test } from "vitest";
import type { Decision } from "../../src/announcement/decision.ts";
import type { RefusalCause } from "../../src/announcement/refusal.ts";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import { Layer2Announcer } from "../../src/speaker/layer2-announcer.ts";
import { ip } from "../layer2/values.ts";
import { silentLog } from "../support/silent-log.ts";
import { type Lan, macText, type Node, type Station, scene } from "./layer2-lan.ts";

const WEB = serviceKey("default", "web");
const V4 = "10.0.0.100";
const V6 = "fd00::1:100";

/** What a speaker does on its LAN, without what decides: the two threads, and who wins a duel. */
class Member {
  readonly announcer: Layer2Announcer;
  verdict: "keep" | "yield" = "keep";
  readonly node: Node;
  readonly #address: string;

  constructor(node: Node, address: string) {
    this.node = node;
    this.#address = address;
    this.announcer = new Layer2Announcer(
      {
        clock: node.clock,
        log: silentLog,
        start: (_options, handlers) => {
          node.heard = (report) => node.clock.after(micros(200), () => handlers.report(report));
          return {
            post: (command) => void node.clock.after(micros(200), () => node.engine.handle(command)),
            close: () => Promise.resolve(),
          };
        },
        events: { announced: () => {}, ofService: () => {} },
        service: () => undefined,
        memory: { knows: () => true, announced: () => {}, forget: () => {} },
        duel: () => this.verdict,
        changed: () => {},
        decideAgain: () => {},
        said: () => {},
      },
      { nodeName: nodeName(node.name), excludedInterfaces: undefined },
    );
    this.announcer.start();
    this.announcer.setSpeakers(["node-1", "node-2"]);
  }

  wins(): void {
    const about = { service: WEB, ip: ip(this.#address), interfaces: [], advertisements: ["ad"] };
    this.#decide({ layer2: [{ ...about, refresh: seconds(60), conflictDetection: true }], refusals: [] });
  }

  loses(winner: Member): void {
    const [node, other] = [nodeName(this.node.name), nodeName(winner.node.name)];
    const cause: RefusalCause = { reason: "lost-election", node, winner: other, scores: [0, 0], by: "spread" };
    this.#decide({ layer2: [], refusals: [{ service: WEB, ip: this.#address, protocol: "layer2", cause }] });
  }

  /** Without waiting for a successor. */
  leaves(): void {
    this.#decide({ layer2: [], refusals: [] });
  }

  #decide(decision: Pick<Decision, "layer2" | "refusals">): void {
    this.announcer.decided(WEB, { key: WEB, bgp: [], ...decision });
    this.announcer.flush();
  }
}

/** `to` has an address by an election that `from`, which has it, does not know of yet. */
function move(address: string): { lan: Lan; client: Station; from: Member; to: Member } {
  const { lan, nodes, client } = scene(2);
  const [to, from] = nodes.map((node) => new Member(node, address));
  if (to === undefined || from === undefined) throw new Error("no nodes");
  from.wins();
  lan.clock.advance(seconds(10));
  to.verdict = "yield";
  to.wins();
  return { lan, client, from, to };
}

const STEP = 20;

/** Asks all the time; for how many milliseconds in a row nobody answered, two did, and who does in the end. */
function ask(
  { lan, client }: { lan: Lan; client: Station },
  address: string,
  { length, at }: { readonly length: number; readonly at: Readonly<Record<number, () => void>> },
): { silent: number; twice: number; last: readonly string[] } {
  const longest = { silent: 0, twice: 0 };
  const now = { silent: 0, twice: 0 };
  let last: readonly string[] = [];
  for (let ms = 0; ms < length; ms += STEP) {
    at[ms]?.();
    client.answers.length = 0;
    client.ask(address);
    lan.clock.advance(millis(STEP));
    last = client.answers.map(({ mac }) => mac);
    now.silent = last.length === 0 ? now.silent + STEP : 0;
    now.twice = last.length > 1 ? now.twice + STEP : 0;
    longest.silent = Math.max(longest.silent, now.silent);
    longest.twice = Math.max(longest.twice, now.twice);
  }
  return { ...longest, last };
}

/** When the old owner insists, and when it hears of the election: the last ones when the new one has given way more than once. */
const RACES = [
  ...[0, 100, 280, 600, 760, 900, 980].flatMap((insists) =>
    [20, 120, 280, 320, 400, 700, 1900].map((later) => ({ insists, loses: insists + later })),
  ),
  ...[2320, 2640, 2800, 3500, 5200, 6600].map((loses) => ({ insists: 0, loses })),
];
/** By then the one who was elected has it, or never. */
const AFTERWARDS = 3000;

describe.each([V4, V6])("an owner of %s that insists, and then loses the election it did not know of", (address) => {
  test.each(RACES)("at $insists and $loses ms, leaves no silence: who gave way for it takes over", (race) => {
    const stage = move(address);
    const { from, to } = stage;
    const at = { [race.insists]: () => from.announcer.met(), [race.loses]: () => from.loses(to) };
    const { silent, twice, last } = ask(stage, address, { length: race.loses + AFTERWARDS, at });
    expect({ silent, last }).toEqual({ silent: 0, last: [macText(to.node)] });
    expect(twice).toBeLessThanOrEqual(600);
  });

  test.each(RACES)("at $insists and $loses ms, and lets go at once, is followed within a second", (race) => {
    const stage = move(address);
    const { from, to } = stage;
    const at = { [race.insists]: () => from.announcer.met(), [race.loses]: () => from.leaves() };
    const { silent, last } = ask(stage, address, { length: race.loses + AFTERWARDS, at });
    expect(last).toEqual([macText(to.node)]);
    expect(silent).toBeLessThanOrEqual(700);
  });

  test.each(RACES)("at $loses ms after a partition healed, where both announce all again", ({ loses }) => {
    const stage = move(address);
    const { lan, from, to } = stage;
    lan.part = (owner) => (owner === "node-2" ? "apart" : "");
    lan.clock.advance(seconds(20));
    lan.part = () => "";
    const heals = (): void => {
      from.announcer.met();
      to.announcer.met();
    };
    const { silent, last } = ask(stage, address, {
      length: loses + AFTERWARDS,
      at: { 0: heals, [loses]: () => from.loses(to) },
    });
    expect({ silent, last }).toEqual({ silent: 0, last: [macText(to.node)] });
  });
});

test("an owner that insists and is right keeps the address: the other one asks again more and more seldom", () => {
  const stage = move(V4);
  const { lan, from, to } = stage;
  const seen = ask(stage, V4, { length: 10_000, at: {} });
  expect(seen.last).toEqual([macText(from.node)]);
  expect(seen.twice).toBeLessThan(700);
  const since = lan.clock.now();
  lan.clock.advance(seconds(600));
  const tries = to.node.told("announced").filter(({ at }) => at > since);
  expect(tries.length).toBeGreaterThan(1);
  expect(tries.length).toBeLessThan(8);
});
