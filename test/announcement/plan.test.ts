import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepareNode } from "../../src/announcement/decision.ts";
import { type NodePlan, type PlanInput, planNode, planNodes } from "../../src/announcement/plan.ts";
import { formatRefusal, REFUSAL_REASONS, type Refusal } from "../../src/announcement/refusal.ts";
import { combineRoutes } from "../../src/announcement/route-table.ts";
import { nodeName } from "../../src/api/brands.ts";
import type { Node } from "../../src/api/core.ts";
import type { EndpointSummary } from "../../src/api/endpoints.ts";
import {
  base,
  bgpAd,
  config,
  decideService,
  known,
  l2Ad,
  labels,
  local,
  main,
  node,
  on,
  onNodes,
  peer,
  pool,
  service,
} from "./cluster.ts";

const NODES = ["a", "b", "c"];
const EXCLUDE = { "node.kubernetes.io/exclude-from-external-load-balancers": "" };
const someNodes = fc.subarray(NODES);
const nodeSelectors = fc
  .option(someNodes, { nil: undefined })
  .map((names) => (names === undefined ? [] : onNodes(...names)));
const serviceSelectors = fc.constantFrom([], [labels({ app: "web" })], [labels({ app: "db" }), labels({ app: "web" })]);
const pools = fc.subarray(["main", "second"]);
const named = <T>(prefix: string, arbitrary: fc.Arbitrary<(name: string) => T>): fc.Arbitrary<T[]> =>
  fc.array(arbitrary, { maxLength: 3 }).map((makers) => makers.map((make, i) => make(`${prefix}${i}`)));

const bgpAds = named(
  "bgp",
  fc
    .record({
      pools,
      nodeSelectors,
      serviceSelectors,
      peers: fc.subarray(["peer0", "peer1", "gone"]),
      localPref: fc.constantFrom(100, 100, 200),
      lengths: fc.constantFrom<readonly [number, number]>([32, 128], [24, 64]),
      med: fc.constantFrom(1, 2),
      asPathPrepend: fc.constantFrom(0, 1),
      linkBandwidth: fc.constant("endpoints" as const),
      communities: fc.constantFrom(
        [],
        ["1:1"],
        Array.from({ length: 40 }, (_, i) => `2:${i}`),
        Array.from({ length: 64 }, (_, i) => `3:${i}`),
      ),
    })
    .map((fields) => (name: string) => bgpAd(name, fields)),
);
const l2Ads = named(
  "lan",
  fc
    .record({
      pools,
      nodeSelectors,
      serviceSelectors,
      interfaces: fc.subarray(["eth0", "eth1"]),
      prefers: fc.dictionary(fc.constantFrom(...NODES), fc.integer({ min: 1, max: 3 })),
    })
    .map((fields) => (name: string) => l2Ad(name, fields)),
);
const peers = named(
  "peer",
  fc
    .record({ nodeSelectors, address: fc.constantFrom("192.0.2.1", "2001:db8:1::1"), dualStack: fc.boolean() })
    .map((fields) => (name: string) => peer(name, fields)),
);
const drained = (name: string): Node => ({
  metadata: { ...node(name).metadata, annotations: { "herald.io/drain": "" } },
});
const nodes = fc.tuple(
  ...NODES.map((name) =>
    fc.constantFrom(node(name), node(name), node(name, EXCLUDE), node(name, {}, "True"), drained(name)),
  ),
);
const endpoints: fc.Arbitrary<EndpointSummary> = fc.oneof(
  someNodes.map((names) => on(...names)),
  fc.constant({ any: true, nodes: new Map<never, never>() }),
);
const services = fc
  .array(
    fc.record({
      ips: fc.constantFrom(
        [],
        ["10.0.0.1"],
        ["10.0.0.2", "2001:db8::2"],
        ["10.0.1.1"],
        ["nonsense"],
        ["10.9.9.9"],
        ["2001:db8::1", "10.0.0.9"],
      ),
      labels: fc.constantFrom({}, { app: "web" }, { app: "db" }),
      annotations: fc.constantFrom({}, { "metallb.io/allow-shared-ip": "x" }),
      spec: fc.constantFrom({}, local, { type: "ClusterIP" }),
      endpoints,
    }),
    { maxLength: 6 },
  )
  .map((list) => list.map(({ endpoints: e, ...fields }, i) => ({ service: service(`s${i}`, fields), endpoints: e })));

