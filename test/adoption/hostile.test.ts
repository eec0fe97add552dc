import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyActions, revertActions } from "../../src/adoption/actions.ts";
import { adoptionScene, type Scene } from "../../src/adoption/report.ts";
import { dump, look } from "./dumps.ts";

const OPTIONS = { namespace: undefined, loadBalancerClass: undefined };

describe("documents that are not what they say", () => {
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["a number", 7],
    ["a list without items", { apiVersion: "v1", kind: "List" }],
    ["a list of text", { apiVersion: "v1", kind: "List", items: "no" }],
    ["a Deployment without a spec", { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "controller" } }],
    ["labels that are a list", { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "x", labels: [1] } }],
    [
      "webhooks that are text",
      { kind: "ValidatingWebhookConfiguration", metadata: { name: "metallb-webhook-configuration" }, webhooks: "x" },
    ],
  ])("%s: no MetalLB is found, and nothing breaks", (_name, document) => {
    const scene = adoptionScene([document], OPTIONS);
    expect(scene.metallb).toBeUndefined();
    expect(scene.report.findings.map(({ name }) => name)).toContain("metallb-not-found");
  });

  test("whatever stands in any field of an installation, a report comes of it, and actions that say what they do", () => {
    const objects = dump("helm-frr-k8s");
    const anywhere = fc.tuple(
      fc.nat(objects.length - 1),
      fc.constantFrom("spec", "status", "metadata", "data", "webhooks"),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.array(anywhere, { maxLength: 4 }), (changes) => {
        const changed: object[] = objects.map((object, i) => {
          const mine = changes.filter(([at]) => at === i).map(([, field, value]) => [field, value]);
          return { ...object, ...Object.fromEntries(mine) };
        });
        const scene: Scene = adoptionScene(changed, OPTIONS);
        expect(scene.report.steps.length).toBeGreaterThan(0);
        if (scene.metallb === undefined) return;
        for (const { name, object } of [
          ...applyActions(scene.metallb, scene.objects),
          ...revertActions(scene.metallb, scene.objects),
        ]) {
          expect([name, object].every((text) => text !== "")).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("findings come errors first, and a report survives JSON", () => {
  const objects = dump("helm-frr-k8s");
  objects.push({
    apiVersion: "metallb.io/v1beta1",
    kind: "AddressPool",
    metadata: { name: "old", namespace: "metallb" },
  });
  const { report } = look(objects);
  expect(report.findings[0]?.severity).toBe("error");
  expect(JSON.parse(JSON.stringify(report))).toEqual({
    ...report,
    addresses: report.addresses.map((row) => JSON.parse(JSON.stringify(row))),
  });
});
