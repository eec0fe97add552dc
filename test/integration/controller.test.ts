import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { conditionsWithConflicts } from "../../src/api/address-conflict.ts";
import { IP_ADDRESS_POOLS, SERVICES } from "../../src/kubernetes/resource.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Running, startController } from "./daemons.ts";
import { addressesOf, Site } from "./site.ts";

let cluster: Cluster;
let site: Site;
const daemons: Running[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.stop();
  await site[Symbol.asyncDispose]();
});

async function controller(): Promise<Running> {
  const started = await startController(site);
  daemons.push(started);
  return started;
}

const ips = (name: string) => () => site.ips(name);
const gets = (name: string, ...expected: readonly string[]): Promise<void> =>
  untilEqual(`addresses of ${name}`, ips(name), expected);

describe("what a Service gets", () => {
  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/30"]);
    await site.pool("b", ["203.0.113.0/30", "2001:db8::/126"], { autoAssign: false });
  });

  test("the lowest free address, the pool's name as annotation, and one event", async () => {
    await controller();
    await site.service("web");
    await gets("web", "198.51.100.0");
    const service = await site.get("web");
    expect(service?.metadata.annotations?.["metallb.io/ip-allocated-from-pool"]).toBe("a");
    await untilEqual("events", () => site.events("web"), [
      {
        type: "Normal",
        reason: "IPAllocated",
        message: 'Assigned IP ["198.51.100.0"]',
        component: "metallb-controller",
      },
    ]);
  });

  test("the address, the pool or both families that it asks for", async () => {
    await controller();
    await site.service("by-annotation", { annotations: { "metallb.io/loadBalancerIPs": "198.51.100.3" } });
    await site.service("by-field", { spec: { loadBalancerIP: "203.0.113.2" } });
    await site.service("by-pool", { annotations: { "metallb.io/address-pool": "b" } });
    await site.service("by-old-key", { annotations: { "metallb.universe.tf/address-pool": "b" } });
    await gets("by-annotation", "198.51.100.3");
    await gets("by-field", "203.0.113.2");
    await gets("by-pool", "203.0.113.0");
    await gets("by-old-key", "203.0.113.1");
    const texts = await site.eventTexts("by-old-key");
    expect(texts).toContain(
      "deprecatedAnnotation: Service uses deprecated annotation metallb.universe.tf/address-pool",
    );
  });

  test("one address of each family when it is dual-stack", async () => {
    await controller();
    const spec = { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] };
    await site.service("dual", { spec, annotations: { "metallb.io/address-pool": "b" } });
    await gets("dual", "203.0.113.0", "2001:db8::");
  });

  test("a shared address with a sharing key, and its own without", async () => {
    await controller();
    const annotations = { "metallb.io/allow-shared-ip": "dns", "metallb.io/loadBalancerIPs": "198.51.100.2" };
    const port = (protocol: string): object => ({ spec: { ports: [{ name: "dns", port: 53, protocol }] } });
    await site.service("dns-tcp", { annotations, ...port("TCP") });
    await gets("dns-tcp", "198.51.100.2");
    await site.service("dns-udp", { annotations, ...port("UDP") });
    await gets("dns-udp", "198.51.100.2");
    await site.service("other", { annotations: { "metallb.io/loadBalancerIPs": "198.51.100.2" }, ...port("SCTP") });
    await until("the refusal", async () => (await site.eventTexts("other")).length > 0);
    const [refusal] = await site.events("other");
    expect(refusal).toMatchObject({ type: "Warning", reason: "AllocationFailed" });
    expect(refusal?.message).toContain(`Failed to allocate IP for "${site.apps}/other": can't change sharing key for`);
    expect(await site.ips("other")).toEqual([]);
  });

  test.each([
    ["no pool of that name", { "metallb.io/address-pool": "none" }, 'unknown pool "none"'],
    [
      "an address outside of all pools",
      { "metallb.io/loadBalancerIPs": "192.0.2.1" },
      '["192.0.2.1"] is not allowed in config',
    ],
    [
      "no address",
      { "metallb.io/loadBalancerIPs": "1..2.3" },
      'invalid metallb.io/loadBalancerIPs: "1..2.3" is no IP address',
    ],
    ["the other family", { "metallb.io/loadBalancerIPs": "2001:db8::1" }, "does not match the ipFamily of the service"],
  ])("nothing, and an event that says why, when it asks for %s", async (_name, annotations, message) => {
    await controller();
    await site.service("bad", { annotations });
    await until("the event", async () => (await site.eventTexts("bad")).length > 0);
    const [event] = await site.events("bad");
    expect(event).toMatchObject({ type: "Warning", reason: "AllocationFailed" });
    expect(event?.message).toContain(message);
    await site.service("good");
    await gets("good", "198.51.100.0");
    expect(await site.ips("bad")).toEqual([]);
  });

  test("nothing when it is of another class", async () => {
    await controller();
    await site.service("foreign", { spec: { loadBalancerClass: "example.com/other" } });
    await site.service("ours");
    await gets("ours", "198.51.100.0");
    expect(await site.ips("foreign")).toEqual([]);
    expect(await site.events("foreign")).toEqual([]);
  });
});

