import { beforeEach, describe, expect, test } from "vitest";
import type { Decision } from "../../src/announcement/decision.ts";
import type { RefusalCause } from "../../src/announcement/refusal.ts";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { Service } from "../../src/api/core.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { Layer2Announcer } from "../../src/speaker/layer2-announcer.ts";
import { FakeLayer2 } from "../support/fake-layer2.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NODE = nodeName("a");
const WEB = serviceKey("default", "web");
const API = serviceKey("default", "api");
const SERVICE: Service = { metadata: { name: "web", namespace: "default" }, spec: {} };
const IP = "10.0.0.1";

let clock: VirtualClock;
let engine: FakeLayer2;
let announcer: Layer2Announcer;
let verdict: "keep" | "yield";
const known = new Set<string>();
const said: string[] = [];
const events: string[] = [];
const again: string[] = [];

beforeEach(() => {
  for (const list of [said, events, again]) list.length = 0;
  known.clear();
  verdict = "keep";
  clock = new VirtualClock();
  engine = new FakeLayer2();
  announcer = new Layer2Announcer(
    {
      clock,
      log: silentLog,
      start: engine.start,
      events: {
        announced: (_service, protocol) => events.push(`announced ${protocol}`),
        ofService: (_service, { reason, message }) => events.push(`${reason}: ${message}`),
      },
      service: () => SERVICE,
      memory: {
        knows: (_service, ip) => known.has(ip),
        announced: (_service, ip) => known.add(ip),
        forget: (_service, ip) => known.delete(ip),
      },
      duel: () => verdict,
      changed: () => again.push("all"),
      decideAgain: (service) => again.push(service),
      said: (service) => said.push(service),
    },
    { nodeName: NODE, excludedInterfaces: undefined },
  );
  announcer.start();
  engine.taken();
});

interface Words {
  readonly interfaces?: readonly string[];
  readonly refresh?: number;
  readonly conflictDetection?: boolean;
}

function wins(service: typeof WEB, ips: readonly string[] = [IP], words: Words = {}): Decision {
  const { interfaces = [], refresh = 60, conflictDetection = true } = words;
  const layer2 = ips.flatMap((text) => {
    const ip = parseIpAddress(text);
    if (ip === undefined) return [];
    return [{ service, ip, interfaces, advertisements: ["ad"], refresh: seconds(refresh), conflictDetection }];
  });
  return { key: service, bgp: [], layer2, refusals: [] };
}

function loses(service: typeof WEB, cause: RefusalCause, ips: readonly string[] = [IP]): Decision {
  const refusals = ips.map((ip) => ({ service, ip, protocol: "layer2" as const, cause }));
  return { key: service, bgp: [], layer2: [], refusals };
}

function decide(...decisions: readonly Decision[]): readonly string[] {
  for (const decision of decisions) announcer.decided(decision.key, decision);
  announcer.flush();
  return engine.taken();
}

function gone(service: typeof WEB): readonly string[] {
  announcer.decided(service, undefined);
  announcer.flush();
  return engine.taken();
}

const LOST: RefusalCause = { reason: "lost-election", node: NODE, winner: nodeName("b"), scores: [0, 0], by: "digest" };
const DRAINED: RefusalCause = { reason: "node-drained", node: NODE, why: "" };
const CONFLICT: RefusalCause = { reason: "address-conflict", node: NODE, address: IP, mac: "m", interface: "eth0" };
const FENCED: RefusalCause = { reason: "fenced", node: NODE, why: "alone" };
const MISSING: RefusalCause = { reason: "interface-missing", node: NODE, interfaces: ["eth9"] };

describe("what the engine is to hold", () => {
  test("is told by difference: a pass that changes nothing says nothing", () => {
    expect(decide(wins(WEB))).toEqual([`hold ${IP} all 60s probe`]);
    expect(decide(wins(WEB))).toEqual([]);
    expect(decide(wins(WEB, [IP, "2001:db8::1"]))).toEqual(["hold 2001:db8::1 all 60s probe"]);
    expect(decide(wins(WEB, [IP, "2001:db8::1"], { interfaces: ["eth1"], refresh: 5 }))).toEqual([
      `hold ${IP} eth1 5s probe`,
      "hold 2001:db8::1 eth1 5s probe",
    ]);
  });

  test("is held once for all Services that share it: every interface of theirs, the smallest refresh", () => {
    const web = wins(WEB, [IP], { interfaces: ["eth1"], refresh: 60 });
    expect(decide(web, wins(API, [IP], { interfaces: ["eth0"], refresh: 30 }))).toEqual([
      `hold ${IP} eth0+eth1 30s probe`,
    ]);
    expect(decide(wins(API, [IP], { refresh: 0 }))).toEqual([`hold ${IP} all 60s probe`]);
    expect(gone(API)).toEqual([`hold ${IP} eth1 60s probe`]);
    expect(gone(WEB)).toEqual([`release ${IP} now`]);
  });

  test("an address that goes from one of our Services to another in one pass stays held", () => {
    decide(wins(WEB));
    announcer.decided(WEB, undefined);
    expect(decide(wins(API))).toEqual([]);
  });
});

