import { describe, expect, test } from "vitest";
import { nodeName, peerName, serviceKey } from "../../src/api/brands.ts";
import { SILENT, UNCONFIRMED } from "../../src/bgp/fsm.ts";
import type { Observed } from "../../src/inspection/explain/facts.ts";
import { type PlanItem, planItem } from "../../src/inspection/state-view.ts";
import {
  bgp,
  but,
  down,
  explained,
  HAS,
  held,
  lan,
  layer2,
  node,
  observed,
  peer,
  pool,
  route,
  SOUND,
  service,
  session,
} from "./explain-scene.ts";

/** What labs/explain-faults showed: each of these named something else once, or said no where there was a yes. */
const first = (objects: readonly object[], seen?: Observed): readonly unknown[] => {
  const { answers, causes } = explained(objects, seen === undefined ? {} : { seen });
  return [causes[0]?.name, causes[0]?.object?.name, causes[0]?.field, causes[0]?.verdict, answers];
};
const asksFor = (name: string): ReturnType<typeof service> =>
  service({}, { annotations: { "metallb.io/address-pool": name } });
const shop = pool({ addresses: ["198.51.100.0/31"], serviceAllocation: { namespaces: ["shop"] } }, "shop");
const ALLOCATION = "spec.serviceAllocation";

describe("the pool is named where it is the pool that has to change", () => {
  test.each<[string, readonly object[], readonly unknown[]]>([
    ["not for this namespace", but(["Service"], shop, asksFor("shop")), ["pool-not-compatible", "shop", ALLOCATION]],
    [
      "the only one, for another namespace",
      but(["Service", "IPAddressPool"], shop, service()),
      ["no-available-addresses", "shop", ALLOCATION],
    ],
    [
      "none gives to whoever does not ask",
      but(["Service", "IPAddressPool"], pool({ addresses: ["192.0.2.0/24"], autoAssign: false }), service()),
      ["no-available-addresses", "web", "metadata.annotations[metallb.io/address-pool]"],
    ],
    [
      "the one that is asked for is full, whichever others there are",
      but(
        ["Service"],
        pool({ addresses: ["198.51.100.0/32"] }, "small"),
        service({}, { name: "other", annotations: { "metallb.io/loadBalancerIPs": "198.51.100.0" } }),
        asksFor("small"),
      ),
      ["no-available-addresses", "small", "spec.addresses"],
    ],
    [
      "the one that is asked for is left out as invalid",
      but(["Service"], pool({ addresses: ["192.0.2.128/25"] }, "zwin"), asksFor("zwin")),
      ["invalid-object", "zwin", "spec.addresses[0]"],
    ],
  ])("%s", (_, objects, expected) => {
    expect(first(objects)).toEqual([...expected, "no", "no"]);
  });
});

describe("a pool that no advertisement has", () => {
  const change = (objects: readonly object[]): string => explained(objects).change ?? "";

  test("an advertisement that has no pool at all was meant, whatever the others are", () => {
    const objects = but(
      ["BGPAdvertisement"],
      bgp({ ipAddressPools: ["main2"] }),
      lan({ ipAddressPools: ["six"] }),
      pool({ addresses: ["198.51.100.0/31"] }, "six"),
    );
    expect(first(objects)).toEqual(["no-matching-advertisement", "all", "spec.ipAddressPools", "no", "no"]);
  });

  test("else each way is offered, and the pool is what is named", () => {
    const other = pool({ addresses: ["198.51.100.0/31"] }, "other");
    const objects = but(
      ["BGPAdvertisement"],
      other,
      bgp({ ipAddressPools: ["other"] }),
      lan({ ipAddressPools: ["other"] }),
    );
    expect(first(objects).slice(0, 3)).toEqual(["no-matching-advertisement", "main", undefined]);
    expect(change(objects)).toBe(
      "add main to spec.ipAddressPools of BGPAdvertisement all, or add main to spec.ipAddressPools of L2Advertisement lan",
    );
  });

  test.each([
    [
      "routers are there",
      but(["BGPAdvertisement"]),
      "create a BGPAdvertisement that selects IPAddressPool main, or create an L2Advertisement that selects IPAddressPool main",
    ],
    [
      "no router is there",
      but(["BGPAdvertisement", "BGPPeer"]),
      "create an L2Advertisement that selects IPAddressPool main",
    ],
  ])("and none exists: %s", (_, objects, expected) => {
    expect(change(objects)).toBe(expected);
  });
});