describe("who waits is served when an address comes free", () => {
  beforeEach(async () => {
    await site.pool("one", ["198.51.100.7/32"]);
    await controller();
    await site.service("first");
    await gets("first", "198.51.100.7");
    await site.service("second");
    await untilEqual("the refusal", () => site.eventTexts("second"), [
      `AllocationFailed: Failed to allocate IP for "${site.apps}/second": no available IPs`,
    ]);
  });

  test("by a deletion", async () => {
    await site.delete(SERVICES, "first");
    await gets("second", "198.51.100.7");
  });

  test("by a Service that is no load balancer any more: its status and annotation are cleared", async () => {
    await site.service("first", {
      spec: { type: "ClusterIP", loadBalancerClass: null, allocateLoadBalancerNodePorts: null },
    });
    await gets("second", "198.51.100.7");
    await gets("first");
    const first = await site.get("first");
    expect(first?.metadata.annotations?.["metallb.io/ip-allocated-from-pool"]).toBeUndefined();
  });

  test("by a pool that grows", async () => {
    await site.pool("one", ["198.51.100.6-198.51.100.7"]);
    await gets("second", "198.51.100.6");
    expect(await site.ips("first")).toEqual(["198.51.100.7"]);
  });

  test("by a pool that is added", async () => {
    await site.pool("two", ["203.0.113.1/32"]);
    await gets("second", "203.0.113.1");
  });
});

