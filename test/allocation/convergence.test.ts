import { describe, expect, test } from "vitest";
import { Allocator } from "../../src/allocation/allocator.ts";
import type { Pool } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import {
  Cluster,
  DUAL,
  FROM,
  IPS,
  key,
  POOL,
  PREFER,
  PREFER_V6,
  pool,
  REQUIRE,
  SHARE,
  said,
  service,
  texts,
  V6,
} from "./fixtures.ts";

const V4_POOL = pool("four", ["192.0.2.10-192.0.2.12"]);
const BOTH_POOL = pool("both", ["198.51.100.0/30", "fc00::/126"]);

interface Row {
  readonly name: string;
  readonly pools?: readonly Pool[];
  readonly service: Service;
  readonly outcome: string;
  readonly ips?: string;
  readonly events?: readonly string[];
}

function check({ pools = [V4_POOL], service: subject, outcome, ips = "", events = [] }: Row): void {
  const cluster = new Cluster(pools);
  const result = cluster.apply(subject);
  expect(result.outcome).toBe(outcome);
  expect(cluster.has("web")).toBe(ips);
  expect(texts(result.ips)).toBe(ips);
  expect(said(result)).toEqual(events);
  expect(cluster.from("web")).toBe(ips === "" ? undefined : result.pool);
  cluster.expectSettled();
}

const ASSIGNED = 'Normal IPAllocated: Assigned IP ["192.0.2.10"]';
const failed = (why: string): string => `Warning AllocationFailed: Failed to allocate IP for "default/web": ${why}`;
const cleared = (why: string): string =>
  `Normal ClearAssignment: current IP for "default/web" not allowed by config, will attempt for new IP assignment: ${why}`;