test("an advertisement that names a BGPPeer which is not there: that, and those there are", () => {
  const objects = but(["BGPAdvertisement"], bgp({ peers: ["tro"] }));
  expect(first(objects)).toEqual(["no-matching-peer", "all", "spec.peers", "no", "no"]);
  expect(explained(objects).change).toBe(
    "name a BGPPeer that exists in spec.peers (tor), or none at all: there is no tro",
  );
});

describe("a session that does not come up", () => {
  const both = (make: (on: string) => ReturnType<typeof session>): Observed =>
    observed({ sessions: [make("a"), make("b")], routes: [] });
  const withPeer = (spec: Readonly<Record<string, unknown>>): readonly object[] => but(["BGPPeer"], peer(spec));

  test.each<[fault: string, cause: string, field: string, seen: Observed, objects?: readonly object[]]>([
    [
      "a port where nobody listens",
      "connection-refused",
      "spec.peerPort",
      both((on) => ({ ...down(on, "connect ECONNREFUSED 10.0.0.254:1790"), port: 1790 })),
    ],
    [
      "silence",
      "no-answer",
      "spec.passwordSecret",
      both((on) => down(on, "no answer: not reachable, filtered, or the passwords differ")),
    ],
    [
      "an attempt under way that nobody answers, whatever ended the one before",
      "no-answer",
      "spec.passwordSecret",
      both((on) => ({
        ...down(on, "received Cease/Other Configuration Change (6/6)", { code: 6, subcode: 6 }),
        state: "connect",
      })),
    ],
    [
      "what was said before the router went silent does not count any more",
      "no-answer",
      "spec.passwordSecret",
      both((on) => down(on, "connect ETIMEDOUT 10.0.0.254:179", { direction: "in", subcode: 2 })),
    ],
    [
      "closed before anything was said",
      "not-configured-on-router",
      "spec.peerAddress",
      both((on) => down(on, "read ECONNRESET")),
    ],
    ["an OPEN that is not confirmed", "not-heard-by-router", "spec.ttlSecurity", both((on) => down(on, UNCONFIRMED))],
    [
      "our own TTL security",
      "ttl-too-low",
      "spec.ttlSecurity.hops",
      both((on) => down(on, SILENT)),
      withPeer({ ttlSecurity: { hops: 1 } }),
    ],
    [
      "a source address that is not there",
      "no-source-address",
      "spec.sourceAddress",
      both((on) => down(on, "the source address 10.0.0.9 is not on this node")),
      withPeer({ sourceAddress: "10.0.0.9" }),
    ],
    [
      "a VRF that is not there",
      "no-vrf",
      "spec.vrf",
      both((on) => down(on, "setsockopt(1, 25): ENODEV")),
      withPeer({ vrf: "red" }),
    ],
  ])("%s is %s", (_, cause, field, seen, objects = SOUND) => {
    expect(first(objects, seen)).toEqual([cause, "tor", field, "no", "no"]);
  });

  test("one that is up for less than its hold time, after silence ended the one before, is in doubt; then it is not", () => {
    const lastDown = { at: "2026-01-01T00:00:00Z", reason: SILENT };
    const up = (on: string): ReturnType<typeof session> =>
      session(on, { since: "2026-01-01T00:00:01Z", flaps: 4, lastDown });
    const at = (time: string): ReadonlyMap<string, string> => new Map(["a", "b"].map((on) => [on, time]));
    const seen = observed({ sessions: [up("a"), up("b")], at: at("2026-01-01T00:01:30Z") });
    expect(first(SOUND, seen)).toEqual(["not-heard-by-router", "tor", "spec.ttlSecurity", "doubt", "partly"]);
    expect(first(SOUND, { ...seen, at: at("2026-01-01T00:01:31Z") }).at(-1)).toBe("yes");
  });
});