describe("pools that change", () => {
  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/31"]);
    await controller();
    await site.service("web");
    await gets("web", "198.51.100.0");
  });

  test("a deleted one takes its addresses along, and the Service moves to another", async () => {
    await site.pool("b", ["203.0.113.1/32"]);
    await site.delete(IP_ADDRESS_POOLS, "a");
    await gets("web", "203.0.113.1");
    await until("the events", async () => (await site.eventTexts("web")).length >= 3);
    expect((await site.events("web")).map(({ reason }) => reason).toSorted()).toEqual([
      "ClearAssignment",
      "IPAllocated",
      "IPAllocated",
    ]);
  });

  test("the last one deleted leaves nothing", async () => {
    await site.delete(IP_ADDRESS_POOLS, "a");
    await gets("web");
    const service = await site.get("web");
    expect(service?.metadata.annotations?.["metallb.io/ip-allocated-from-pool"]).toBeUndefined();
  });

  test("one that shrinks moves only those that are outside now", async () => {
    await site.service("second");
    await gets("second", "198.51.100.1");
    await site.pool("b", ["203.0.113.1/32"]);
    await site.pool("a", ["198.51.100.1/32"]);
    await gets("web", "203.0.113.1");
    expect(await site.ips("second")).toEqual(["198.51.100.1"]);
  });

  test("one that becomes invalid keeps what was given from it, over a restart too", async () => {
    await site.pool("b", ["203.0.113.0/31"]);
    await site.service("in-b", { annotations: { "metallb.io/address-pool": "b" } });
    await gets("in-b", "203.0.113.0");
    // Overlaps with a, which is older.
    await site.pool("b", ["198.51.100.0/24"]);
    await until("the complaint", async () => JSON.stringify(await site.configurationState("controller")).includes("b"));
    await until("the event on the pool", async () => (await site.poolEventTexts("b")).length === 1);
    expect(await site.poolEventTexts("b")).toEqual([
      expect.stringMatching(/^ConfigurationError: spec\.addresses\[0\]: /),
    ]);
    await site.service("witness");
    await gets("witness", "198.51.100.1");
    expect(await site.ips("in-b")).toEqual(["203.0.113.0"]);
    await daemons.pop()?.stop();
    await controller();
    await site.pool("c", ["203.0.113.128/32"]);
    await site.service("second-witness");
    await gets("second-witness", "203.0.113.128");
    expect(await site.ips("in-b")).toEqual(["203.0.113.0"]);
  });

  test("an address held from an invalid pool is nobody else's when another pool comes to have it", async () => {
    await site.pool("b", ["203.0.113.0/31"]);
    await site.service("in-b", { annotations: { "metallb.io/loadBalancerIPs": "203.0.113.0" } });
    await gets("in-b", "203.0.113.0");
    await site.pool("b", ["198.51.100.0/24"]);
    await until("the complaint", async () => JSON.stringify(await site.configurationState("controller")).includes("b"));
    await daemons.pop()?.stop();
    await controller();
    await site.pool("c", ["203.0.113.0/31"]);
    await site.service("next", { annotations: { "metallb.io/address-pool": "c" } });
    await gets("next", "203.0.113.1");
    expect(await site.ips("in-b")).toEqual(["203.0.113.0"]);
  });

  test("a held Service that is no load balancer any more lets go all the same", async () => {
    await site.pool("b", ["203.0.113.0/31"]);
    await site.service("in-b", { annotations: { "metallb.io/address-pool": "b" } });
    await gets("in-b", "203.0.113.0");
    await site.pool("b", ["198.51.100.0/24"]);
    await until("the complaint", async () => JSON.stringify(await site.configurationState("controller")).includes("b"));
    await site.service("in-b", {
      spec: { type: "ClusterIP", loadBalancerClass: null, allocateLoadBalancerNodePorts: null },
    });
    await untilEqual("annotation", async () => (await site.get("in-b"))?.metadata.annotations ?? {}, {});
    await gets("in-b");
  });
});

describe("restart", () => {
  test("moves nobody, though there are more Services than addresses and the waiting ones are older by name", async () => {
    await site.pool("a", ["198.51.100.1-198.51.100.3"]);
    await controller();
    for (const name of ["x", "y", "z"]) {
      await site.service(name);
      await until(`${name} to have its address`, async () => (await site.ips(name)).length > 0);
    }
    await daemons.pop()?.stop();
    const names = ["a", "b", "x", "y", "z"];
    for (const name of ["a", "b"]) await site.service(name);
    await controller();
    await until("the waiting ones to be told", async () => (await site.eventTexts("b")).length > 0);
    const all = new Map((await site.services()).map((service) => [service.metadata.name, addressesOf(service)]));
    expect(names.map((name) => all.get(name))).toEqual([[], [], ["198.51.100.1"], ["198.51.100.2"], ["198.51.100.3"]]);
  });

  test("finds what was deleted and released meanwhile", async () => {
    await site.pool("a", ["198.51.100.1/32"]);
    await controller();
    await site.service("old");
    await gets("old", "198.51.100.1");
    await daemons.pop()?.stop();
    await site.delete(SERVICES, "old");
    await site.service("new");
    await controller();
    await gets("new", "198.51.100.1");
  });
});

