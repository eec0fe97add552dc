import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { findHelm, helm, type Rendered, render } from "../support/helm.ts";

const binary = await findHelm();
const CRDS = readdirSync(join(import.meta.dirname, "../../crds")).filter((name) => name.endsWith(".yaml"));

if (binary === undefined && process.env["CI"] === "true") {
  throw new Error("helm is needed in CI: sh test/tooling/fetch-tools.sh");
}

describe.skipIf(binary === undefined)("the chart (skipped without helm)", () => {
  const run = binary ?? "";
  let plain: readonly Rendered[] = [];
  beforeAll(async () => {
    plain = await render(run, []);
  });

  test("helm lint finds no fault", async () => {
    const { failed, stdout, stderr } = await helm(run, "lint", []);
    expect(failed, stdout + stderr).toBe(false);
  });

  test("every resource definition is in it, and outlives the release: with it pools and peers would go", () => {
    const definitions = plain.filter(({ kind }) => kind === "CustomResourceDefinition");
    expect(definitions).toHaveLength(CRDS.length);
    for (const { metadata } of definitions) expect(metadata.annotations?.["helm.sh/resource-policy"]).toBe("keep");
  });

  test("crds.enabled=false leaves them out", async () => {
    const objects = await render(run, ["crds.enabled=false"]);
    expect(objects.filter(({ kind }) => kind === "CustomResourceDefinition")).toEqual([]);
  });

  test("both run with nothing but what they need: the speaker NET_RAW, the controller nothing", () => {
    expect(containerOf(plain, "Deployment")).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    });
    expect(containerOf(plain, "Deployment")["securityContext"]).not.toHaveProperty("capabilities.add");
    expect(containerOf(plain, "DaemonSet")).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"], add: ["NET_RAW"] },
      },
    });
  });

  test.each([
    ["179: a port below 1024 is bound", "179", ["NET_RAW", "NET_BIND_SERVICE"]],
    ["1790: any process may bind it", "1790", ["NET_RAW"]],
  ])("speaker.bgp.listenPort=%s", async (_, port, add) => {
    const objects = await render(run, [`speaker.bgp.listenPort=${port}`]);
    expect(containerOf(objects, "DaemonSet")).toMatchObject({ securityContext: { capabilities: { add } } });
    expect(argsOf(objects, "DaemonSet")).toContain(`--bgp-listen-port=${port}`);
  });

  test("speaker.realtime adds what BFD's thread needs for it, and nothing else does", async () => {
    const objects = await render(run, ["speaker.realtime=true"]);
    expect(containerOf(objects, "DaemonSet")).toMatchObject({
      securityContext: { capabilities: { add: ["NET_RAW", "SYS_NICE"] } },
    });
  });

  test("metrics listen where they are told, on loopback when they are told nothing", async () => {
    for (const kind of ["Deployment", "DaemonSet"])
      expect(argsOf(plain, kind)).toContain("--metrics-address=127.0.0.1");
    const objects = await render(run, ["prometheus.metricsAddress=0.0.0.0"]);
    expect(argsOf(objects, "DaemonSet")).toContain("--metrics-address=0.0.0.0");
  });

  test("loadBalancerClass reaches both, so that neither takes what the other leaves", async () => {
    const objects = await render(run, ["loadBalancerClass=herald.io/lb"]);
    for (const kind of ["Deployment", "DaemonSet"]) expect(argsOf(objects, kind)).toContain("--lb-class=herald.io/lb");
  });

  test("a stopping speaker is given the time it takes to hand over", async () => {
    const objects = await render(run, ["speaker.drainOnStop=30"]);
    expect(podOf(objects, "DaemonSet")).toMatchObject({ terminationGracePeriodSeconds: 35 });
    expect(argsOf(objects, "DaemonSet")).toContain("--drain-on-stop=30");
  });

  test("without memberlist nobody waits for a Secret that nobody makes", async () => {
    const objects = await render(run, ["speaker.memberlist.enabled=false"]);
    expect(stringify(objects)).not.toMatch(/memberlist|METALLB_ML/);
  });

  test.each([
    ["names that users choose", ["fullnameOverride=lb", "controller.serviceAccount.name=c"], "lb-controller"],
    ["one component alone", ["controller.enabled=false"], "herald-speaker"],
    ["network policies", ["networkpolicies.enabled=true", "networkpolicies.defaultDeny=true"], "herald-default-deny"],
    ["an image of one's own", ["image.repository=r/h", "speaker.image.tag=x"], "r/h:x"],
    ["scrape annotations", ["prometheus.scrapeAnnotations=true"], "prometheus.io/scrape"],
    ["other interfaces excluded", ["speaker.excludeInterfaces.enabled=false"], "herald-speaker"],
  ])("renders with %s", async (_, settings, expected) => {
    expect(stringify(await render(run, settings))).toContain(expected);
  });

  test("a role never says more than one component needs: no wildcards, no secrets of other namespaces", () => {
    const roles = plain.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
    expect(roles).toHaveLength(4);
    expect(stringify(roles)).not.toContain("*");
    const cluster = plain.filter(({ kind }) => kind === "ClusterRole");
    expect(stringify(cluster)).not.toContain("secrets");
  });
});

interface Pod {
  readonly containers: readonly Readonly<Record<string, unknown>>[];
}

function podOf(objects: readonly Rendered[], kind: string): Pod {
  const workload = objects.find((object) => object.kind === kind) as
    | { readonly spec: { readonly template: { readonly spec: Pod } } }
    | undefined;
  if (workload === undefined) throw new Error(`no ${kind} was rendered`);
  return workload.spec.template.spec;
}

function containerOf(objects: readonly Rendered[], kind: string): Readonly<Record<string, unknown>> {
  const [container] = podOf(objects, kind).containers;
  if (container === undefined) throw new Error(`${kind} has no container`);
  return container;
}

function argsOf(objects: readonly Rendered[], kind: string): unknown {
  return containerOf(objects, kind)["args"];
}
