import { expect, test } from "vitest";
import { renderServiceRules } from "../../labs/runner/service-rules.ts";

interface ServiceParts {
  readonly name?: string;
  readonly policy?: string;
  readonly ips?: readonly string[];
  readonly type?: string;
  readonly ports?: readonly object[];
}

function service({
  name = "web",
  policy = "Cluster",
  ips = ["203.0.113.10"],
  type = "LoadBalancer",
  ports,
}: ServiceParts): object {
  return {
    metadata: { namespace: "default", name },
    spec: { type, externalTrafficPolicy: policy, ports: ports ?? [{ name: "http", port: 80, protocol: "TCP" }] },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
  };
}

function slice(
  endpoints: readonly object[],
  parts: { readonly type?: string; readonly of?: string; readonly namespace?: string } = {},
): object {
  return {
    metadata: { namespace: parts.namespace ?? "default", labels: { "kubernetes.io/service-name": parts.of ?? "web" } },
    addressType: parts.type ?? "IPv4",
    endpoints,
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  };
}

function endpoint(address: string, nodeName: string, conditions: object = { ready: true }): object {
  return { addresses: [address], nodeName, conditions };
}

test("Cluster: any endpoint at random, the sender hidden; undelivered packets are dropped", () => {
  const rules = renderServiceRules(
    "n1",
    [service({})],
    [slice([endpoint("10.1.0.2", "n1"), endpoint("10.2.0.2", "n2")])],
  );
  expect(rules).toBe(`table inet services
delete table inet services
table inet services {
  chain svc0_default_web_0_0_0 {
    meta mark set meta mark or 0x4000
    meta l4proto tcp dnat ip to 10.1.0.2:8080
  }
  chain svc0_default_web_0_0_1 {
    meta mark set meta mark or 0x4000
    meta l4proto tcp dnat ip to 10.2.0.2:8080
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 203.0.113.10 tcp dport 80 numgen random mod 2 vmap { 0 : goto svc0_default_web_0_0_0, 1 : goto svc0_default_web_0_0_1 }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta mark & 0x4000 == 0x4000 masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip daddr 203.0.113.10 drop
  }
}
`);
});

test("Local: this node's endpoints only, the sender kept", () => {
  const endpoints = slice([endpoint("10.1.0.2", "n1"), endpoint("10.2.0.2", "n2")]);
  const rules = renderServiceRules("n2", [service({ policy: "Local" })], [endpoints]);
  expect(rules).toContain("dnat ip to 10.2.0.2:8080");
  expect(rules).not.toContain("10.1.0.2");
  expect(rules).not.toContain("meta mark set");
});

test("Local without an endpoint here: nothing is redirected, the packet is dropped", () => {
  const rules = renderServiceRules("n3", [service({ policy: "Local" })], [slice([endpoint("10.1.0.2", "n1")])]);
  expect(rules).not.toContain("dnat");
  expect(rules).toContain("ip daddr 203.0.113.10 drop");
});

test("IPv6 addresses take IPv6 endpoints, in brackets", () => {
  const slices = [slice([endpoint("10.1.0.2", "n1")]), slice([endpoint("fd44:1::2", "n1")], { type: "IPv6" })];
  const rules = renderServiceRules("n1", [service({ ips: ["203.0.113.10", "2001:db8::10"] })], slices);
  expect(rules).toContain("ip6 daddr 2001:db8::10 tcp dport 80 numgen random mod 1");
  expect(rules).toContain("dnat ip6 to [fd44:1::2]:8080");
  expect(rules).toContain("ip daddr 203.0.113.10 tcp dport 80 numgen random mod 1");
});

test.each([
  ["ready", { ready: true }, true],
  ["conditions left out: ready", {}, true],
  ["not ready", { ready: false, serving: false, terminating: false }, false],
  ["not ready, serving, not leaving", { ready: false, serving: true, terminating: false }, false],
  ["leaving and no longer serving", { ready: false, serving: false, terminating: true }, false],
  ["leaving but serving, and there is no other", { ready: false, serving: true, terminating: true }, true],
])("an endpoint that is %s", (_name, conditions, used) => {
  const rules = renderServiceRules("n1", [service({})], [slice([endpoint("10.1.0.2", "n1", conditions)])]);
  expect(rules.includes("10.1.0.2")).toBe(used);
});

test("an endpoint that leaves is not used while another is ready", () => {
  const leaving = endpoint("10.1.0.2", "n1", { ready: false, serving: true, terminating: true });
  expect(renderServiceRules("n1", [service({})], [slice([leaving, endpoint("10.1.0.3", "n1")])])).not.toContain(
    "10.1.0.2",
  );
});

test.each([
  ["a ClusterIP service", [service({ type: "ClusterIP" })], [slice([endpoint("10.1.0.2", "n1")])]],
  ["a service without address", [service({ ips: [] })], [slice([endpoint("10.1.0.2", "n1")])]],
  ["an address that is none", [service({ ips: ["203.0.113.10 accept"] })], [slice([endpoint("10.1.0.2", "n1")])]],
  ["a port that is none", [service({ ports: [{ name: "http", port: "80" }] })], [slice([endpoint("10.1.0.2", "n1")])]],
  ["SCTP", [service({ ports: [{ name: "http", port: 80, protocol: "SCTP" }] })], [slice([endpoint("10.1.0.2", "n1")])]],
  ["another service's endpoints", [service({})], [slice([endpoint("10.1.0.2", "n1")], { of: "api" })]],
  ["another namespace's endpoints", [service({})], [slice([endpoint("10.1.0.2", "n1")], { namespace: "prod" })]],
  ["an endpoint address that is none", [service({})], [slice([endpoint("x; flush ruleset", "n1")])]],
  ["objects of no known shape", [null, 3, "x", {}], [null, [], {}]],
])("%s redirects nothing", (_name, services, slices) => {
  expect(renderServiceRules("n1", services, slices)).not.toContain("dnat ip");
});

test("UDP", () => {
  const rules = renderServiceRules(
    "n1",
    [service({ ports: [{ name: "http", port: 53, protocol: "UDP" }] })],
    [slice([endpoint("10.1.0.2", "n1")])],
  );
  expect(rules).toContain("udp dport 53");
  expect(rules).toContain("meta l4proto udp dnat");
});

test("services whose names look the same in nftables do not share a chain", () => {
  const names = ["a-b", "a.b"];
  const services = names.map((name, i) => service({ name, ips: [`203.0.113.${10 + i}`] }));
  const slices = names.map((name, i) => slice([endpoint(`10.1.0.${2 + i}`, "n1")], { of: name }));
  const chains = [...renderServiceRules("n1", services, slices).matchAll(/^ {2}chain (\S+)/gm)].map((m) => m[1]);
  expect(new Set(chains).size).toBe(chains.length);
  expect(chains).toHaveLength(5);
});
