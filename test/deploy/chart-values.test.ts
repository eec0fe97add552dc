import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { findHelm, helm, type Settings } from "../support/helm.ts";

const binary = await findHelm();
if (binary === undefined && process.env["CI"] === "true") {
  throw new Error("helm is needed in CI: sh test/tooling/fetch-tools.sh");
}

const CHART = join(import.meta.dirname, "../../deploy/helm/herald");
const MONITOR = { enabled: true };
const SCRAPED = { serviceAccount: "p", namespace: "m" };

/** What MetalLB's chart has by default and Herald's has not: a values.yaml that began as a copy of it holds all of this. */
const METALLB = {
  frrk8s: { enabled: true, external: false, namespace: "" },
  "frr-k8s": {},
  controller: { image: { tag: null, pullPolicy: null }, strategy: { type: "RollingUpdate" }, affinity: {} },
  speaker: {
    bgpDebounceTimeout: null,
    image: { tag: null, pullPolicy: null },
    securityContext: {},
    frr: {
      enabled: false,
      image: { repository: "quay.io/frrouting/frr", tag: "10.5.3", pullPolicy: null },
      metricsPort: 9121,
      resources: {},
    },
    reloader: { resources: {} },
    frrMetrics: { resources: {} },
    initContainers: { cpFrrFiles: { resources: {} }, cpReloader: { resources: {} }, cpMetrics: { resources: {} } },
    extraContainers: [],
  },
  prometheus: { podMonitor: { interval: null, relabelings: [] }, serviceMonitor: { interval: null } },
  networkpolicies: { enabled: false, defaultDeny: false, apiPort: 6443 },
};

