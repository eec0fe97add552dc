import { beforeEach, describe, expect, test } from "vitest";
import { asArray, asObject, at } from "../../src/apiserver/json.ts";
import { Fixture, type Reply, SERVICES, service } from "./fixture.ts";

let fixture: Fixture;
beforeEach(async () => {
  fixture = await Fixture.start();
  return async () => fixture[Symbol.asyncDispose]();
});

function create(name: string, spec: object = {}): Promise<Reply> {
  return fixture.send("POST", SERVICES, { body: service(name, spec) });
}

describe("a Service is given what it leaves out", () => {
  test("type LoadBalancer: every default of the real server", async () => {
    expect((await create("web", { ports: [{ port: 80 }], selector: { app: "web" } })).body["spec"]).toEqual({
      type: "LoadBalancer",
      allocateLoadBalancerNodePorts: true,
      clusterIP: "10.96.0.10",
      clusterIPs: ["10.96.0.10"],
      externalTrafficPolicy: "Cluster",
      internalTrafficPolicy: "Cluster",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      ports: [{ port: 80, protocol: "TCP", targetPort: 80, nodePort: 30000 }],
      selector: { app: "web" },
      sessionAffinity: "None",
    });
  });

  test.each<[string, object, object]>([
    [
      "PreferDualStack",
      { ipFamilyPolicy: "PreferDualStack" },
      { ipFamilies: ["IPv4", "IPv6"], clusterIPs: ["10.96.0.10", "fd00:10:96::a"] },
    ],
    [
      "IPv6 first",
      { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] },
      { ipFamilies: ["IPv6", "IPv4"], clusterIP: "fd00:10:96::a" },
    ],
    ["IPv6 alone", { ipFamilies: ["IPv6"] }, { ipFamilyPolicy: "SingleStack", clusterIPs: ["fd00:10:96::a"] }],
    ["two families without a policy", { ipFamilies: ["IPv4", "IPv6"] }, { ipFamilyPolicy: "RequireDualStack" }],
    ["an address of its own", { clusterIP: "10.96.1.1" }, { clusterIPs: ["10.96.1.1"], ipFamilies: ["IPv4"] }],
    [
      "headless",
      { type: "ClusterIP", clusterIP: "None" },
      { clusterIP: "None", clusterIPs: ["None"], ipFamilies: ["IPv4"] },
    ],
    ["Local", { externalTrafficPolicy: "Local" }, { healthCheckNodePort: expect.any(Number) }],
  ])("%s", async (_name, spec, expected) => {
    expect((await create("web", spec)).body["spec"]).toMatchObject(expected);
  });

  test("without node ports when it wants none", async () => {
    const created = await create("web", { allocateLoadBalancerNodePorts: false });
    expect(asArray(at(created.body, "spec", "ports"))[0]).not.toHaveProperty("nodePort");
  });

  test("a node port that it does not itself ask for on another port", async () => {
    const ports = [
      { name: "a", port: 1 },
      { name: "b", port: 2, nodePort: 30000 },
      { name: "c", port: 3 },
    ];
    const created = await create("web", { ports });
    const nodePorts = asArray(at(created.body, "spec", "ports")).map((port) => asObject(port)["nodePort"]);
    expect(nodePorts).toEqual([30001, 30000, 30002]);
  });

  test("no two have an address or a node port in common, and freed ones come back", async () => {
    const created = await Promise.all(["a", "b", "c"].map((name) => create(name)));
    const addresses = created.map((reply) => at(reply.body, "spec", "clusterIP"));
    const ports = created.map((reply) => asObject(asArray(at(reply.body, "spec", "ports"))[0])["nodePort"]);
    expect([new Set(addresses).size, new Set(ports).size]).toEqual([3, 3]);
    await fixture.send("DELETE", `${SERVICES}/a`);
    expect((await create("d", { clusterIP: addresses[0] })).status).toBe(201);
  });
});

