import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import { reviewsByPath } from "../../src/webhook/reviews.ts";
import { findHelm, helm, type Rendered, render } from "../support/helm.ts";
import { silentLog } from "../support/silent-log.ts";
import { containerOf, podOf } from "./pods.ts";

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

  test.each([
    ["nothing is said: loopback, for they are plain", [], "127.0.0.1"],
    ["an address is given", ["prometheus.metricsAddress=0.0.0.0", "prometheus.secure=true"], "0.0.0.0"],
    ["they are HTTPS: the pod's own, of whichever family", ["prometheus.secure=true"], "$(HERALD_POD_IP)"],
    ["somebody is to scrape them", ["prometheus.scrapeAnnotations=true"], "$(HERALD_POD_IP)"],
  ])("where metrics listen when %s", async (_, settings, address) => {
    const objects = await render(run, settings);
    for (const kind of ["Deployment", "DaemonSet"] as const)
      expect(argsOf(objects, kind)).toContain(`--metrics-address=${address}`);
  });

  test("whoever brings a certificate for metrics gets HTTPS, as in MetalLB's chart", async () => {
    const objects = await render(run, ["tls.controllerMetricsTLSSecret=mine"]);
    expect(argsOf(objects, "Deployment")).toEqual(
      expect.arrayContaining(["--secure-metrics", "--metrics-cert-dir=/etc/metrics"]),
    );
    expect(argsOf(objects, "DaemonSet")).toContain("--secure-metrics");
    expect(argsOf(objects, "DaemonSet")).not.toContain("--metrics-cert-dir=/etc/metrics");
  });

  test("an upgrade keeps what the controller writes: no certificate and no caBundle is ever named", () => {
    expect(stringify(plain)).not.toMatch(/caBundle|tls\.crt|ca\.crt/);
    const secret = plain.find(({ metadata }) => metadata.name === "metallb-webhook-cert");
    expect(Object.keys(secret ?? {}).toSorted()).toEqual(["apiVersion", "kind", "metadata", "type"]);
  });

  test("every change of the configuration is shown to the controller, at a path it answers; only deleting does not need it", () => {
    const { webhooks } = plain.find(({ kind }) => kind === "ValidatingWebhookConfiguration") as unknown as Webhooks;
    const nothing = {
      pools: [],
      peers: [],
      bgpAdvertisements: [],
      l2Advertisements: [],
      communities: [],
      bfdProfiles: [],
    };
    const cluster = { objects: () => ({ ...nothing, namespace: "metallb-system", nodes: [] }), unsynced: () => [] };
    const answered = reviewsByPath(cluster, silentLog);
    const shown = new Map<string, string>();
    for (const { clientConfig, rules, failurePolicy } of webhooks) {
      expect([...answered.keys()]).toContain(clientConfig.service.path);
      for (const { apiVersions, operations, resources } of rules)
        for (const resource of resources)
          for (const operation of operations)
            shown.set(`${operation} ${resource} ${apiVersions.join()}`, failurePolicy);
    }
    const kinds = ["ipaddresspools", "bgpadvertisements", "l2advertisements", "communities", "bfdprofiles"];
    const named = [...kinds.map((kind) => `${kind} v1beta1`), "bgppeers v1beta2"];
    const expected = named.flatMap((name): [string, string][] => [
      [`CREATE ${name}`, "Fail"],
      [`UPDATE ${name}`, "Fail"],
      [`DELETE ${name}`, "Ignore"],
    ]);
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(expected));
  });

  test("without webhooks the API server converts BGPPeers itself, and is told of none", async () => {
    const objects = await render(run, ["controller.webhookMode=disabled"]);
    expect(stringify(objects)).not.toContain("metallb-webhook");
    const peers = objects.find(({ metadata }) => metadata.name === "bgppeers.metallb.io");
    expect(peers).not.toHaveProperty("spec.conversion");
  });

  test("two releases on one node keep what they remember of sessions apart", async () => {
    const paths = await Promise.all(
      [[], ["fullnameOverride=other"]].map(async (settings) => {
        const { volumes = [] } = podOf(await render(run, settings), "DaemonSet");
        return volumes.find(({ name }) => name === "state");
      }),
    );
    expect(paths).toMatchObject([
      { hostPath: { path: "/var/lib/herald/metallb-system/herald" } },
      { hostPath: { path: "/var/lib/herald/metallb-system/other" } },
    ]);
  });

  test("loadBalancerClass reaches both, so that neither takes what the other leaves", async () => {
    const objects = await render(run, ["loadBalancerClass=herald.io/lb"]);
    for (const kind of ["Deployment", "DaemonSet"] as const)
      expect(argsOf(objects, kind)).toContain("--lb-class=herald.io/lb");
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

  test("modes of mounted files are the same for every reader of YAML: the gossip's key is its owner's alone", async () => {
    const { stdout } = await helm(run, "template", ["tls.speakerMetricsTLSSecret=s"]);
    for (const version of ["1.1", "1.2"] as const) {
      const objects = parseAllDocuments(stdout, { version }).map((document): unknown => document.toJS());
      const modes = [...stringify(objects).matchAll(/defaultMode: (\d+)/g)].map(([, mode]) => Number(mode));
      expect(modes, version).toEqual([0o400, 0o444, 0o400]);
    }
  });

  test("speaker.healthPort moves the port and whoever asks there: another load balancer may have it", async () => {
    const objects = await render(run, ["speaker.healthPort=17473"]);
    expect(argsOf(objects, "DaemonSet")).toContain("--health-probe-port=17473");
    const { ports = [] } = containerOf(objects, "DaemonSet");
    expect(ports.find(({ name }) => name === "health")?.containerPort).toBe(17473);
    expect(stringify(containerOf(objects, "DaemonSet"))).not.toContain("17472");
  });

  test("no alert waits for a leader where no controller is to lead", async () => {
    const alerts = async (...settings: readonly string[]): Promise<string> =>
      stringify(await render(run, ["prometheus.prometheusRule.enabled=true", ...settings]));
    expect(await alerts()).toMatch(/HeraldNoLeader[\s\S]*HeraldTwoLeaders/);
    for (const setting of ["controller.webhookMode=onlywebhook", "controller.enabled=false"])
      expect(await alerts(setting)).not.toMatch(/HeraldNoLeader|HeraldTwoLeaders/);
  });

  test("a role never says more than one component needs: no wildcards, no secrets of other namespaces", () => {
    const roles = plain.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
    expect(roles).toHaveLength(4);
    expect(stringify(roles)).not.toContain("*");
    const cluster = plain.filter(({ kind }) => kind === "ClusterRole");
    expect(stringify(cluster)).not.toContain("secrets");
  });
});

function argsOf(objects: readonly Rendered[], kind: "Deployment" | "DaemonSet"): readonly string[] {
  return containerOf(objects, kind).args ?? [];
}

interface Webhooks {
  readonly webhooks: readonly {
    readonly clientConfig: { readonly service: { readonly path: string } };
    readonly failurePolicy: string;
    readonly rules: readonly {
      readonly apiVersions: readonly string[];
      readonly operations: readonly string[];
      readonly resources: readonly string[];
    }[];
  }[];
}
