import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { applyActions, revertActions } from "../../src/adoption/actions.ts";
import { adoptionScene, type Scene } from "../../src/adoption/report.ts";
import { perform, readCluster } from "../../src/cli/adopt-cluster.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { seconds } from "../../src/net/micros.ts";
import { systemClock } from "../../src/system/clock.ts";
import { DEFINITIONS } from "../adoption/install.ts";
import { type Cluster, startEmbedded } from "../integration/cluster.ts";
import { FakeKubelet } from "../support/fake-kubelet.ts";
import { CHART, findHelm } from "../support/helm.ts";
import { silentLog } from "../support/silent-log.ts";

const binary = await findHelm();
if (binary === undefined && process.env["CI"] === "true") {
  throw new Error("helm is needed in CI: sh test/tooling/fetch-tools.sh");
}

const NAMESPACE = "metallb-system";

/** What matters of MetalLB's chart: a workload, and a definition among the templates. */
const TEMPLATES = [
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "metallb-controller", labels: { "app.kubernetes.io/name": "metallb" } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "metallb" } },
      template: {
        metadata: { labels: { app: "metallb" } },
        spec: { containers: [{ name: "controller", image: "quay.io/metallb/controller:v0.15.2" }] },
      },
    },
  },
  {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "others.metallb.io" },
    spec: {
      group: "metallb.io",
      scope: "Namespaced",
      names: { kind: "Other", plural: "others", singular: "other", listKind: "OtherList" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
    },
  },
];

describe.skipIf(binary === undefined)("MetalLB installed by Helm itself (skipped without helm)", () => {
  let cluster: Cluster;
  let client: KubernetesClient;
  let kubelet: FakeKubelet;
  let folder = "";

  beforeEach(async () => {
    cluster = await startEmbedded();
    client = new KubernetesClient({ log: silentLog }, cluster.config);
    kubelet = new FakeKubelet(client);
    folder = mkdtempSync(join(tmpdir(), "herald-adopt-helm-"));
    mkdirSync(join(folder, "metallb/templates"), { recursive: true });
    writeFileSync(join(folder, "metallb/Chart.yaml"), "{apiVersion: v2, name: metallb, version: 0.15.2}\n");
    writeFileSync(join(folder, "metallb/templates/all.yaml"), TEMPLATES.map((one) => stringify(one)).join("---\n"));
    await helm("install", "metallb", join(folder, "metallb"), "--create-namespace");
  });
  afterEach(async () => {
    await kubelet[Symbol.asyncDispose]();
    client.close();
    await cluster[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function helm(...args: readonly string[]): Promise<string> {
    const env = { PATH: process.env["PATH"], HOME: folder, KUBECONFIG: cluster.kubeconfig };
    return new Promise((resolve) => {
      execFile(binary ?? "", [...args, "--namespace", NAMESPACE], { env }, (_error, out, err) => resolve(out + err));
    });
  }

  async function change(actions: typeof applyActions): Promise<void> {
    const ports = { client, clock: systemClock, note: () => {}, signal: new AbortController().signal };
    const scene: Scene = adoptionScene((await readCluster(ports, undefined)).documents, {
      namespace: undefined,
      loadBalancerClass: undefined,
    });
    expect(scene.metallb).toMatchObject({ helmRelease: "metallb", namespace: NAMESPACE });
    if (scene.metallb !== undefined) await perform(ports, actions(scene.metallb, scene.objects), seconds(10));
  }

  async function definitionIsThere(): Promise<boolean> {
    const { items } = await client.list<{ metadata: { name: string } }>(DEFINITIONS);
    return items.some(({ metadata }) => metadata.name === "others.metallb.io");
  }

  test("after --apply helm uninstall finds no release, and the definitions with all pools stay; --revert shows it again", async () => {
    await change(applyActions);
    expect(await helm("uninstall", "metallb")).toContain("not found");
    expect(await definitionIsThere()).toBe(true);
    await change(revertActions);
    expect(await helm("status", "metallb")).toContain("STATUS: deployed");
  });

  test("who installs Herald beside a MetalLB that runs is warned, and nobody else", async () => {
    const warning = "WARNING: MetalLB's controller (metallb-controller) runs in this namespace";
    const herald = (): Promise<string> => helm("install", "herald", CHART, "--set", "crds.enabled=false");
    expect(await herald()).toContain(warning);
    await helm("uninstall", "herald");
    await change(applyActions);
    const said = await herald();
    expect(said).toContain("Herald 0.1.0 is installed");
    expect(said).not.toContain("WARNING");
  });

  test("why: an annotation to keep them, put on later, does not stop helm uninstall", async () => {
    const keep = { metadata: { annotations: { "helm.sh/resource-policy": "keep" } } };
    await client.patch(DEFINITIONS, "others.metallb.io", keep, { type: "merge" });
    await helm("uninstall", "metallb");
    expect(await definitionIsThere()).toBe(false);
  });
});
