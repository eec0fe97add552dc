import { describe, expect, test } from "vitest";
import {
  ADDRESS_POOL,
  deprecatedAnnotations,
  readServiceRequests,
  serviceAnnotation,
} from "../../src/api/annotations.ts";
import { nodeName, peerName, serviceKey } from "../../src/api/brands.ts";
import type { EndpointSlice, Service, ServiceSpec } from "../../src/api/core.ts";
import {
  isUsableEndpoint,
  serviceKeyOfSlice,
  summarizeByService,
  summarizeEndpoints,
} from "../../src/api/endpoints.ts";
import {
  clusterIpTexts,
  familiesOf,
  familySetOfTexts,
  ingressTexts,
  keyOfService,
  primaryFamily,
} from "../../src/api/service-addresses.ts";

const service = (annotations: Readonly<Record<string, string>>, spec: ServiceSpec = {}): Service => ({
  metadata: { name: "s", namespace: "n", annotations },
  spec,
});

describe("2.1 annotations", () => {
  test.each([
    ["the new key", { "metallb.io/address-pool": "a" }, "a"],
    ["the deprecated key", { "metallb.universe.tf/address-pool": "b" }, "b"],
    ["both: the new one wins", { "metallb.io/address-pool": "a", "metallb.universe.tf/address-pool": "b" }, "a"],
    [
      "both: present but empty wins too",
      { "metallb.io/address-pool": "", "metallb.universe.tf/address-pool": "b" },
      "",
    ],
    ["neither", {}, undefined],
  ])("%s", (_, annotations, want) => {
    expect(serviceAnnotation(service(annotations), ADDRESS_POOL)).toBe(want);
    expect(readServiceRequests(service(annotations)).pool).toBe(want === "" ? undefined : want);
  });

  test.each([
    ["one", "1.2.3.4", ["1.2.3.4"]],
    ["two families, as written", "2001:db8::1, 1.2.3.4", ["2001:db8::1", "1.2.3.4"]],
    ["blanks", "  1.2.3.4 ", ["1.2.3.4"]],
    ["empty", "", []],
  ])("requested addresses: %s", (_, text, want) => {
    const { ips, problems } = readServiceRequests(service({ "metallb.io/loadBalancerIPs": text }));
    expect([ips.map(String), problems]).toEqual([want, []]);
  });

  test.each([
    ["no address", "1.2.3"],
    ["a trailing comma", "1.2.3.4,"],
    ["two of one family", "1.2.3.4,1.2.3.5"],
    ["one twice", "1.2.3.4,1.2.3.4"],
    ["three", "1.2.3.4,::1,::2"],
    ["a range", "1.2.3.4-1.2.3.5"],
    ["a blank", " "],
  ])("requested addresses: %s is a problem, and nothing is requested by guess", (_, text) => {
    const { ips, problems } = readServiceRequests(service({ "metallb.io/loadBalancerIPs": text }));
    expect(ips).toEqual([]);
    expect(problems.join()).toContain("metallb.io/loadBalancerIPs");
  });

  test("spec.loadBalancerIP is one address", () => {
    expect(readServiceRequests(service({}, { loadBalancerIP: "::1" })).ips.map(String)).toEqual(["::1"]);
    expect(readServiceRequests(service({}, { loadBalancerIP: "1.1.1.1,::1" })).problems).toHaveLength(1);
  });

  test("spec.loadBalancerIP and the annotation exclude each other", () => {
    const both = service({ "metallb.universe.tf/loadBalancerIPs": "1.1.1.1" }, { loadBalancerIP: "1.1.1.1" });
    expect(readServiceRequests(both).problems).toEqual([
      "service can not have both metallb.io/loadBalancerIPs and svc.Spec.LoadBalancerIP",
    ]);
  });

  test("a Service without annotations shares nothing and asks for nothing", () => {
    expect(readServiceRequests({ metadata: { name: "s" }, spec: {} })).toEqual({
      ips: [],
      pool: undefined,
      sharingKey: "",
      problems: [],
    });
    expect(readServiceRequests(service({ "metallb.io/allow-shared-ip": "k" })).sharingKey).toBe("k");
  });

  test("2.2 deprecated keys are listed, whatever they are", () => {
    const keys = {
      "metallb.universe.tf/b": "",
      "metallb.universe.tf/a": "",
      "metallb.io/a": "",
      "x/metallb.universe.tf": "",
    };
    expect(deprecatedAnnotations(service(keys))).toEqual(["metallb.universe.tf/a", "metallb.universe.tf/b"]);
    expect(deprecatedAnnotations({ metadata: { name: "s" }, spec: {} })).toEqual([]);
  });

  test("an annotation that every object inherits is absent", () => {
    expect(serviceAnnotation(service({}), "metallb.io/constructor")).toBeUndefined();
  });
});

