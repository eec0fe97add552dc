import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prepareCluster } from "../../src/announcement/cluster-context.ts";
import { surveyService } from "../../src/announcement/service-survey.ts";
import { serviceKeyOfSlice, summarizeEndpoints } from "../../src/api/endpoints.ts";
import { stripEndpointSlice, stripService } from "../../src/api/strip.ts";
import { LeanObjects } from "../../src/speaker/lean-objects.ts";
import { base, bgpAd, config, known, labels, main, node, on } from "../announcement/cluster.ts";

const flag = fc.option(fc.boolean(), { nil: undefined });
const endpoint = fc.record({
  addresses: fc.subarray(["10.244.0.1", "10.244.0.2"]),
  nodeName: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
  conditions: fc.option(fc.record({ ready: flag, serving: flag, terminating: flag }), { nil: undefined }),
  targetRef: fc.constant({ kind: "Pod", name: "p" }),
});
const slice = fc.record({
  metadata: fc.constant({
    name: "web-1",
    namespace: "shop",
    managedFields: [{}],
    labels: { "kubernetes.io/service-name": "web", app: "web" },
  }),
  addressType: fc.constantFrom("IPv4", "IPv6"),
  endpoints: fc.array(endpoint, { maxLength: 6 }),
});

describe("what a speaker keeps is enough", () => {
  test("slices come to the same as whole ones", () => {
    fc.assert(
      fc.property(fc.array(slice, { maxLength: 4 }), (raws) => {
        const lean = new LeanObjects();
        const kept = raws.map((raw) => known(lean.slice(raw)));
        const whole = raws.map((raw) => known(stripEndpointSlice(raw)));
        expect(summarizeEndpoints(kept)).toEqual(summarizeEndpoints(whole));
        expect(kept.map(serviceKeyOfSlice)).toEqual(whole.map(serviceKeyOfSlice));
      }),
      { numRuns: 300 },
    );
  });

  test("Services are surveyed as whole ones are", () => {
    const cluster = prepareCluster({
      ...base,
      config: config(main, bgpAd("ad", { serviceSelectors: [labels({ app: "web" })] })),
      nodes: [node("a")],
    });
    const lean = new LeanObjects();
    const raw = fc.record({
      metadata: fc.record({
        name: fc.constant("web"),
        namespace: fc.constant("shop"),
        labels: fc.option(fc.constant({ app: "web" }), { nil: undefined }),
        annotations: fc.option(fc.constant({ "metallb.io/allow-shared-ip": "k", other: "x" }), { nil: undefined }),
      }),
      spec: fc.record({
        type: fc.constantFrom("LoadBalancer", "ClusterIP"),
        loadBalancerClass: fc.option(fc.constant("x"), { nil: undefined }),
        externalTrafficPolicy: fc.constantFrom("Local", "Cluster"),
        selector: fc.constant({ app: "web" }),
        ports: fc.constant([{ port: 80 }]),
      }),
      status: fc.constantFrom(undefined, { loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } }, { loadBalancer: {} }),
    });
    fc.assert(
      fc.property(raw, (one) => {
        const survey = (strip: typeof lean.service): unknown => surveyService(cluster, known(strip(one)), on("a"));
        expect(survey(lean.service)).toEqual(survey(stripService));
      }),
    );
  });

  test("what changes none of that is no change: neither an annotation of somebody else nor an endpoint that is not ready yet", () => {
    const lean = new LeanObjects();
    const metadata = { name: "web", namespace: "shop", resourceVersion: "1" };
    const spec = { type: "LoadBalancer" };
    const edited = { metadata: { ...metadata, annotations: { other: "x" } }, spec: { ...spec, ports: [{ port: 80 }] } };
    expect(lean.service(edited)).toEqual(lean.service({ metadata, spec }));
    const coming = { addresses: ["10.244.0.1"], nodeName: "a", conditions: { ready: false, serving: false } };
    expect(lean.slice({ metadata, endpoints: [coming] })).toEqual(lean.slice({ metadata, endpoints: [] }));
  });

  test.each([undefined, null, "text", {}, { metadata: {} }, { metadata: { name: "" } }])("%j is nothing", (raw) => {
    const lean = new LeanObjects();
    expect([lean.service(raw), lean.slice(raw)]).toEqual([undefined, undefined]);
  });
});