test.each<Row>([
  {
    name: "3.3(11) gets the first address",
    service: service("web"),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [ASSIGNED],
  },
  {
    name: "3.3(3) a ClusterIP Service loses status and annotation",
    service: service("web", { has: ["192.0.2.10"], annotations: { [FROM]: "four" }, spec: { type: "ClusterIP" } }),
    outcome: "cleared-not-load-balancer",
  },
  {
    name: "3.3(3) a ClusterIP Service without status is left alone",
    service: service("web", { spec: { type: "ClusterIP" } }),
    outcome: "not-load-balancer",
  },
  {
    name: "3.3(4) no pools",
    pools: [],
    service: service("web", { has: ["192.0.2.10"] }),
    outcome: "no-pools",
    events: [failed("there is no address pool")],
  },
  {
    name: "3.3(5) no cluster IPs",
    service: service("web", { has: ["192.0.2.10"], spec: { clusterIPs: [], clusterIP: "" } }),
    outcome: "no-cluster-ips",
    events: [failed("the service has no cluster IPs")],
  },
  {
    name: "3.5 clusterIP where clusterIPs is empty",
    service: service("web", { spec: { clusterIPs: [], clusterIP: "10.96.0.1" } }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [ASSIGNED],
  },
  {
    name: "3.3(5) clusterIP None is never served",
    service: service("web", { spec: { clusterIPs: ["None"] } }),
    outcome: "cluster-ip-family-unknown",
    events: [failed('cannot tell the IP family of the cluster IPs ["None"]')],
  },
  {
    name: "3.3(8) cluster IPs of unknown family keep the status",
    service: service("web", { has: ["192.0.2.11"], annotations: { [FROM]: "four" }, spec: { clusterIPs: ["None"] } }),
    outcome: "kept-family-unknown",
    ips: "192.0.2.11",
    events: ['Warning noclusterIPsIPFamily: cannot tell the IP family of the cluster IPs ["None"]'],
  },
  {
    name: "3.3(7) RequireDualStack with one cluster IP",
    service: service("web", { has: ["192.0.2.10"], spec: { ipFamilyPolicy: "RequireDualStack" } }),
    outcome: "not-enough-cluster-ips",
    events: ['Warning not enough clusterips: RequireDualStack needs two cluster IPs, the service has ["10.96.0.1"]'],
  },
  {
    name: "3.3(9) keeps the address it has",
    service: service("web", { has: ["192.0.2.12"] }),
    outcome: "kept",
    ips: "192.0.2.12",
  },
  {
    name: "3.3(8) an unparsable status is cleared",
    service: service("web", { has: ["192.0.2.999"] }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: ['Warning nolbIPsIPFamily: cannot tell the IP family of the status IPs ["192.0.2.999"]', ASSIGNED],
  },
  {
    name: "3.3(8) two of one family are cleared",
    service: service("web", { has: ["192.0.2.11", "192.0.2.12"] }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [
      'Warning nolbIPsIPFamily: cannot tell the IP family of the status IPs ["192.0.2.11" "192.0.2.12"]',
      ASSIGNED,
    ],
  },
  {
    name: "3.3(8) another family than the cluster IP is cleared",
    service: service("web", { has: ["fc00::1"] }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [ASSIGNED],
  },
  {
    name: "3.3(9a) outside every pool is cleared",
    service: service("web", { has: ["203.0.113.1"] }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [cleared('["203.0.113.1"] is not allowed in config'), ASSIGNED],
  },
  {
    name: "3.3(9a) in a pool for others is cleared",
    pools: [V4_POOL, pool("theirs", ["203.0.113.0/24"], { pinned: { namespaces: ["theirs"] } })],
    service: service("web", { has: ["203.0.113.1"] }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [cleared("pool theirs not compatible for ip assignment"), ASSIGNED],
  },
  {
    name: "3.3(9b) the annotation names another pool",
    pools: [V4_POOL, pool("wanted", ["203.0.113.7/32"], { autoAssign: false })],
    service: service("web", { has: ["192.0.2.10"], annotations: { [POOL]: "wanted" } }),
    outcome: "assigned",
    ips: "203.0.113.7",
    events: ['Normal IPAllocated: Assigned IP ["203.0.113.7"]'],
  },
  {
    name: "3.3(9c) requests that cannot be read keep the address",
    service: service("web", { has: ["192.0.2.11"], annotations: { [IPS]: "192.0.2", [FROM]: "four" } }),
    outcome: "kept-invalid-request",
    ips: "192.0.2.11",
    events: [
      'Warning LoadBalancerFailed: invalid requested loadbalancer IPs: invalid metallb.io/loadBalancerIPs: "192.0.2" is no IP address',
    ],
  },
  {
    name: "3.3(9c) other requested addresses replace it",
    service: service("web", { has: ["192.0.2.11"], annotations: { [IPS]: "192.0.2.12" } }),
    outcome: "assigned",
    ips: "192.0.2.12",
    events: ['Normal IPAllocated: Assigned IP ["192.0.2.12"]'],
  },
  {
    name: "3.3 an infeasible request loses the address",
    service: service("web", { has: ["192.0.2.11"], annotations: { [IPS]: "203.0.113.9" } }),
    outcome: "address-outside-pools",
    events: [failed('["203.0.113.9"] is not allowed in config')],
  },
  {
    name: "3.4 requests that cannot be read get nothing",
    service: service("web", { annotations: { [IPS]: "192.0.2.10" }, spec: { loadBalancerIP: "192.0.2.10" } }),
    outcome: "invalid-request",
    events: [failed("service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP")],
  },
  {
    name: "3.4 spec.loadBalancerIP",
    service: service("web", { spec: { loadBalancerIP: "192.0.2.11" } }),
    outcome: "assigned",
    ips: "192.0.2.11",
    events: ['Normal IPAllocated: Assigned IP ["192.0.2.11"]'],
  },
  {
    name: "3.4 one requested address on a dual-stack Service is refused, PreferDualStack or not",
    pools: [BOTH_POOL],
    service: service("web", { annotations: { [IPS]: "198.51.100.1" }, spec: PREFER }),
    outcome: "request-family-mismatch",
    events: [failed('requested loadBalancer IP(s) ["198.51.100.1"] does not match the ipFamily of the service')],
  },
  {
    name: "3.4 both requested, IPv4 comes first",
    pools: [BOTH_POOL],
    service: service("web", { annotations: { [IPS]: "fc00::2, 198.51.100.2" }, spec: DUAL }),
    outcome: "assigned",
    ips: "198.51.100.2 fc00::2",
    events: ['Normal IPAllocated: Assigned IP ["198.51.100.2" "fc00::2"]'],
  },
  {
    name: "3.4 both requested, of two pools",
    pools: [V4_POOL, pool("six", ["fc00::/126"])],
    service: service("web", { annotations: { [IPS]: "192.0.2.10,fc00::1" }, spec: DUAL }),
    outcome: "address-outside-pools",
    events: [failed('["192.0.2.10" "fc00::1"] is not allowed in config')],
  },
  {
    name: "3.4 requested address and requested pool disagree",
    pools: [V4_POOL, pool("other", ["203.0.113.0/24"])],
    service: service("web", { annotations: { [IPS]: "192.0.2.10", [POOL]: "other" } }),
    outcome: "request-pool-mismatch",
    events: [failed('requested loadBalancer IP(s) ["192.0.2.10"] is not compatible with requested address pool other')],
  },
  {
    name: "3.4 unknown pool",
    service: service("web", { annotations: { [POOL]: "nope" } }),
    outcome: "pool-unknown",
    events: [failed('unknown pool "nope"')],
  },
  {
    name: "3.4 a requested pool must fit the Service",
    pools: [pool("theirs", ["203.0.113.0/24"], { pinned: { namespaces: ["theirs"] } })],
    service: service("web", { annotations: { [POOL]: "theirs" } }),
    outcome: "pool-not-compatible",
    events: [failed("pool theirs not compatible for ip assignment")],
  },
  {
    name: "3.4 a requested pool without the family",
    service: service("web", { annotations: { [POOL]: "four" }, spec: V6 }),
    outcome: "no-available-addresses",
    events: [failed("no available IPs in pool four for ipv6 IPFamily")],
  },
  {
    name: "3.4 autoAssign false gives nothing by itself",
    pools: [pool("manual", ["203.0.113.0/24"], { autoAssign: false })],
    service: service("web"),
    outcome: "no-available-addresses",
    events: [failed("no available IPs")],
  },
  {
    name: "3.4 autoAssign false gives what is asked for exactly",
    pools: [pool("manual", ["203.0.113.0/24"], { autoAssign: false })],
    service: service("web", { annotations: { [IPS]: "203.0.113.9" } }),
    outcome: "assigned",
    ips: "203.0.113.9",
    events: ['Normal IPAllocated: Assigned IP ["203.0.113.9"]'],
  },
  {
    name: "3.2 avoidBuggyIPs refuses a requested .255",
    pools: [pool("careful", ["203.0.113.0/24"], { avoidBuggyIps: true })],
    service: service("web", { annotations: { [IPS]: "203.0.113.255" } }),
    outcome: "address-outside-pools",
    events: [failed('["203.0.113.255"] is not allowed in config')],
  },
  {
    name: "2.2 deprecated annotations are named when the Service changes",
    service: service("web", { annotations: { "metallb.universe.tf/address-pool": "four" } }),
    outcome: "assigned",
    ips: "192.0.2.10",
    events: [
      ASSIGNED,
      "Warning deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool",
    ],
  },
])("$name", check);

describe("3.5 families", () => {
  const FOUR = pool("a-four", ["192.0.2.0/30"]);
  const SIX = pool("b-six", ["fc00:6::/126"]);
  const assigned = (list: string): string => `Normal IPAllocated: Assigned IP [${list}]`;
  const lacks = (poolName: string, family: string): string =>
    `Normal AdditionalAssignFailed: cannot assign additional IP in PreferDualStack: no available IPs in pool ${poolName} for ${family} IPFamily`;

  test.each<Row>([
    {
      name: "a pool without the family is passed over",
      pools: [FOUR, SIX],
      service: service("web", { spec: V6 }),
      outcome: "assigned",
      ips: "fc00:6::",
      events: [assigned('"fc00:6::"')],
    },
    {
      name: "no PreferDualStack flapping: one cluster IP gets one address from a dual-stack pool",
      pools: [BOTH_POOL],
      service: service("web", { spec: { ipFamilyPolicy: "PreferDualStack" } }),
      outcome: "assigned",
      ips: "198.51.100.0",
      events: [assigned('"198.51.100.0"')],
    },
    {
      name: "RequireDualStack needs one pool with both, and lists IPv4 first",
      pools: [FOUR, SIX, pool("c-both", ["fc00::/126", "198.51.100.0/30"])],
      service: service("web", { spec: { ...REQUIRE, ipFamilies: ["IPv6", "IPv4"] } }),
      outcome: "assigned",
      ips: "198.51.100.0 fc00::",
      events: [assigned('"198.51.100.0" "fc00::"')],
    },
    {
      name: "RequireDualStack gets nothing from two pools",
      pools: [FOUR, SIX],
      service: service("web", { spec: REQUIRE }),
      outcome: "no-available-addresses",
      events: [failed("no available IPs")],
    },
    {
      name: "two cluster IPs without a policy cannot be satisfied",
      pools: [BOTH_POOL],
      service: service("web", { spec: DUAL }),
      outcome: "no-available-addresses",
      events: [failed("no available IPs")],
    },
    {
      name: "two cluster IPs with SingleStack cannot be satisfied",
      pools: [BOTH_POOL],
      service: service("web", { spec: { ...DUAL, ipFamilyPolicy: "SingleStack" } }),
      outcome: "no-available-addresses",
      events: [failed("no available IPs")],
    },
    {
      name: "PreferDualStack takes the first pool with both before an earlier one with one",
      pools: [FOUR, BOTH_POOL],
      service: service("web", { spec: PREFER }),
      outcome: "assigned",
      ips: "198.51.100.0 fc00::",
      events: [assigned('"198.51.100.0" "fc00::"')],
    },
    {
      name: "PreferDualStack falls back to IPv4",
      pools: [FOUR, SIX],
      service: service("web", { spec: PREFER }),
      outcome: "assigned",
      ips: "192.0.2.0",
      events: [assigned('"192.0.2.0"'), lacks("a-four", "ipv6")],
    },
    {
      name: "PreferDualStack falls back to the primary family",
      pools: [FOUR, SIX],
      service: service("web", { spec: PREFER_V6 }),
      outcome: "assigned",
      ips: "fc00:6::",
      events: [assigned('"fc00:6::"'), lacks("b-six", "ipv4")],
    },
    {
      name: "PreferDualStack takes the secondary family when there is nothing else",
      pools: [SIX],
      service: service("web", { spec: PREFER }),
      outcome: "assigned",
      ips: "fc00:6::",
      events: [assigned('"fc00:6::"'), lacks("b-six", "ipv4")],
    },
    {
      name: "PreferDualStack with one address gets the other from the same pool, behind the first",
      pools: [BOTH_POOL],
      service: service("web", { has: ["fc00::2"], spec: PREFER }),
      outcome: "additional-assigned",
      ips: "fc00::2 198.51.100.0",
      events: ['Normal IPAllocated: Assigned additional IP "198.51.100.0"'],
    },
    {
      name: "PreferDualStack with one address does not move to a pool with both",
      pools: [FOUR, BOTH_POOL],
      service: service("web", { has: ["192.0.2.1"], spec: PREFER }),
      outcome: "additional-unavailable",
      ips: "192.0.2.1",
      events: [lacks("a-four", "ipv6")],
    },
    {
      name: "the order of a kept status stays",
      pools: [BOTH_POOL],
      service: service("web", { has: ["fc00::2", "198.51.100.1"], spec: PREFER }),
      outcome: "kept",
      ips: "fc00::2 198.51.100.1",
    },
    {
      name: "from PreferDualStack to RequireDualStack with one address: both are new",
      pools: [BOTH_POOL],
      service: service("web", { has: ["198.51.100.2"], spec: REQUIRE }),
      outcome: "assigned",
      ips: "198.51.100.0 fc00::",
      events: [assigned('"198.51.100.0" "fc00::"')],
    },
    {
      name: "both addresses on a Service with one cluster IP: one is new",
      pools: [BOTH_POOL],
      service: service("web", { has: ["198.51.100.2", "fc00::2"] }),
      outcome: "assigned",
      ips: "198.51.100.0",
      events: [assigned('"198.51.100.0"')],
    },
  ])("$name", check);
});

test("3.3(10) a PreferDualStack Service that has the one address it asks for is given no second, which would cost it both", () => {
  const cluster = new Cluster([BOTH_POOL]);
  const subject = service("web", { has: ["198.51.100.2"], annotations: { [IPS]: "198.51.100.2" }, spec: PREFER });
  expect([cluster.apply(subject).outcome, cluster.has("web")]).toEqual(["kept", "198.51.100.2"]);
  cluster.expectSettled();
});

test("3.3(2) before any configuration nothing is touched", () => {
  const result = new Allocator().converge(service("web", { has: ["192.0.2.10"] }));
  expect(result).toMatchObject({ outcome: "no-configuration", changed: false, events: [], ips: [] });
});

test("3.3(8) a family that cannot be told does not let two Services keep one address", () => {
  const cluster = new Cluster([V4_POOL]);
  cluster.apply(service("first", { has: ["192.0.2.10"] }));
  const result = cluster.apply(service("web", { has: ["192.0.2.10"], spec: { clusterIPs: ["None"] } }));
  expect([result.outcome, cluster.has("web")]).toEqual(["cluster-ip-family-unknown", ""]);
  expect(result.events.map(({ reason }) => reason)).toEqual([
    "noclusterIPsIPFamily",
    "ClearAssignment",
    "AllocationFailed",
  ]);
});

test("3.3(8) an unparsable status and no family: both are said, nothing is touched", () => {
  const cluster = new Cluster([V4_POOL]);
  const result = cluster.apply(service("web", { has: ["nonsense"], spec: { clusterIPs: ["None"] } }));
  expect(result.events.map(({ reason }) => reason)).toEqual(["nolbIPsIPFamily", "noclusterIPsIPFamily"]);
  expect([result.outcome, cluster.has("web")]).toEqual(["kept-family-unknown", "nonsense"]);
});

test("3.3(8) neither family can be told: addresses that others could be given are cleared", () => {
  const cluster = new Cluster([V4_POOL]);
  const spec = { clusterIPs: ["None"] };
  cluster.apply(service("web", { has: ["192.0.2.10", "192.0.2.11"], spec }));
  cluster.apply(service("elsewhere", { has: ["203.0.113.1", "203.0.113.2"], spec }));
  expect([cluster.has("web"), cluster.has("elsewhere")]).toEqual(["", "203.0.113.1 203.0.113.2"]);
});

describe("3.3(12) what is written", () => {
  const withIngress = (...ingress: readonly object[]): Service => ({
    ...service("web", { annotations: { [FROM]: "four" } }),
    status: { loadBalancer: { ingress } },
  });

  test("ipMode and ports of another controller stay beside an address that stays", () => {
    const ports = [{ port: 80, protocol: "TCP" }];
    const subject = withIngress({ ports, ip: "192.0.2.10", ipMode: "VIP" });
    const result = new Cluster([V4_POOL]).apply(subject);
    expect(result.changed).toBe(false);
    expect(result.desired.ingress).toEqual([{ ip: "192.0.2.10", ipMode: "VIP", ports }]);
  });

  test("they go with an address that goes", () => {
    const result = new Cluster([V4_POOL]).apply(withIngress({ ip: "203.0.113.1", ipMode: "Proxy" }));
    expect(result.desired.ingress).toEqual([{ ip: "192.0.2.10" }]);
  });

  test("entries with a host name alone are passed over, and dropped", () => {
    const result = new Cluster([V4_POOL]).apply(withIngress({ hostname: "x.example" }, { ip: "192.0.2.11" }));
    expect([result.outcome, result.changed]).toEqual(["kept", true]);
    expect(result.desired.ingress).toEqual([{ ip: "192.0.2.11" }]);
  });

  test("an IPv6 address is written canonically, once", () => {
    const cluster = new Cluster([BOTH_POOL]);
    expect(cluster.apply(service("web", { has: ["FC00:0::2"], spec: V6 })).changed).toBe(true);
    expect(cluster.has("web")).toBe("fc00::2");
    cluster.expectSettled();
  });

  test("the pool annotation of a kept address is corrected", () => {
    const cluster = new Cluster([V4_POOL]);
    cluster.apply(service("web", { has: ["192.0.2.10"], annotations: { [FROM]: "old" } }));
    expect(cluster.from("web")).toBe("four");
  });
});

describe("a look at a Service whose status was not written yet", () => {
  test("hands out the same address, and says nothing again", () => {
    const cluster = new Cluster([V4_POOL]);
    cluster.apply(service("first"));
    const unwritten = service("web", { annotations: { "metallb.universe.tf/address-pool": "four" } });
    const first = cluster.allocator.converge(unwritten);
    cluster.delete("first");
    const again = cluster.allocator.converge(unwritten);
    expect([texts(first.ips), texts(again.ips)]).toEqual(["192.0.2.11", "192.0.2.11"]);
    expect([first.events.length, again.events, again.changed]).toEqual([2, [], true]);
  });

  test("does not repeat why it was moved", () => {
    const cluster = new Cluster([V4_POOL]);
    const stale = service("web", { has: ["203.0.113.1"] });
    expect(cluster.allocator.converge(stale).events.length).toBe(2);
    expect(cluster.allocator.converge(stale)).toMatchObject({ events: [], changed: true, outcome: "kept" });
  });

  test("keeps it while requests cannot be read", () => {
    const cluster = new Cluster([V4_POOL]);
    cluster.allocator.converge(service("web"));
    const result = cluster.allocator.converge(service("web", { annotations: { [IPS]: "?" } }));
    expect([result.outcome, result.desired.ingress]).toEqual(["kept-invalid-request", [{ ip: "192.0.2.10" }]]);
  });
});

describe("3.10 events come when something changed", () => {
  test("a failure is said once, again when it differs, and again after it was over", () => {
    const cluster = new Cluster([pool("tiny", ["192.0.2.1/32"])]);
    cluster.apply(service("owner"));
    expect(said(cluster.apply(service("web")))).toEqual([failed("no available IPs")]);
    expect(said(cluster.apply(service("web")))).toEqual([]);
    expect(said(cluster.apply(service("web", { annotations: { [POOL]: "x" } })))).toEqual([failed('unknown pool "x"')]);
    expect(said(cluster.apply(service("web", { annotations: { [POOL]: "" } })))).toEqual([failed("no available IPs")]);
  });

  test("AdditionalAssignFailed is not repeated on every pass", () => {
    const cluster = new Cluster([V4_POOL]);
    cluster.apply(service("web", { has: ["192.0.2.10"], spec: PREFER }));
    cluster.apply(service("web", { spec: { ...PREFER, ports: [{ port: 443 }] } }));
    expect(cluster.events.filter((text) => text.includes("AdditionalAssignFailed")).length).toBe(1);
  });
});

describe("3.6 sharing messages", () => {
  test("a different key", () => {
    const cluster = new Cluster([V4_POOL]);
    cluster.apply(service("a", { annotations: { [IPS]: "192.0.2.10", [SHARE]: "x" } }));
    cluster.apply(
      service("b", { annotations: { [IPS]: "192.0.2.10", [SHARE]: "x" }, spec: { ports: [{ port: 81 }] } }),
    );
    const result = cluster.apply(service("web", { annotations: { [IPS]: "192.0.2.10", [SHARE]: "y" } }));
    expect(result.outcome).toBe("sharing-key-conflict");
    expect(said(result)).toEqual([
      failed(`can't change sharing key for "default/web", address also in use by default/a,default/b`),
    ]);
  });

  test("a port in use", () => {
    const cluster = new Cluster([V4_POOL]);
    cluster.apply(service("a", { annotations: { [IPS]: "192.0.2.10", [SHARE]: "x" } }));
    const result = cluster.apply(service("web", { annotations: { [IPS]: "192.0.2.10", [SHARE]: "x" } }));
    expect([result.outcome, said(result)]).toEqual([
      "port-in-use",
      [failed('port TCP/80 is already in use on "192.0.2.10"')],
    ]);
    expect(cluster.allocator.waiting()).toEqual([key("web")]);
  });
});