describe("strangers are looked for", () => {
  test("not where a speaker is known to have answered, nor where the pool says so", () => {
    known.add(IP);
    expect(decide(wins(WEB))).toEqual([`hold ${IP} all 60s`]);
    expect(decide(wins(API, ["10.0.0.2"], { conflictDetection: false }))).toEqual(["hold 10.0.0.2 all 60s"]);
  });

  test("to the end: news of the address does not cut it short", () => {
    decide(wins(WEB));
    known.add(IP);
    expect(decide(wins(WEB, [IP], { refresh: 5 }))).toEqual([`hold ${IP} all 5s probe`]);
  });

  test("until the pool says that nobody is to be looked for: an address that waits for the answer, or is in quarantine, is held at once", () => {
    decide(wins(WEB));
    expect(decide(wins(WEB, [IP], { conflictDetection: false }))).toEqual([`hold ${IP} all 60s`]);
    expect(decide(wins(WEB))).toEqual([]);
  });

  test("once: an engine that is started again does not look where the first one announced", () => {
    decide(wins(WEB), wins(API, ["10.0.0.2"]));
    engine.announced(IP);
    engine.lose();
    clock.advance(seconds(1));
    expect(engine.taken()).toEqual(["speakers ", `hold ${IP} all 60s`, "hold 10.0.0.2 all 60s probe"]);
  });
});

describe("letting go", () => {
  test.each<[string, RefusalCause, string]>([
    ["another node won", LOST, "handover"],
    ["this node is drained", DRAINED, "handover"],
    ["this node is excluded", { reason: "node-excluded", node: NODE }, "handover"],
    ["the endpoint here is gone, there is another", { reason: "no-local-endpoint", node: NODE }, "handover"],
    ["no endpoint at all", { reason: "no-endpoint" }, "now"],
    ["the Service has no address", { reason: "no-address" }, "now"],
    ["its interface is gone", MISSING, "now"],
  ])("%s", (_name, cause, how) => {
    decide(wins(WEB));
    expect(decide(loses(WEB, cause))).toEqual([`release ${IP} ${how}`]);
    expect(decide(loses(WEB, cause))).toEqual([]);
  });

  test("the Service has another address now", () => {
    decide(wins(WEB));
    expect(decide(wins(WEB, ["10.0.0.9"]))).toEqual(["hold 10.0.0.9 all 60s probe", `release ${IP} now`]);
  });

  test.each([
    ["fenced", FENCED],
    ["in conflict", CONFLICT],
  ])("not while %s: the engine is silent by itself", (_name, cause) => {
    decide(wins(WEB));
    expect(decide(loses(WEB, cause))).toEqual([]);
    expect(decide(loses(WEB, LOST))).toEqual([`release ${IP} handover`]);
  });
});

describe("what is told of a Service", () => {
  test("one event and one claim for both addresses, when the first is on the wire", () => {
    decide(wins(WEB, [IP, "2001:db8::1"]));
    expect([announcer.claimOf(WEB), events]).toEqual([undefined, []]);
    engine.announced(IP, "2001:db8::1", IP);
    expect(events).toEqual(["announced layer2"]);
    expect(announcer.claimOf(WEB)).toEqual({ names: [], addresses: [IP, "2001:db8::1"] });
    decide(loses(WEB, LOST, [IP, "2001:db8::1"]));
    expect(announcer.claimOf(WEB)).toBeUndefined();
    decide(wins(WEB));
    engine.announced(IP);
    expect(events).toEqual(["announced layer2", "announced layer2"]);
  });

  test("of its interfaces those that there are", () => {
    engine.report({ type: "interfaces", names: ["eth0", "eth1"] });
    decide(wins(WEB, [IP], { interfaces: ["eth1", "eth7"] }));
    engine.announced(IP);
    expect(announcer.claimOf(WEB)?.names).toEqual(["eth1"]);
    expect([announcer.interfaces, again]).toEqual([new Set(["eth0", "eth1"]), ["all"]]);
  });

  test("nothing of an address that was let go while the engine announced it", () => {
    decide(wins(WEB));
    gone(WEB);
    engine.announced(IP);
    decide(wins(WEB));
    expect(announcer.claimOf(WEB)).toBeUndefined();
  });

  test("announceFailed once, when none of its interfaces exists", () => {
    decide(loses(WEB, MISSING));
    decide(loses(WEB, MISSING));
    expect(events).toHaveLength(1);
    expect(events[0]).toMatch(/^announceFailed: .*eth9.*"a".*"layer2"/);
  });

  test("nothing while fenced, and all of it again after", () => {
    decide(wins(WEB));
    engine.announced(IP);
    said.length = 0;
    announcer.setFenced(true);
    announcer.setFenced(true);
    expect([announcer.claimOf(WEB), said, engine.taken()]).toEqual([undefined, [WEB], ["fence on"]]);
    announcer.setFenced(false);
    expect(announcer.claimOf(WEB)?.addresses).toEqual([IP]);
  });
});