const second = pool("second", "10.0.1.0/24");
const members = fc.option(
  someNodes.map((names) => new Set(names.map(nodeName))),
  { nil: undefined },
);
const inputs: fc.Arbitrary<PlanInput> = fc
  .record({ bgpAds, l2Ads, peers, nodes, services, members, ignoreExcludeLb: fc.boolean() })
  .map(({ bgpAds: b, l2Ads: l, peers: p, ...rest }) => ({
    ...base,
    ...rest,
    config: config(main, second, ...p, ...b, ...l),
  }));

/** `service ip protocol` of everything a node announces. */
function announced(plan: NodePlan, input: PlanInput): string[] {
  const overBgp = input.services.flatMap(({ service: one, endpoints: e }) => {
    const { key, bgp } = decideService(prepareNode({ ...input, nodeName: plan.node }), one, e);
    const carried = (prefix: string, to: string): boolean =>
      plan.bgp.some((r) => r.peer === to && `${r.prefix}` === prefix && r.services.includes(key));
    return bgp.filter((b) => carried(`${b.prefix}`, b.peer)).map((b) => `${key} ${b.ip} bgp`);
  });
  return [...new Set(overBgp), ...plan.layer2.map(({ service: key, ip }) => `${key} ${ip} layer2`)];
}

const subject = (r: Refusal): string => `${r.service} ${r.ip} ${r.protocol}`;

test("4 and 6: each address of each Service is, per node and protocol, announced or refused once: never both, never neither", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const inScope = input.services.filter(({ service: one }) => one.spec.type === "LoadBalancer");
      const wanted = inScope.flatMap(({ service: one }) => {
        const ingress = one.status?.loadBalancer?.ingress ?? [];
        const ips = ingress.length === 0 ? [undefined] : ingress.map((entry) => entry.ip);
        return ips.flatMap((text) =>
          ["bgp", "layer2"].map((protocol) => `default/${one.metadata.name} ${text} ${protocol}`),
        );
      });
      for (const plan of planNodes(input)) {
        expect([...announced(plan, input), ...plan.refusals.map(subject)].sort()).toEqual(wanted.sort());
      }
    }),
    { numRuns: 300 },
  );
});

test("6.2 each address has one announcer when anybody qualifies, whoever shares it, and the losers agree who it is", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const plans = [...planNodes(input)];
      const winners = new Map<string, string>();
      const served = new Set<string>();
      for (const { node: name, layer2 } of plans) {
        for (const { service: key, ip } of layer2) {
          expect(winners.get(`${ip}`) ?? name).toBe(name);
          winners.set(`${ip}`, name);
          served.add(`${key} ${ip}`);
        }
      }
      for (const { service: key, ip, cause } of plans.flatMap((plan) => plan.refusals)) {
        if (cause.reason === "no-candidate-node") expect(served.has(`${key} ${ip}`)).toBe(false);
        if (cause.reason !== "lost-election") continue;
        expect(winners.get(`${ip}`)).toBe(cause.winner);
        expect(served.has(`${key} ${ip}`)).toBe(cause.by !== "sharing");
      }
    }),
    { numRuns: 300 },
  );
});

test("one node at a time and all at once say the same, in whatever order Services come", () => {
  fc.assert(
    fc.property(inputs, (input) => {
      const plans = [...planNodes(input)];
      expect(plans.map((plan) => plan.node)).toEqual(NODES);
      for (const plan of plans) {
        expect(planNode({ ...input, services: input.services.toReversed() }, plan.node)).toEqual(plan);
        const cx = prepareNode({ ...input, nodeName: plan.node });
        const alone = input.services.map(({ service: one, endpoints: e }) => decideService(cx, one, e));
        expect(combineRoutes(alone).routes).toEqual(plan.bgp);
      }
    }),
  );
});

