import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Decision } from "../../src/announcement/decision.ts";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { Config, NodeName } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { Layer2Control } from "../../src/speaker/layer2-control.ts";
import { everyone } from "../../src/speaker/members.ts";
import type { StatusRecord } from "../../src/speaker/service-status.ts";
import { SpeakerEvents } from "../../src/speaker/speaker-events.ts";
import { FakeLayer2 } from "../support/fake-layer2.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NODE = nodeName("a");
const WEB = serviceKey("default", "web");
const IP = "10.0.0.1";
const CONFIG: Config = {
  pools: new Map(),
  peers: new Map(),
  bfdProfiles: new Map(),
  bgpAdvertisements: [],
  l2Advertisements: [],
};

let clock: VirtualClock;
let engine: FakeLayer2;
let started: number;
let decisions = 0;
let control: Layer2Control;
let stop: AbortController;
let alive: readonly string[];
let verdict: "keep" | "yield";
let apiHeardAt: Micros;
let apiAnswers: boolean;
let service: Service;
let statusChanged: (type: "added" | "deleted", record: StatusRecord) => void;

beforeEach(async () => {
  clock = new VirtualClock();
  engine = new FakeLayer2();
  stop = new AbortController();
  started = 0;
  [alive, verdict, apiAnswers, apiHeardAt] = [["a", "b", "c"], "keep", true, clock.now()];
  service = {
    metadata: { name: "web", namespace: "default" },
    spec: {},
    status: { loadBalancer: { ingress: [{ ip: IP }] } },
  };
  make(Promise.resolve());
  await settle();
  clock.advance(millis(1));
  decide();
  engine.announced(IP);
  engine.taken();
});
afterEach(() => stop.abort());

function make(synced: Promise<void>): void {
  const base = { clock, log: silentLog, random: () => 0.5, wallClock: () => new Date(0) };
  const client = { create: <T>() => new Promise<T>(() => {}), patch: <T>() => new Promise<T>(() => {}) };
  control = new Layer2Control(
    {
      ...base,
      client,
      api: {
        get lastHeardAt() {
          return apiHeardAt;
        },
        ask: () => {
          if (!apiAnswers) return Promise.reject(new Error("no route"));
          apiHeardAt = clock.now();
          return Promise.resolve();
        },
      },
      startLayer2: engine.start,
      members: {
        ...everyone,
        current: () => new Set(alive.map(nodeName)),
        start: () => {
          started += 1;
        },
      },
      events: new SpeakerEvents({ ...base, client }, NODE),
      service: () => service,
      statuses: {
        synced,
        onChange: (listener) => {
          statusChanged = (type, object) => listener({ type, key: object.metadata.name, object, previous: undefined });
          return () => {};
        },
      },
      duel: () => verdict,
      changed: () => decide(),
      decideAgain: () => decide(),
      say: () => {},
    },
    { nodeName: NODE, fencing: { policy: "both", after: seconds(10) }, unavailable: "" },
  );
  void control.run(stop.signal);
}

/** This node wins whatever happens, as it sees it. */
function decide(text = IP): void {
  decisions += 1;
  control.facts([], CONFIG);
  const ip = parseIpAddress(text);
  const says = { interfaces: [], advertisements: ["ad"], refresh: seconds(60), conflictDetection: true };
  const layer2: Decision["layer2"] = ip === undefined ? [] : [{ service: WEB, ip, ...says }];
  control.decided(WEB, { key: WEB, bgp: [], layer2, refusals: [] });
  control.flush();
  control.passed();
}

function setAlive(...names: readonly string[]): void {
  alive = names;
  decide();
  engine.taken();
}

/** A rival that answers every announcement of this node with its own, for so long. Says when this node gave way. */
async function contradicted(speaker: NodeName, length: Micros): Promise<number | undefined> {
  const begin = clock.now();
  while (clock.now() - begin < length) {
    engine.report({ type: "rival", ip: IP, interface: "eth0", mac: "02:00:00:00:00:02", speaker, at: clock.now() });
    clock.advance(millis(1600));
    await settle(2);
    if (engine.taken().includes(`release ${IP} yield`)) return (clock.now() - begin) / seconds(1);
  }
  return undefined;
}

