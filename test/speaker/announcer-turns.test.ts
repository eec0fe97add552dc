import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Decision, type NodeContext, prepareNode } from "../../src/announcement/decision.ts";
import type { AnnouncedRoute, RouteChange } from "../../src/announcement/route-table.ts";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { Config, NodeName, ServiceKey } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import type { EndpointSummary } from "../../src/api/endpoints.ts";
import { millis } from "../../src/net/micros.ts";
import { Announcer } from "../../src/speaker/announcer.ts";
import type { Clock } from "../../src/system/clock.ts";
import {
  base,
  bgpAd,
  config,
  known,
  l2Ad,
  labels,
  local,
  main,
  node,
  on,
  peer,
  service,
} from "../announcement/cluster.ts";
import { BusyClock } from "../support/busy-clock.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NAMES = ["p", "q", "r", "s", "t"];
const IPS = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const NODES = ["a", "b", "c"];

type State = { readonly service: Service; readonly endpoints: EndpointSummary };

/** An announcer with the caches it looks into, and those who hear of it. */
class Scene {
  readonly states = new Map<ServiceKey, State>();
  /** As the peers have it. */
  readonly told = new Map<string, string>();
  /** As statuses and the LAN have it. */
  readonly heard = new Map<ServiceKey, Decision>();
  readonly announcer: Announcer;
  passes = 0;

  constructor(clock: Clock) {
    this.announcer = new Announcer({
      clock,
      log: silentLog,
      service: (key) => this.states.get(key)?.service,
      services: () => [...this.states.values()].map((state) => state.service),
      endpoints: (key) => this.states.get(key)?.endpoints ?? on(),
      keyOf: ({ metadata }) => serviceKey(metadata.namespace, metadata.name),
      tell: (changes) => {
        for (const change of changes) this.#hear(change);
      },
      announced: () => {},
      decided: (key, decision) => {
        if (decision === undefined) this.heard.delete(key);
        else this.heard.set(key, decision);
      },
      flush: () => {},
      passed: () => {
        this.passes += 1;
      },
    });
  }

  put(name: string, state: State | undefined): void {
    const key = serviceKey("default", name);
    if (state === undefined) this.states.delete(key);
    else this.states.set(key, state);
    this.announcer.serviceChanged(key);
  }

  /** The host routes that peers have, and those that they should have by what there is now. */
  get hosts(): { readonly told: readonly string[]; readonly wanted: readonly string[] } {
    const told = [...this.told.keys()].filter((key) => key.startsWith("r ") && key.endsWith("/32"));
    const served = [...this.states.values()].filter(({ service: { spec }, endpoints }) =>
      spec.externalTrafficPolicy === "Local" ? endpoints.nodes.has(HOME) : endpoints.any,
    );
    const wanted = served.flatMap(({ service: { status } }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip }) => `r ${ip}/32`),
    );
    return { told: told.toSorted(), wanted: [...new Set(wanted)].sort() };
  }

  #hear({ peer: to, prefix, route }: RouteChange): void {
    if (route === undefined) this.told.delete(`${to} ${prefix}`);
    else this.told.set(`${to} ${prefix}`, wire(route));
  }
}

const HOME = nodeName("a");
const wire = ({ localPref, linkBandwidth, communities }: AnnouncedRoute): string =>
  JSON.stringify([localPref, linkBandwidth, communities]);

function contextOf(cluster: Config, nodes: readonly string[] = NODES): NodeContext {
  const incumbents = new Map<ServiceKey, NodeName>([[serviceKey("default", "q"), nodeName("b")]]);
  return prepareNode({ ...base, config: cluster, nodes: nodes.map((name) => node(name)), nodeName: HOME, incumbents });
}

const host = bgpAd("host", { linkBandwidth: "endpoints" });
const lan = (name: string, fields: object) => l2Ad(name, { serviceSelectors: [labels({ app: name })], ...fields });
const layer2 = [lan("even", { spread: "even" }), lan("sticky", { sticky: true }), lan("hash", {})];
const block = (name: string, ...communities: string[]) =>
  bgpAd(name, { lengths: [24, 64], communities, serviceSelectors: [labels({ app: "even" })] });
const all = (name: string, ...communities: string[]) => bgpAd(name, { lengths: [24, 64], communities });
/** What one aggregate has before and after a change: never both. */
const CONTEXTS: readonly (() => NodeContext)[] = [
  () => contextOf(config(main, peer("r"), host, all("all", "1:1"), ...layer2)),
  () => contextOf(config(main, peer("r"), host, all("all", "2:2"), ...layer2)),
  () =>
    contextOf(config(main, peer("r"), peer("x", { address: "192.0.2.2" }), host, block("some", "1:1"), ...layer2), [
      "a",
      "b",
    ]),
  () => contextOf(config(main, peer("r"), host), ["a"]),
];

const state = fc
  .record({
    name: fc.constantFrom(...NAMES),
    ips: fc.subarray(IPS, { minLength: 1, maxLength: 2 }),
    where: fc.subarray(NODES),
    isLocal: fc.boolean(),
    app: fc.constantFrom("even", "hash", "sticky"),
  })
  .map(({ name, ips, where, isLocal, app }) => {
    const spec = { type: "LoadBalancer", ...(isLocal ? local : {}) };
    return { name, state: { service: service(name, { ips, labels: { app }, spec }), endpoints: on(...where) } };
  });
const step = fc.oneof(
  { arbitrary: state.map((put) => ({ type: "put" as const, ...put })), weight: 4 },
  { arbitrary: fc.constantFrom(...NAMES).map((name) => ({ type: "put" as const, name, state: undefined })), weight: 1 },
  {
    arbitrary: fc.constantFrom(0, 1, 0, 1, 2, 3).map((context) => ({ type: "reconfigure" as const, context })),
    weight: 2,
  },
  { arbitrary: fc.nat(12).map((count) => ({ type: "turns" as const, count })), weight: 4 },
);
const sorted = <T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

