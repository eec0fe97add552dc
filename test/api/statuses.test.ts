import { describe, expect, test } from "vitest";
import { addressConflicts, conditionsWithConflicts, formatAddressConflicts } from "../../src/api/address-conflict.ts";
import { nodeName, peerName } from "../../src/api/brands.ts";
import type { Service } from "../../src/api/core.ts";
import { newServiceBgpStatus, parseServiceBgpStatus, serviceBgpFields } from "../../src/api/service-bgp-status.ts";
import { newServiceL2Status, parseServiceL2Status, serviceL2Fields } from "../../src/api/service-l2-status.ts";
import { stripService } from "../../src/api/strip.ts";

const own = { service: { namespace: "shop", name: "web" }, node: nodeName("a"), namespace: "metallb-system" };
const owner = { name: "speaker-x", uid: "u" };

describe("status objects (reference 6.7 and 4.7)", () => {
  test("carry the labels, a made-up name and the speaker's pod as owner", () => {
    const labels = {
      "metallb.io/node": "a",
      "metallb.io/service-name": "web",
      "metallb.io/service-namespace": "shop",
    };
    const metadata = {
      namespace: "metallb-system",
      labels,
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "speaker-x", uid: "u" }],
    };
    expect(newServiceL2Status(own, owner)).toMatchObject({ metadata: { ...metadata, generateName: "l2-" } });
    expect(newServiceBgpStatus(own, owner)).toMatchObject({ metadata: { ...metadata, generateName: "bgp-" } });
  });

  test("a node name that is too long for a label is left out of the labels, not out of the status", () => {
    const long = { ...own, node: nodeName("n".repeat(64)) };
    expect(newServiceL2Status(long, undefined).metadata.labels).not.toHaveProperty("metallb.io/node");
    expect(serviceL2Fields(long, [])).toEqual({ node: long.node, serviceName: "web", serviceNamespace: "shop" });
  });

  test("what is written is what is read, sorted", () => {
    const l2 = { metadata: { name: "l2-x" }, status: serviceL2Fields(own, ["eth1", "eth0"]) };
    expect(parseServiceL2Status(l2)).toEqual({
      name: "l2-x",
      service: "shop/web",
      node: "a",
      interfaces: ["eth0", "eth1"],
    });
    const bgp = { metadata: { name: "bgp-x" }, status: serviceBgpFields(own, [peerName("r2"), peerName("r1")]) };
    expect(parseServiceBgpStatus(bgp)).toEqual({ name: "bgp-x", service: "shop/web", node: "a", peers: ["r1", "r2"] });
  });

  test.each([
    [undefined],
    [{}],
    ["text"],
    [{ node: "a" }],
    [{ serviceName: "web" }],
    [{ node: 1, serviceName: "web" }],
  ])("a status that says nothing is none: %j", (status) => {
    expect(parseServiceL2Status({ metadata: { name: "x" }, status })).toBeUndefined();
    expect(parseServiceBgpStatus({ metadata: { name: "x" }, status })).toBeUndefined();
  });
});

describe("the condition of an address conflict", () => {
  const mac = "02:00:5e:10:00:99";
  const v4 = { address: "10.0.0.1", mac, interface: "eth0.100", node: "a.example" };
  const v6 = { ...v4, address: "2001:db8::1" };
  const other = { type: "example.com/Ready", status: "True", reason: "Fine" };
  const withConditions = (conditions: unknown): Service => {
    const service = stripService({ metadata: { name: "web" }, status: { conditions } });
    if (service === undefined) throw new Error("no Service");
    return service;
  };

  test("what is written is what is read, through the cache, beside everybody else's", () => {
    const conditions = conditionsWithConflicts(withConditions([other]), [v4, v6], "2026-01-01T00:00:00Z");
    expect(conditions).toHaveLength(2);
    const service = withConditions(conditions);
    expect(service.status?.conditions).toEqual(conditions);
    expect(addressConflicts(service)).toEqual([v4, v6]);
    expect(conditionsWithConflicts(service, [v4, v6], "2027-01-01T00:00:00Z")).toBe(service.status?.conditions);
    expect(conditionsWithConflicts(service, [], "2027-01-01T00:00:00Z")).toEqual([other]);
  });

  test("it began when it began: another stranger changes the words and not the time", () => {
    const service = withConditions(conditionsWithConflicts(withConditions([]), [v4], "2026-01-01T00:00:00Z"));
    expect(conditionsWithConflicts(service, [v6], "2027-01-01T00:00:00Z")).toMatchObject([
      { lastTransitionTime: "2026-01-01T00:00:00Z", message: formatAddressConflicts([v6]) },
    ]);
  });

  test.each([
    ["False", formatAddressConflicts([v4])],
    ["True", "the moon is in use"],
    ["True", "10.0.0.1 is in use by"],
    ["True", ""],
  ])("%s with %j names nobody", (status, message) => {
    expect(addressConflicts(withConditions([{ type: "herald.io/AddressConflict", status, message }]))).toEqual([]);
  });
});