describe.skipIf(binary === undefined)("the chart's values (skipped without helm)", () => {
  const template = (settings: Settings): ReturnType<typeof helm> => helm(binary ?? "", "template", settings);

  test.each([
    ["at the top", { speakr: {} }, "speakr"],
    ["in a component", { speaker: { logLevl: "debug" } }, "logLevl"],
    ["in a map of one key", { rbac: { creat: true } }, "creat"],
    ["in an alert", { prometheus: { prometheusRule: { bgpSessionDown: { enable: false } } } }, "enable"],
    ["in a probe", { controller: { livenessProbe: { period: 1 } } }, "period"],
  ])("a typo %s is refused by its name", async (_, values, name) => {
    const { failed, stderr } = await template(values);
    expect(failed).toBe(true);
    expect(stderr).toContain(name);
  });

  test.each([
    ["a log level that is none", { speaker: { logLevel: "verbose" } }],
    ["a policy that is none", { crds: { validationFailurePolicy: "Warn" } }],
    ["a webhook mode that is none", { controller: { webhookMode: "on" } }],
    ["a port beyond all", { speaker: { memberlist: { mlBindPort: 70000 } } }],
    ["a class with a space", { loadBalancerClass: "my class" }],
    ["a number as text", { controller: { replicas: "2" } }],
    ["flags as one text", { speaker: { extraArgs: "--a --b" } }],
  ])("%s is refused", async (_, values) => {
    expect((await template(values)).failed).toBe(true);
  });

  test("every value has a place in the schema, and every place of the schema that is not MetalLB's a value", () => {
    const schema: Schema = JSON.parse(readFileSync(join(CHART, "values.schema.json"), "utf8"));
    const values: unknown = parse(readFileSync(join(CHART, "values.yaml"), "utf8"));
    const { missing, extra } = compared(values, schema, schema.definitions ?? {});
    expect(missing).toEqual([]);
    expect(extra.toSorted()).toEqual(
      [
        ...["configInline", "existingConfigMap", "frr-k8s", "frrk8s", "global", "psp", "controller.command"],
        ...["prometheus.controllerMetricsTLSSecret", "prometheus.rbacProxy", "prometheus.secureMetricsPort"],
        ...["prometheus.speakerMetricsTLSSecret", "speaker.bgpDebounceTimeout", "speaker.command", "speaker.frr"],
        ...["speaker.frrMetrics", "speaker.initContainers", "speaker.reloader", "speaker.wanConfig"],
      ].toSorted(),
    );
  });

  test("a copy of MetalLB's values renders the same as no values", async () => {
    const { failed, stdout, stderr } = await template(METALLB);
    expect(failed, stderr).toBe(false);
    expect(stdout).toBe((await template([])).stdout);
  });

  test.each<readonly [string, Record<string, unknown>, string]>([
    ["configuration in values", { configInline: { "address-pools": [] } }, "configInline"],
    ["configuration in a ConfigMap", { existingConfigMap: "config" }, "existingConfigMap"],
    [
      "MetalLB's image",
      { controller: { image: { repository: "quay.io/metallb/controller" } } },
      "controller.image.repository",
    ],
    [
      "MetalLB's image by another packer",
      { speaker: { image: { repository: "bitnami/metallb-speaker" } } },
      "speaker.image.repository",
    ],
    ["frr-k8s of somebody else", { frrk8s: { external: true, namespace: "frr" } }, "frrk8s.external"],
    [
      "two of MetalLB's back ends",
      { frrk8s: { enabled: true }, speaker: { frr: { enabled: true } } },
      "speaker.frr.enabled",
    ],
    ["frr-k8s inside and outside", { frrk8s: { enabled: true, external: true } }, "exclude each other"],
    ["a back end without speakers", { frrk8s: { enabled: true }, speaker: { enabled: false } }, "speaker.enabled"],
    [
      "some nodes, and nobody who says which",
      { speaker: { nodeSelector: { a: "b" }, memberlist: { enabled: false } } },
      "speaker.nodeSelector",
    ],
    [
      "both monitors",
      { prometheus: { ...SCRAPED, podMonitor: MONITOR, serviceMonitor: MONITOR } },
      "exclude each other",
    ],
    ["a monitor of nobody", { prometheus: { podMonitor: MONITOR } }, "prometheus.serviceAccount"],
    ["a monitor of nothing", { prometheus: { ...SCRAPED, podMonitor: MONITOR, metricsPort: 0 } }, "metricsPort"],
    [
      "a monitor that reaches nobody",
      { prometheus: { ...SCRAPED, podMonitor: MONITOR, metricsAddress: "127.0.0.1" } },
      "metricsAddress",
    ],
    ["cipher suites of TLS 1.3", { tls: { cipherSuites: "TLS_AES_128_GCM_SHA256" } }, "tls.cipherSuites"],
  ])("%s: refused, by the name of the value", async (_, values, name) => {
    const { failed, stderr } = await template(values);
    expect(failed).toBe(true);
    expect(stderr).toContain("these values cannot work");
    expect(stderr).toContain(name);
  });

  test("all refusals are said at once", async () => {
    const { stderr } = await template({ configInline: { a: 1 }, prometheus: { podMonitor: MONITOR } });
    expect(stderr).toMatch(/configInline[\s\S]*prometheus\.serviceAccount/);
  });

  test.each<readonly [string, Record<string, unknown>, readonly string[]]>([
    ["nothing is set", {}, []],
    ["MetalLB's defaults are copied", METALLB, ["frrk8s"]],
    [
      "FRR is on",
      { speaker: { frr: { enabled: true }, reloader: { resources: { limits: { cpu: "1" } } } } },
      ["speaker.frr", "speaker.reloader"],
    ],
    [
      "metrics are as they were once",
      { prometheus: { secureMetricsPort: 9120, rbacProxy: { tag: "v0.12.0" } } },
      ["prometheus.rbacProxy", "prometheus.secureMetricsPort"],
    ],
    [
      "the program is named",
      { controller: { command: "/controller" }, speaker: { command: "/speaker", bgpDebounceTimeout: 500 } },
      ["controller.command", "speaker.bgpDebounceTimeout", "speaker.command"],
    ],
  ])("when %s, the notes name what has no effect", async (_, values, expected) => {
    const { failed, stdout, stderr } = await helm(binary ?? "", "notes", values);
    expect(failed, stderr).toBe(false);
    const [, said = ""] = stdout.split("have no effect here:");
    expect([...said.matchAll(/^ {2}([a-zA-Z0-9.-]+): /gm)].map(([, name]) => name).toSorted()).toEqual(expected);
  });

  test("the notes say how to see whether it is well, and only of what is installed", async () => {
    const { stdout } = await helm(binary ?? "", "notes", ["controller.enabled=false"]);
    expect(stdout).toContain("rollout status daemonset/herald-speaker");
    expect(stdout).not.toContain("rollout status deployment");
  });
});

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** Paths that only the values have, and that only the schema has. */
function compared(
  values: unknown,
  given: Schema,
  definitions: Readonly<Record<string, Schema>>,
  path = "",
): { readonly missing: readonly string[]; readonly extra: readonly string[] } {
  const schema = given.$ref === undefined ? given : (definitions[given.$ref.replace("#/definitions/", "")] ?? given);
  const { properties } = schema;
  // A map in which anything may stand, or an empty one that stands for many.
  if (properties === undefined || !isMap(values) || Object.keys(values).length === 0) return { missing: [], extra: [] };
  const inner = Object.entries(properties).map(([key, property]) =>
    key in values ? compared(values[key], property, definitions, `${path}${key}.`) : undefined,
  );
  const optional = new Set([
    "terminationGracePeriodSeconds",
    "initialDelaySeconds",
    "successThreshold",
    "timeoutSeconds",
  ]);
  return {
    missing: [
      ...Object.keys(values).flatMap((key) => (key in properties ? [] : [path + key])),
      ...inner.flatMap((result) => result?.missing ?? []),
    ],
    extra: [
      ...Object.keys(properties).flatMap((key) => (key in values || optional.has(key) ? [] : [path + key])),
      ...inner.flatMap((result) => result?.extra ?? []),
    ],
  };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