function firstState(name: string, i: number): State {
  const ips = [`10.0.0.${(i % IPS.length) + 1}`];
  return { service: service(name, { ips, labels: { app: i % 2 === 0 ? "even" : "hash" } }), endpoints: on(...NODES) };
}

function turn(clock: BusyClock, count: number): void {
  for (let i = 0; i < count; i++) clock.turn();
}

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does a step, and answers the context that was the last. */
function perform(scene: Scene, clock: BusyClock, what: Step, context: number): number {
  if (what.type === "turns") turn(clock, what.count);
  else if (what.type === "put") scene.put(what.name, what.state);
  else scene.announcer.reconfigure(known(CONTEXTS[what.context])());
  return what.type === "reconfigure" ? what.context : context;
}

function atOnce(states: ReadonlyMap<ServiceKey, State>, context: NodeContext): Scene {
  const scene = new Scene(new VirtualClock());
  for (const [key, one] of states) scene.states.set(key, one);
  scene.announcer.reconfigure(context);
  return scene;
}

const decisionsOf = ({ announcer }: Scene) => sorted(new Map([...announcer.decisions()].map((one) => [one.key, one])));

test("however a pass is cut up and whatever changes in between: as if all had been decided in one go", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.constantFrom(2, 3, 8, 50), (steps, cost) => {
      const clock = new BusyClock(millis(cost));
      const scene = new Scene(clock);
      for (const [i, name] of NAMES.entries()) scene.put(name, firstState(name, i));
      let context = perform(scene, clock, { type: "reconfigure", context: 0 }, 0);
      for (const what of steps) {
        context = perform(scene, clock, what, context);
        // Every context announces every address: what has just changed waits for no pass.
        if (scene.passes > 0) expect(scene.hosts.told).toEqual(scene.hosts.wanted);
        for (const [, said] of scene.told) expect(said).not.toContain(BOTH);
      }
      // What was under way comes to its end; nothing is decided once more after it.
      while (clock.turn());
      const whole = atOnce(scene.states, known(CONTEXTS[context])());
      expect(sorted(scene.told)).toEqual(sorted(whole.told));
      expect(sorted(scene.heard)).toEqual(sorted(whole.heard));
      expect(decisionsOf(scene)).toEqual(decisionsOf(whole));
      expect(decisionsOf(scene)).toEqual(sorted(scene.heard));
    }),
    { numRuns: 300 },
  );
});

/** The communities 1:1 and 2:2 on one route. */
const BOTH = "65537,131074";

describe("while everything is decided again", () => {
  const FULL = contextOf(config(main, peer("r"), bgpAd("host"), l2Ad("lan")));
  const CHANGED = contextOf(config(main, peer("r"), bgpAd("host", { communities: ["1:1"] }), l2Ad("lan")));
  const many = Array.from({ length: 40 }, (_, i) => `s${i}`);
  const one = (name: string, ip: string, endpoints = on("a")): State => ({
    service: service(name, { ips: [ip] }),
    endpoints,
  });

  /** A pass that has got to the given share of its turns. */
  function during(share: number): { readonly scene: Scene; readonly clock: BusyClock } {
    const clock = new BusyClock(millis(4));
    const scene = new Scene(clock);
    for (const [i, name] of many.entries()) scene.put(name, one(name, `10.0.0.${i}`));
    scene.announcer.reconfigure(FULL);
    let turns = 0;
    while (clock.turn()) turns += 1;
    scene.announcer.reconfigure(CHANGED);
    turn(clock, Math.floor(turns * share));
    expect(scene.passes).toBe(1);
    return { scene, clock };
  }

  test.each([0, 0.3, 0.5, 0.8, 0.95])("routers hear of what changes at once (%d of it done)", (share) => {
    const { scene, clock } = during(share);
    scene.put("s39", undefined);
    scene.put("s1", one("s1", "10.0.0.1", on()));
    scene.put("new", one("new", "10.0.0.99"));
    expect(scene.told.has("r 10.0.0.39/32")).toBe(false);
    expect(scene.told.has("r 10.0.0.1/32")).toBe(false);
    expect(scene.told.has("r 10.0.0.99/32")).toBe(true);
    while (clock.turn());
    expect(scene.passes).toBe(2);
    expect(decisionsOf(scene)).toEqual(decisionsOf(atOnce(scene.states, CHANGED)));
    const communities = new Set(scene.told.values());
    expect([scene.told.size, communities.size]).toEqual([39, 1]);
  });

  test("no turn does more than its share, and the end is told once", () => {
    const clock = new BusyClock(millis(4));
    const scene = new Scene(clock);
    for (const [i, name] of many.entries()) scene.put(name, one(name, `10.0.0.${i}`));
    let ended = 0;
    scene.announcer.reconfigure(FULL, () => {
      ended += 1;
    });
    let most = 0;
    for (let before = scene.heard.size; clock.turn(); before = scene.heard.size)
      most = Math.max(most, scene.heard.size - before);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(4);
    expect([scene.heard.size, ended, scene.passes]).toEqual([40, 1, 1]);
  });

  test("a pass has an end, also where more changes in every turn than a turn can do", () => {
    const { scene, clock } = during(0);
    for (let turns = 0; scene.passes === 1 && turns < 500; turns += 1) {
      clock.turn();
      for (const [i, name] of many.entries()) scene.put(name, one(name, `10.0.0.${i}`, on("a", `x${turns % 2}`)));
    }
    expect(scene.passes).toBe(2);
    expect(decisionsOf(scene)).toEqual(decisionsOf(atOnce(scene.states, CHANGED)));
  });
});
