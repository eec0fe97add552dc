import { describe, expect, test } from "vitest";
import type { Decision } from "../../src/announcement/decision.ts";
import type { Protocol, RefusalCause } from "../../src/announcement/refusal.ts";
import { nodeName, poolName, serviceKey } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { RefusalEvents } from "../../src/speaker/refusal-events.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const WEB = serviceKey("default", "web");
const NODE = nodeName("node-a");
const POOL = poolName("main");
const NO_ADVERTISEMENT: RefusalCause = { reason: "no-matching-advertisement", node: NODE, pool: POOL, exist: false };
const OTHER_NODES: RefusalCause = { reason: "node-not-selected", node: NODE, pool: POOL };
const CONTRADICTION: RefusalCause = {
  reason: "conflicting-local-pref",
  advertisements: [
    { name: "a", localPref: 100 },
    { name: "b", localPref: 200 },
  ],
};

function refused(causes: Partial<Record<Protocol, RefusalCause>>, key: ServiceKey = WEB): Decision {
  const protocols: readonly Protocol[] = ["bgp", "layer2"];
  const refusals = protocols.flatMap((protocol) => {
    const cause = causes[protocol];
    return cause === undefined ? [] : [{ service: key, ip: "192.0.2.1", protocol, cause }];
  });
  return { key, bgp: [], layer2: [], refusals };
}

const both = (cause: RefusalCause, key: ServiceKey = WEB): Decision => refused({ bgp: cause, layer2: cause }, key);

function world({ served = true, room = Number.POSITIVE_INFINITY } = {}) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const decisions = new Map<ServiceKey, Decision>();
  const state = { room };
  const events = new RefusalEvents({
    clock,
    service: (key) => ({ metadata: { name: key }, spec: {} }),
    decisions: () => decisions.values(),
    isServed: () => served,
    room: () => state.room,
    say: ({ metadata }, { type, reason, message }) => {
      state.room -= 1;
      said.push(`${metadata.name} ${type} ${reason}: ${message}`);
    },
  });
  const decide = (key: ServiceKey, decision: Decision | undefined): void => {
    if (decision === undefined) decisions.delete(key);
    else decisions.set(key, decision);
    events.decided(key, decision);
  };
  return { clock, said, events, state, decide };
}

function speaker(options: Parameters<typeof world>[0] = {}) {
  const made = world(options);
  made.events.speakFor("node-a", ["node-a", "node-b"]);
  return made;
}

describe("what is said of a Service that no node announces", () => {
  test.each<[string, Decision, boolean, string | undefined]>([
    ["nothing while the controller has given no address", both({ reason: "no-address" }), false, undefined],
    ["nothing of what keeps out this node alone", both({ reason: "node-excluded", node: NODE }), true, undefined],
    ["nothing of one that other nodes are selected for", refused({ bgp: OTHER_NODES }), true, undefined],
    [
      "nothing where one protocol has no advertisement and the other has",
      refused({ bgp: NO_ADVERTISEMENT, layer2: OTHER_NODES }),
      true,
      undefined,
    ],
    [
      "that there is no endpoint, also where another refusal comes first on this node",
      refused({ bgp: OTHER_NODES, layer2: NO_ADVERTISEMENT }),
      false,
      "no EndpointSlice of Service default/web has a usable endpoint",
    ],
    [
      "that nothing advertises its pool, by either protocol",
      both(NO_ADVERTISEMENT),
      true,
      "no BGPAdvertisement selects IPAddressPool main by spec.ipAddressPools or spec.ipAddressPoolSelectors; no L2Advertisement selects IPAddressPool main by spec.ipAddressPools or spec.ipAddressPoolSelectors",
    ],
    [
      "that advertisements contradict each other",
      refused({ bgp: CONTRADICTION, layer2: NO_ADVERTISEMENT }),
      true,
      "BGPAdvertisements a (spec.localPref 100) and b (spec.localPref 200) contradict each other for Service default/web",
    ],
    [
      "that no pool has its address",
      both({ reason: "address-not-in-pool", addresses: ["192.0.2.1"] }),
      false,
      "no single IPAddressPool's spec.addresses hold 192.0.2.1 of Service default/web",
    ],
  ])("%s", (_, decision, served, message) => {
    const { decide, clock, said } = speaker({ served });
    decide(WEB, decision);
    clock.advance(seconds(60));
    expect(said).toEqual(message === undefined ? [] : [`default/web Warning announceFailed: ${message}`]);
  });
});