test("every refusal is worded, and names something to look at", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(inputs, (input) => {
      for (const { refusals } of planNodes(input)) {
        for (const refusal of refusals) {
          seen.add(refusal.cause.reason);
          expect(formatRefusal(refusal)).toMatch(/Service|Node|IPAddressPool|Advertisement|EndpointSlice|session/);
          expect(formatRefusal(refusal)).not.toMatch(/undefined|\[object/);
        }
      }
    }),
    { numRuns: 1000, seed: 7 },
  );
  // The plan knows nothing of a node's own state; these reasons are proved at rule 6.3, rule 6.4 and rule 4.2.
  const own = ["interface-missing", "peer-not-supported", "layer2-unavailable", "fenced", "address-conflict"];
  expect([...seen, ...own].sort()).toEqual([...REFUSAL_REASONS].sort());
});

describe("4.4 Services that are fine alone and too many communities together", () => {
  const range = (from: number): string[] => Array.from({ length: 40 }, (_, i) => `${from}:${i}`);
  const wide = pool("second", "10.0.1.0/24");
  const cluster = config(
    main,
    wide,
    peer("tor"),
    bgpAd("x", { communities: range(1), lengths: [16, 64] }),
    bgpAd("y", { pools: ["second"], communities: range(2), lengths: [16, 64] }),
  );
  const both = [service("a", { ips: ["10.0.0.1"] }), service("b", { ips: ["10.0.1.1"] })].map((one) => ({
    service: one,
    endpoints: on("a"),
  }));
  const input = { ...base, config: cluster, nodes: [node("a")], services: both };

  test("the route is held back and every address on it says why", () => {
    const plan = planNode(input, nodeName("a"));
    expect(plan.bgp).toEqual([]);
    const refused = plan.refusals.filter((r) => r.protocol === "bgp").map(formatRefusal);
    const message = "80 communities in spec.communities of BGPAdvertisements x, y meet on one route, which takes 63";
    expect(refused).toEqual([message, message]);
  });

  test("an address with another route is announced there", () => {
    const hosts = bgpAd("z", { pools: ["second"] });
    const plan = planNode(
      { ...input, config: { ...cluster, bgpAdvertisements: [...cluster.bgpAdvertisements, hosts] } },
      nodeName("a"),
    );
    expect(plan.bgp.map((r) => `${r.prefix}`)).toEqual(["10.0.1.1/32"]);
    expect(plan.refusals.filter((r) => r.protocol === "bgp").map((r) => r.service)).toEqual(["default/a"]);
  });
});

test("an address list is told IPv4 first, whatever order the status has", () => {
  const what = service("web", { ips: ["2001:db8::1", "10.0.0.1"] });
  const input = {
    ...base,
    config: config(main),
    nodes: [node("a")],
    services: [{ service: what, endpoints: on("a") }],
  };
  expect(planNode(input, nodeName("a")).refusals.map((r) => r.ip)).toEqual([
    "10.0.0.1",
    "10.0.0.1",
    "2001:db8::1",
    "2001:db8::1",
  ]);
});

test("a node that nobody knows has an empty plan", () => {
  const plan = planNode({ ...base, config: config(main), nodes: [], services: [] }, nodeName("ghost"));
  expect(plan).toEqual({ node: "ghost", bgp: [], layer2: [], refusals: [] });
});

test("4.4 no route without its attributes: each that an advertisement on it says is there, and no other", () => {
  let seen = 0;
  fc.assert(
    fc.property(inputs, (input) => {
      const ads = new Map(input.config.bgpAdvertisements.map((ad) => [ad.name, ad]));
      for (const { bgp } of planNodes(input)) {
        for (const route of bgp) {
          seen++;
          const said = route.advertisements.map((name) => known(ads.get(name)));
          expect(route.localPref).toBe(Math.max(...said.map((ad) => ad.localPref ?? 0)));
          expect(route.med).toBe(Math.min(...said.map((ad) => ad.med ?? Number.POSITIVE_INFINITY)));
          expect(route.asPathPrepend).toBe(Math.min(...said.map((ad) => ad.asPathPrepend ?? Number.POSITIVE_INFINITY)));
          expect(new Set(route.communities)).toEqual(new Set(said.flatMap((ad) => ad.communities)));
          expect(route.linkBandwidth).toBeGreaterThanOrEqual(1_000_000);
          expect(route.linkBandwidth).toBeLessThan(4_000_000_000);
        }
      }
    }),
    { numRuns: 1000, seed: 7 },
  );
  expect(seen).toBeGreaterThan(20);
});