describe("4.2 usable endpoints", () => {
  const addresses = ["10.0.0.1"];
  test.each([
    ["ready", { addresses, conditions: { ready: true } }, true],
    ["nothing said", { addresses }, true],
    ["empty conditions", { addresses, conditions: {} }, true],
    ["not ready", { addresses, conditions: { ready: false } }, false],
    ["not ready but serving", { addresses, conditions: { ready: false, serving: true, terminating: true } }, true],
    ["neither ready nor serving", { addresses, conditions: { ready: false, serving: false } }, false],
    ["ready but not serving", { addresses, conditions: { ready: true, serving: false } }, true],
    ["no address", { addresses: [], conditions: { ready: true } }, false],
    ["no addresses at all", { conditions: { ready: true } }, false],
  ])("%s: %o is %s", (_, endpoint, want) => {
    expect(isUsableEndpoint(endpoint)).toBe(want);
  });

  const slice = (name: string, endpoints: EndpointSlice["endpoints"], namespace = "n"): EndpointSlice => ({
    metadata: { name: `${name}-x`, namespace, labels: { "kubernetes.io/service-name": name } },
    ...(endpoints === undefined ? {} : { endpoints }),
  });

  test("summary: any endpoint, and the nodes of those whose node is known", () => {
    const slices = [
      slice("a", [
        { addresses, nodeName: "n1" },
        { addresses, nodeName: "n2", conditions: { ready: false } },
      ]),
      slice("a", [{ addresses }, { addresses, nodeName: "n1" }]),
      slice("a", undefined),
    ];
    expect(summarizeEndpoints(slices)).toEqual({ any: true, nodes: new Map([["n1", 1]]) });
    expect(summarizeEndpoints([slice("a", [{ addresses }])])).toEqual({ any: true, nodes: new Map() });
    expect(summarizeEndpoints([])).toEqual({ any: false, nodes: new Map() });
  });

  const at = (address: string, conditions?: object) => ({
    addresses: [address],
    nodeName: "n1",
    ...(conditions === undefined ? {} : { conditions }),
  });
  const going = { ready: false, serving: true, terminating: true };
  const typed = (addressType: string, ...endpoints: NonNullable<EndpointSlice["endpoints"]>): EndpointSlice => ({
    ...slice("a", endpoints),
    addressType,
  });
  test.each<[string, readonly EndpointSlice[], number]>([
    ["each counts", [typed("IPv4", at("10.0.0.1"), at("10.0.0.2")), typed("IPv4", at("10.0.0.3"))], 3],
    ["one in two slices of a type counts once", [typed("IPv4", at("10.0.0.1")), typed("IPv4", at("10.0.0.1"))], 1],
    ["a dual-stack pod counts once", [typed("IPv4", at("10.0.0.1")), typed("IPv6", at("fd00::1"))], 1],
    [
      "while one type lags behind the fuller one counts",
      [typed("IPv4", at("10.0.0.1"), at("10.0.0.2")), typed("IPv6", at("fd00::1"))],
      2,
    ],
    ["one that is about to go does not count beside others", [typed("IPv4", at("10.0.0.1"), at("10.0.0.2", going))], 1],
    ["where all are about to go, they count", [typed("IPv4", at("10.0.0.1", going), at("10.0.0.2", going))], 2],
  ])("how many share the traffic on a node: %s", (_, slices, want) => {
    expect(summarizeEndpoints(slices).nodes.get(nodeName("n1"))).toBe(want);
  });

  test("slices are grouped by Service and namespace; strangers are passed over", () => {
    const stranger = { metadata: { name: "x", namespace: "n" }, endpoints: [{ addresses }] };
    const grouped = summarizeByService([slice("a", [{ addresses }]), slice("a", []), slice("a", [], "m"), stranger]);
    expect([...grouped].map(([key, { any }]) => [key, any])).toEqual([
      ["n/a", true],
      ["m/a", false],
    ]);
  });

  test.each([
    [{ name: "x", labels: { "kubernetes.io/service-name": "" } }, undefined],
    [{ name: "x", labels: {} }, undefined],
    [{ name: "x", labels: { "kubernetes.io/service-name": "a" } }, "default/a"],
  ])("%j belongs to %s", (metadata, want) => {
    expect(serviceKeyOfSlice({ metadata })).toBe(want);
  });
});

describe("3.3 and 3.5 addresses of a Service", () => {
  test.each([
    ["one IPv4", ["10.0.0.1"], "ipv4", [4]],
    ["one IPv6", ["::1"], "ipv6", [6]],
    ["one of each", ["::1", "10.0.0.1"], "dual", [4, 6]],
  ])("families: %s", (_, texts, want, families) => {
    const set = familySetOfTexts(texts);
    expect(set).toBe(want);
    expect(set === undefined ? [] : familiesOf(set)).toEqual(families);
  });

  test.each([
    [[]],
    [["None"]],
    [["10.0.0.1", "10.0.0.2"]],
    [["10.0.0.1", "None"]],
    [["10.0.0.1", "::1", "::2"]],
    [[""]],
  ])("families of %j have no answer", (texts) => {
    expect(familySetOfTexts(texts)).toBeUndefined();
  });

  test.each([
    [{ clusterIPs: ["10.0.0.1", "::1"], clusterIP: "10.0.0.1" }, ["10.0.0.1", "::1"]],
    [{ clusterIP: "10.0.0.1" }, ["10.0.0.1"]],
    [{ clusterIPs: [], clusterIP: "10.0.0.1" }, ["10.0.0.1"]],
    [{ clusterIP: "" }, []],
    [{}, []],
  ])("cluster addresses of %j are %j", (spec, want) => {
    expect(clusterIpTexts(service({}, spec))).toEqual(want);
  });

  test("ingress: entries with a host name alone are passed over", () => {
    const ingress = [{ hostname: "h" }, { ip: "" }, { ip: "10.0.0.1", hostname: "h" }];
    expect(ingressTexts({ ...service({}), status: { loadBalancer: { ingress } } })).toEqual(["10.0.0.1"]);
    expect(ingressTexts({ ...service({}), status: {} })).toEqual([]);
  });

  test.each([
    [["IPv6", "IPv4"], 6],
    [["IPv4"], 4],
    [undefined, 4],
  ])("the primary family of %j is %s", (ipFamilies, want) => {
    expect(primaryFamily(service({}, ipFamilies === undefined ? {} : { ipFamilies }))).toBe(want);
  });

  test("keys", () => {
    expect([keyOfService(service({})), serviceKey("", "a"), nodeName("x"), peerName("y")]).toEqual([
      "n/s",
      "default/a",
      "x",
      "y",
    ]);
  });
});