describe("a stranger", () => {
  const conflict = (quarantined: boolean): void =>
    engine.report({
      ...{ type: "conflict", ip: IP, interface: "eth0", mac: "02:00:00:00:00:99" },
      ...{ found: "probing", quarantined, at: clock.now() },
    });

  test("quarantines the address: it is refused, claimed by nobody, and said with his MAC", () => {
    decide(wins(WEB));
    known.add(IP);
    conflict(true);
    expect(known.has(IP)).toBe(false);
    expect(announcer.quarantined.get(IP)).toEqual({ mac: "02:00:00:00:00:99", interface: "eth0" });
    expect(announcer.conflictsOf(WEB)).toEqual([
      { address: IP, mac: "02:00:00:00:00:99", interface: "eth0", node: "a" },
    ]);
    expect(again).toEqual([WEB]);
    expect(events[0]).toMatch(/^AddressConflict: 10.0.0.1 is in use by 02:00:00:00:00:99 on interface eth0 of Node a/);
    engine.report({ type: "cleared", ip: IP, at: clock.now() });
    expect([announcer.quarantined.size, announcer.conflictsOf(WEB), announcer.claimOf(WEB)?.addresses]).toEqual([
      0,
      [],
      [IP],
    ]);
    expect(events.slice(1)).toEqual([`AddressConflictCleared: ${IP} is no longer in quarantine`, "announced layer2"]);
  });

  test("that is driven off leaves the address where it is", () => {
    decide(wins(WEB));
    engine.announced(IP);
    conflict(false);
    expect([announcer.quarantined.size, announcer.claimOf(WEB)?.addresses]).toEqual([0, [IP]]);
    expect(events.at(-1)).toMatch(/it is defended$/);
  });

  test("that is told of when the address was let go quarantines nothing: nobody would ever clear it for the next Service", () => {
    decide(wins(WEB));
    gone(WEB);
    conflict(true);
    expect([announcer.quarantined.size, decide(wins(API))]).toEqual([0, [`hold ${IP} all 60s probe`]]);
  });

  test("that an engine does not find again, which was started again, is gone", () => {
    decide(wins(WEB));
    conflict(true);
    engine.lose();
    clock.advance(seconds(1));
    again.length = 0;
    engine.announced(IP);
    expect([announcer.quarantined.size, announcer.conflictsOf(WEB), again]).toEqual([0, [], [WEB]]);
    expect(announcer.claimOf(WEB)?.addresses).toEqual([IP]);
  });

  test("on an address that is let go is no longer this node's affair", () => {
    decide(wins(WEB));
    conflict(true);
    decide(loses(WEB, LOST));
    expect([announcer.quarantined.size, announcer.conflictsOf(WEB)]).toEqual([0, []]);
  });
});