describe("what was edited to something that cannot be used goes on as it was, and that is seen", () => {
  const key = serviceKey("default", "web");
  const says = (fields: Partial<PlanItem>): PlanItem[] =>
    ["a", "b"].map((on) => ({ node: on, service: key, bgp: [], layer2: [], refusals: [], ...fields }));
  const announced = says({
    bgp: [{ ip: "192.0.2.0", peer: peerName("tor"), prefix: "192.0.2.0/32", advertisements: ["all"] }],
  });

  test.each<[string, readonly object[], readonly unknown[]]>([
    [
      "an advertisement with a community that nothing defines",
      but(["BGPAdvertisement"], bgp({ communities: ["none"] }), lan({ ipAddressPools: ["none"] })),
      ["reference-missing", "all", "spec.communities[0]"],
    ],
    [
      "a BGPPeer with a Secret that is not there",
      but(["BGPPeer"], peer({ passwordSecret: { name: "none" } })),
      ["reference-missing", "tor", "spec.passwordSecret"],
    ],
    [
      "a pool with addresses that are none",
      but(["IPAddressPool"], pool({ addresses: ["x"] })),
      ["invalid-object", "main", "spec.addresses[0]"],
    ],
  ])("%s", (_, objects, expected) => {
    expect(first(objects, observed({ plans: announced }))).toEqual([...expected, "doubt", "yes"]);
    expect(first(objects, observed({ plans: says({}) })).at(-1)).toBe("no");
    expect(first(objects).at(-1)).toBe("no");
  });

  test("on the LAN as well", () => {
    const objects = [...but(["BGPAdvertisement", "BGPPeer", "IPAddressPool"], lan(), pool({ addresses: ["x"] }))];
    const [answering] = says({ layer2: [{ ip: "192.0.2.0", interfaces: [], advertisements: ["lan"] }] });
    const lost = {
      reason: "lost-election",
      node: nodeName("b"),
      winner: nodeName("a"),
      scores: [0, 0],
      by: "digest",
    } as const;
    const refused = { service: key, ip: "192.0.2.0", protocol: "layer2", cause: lost } as const;
    const other = planItem("b", { key, bgp: [], layer2: [], refusals: [refused] });
    const plans = answering === undefined ? [] : [answering, other];
    const seen = observed({ plans, sessions: [], routes: [], layer2: [layer2("a", held("a"))] });
    expect(first(objects, seen)).toEqual(["invalid-object", "main", "spec.addresses[0]", "doubt", "yes"]);
  });
});

describe("a speaker that was asked and does not answer", () => {
  const silent = new Map(["a", "b"].map((on) => [on, "no answer within 5 s"]));
  const sessionStates = ["a", "b"].map((on) => ({
    name: `s-${on}`,
    node: on,
    peer: "tor",
    state: "Established",
    lastError: undefined,
  }));
  const dark = observed({ answered: new Set(), silent, plans: [], sessions: [], routes: [], sessionStates });

  test("what it wrote before proves nothing", () => {
    expect(first(SOUND, dark)).toEqual(["speaker-silent", "a", undefined, "unknown", "unknown"]);
  });

  test("who was not asked is believed", () => {
    expect(explained(SOUND, { seen: { ...dark, silent: new Map(), complete: false } }).answers).toBe("yes");
  });
});

test("an address that nobody asked for names its L2Advertisement", () => {
  const objects = [...but(["BGPAdvertisement", "BGPPeer", "Node"], lan(), node("a"))];
  const seen = observed({ sessions: [], routes: [], layer2: [layer2("a", held("a", { requests: 0 }))] });
  expect(first(objects, seen).slice(0, 3)).toEqual(["never-asked", "lan", "spec.interfaces"]);
});

test("a Service that has its address all the same is not said to have none", () => {
  const seen = observed({ routes: [route("a"), route("b")] });
  expect(first(but(["Service"], service({}, {}, HAS)), seen).at(-1)).toBe("yes");
});
