import { describe, expect, test } from "vitest";
import { type FolderObject, folderObject } from "../../src/standalone/folder-object.ts";
import { asSharedService, unpinned } from "../../src/standalone/local-traffic.ts";

const CHECKS = [{ namespace: "default", service: "web" }];

function object(document: object): FolderObject {
  const found = folderObject("a.yaml", document, "metallb-system");
  if (found === undefined) throw new Error("no object");
  return found;
}

function service(name: string, spec: object = {}, annotations: object = {}): FolderObject {
  return object({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, annotations },
    spec: { type: "LoadBalancer", ...spec },
  });
}

describe("traffic goes where it works: what others say of theirs announces nothing here", () => {
  const policy = (one: FolderObject): unknown =>
    JSON.parse(JSON.stringify(asSharedService(one, CHECKS).raw)).spec?.externalTrafficPolicy;

  test.each([
    ["a checked Service", service("web"), "Local"],
    ["a checked Service that says Cluster", service("web", { externalTrafficPolicy: "Cluster" }), "Local"],
    ["a Service without a check", service("other"), undefined],
    ["one of another namespace", { ...service("web"), namespace: "apps" }, undefined],
    ["one that is no load balancer", service("web", { type: "ClusterIP" }), undefined],
    ["something else of this name", object({ apiVersion: "v1", kind: "Secret", metadata: { name: "web" } }), undefined],
  ])("%s", (_name, one, wanted) => expect(policy(one)).toBe(wanted));
});

test("who asks for no address by itself is named", () => {
  const all = [
    service("web"),
    service("a", { loadBalancerIP: "203.0.113.1" }),
    service("b", {}, { "metallb.io/loadBalancerIPs": "203.0.113.1" }),
    service("c", {}, { "metallb.universe.tf/loadBalancerIPs": "203.0.113.1" }),
    service("d", { type: "ClusterIP" }),
  ];
  expect(unpinned(all)).toEqual([expect.stringMatching(/^Service default\/web asks for no address/)]);
});