describe("how often it is said", () => {
  test("once for a refusal that stands for ten seconds, however many passes there are", () => {
    const { decide, clock, said } = speaker();
    for (let pass = 0; pass < 100; pass++) {
      decide(WEB, both({ reason: "no-endpoint" }));
      clock.advance(millis(99));
    }
    expect(said).toEqual([]);
    clock.advance(seconds(3600));
    expect(said).toHaveLength(1);
    expect(clock.armed).toBe(0);
  });

  test("never for one that is over before: pods that are replaced", () => {
    const { decide, clock, said } = speaker();
    decide(WEB, both({ reason: "no-endpoint" }));
    clock.advance(seconds(9));
    decide(WEB, refused({ layer2: NO_ADVERTISEMENT }));
    decide(WEB, both({ reason: "no-endpoint" }));
    clock.advance(seconds(9));
    expect(said).toHaveLength(0);
  });

  test("again for another cause, and for the same one after it was gone", () => {
    const { decide, clock, said } = speaker();
    for (const decision of [
      both({ reason: "no-endpoint" }),
      refused({ bgp: CONTRADICTION }),
      both({ reason: "no-endpoint" }),
    ]) {
      decide(WEB, decision);
      clock.advance(seconds(10));
    }
    expect(said).toHaveLength(3);
  });

  test("not of a Service that is deleted meanwhile", () => {
    const { decide, clock, said } = speaker();
    decide(WEB, both({ reason: "no-endpoint" }));
    decide(WEB, undefined);
    clock.advance(seconds(60));
    expect(said).toEqual([]);
  });
});

describe("who says it", () => {
  test("of a thousand speakers the first by name", () => {
    const names = Array.from({ length: 1000 }, (_, i) => `node-${String(i).padStart(4, "0")}`);
    const worlds = names.map((name) => {
      const made = world();
      made.events.speakFor(name, names);
      made.decide(WEB, both({ reason: "no-endpoint" }));
      made.clock.advance(seconds(60));
      return made;
    });
    expect(worlds.flatMap(({ said }) => said)).toHaveLength(1);
    expect(worlds[0]?.said).toHaveLength(1);
  });

  test("the next one when that is gone, of what still stands; and nobody twice when it comes back", () => {
    const { events, decide, clock, said } = world();
    events.speakFor("node-b", ["node-a", "node-b"]);
    decide(WEB, both({ reason: "no-endpoint" }));
    clock.advance(seconds(60));
    expect(said).toEqual([]);
    events.speakFor("node-b", ["node-b"]);
    clock.advance(seconds(10));
    expect(said).toHaveLength(1);
    events.speakFor("node-b", ["node-a", "node-b"]);
    events.speakFor("node-b", ["node-b"]);
    clock.advance(seconds(60));
    expect(said).toHaveLength(1);
  });

  test("nobody who does not know of any speaker yet, himself included: a thousand may begin together", () => {
    const { events, decide, clock, said } = world();
    events.speakFor("node-b", []);
    decide(WEB, both({ reason: "no-endpoint" }));
    clock.advance(seconds(60));
    expect(said).toEqual([]);
  });

  test("nobody once it is stopped", () => {
    const { events, decide, clock, said } = speaker();
    decide(WEB, both({ reason: "no-endpoint" }));
    events.stop();
    clock.advance(seconds(60));
    expect([said, clock.armed]).toEqual([[], 0]);
  });
});

test("ten thousand refused Services are all said, as fast as there is room and no faster", () => {
  const { decide, clock, said, state } = speaker({ room: 500 });
  for (let i = 0; i < 10_000; i++) {
    const key = serviceKey("default", `web-${i}`);
    decide(key, both({ reason: "no-endpoint" }, key));
  }
  clock.advance(seconds(10));
  expect(said).toHaveLength(500);
  for (let turn = 0; turn < 19; turn++) {
    state.room = 500;
    clock.advance(millis(500));
  }
  expect(new Set(said).size).toBe(10_000);
  expect(clock.armed).toBe(0);
});