describe("two speakers that both keep an address", () => {
  test("this one does, for good, with most of the speakers", async () => {
    setAlive("a", "b");
    expect(await contradicted(nodeName("c"), seconds(60))).toBeUndefined();
  });

  test("not for long where no gossip of the others arrives, whatever the election says", async () => {
    setAlive("a");
    const first = await contradicted(nodeName("c"), seconds(60));
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThan(20);
    // It looks again, and needs no second proof.
    clock.advance(seconds(2));
    expect(engine.taken()).toEqual([`hold ${IP} all 60s`]);
    expect(await contradicted(nodeName("c"), seconds(60))).toBeLessThan(2);
  });

  test("not for long without the API, where the other is taken for alive and the members come from there", async () => {
    apiAnswers = false;
    clock.advance(seconds(6));
    await settle();
    const left = await contradicted(nodeName("c"), seconds(60));
    expect(left).toBeGreaterThan(4);
    expect(left).toBeLessThan(14);
  });
});

test("an address that was left to a speaker comes back when that is gone", async () => {
  verdict = "yield";
  expect(await contradicted(nodeName("c"), seconds(1))).toBeDefined();
  alive = ["a", "b"];
  decide();
  expect(engine.taken()).toContain(`hold ${IP} all 60s`);
});

test("the others hear nothing of a speaker before it has an interface to answer on, and then all the time", () => {
  expect(started).toBe(0);
  engine.report({ type: "interfaces", names: [] });
  expect([started, control.facts([], CONFIG).unavailable]).toEqual([0, "none of its interfaces can be used"]);
  for (const names of [["eth0"], [], ["eth0", "eth1"]]) engine.report({ type: "interfaces", names });
  expect([started, control.facts([], CONFIG).unavailable]).toEqual([1, undefined]);
});

test("a node that comes out of its fence answers when all is decided anew: not for what it may have lost meanwhile", async () => {
  let decidedAtFence = 0;
  const pass = async (steps: number): Promise<void> => {
    for (let i = 0; i < steps && !engine.commands.some(({ type }) => type === "fence"); i++) {
      clock.advance(seconds(0.5));
      await settle(2);
      const lifts = (): boolean => engine.commands.some((command) => command.type === "fence" && !command.on);
      const before = lifts();
      control.flush();
      // What is decided alone, in the middle of a look at everything, lifts nothing.
      expect(lifts()).toBe(before);
      control.passed();
      expect(lifts() && decisions === decidedAtFence).toBe(false);
    }
  };
  apiAnswers = false;
  setAlive("a");
  await pass(30);
  // It is told that it is fenced at once, and that it may speak again by the next look at everything.
  clock.advance(millis(1));
  expect(engine.taken()).toContain("fence on");
  decidedAtFence = decisions;
  apiAnswers = true;
  await pass(30);
  expect(engine.taken()).toContain("fence off");
});

test("nobody stands before it is known what others answer for; who may not read it goes on after 5 s", async () => {
  stop.abort();
  stop = new AbortController();
  make(new Promise(() => {}));
  await settle();
  expect(control.facts([], CONFIG).members).toEqual(new Set());
  clock.advance(seconds(5));
  expect(control.facts([], CONFIG).members).toEqual(new Set(alive));
});

describe("an address that another speaker answered for, until it stopped", () => {
  const OTHER = "10.0.0.2";
  const record: StatusRecord = {
    metadata: { name: "l2-x" },
    words: { service: WEB, node: nodeName("b"), names: [] },
    addresses: [OTHER],
    owners: [],
  };

  beforeEach(() => {
    service = { ...service, status: { loadBalancer: { ingress: [{ ip: OTHER }] } } };
    statusChanged("added", record);
    statusChanged("deleted", record);
  });

  test("is taken over without a search for strangers", () => {
    decide(OTHER);
    expect(engine.taken()).toContain(`hold ${OTHER} all 60s`);
  });

  test("is searched for strangers when a speaker has met one there since, as the Service's condition says", () => {
    const message = `${OTHER} is in use by 02:00:00:00:00:99 on interface eth0 of Node b`;
    const conflict = { type: "herald.io/AddressConflict", status: "True", reason: "AddressInUse", message };
    service = { ...service, status: { ...service.status, conditions: [conflict] } };
    decide();
    decide(OTHER);
    expect(engine.taken()).toContain(`hold ${OTHER} all 60s probe`);
  });
});
