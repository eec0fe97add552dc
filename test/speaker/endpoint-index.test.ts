import { describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { Endpoint, EndpointSlice } from "../../src/api/core.ts";
import { EndpointIndex } from "../../src/speaker/endpoint-index.ts";

const WEB = serviceKey("apps", "web");
const API = serviceKey("apps", "api");

function slice(name: string, service: string | undefined, ...endpoints: readonly Endpoint[]): EndpointSlice {
  const labels = service === undefined ? {} : { "kubernetes.io/service-name": service };
  return { metadata: { name, namespace: "apps", labels }, endpoints };
}

const on = (
  node: string | undefined,
  conditions: Endpoint["conditions"] = { ready: true },
  address = "10.244.0.1",
): Endpoint => ({
  addresses: [address],
  conditions,
  ...(node === undefined ? {} : { nodeName: node }),
});

function summaryOf(index: EndpointIndex, key = WEB): string {
  const { any, nodes } = index.summary(key);
  const counts = [...nodes].map(([node, count]) => (count === 1 ? node : `${node} x${count}`));
  return `${any ? "some" : "none"} ${counts.toSorted().join(",")}`;
}

describe("EndpointIndex", () => {
  test("knows nothing of a Service without slices", () => {
    expect(summaryOf(new EndpointIndex())).toBe("none ");
  });

  test.each<[string, EndpointSlice | undefined, EndpointSlice | undefined, readonly string[], string]>([
    ["the same again touches nobody", slice("1", "web", on("a")), slice("1", "web", on("a")), [], "some a"],
    ["a node more", slice("1", "web", on("a"), on("b")), slice("1", "web", on("a")), [WEB], "some a,b"],
    [
      "a second pod on a node: the node takes twice the traffic",
      slice("1", "web", on("a"), on("a", { ready: true }, "10.244.0.2")),
      slice("1", "web", on("a")),
      [WEB],
      "some a x2",
    ],
    [
      "one of two pods on a node goes",
      slice("1", "web", on("a")),
      slice("1", "web", on("a"), on("a", { ready: true }, "10.244.0.2")),
      [WEB],
      "some a",
    ],
    [
      "a pod that is named twice counts once",
      slice("1", "web", on("a"), on("a")),
      slice("1", "web", on("a")),
      [],
      "some a",
    ],
    ["a pod that moves", slice("1", "web", on("b")), slice("1", "web", on("a")), [WEB], "some b"],
    [
      "a pod that is not ready",
      slice("1", "web", on("a", { ready: false })),
      slice("1", "web", on("a")),
      [WEB],
      "none ",
    ],
    [
      "a pod that terminates and still serves stays",
      slice("1", "web", on("a", { ready: false, serving: true, terminating: true })),
      slice("1", "web", on("a")),
      [],
      "some a",
    ],
    [
      "a pod without a node counts, but on none",
      slice("1", "web", on(undefined)),
      slice("1", "web", on("a")),
      [WEB],
      "some ",
    ],
    ["no endpoints", slice("1", "web"), slice("1", "web", on("a")), [WEB], "none "],
    ["a deleted slice", undefined, slice("1", "web", on("a")), [WEB], "none "],
    ["a deleted slice that had nothing usable", undefined, slice("1", "web"), [], "none "],
    ["a slice of nobody", slice("2", undefined, on("a")), undefined, [], "some a"],
  ])("%s", (_name, now, before, touched, summary) => {
    const index = new EndpointIndex();
    index.update(slice("1", "web", on("a")), undefined);
    if (before !== undefined) index.update(before, slice("1", "web", on("a")));
    expect(index.update(now, before)).toEqual(touched);
    expect(summaryOf(index)).toBe(summary);
  });

  test("a slice whose label moves touches both Services", () => {
    const index = new EndpointIndex();
    const before = slice("1", "web", on("a"));
    index.update(before, undefined);
    expect(index.update(slice("1", "api", on("a")), before)).toEqual([WEB, API]);
    expect([summaryOf(index), summaryOf(index, API)]).toEqual(["none ", "some a"]);
  });

  test("sums up all slices of a Service, and keeps apart namespaces", () => {
    const index = new EndpointIndex();
    index.update(slice("1", "web", on("a")), undefined);
    index.update(slice("2", "web", on("b")), undefined);
    const other = { ...slice("1", "web", on("c")), metadata: { ...slice("1", "web").metadata, namespace: "other" } };
    expect(index.update(other, undefined)).toEqual([serviceKey("other", "web")]);
    expect(summaryOf(index)).toBe("some a,b");
    index.update(undefined, slice("1", "web", on("a")));
    expect(index.summary(WEB).nodes).toEqual(new Map([[nodeName("b"), 1]]));
  });
});