describe("an update of a Service", () => {
  test("that leaves out what was given keeps it", async () => {
    const created = await create("web", { ipFamilyPolicy: "PreferDualStack" });
    const replaced = await fixture.send("PUT", `${SERVICES}/web`, {
      body: service("web", { ipFamilyPolicy: "PreferDualStack" }),
    });
    expect(replaced.body["spec"]).toEqual(created.body["spec"]);
  });

  test("to type ClusterIP takes node ports and the balancer's addresses away", async () => {
    await create("web");
    fixture.server.store.patchStatus(
      { apiVersion: "v1", kind: "Service", name: "web" },
      { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
    );
    const changed = await fixture.send("PATCH", `${SERVICES}/web`, {
      body: { spec: { type: "ClusterIP" } },
      type: "application/merge-patch+json",
    });
    expect(changed.body["status"]).toEqual({ loadBalancer: {} });
    expect(asArray(at(changed.body, "spec", "ports"))[0]).not.toHaveProperty("nodePort");
    expect(changed.body["spec"]).not.toHaveProperty("externalTrafficPolicy");
  });

  test("from one stack to two adds the second address", async () => {
    await create("web");
    const changed = await fixture.send("PATCH", `${SERVICES}/web`, {
      body: { spec: { ipFamilyPolicy: "PreferDualStack" } },
      type: "application/merge-patch+json",
    });
    expect(at(changed.body, "spec", "clusterIPs")).toEqual(["10.96.0.10", "fd00:10:96::a"]);
  });

  test("cannot change the cluster IP", async () => {
    await create("web");
    const refused = await fixture.send("PATCH", `${SERVICES}/web`, {
      body: { spec: { clusterIP: "10.96.9.9", clusterIPs: ["10.96.9.9"] } },
      type: "application/merge-patch+json",
    });
    expect(refused.body["message"]).toContain("may not change once set");
  });
});

describe("a Service that cannot be is 422 and names the field", () => {
  test.each<[string, object, RegExp]>([
    ["no ports", { ports: [] }, /spec.ports: Required value/],
    ["port 0", { ports: [{ port: 0 }] }, /spec.ports\[0\].port: Invalid value: 0/],
    ["port 65536", { ports: [{ port: 65536 }] }, /must be between 1 and 65535/],
    ["two ports without names", { ports: [{ port: 1 }, { port: 2 }] }, /spec.ports\[0\].name: Required value/],
    [
      "one port twice",
      {
        ports: [
          { port: 1, name: "a" },
          { port: 1, name: "b" },
        ],
      },
      /spec.ports\[1\]: Duplicate value/,
    ],
    [
      "one name twice",
      {
        ports: [
          { port: 1, name: "a" },
          { port: 2, name: "a" },
        ],
      },
      /spec.ports\[1\].name: Duplicate value: "a"/,
    ],
    ["an unknown type", { type: "Balancer" }, /spec.type: Unsupported value: "Balancer"/],
    ["an unknown policy", { externalTrafficPolicy: "local" }, /spec.externalTrafficPolicy: Unsupported value/],
    ["an unknown family", { ipFamilies: ["IPv5"] }, /spec.ipFamilies\[0\]: Unsupported value: "IPv5"/],
    ["an unknown protocol", { ports: [{ port: 1, protocol: "ICMP" }] }, /protocol: Unsupported value: "ICMP"/],
    ["no address", { clusterIP: "1.2.3" }, /must be a valid IP address/],
    ["a port that is a word", { ports: [{ port: "http" }] }, /must be of type integer/],
  ])("%s", async (_name, spec, message) => {
    const refused = await create("web", spec);
    expect([refused.status, refused.body["message"]]).toEqual([422, expect.stringMatching(message)]);
  });

  test.each(["1web", "we.b", "a".repeat(64)])("the name %s", async (name) => {
    expect((await create(name)).body["message"]).toContain("a DNS-1035 label must consist of");
  });

  test("a status with an address that is none", async () => {
    await create("web");
    const body = { status: { loadBalancer: { ingress: [{ ip: "nonsense" }] } } };
    const refused = await fixture.send("PATCH", `${SERVICES}/web/status`, {
      body,
      type: "application/merge-patch+json",
    });
    expect(refused.body["message"]).toContain("status.loadBalancer.ingress[0].ip: Invalid value");
  });
});