describe("a rival", () => {
  const rival = (): void =>
    engine.report({
      ...{ type: "rival", ip: IP, interface: "eth0", mac: "02:00:00:00:00:02" },
      ...{ speaker: "b", at: clock.now() },
    });

  beforeEach(() => {
    decide(wins(WEB));
    engine.announced(IP);
    events.length = 0;
  });

  test("is answered with announcements, after a moment in which most duels end by themselves", () => {
    rival();
    clock.advance(millis(299));
    expect(engine.taken()).toEqual([]);
    clock.advance(millis(1));
    expect([engine.taken(), events]).toEqual([[`reannounce ${IP}`], []]);
    rival();
    clock.advance(millis(300));
    expect(events).toEqual([`AddressDuel: ${IP} is announced by node "b" too: node "a" keeps it`]);
  });

  test("whom we heard of late has won already: nothing is said", () => {
    rival();
    decide(loses(WEB, LOST));
    clock.advance(seconds(1));
    expect([engine.taken(), events]).toEqual([[], []]);
  });

  test("that wins gets the address, and is asked again later and later", () => {
    verdict = "yield";
    rival();
    clock.advance(millis(300));
    expect(engine.taken()).toEqual([`release ${IP} yield`]);
    expect([announcer.claimOf(WEB), events.length]).toEqual([undefined, 1]);
    expect(decide(wins(WEB))).toEqual([]);
    clock.advance(seconds(2));
    expect(engine.taken()).toEqual([`hold ${IP} all 60s`]);
    rival();
    clock.advance(millis(300));
    expect(engine.taken()).toEqual([`release ${IP} yield`]);
    clock.advance(millis(3999));
    expect(engine.taken()).toEqual([]);
    clock.advance(millis(1));
    expect(engine.taken()).toEqual([`hold ${IP} all 60s`]);
  });

  test("that wins again long after is asked again as soon as the first one", () => {
    verdict = "yield";
    for (let i = 0; i < 3; i++) {
      rival();
      clock.advance(millis(300));
      expect(engine.taken()).toEqual([`release ${IP} yield`]);
      clock.advance(seconds(2));
      expect(engine.taken()).toEqual([`hold ${IP} all 60s`]);
      clock.advance(seconds(301));
    }
  });

  test("that has won and is gone leaves the address to this node at once; that another one is gone does not", () => {
    verdict = "yield";
    rival();
    clock.advance(millis(300));
    engine.taken();
    announcer.left(new Set(["c"]));
    expect(decide(wins(WEB))).toEqual([]);
    announcer.left(new Set(["b"]));
    expect(decide(wins(WEB))).toEqual([`hold ${IP} all 60s`]);
    clock.advance(seconds(600));
    expect(engine.taken()).toEqual([]);
  });

  test("that has won and lets go leaves the address to this node at once, not the fourth time in a row", () => {
    verdict = "yield";
    const left = (): readonly string[] => {
      rival();
      clock.advance(millis(300));
      engine.taken();
      engine.report({ type: "unclaimed", ip: IP, at: clock.now() });
      return engine.taken();
    };
    for (let i = 0; i < 3; i++) expect(left()).toEqual([`hold ${IP} all 60s`]);
    expect(left()).toEqual([]);
    clock.advance(seconds(16));
    expect(engine.taken()).toEqual([`hold ${IP} all 60s`]);
  });

  test("that has let go of what is not this node's any more leaves it to others", () => {
    verdict = "yield";
    rival();
    clock.advance(millis(300));
    decide(loses(WEB, LOST));
    engine.report({ type: "unclaimed", ip: IP, at: clock.now() });
    expect(engine.taken()).toEqual([]);
  });

  test("that is met again leaves the address to who is elected: the node that let it go takes it at once", () => {
    verdict = "yield";
    rival();
    clock.advance(millis(300));
    expect(engine.taken()).toEqual([`release ${IP} yield`]);
    announcer.met();
    expect(engine.taken()).toEqual([`hold ${IP} all 60s`, "reannounce all"]);
  });
});

describe("an engine that is lost", () => {
  test("is started again, later and later, and told everything that is true by then", () => {
    announcer.setSpeakers(["a", "b"]);
    announcer.setFenced(true);
    engine.taken();
    engine.lose();
    expect(decide(wins(WEB))).toEqual([]);
    clock.advance(seconds(1));
    expect(engine.taken()).toEqual(["speakers a,b", "fence on", `hold ${IP} all 60s probe`]);
    engine.lose();
    clock.advance(millis(1999));
    expect(engine.started).toHaveLength(2);
    clock.advance(millis(1));
    expect(engine.started).toHaveLength(3);
  });
});

describe("an engine that is lost again and again", () => {
  test("answers for nothing, and that is what is said", () => {
    decide(wins(WEB));
    engine.announced(IP);
    engine.lose();
    expect(announcer.claimOf(WEB)?.addresses).toEqual([IP]);
    clock.advance(seconds(1));
    engine.lose();
    expect(announcer.claimOf(WEB)).toBeUndefined();
    clock.advance(seconds(2));
    engine.announced(IP);
    expect(announcer.claimOf(WEB)?.addresses).toEqual([IP]);
  });
});

describe("the end of a speaker", () => {
  test("waits until every successor was heard, and takes no more decisions", async () => {
    decide(wins(WEB, [IP, "2001:db8::1"]));
    const over = announcer.handOver("handover");
    expect(engine.taken()).toEqual([`release ${IP} handover`, "release 2001:db8::1 handover"]);
    expect(decide(wins(API, ["10.0.0.7"]))).toEqual([]);
    engine.released(IP);
    engine.released("2001:db8::1");
    await over;
    await announcer.stop();
    expect(engine.closed).toBe(1);
  });

  test("waits a bounded time for an engine that says nothing", async () => {
    decide(wins(WEB));
    const over = announcer.handOver("handover");
    clock.advance(millis(2500));
    await over;
  });

  test("does not wait where nothing is held, or nobody holds it", async () => {
    await announcer.handOver("handover");
  });
});