describe("status that others write", () => {
  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/30"]);
  });

  test.each([
    ["an address of no pool", [{ ip: "192.0.2.99" }]],
    ["a host name of another load balancer", [{ hostname: "lb.example.com" }]],
    ["two addresses of one family", [{ ip: "198.51.100.1" }, { ip: "198.51.100.2" }]],
  ])("%s is replaced, and nobody else is disturbed", async (_name, ingress) => {
    await site.service("odd");
    await site.service("even");
    await site.merge(SERVICES, "odd", { status: { loadBalancer: { ingress } } }, "status");
    await controller();
    await until("both to have an address", async () => (await site.served()) === 2);
    await until("a good address", async () => (await site.ips("odd")).join().startsWith("198.51.100."));
    const [odd, even] = [await site.ips("odd"), await site.ips("even")];
    expect(odd).toHaveLength(1);
    expect(even).toHaveLength(1);
    expect(odd).not.toEqual(even);
  });

  test("an address that two Services claim goes to one of them", async () => {
    await site.service("one");
    await site.service("two");
    const status = { status: { loadBalancer: { ingress: [{ ip: "198.51.100.2" }] } } };
    await site.merge(SERVICES, "one", status, "status");
    await site.merge(SERVICES, "two", status, "status");
    await controller();
    await until("them to differ", async () => {
      const [one, two] = [await site.ips("one"), await site.ips("two")];
      return one.length === 1 && two.length === 1 && one[0] !== two[0];
    });
  });

  test("a wiped status comes back with the same address", async () => {
    await controller();
    await site.service("web");
    await gets("web", "198.51.100.0");
    await site.merge(SERVICES, "web", { status: { loadBalancer: { ingress: null } } }, "status");
    await gets("web", "198.51.100.0");
  });
});

describe("status of pools", () => {
  test("counts what is used, a shared address once, and is put right after an edit", async () => {
    await site.pool("a", ["198.51.100.0/30", "2001:db8::/126"]);
    await controller();
    const expected = (v4: number, v6: number): object => ({
      assignedIPv4: v4,
      assignedIPv6: v6,
      availableIPv4: 4 - v4,
      availableIPv6: 4 - v6,
    });
    const sorted = async (): Promise<unknown> => {
      const status = await site.poolStatus("a");
      return Object.fromEntries(Object.entries(status ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    };
    await untilEqual("an unused pool", sorted, expected(0, 0));
    await site.service("dual", { spec: { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] } });
    const annotations = { "metallb.io/allow-shared-ip": "k" };
    await site.service("s1", { annotations });
    await until("s1", async () => (await site.ips("s1")).length === 1);
    await site.service("s2", { annotations, spec: { ports: [{ name: "x", port: 81 }] } });
    await untilEqual("the counts", sorted, expected(2, 1));
    await site.merge(IP_ADDRESS_POOLS, "a", { status: { assignedIPv4: 77, availableIPv6: 1 } }, "status");
    await untilEqual("the reverted edit", sorted, expected(2, 1));
    await site.delete(SERVICES, "dual");
    await untilEqual("the release", sorted, expected(1, 0));
  });
});

describe("a stranger on an address, as a speaker's condition tells", () => {
  const found = (address: string) => ({ address, mac: "02:00:5e:10:00:99", interface: "eth0", node: "a" });
  async function meets(name: string, address: string): Promise<void> {
    const service = await site.get(name);
    const conditions = conditionsWithConflicts(known(service), [found(address)], new Date().toISOString());
    const target = { namespace: site.apps, type: "merge", subresource: "status" } as const;
    await site.client.patch(SERVICES, name, { status: { conditions } }, target);
  }
  const reasons = async (name: string) => (await site.events(name)).map(({ reason }) => reason).sort();

  beforeEach(async () => {
    await site.pool("a", ["198.51.100.0/30"]);
  });

  test("the Service gets another one, its condition goes, and nobody new is given the old one", async () => {
    await controller();
    await site.service("web");
    await gets("web", "198.51.100.0");
    await meets("web", "198.51.100.0");
    await gets("web", "198.51.100.1");
    expect((await site.get("web"))?.status?.conditions).toBeUndefined();
    await untilEqual("events", () => reasons("web"), ["AddressConflict", "IPAllocated", "IPAllocated"]);
    await site.service("next");
    await gets("next", "198.51.100.2");
  });

  test("a Service that asked for it keeps it, and the event names the stranger", async () => {
    await controller();
    await site.service("web", { annotations: { "metallb.io/loadBalancerIPs": "198.51.100.0" } });
    await gets("web", "198.51.100.0");
    await meets("web", "198.51.100.0");
    await until("the event", async () =>
      (await site.events("web")).some(({ message }) => message.includes("02:00:5e:10:00:99")),
    );
    expect(await site.ips("web")).toEqual(["198.51.100.0"]);
    expect((await site.get("web"))?.status?.conditions).toHaveLength(1);
  });
});

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the Service is gone");
  return value;
}
