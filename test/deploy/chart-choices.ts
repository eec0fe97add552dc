import type { Row } from "../support/pairwise.ts";

type Values = Readonly<Record<string, unknown>>;

const SCRAPED = { serviceAccount: "prometheus", namespace: "monitoring" };
const NO_PROBES = { livenessProbe: { enabled: false }, readinessProbe: { enabled: false } };
const PLUMBING = {
  ...{
    nodeSelector: { role: "lb" },
    affinity: { nodeAffinity: {} },
    priorityClassName: "high",
    runtimeClassName: "runc",
  },
  ...{ tolerations: [{ key: "lb", operator: "Exists" }], podAnnotations: { a: "b" }, labels: { team: "net" } },
  ...{ extraContainers: [{ name: "more", image: "more:1" }], resources: { limits: { memory: "1Gi" } } },
  image: { repository: "registry.example/herald", tag: "x", pullPolicy: "Always" },
};

/** The switches of the chart and what each may be set to; the first is what a user has who sets nothing. */
export const CHOICES: Readonly<Record<string, readonly Values[]>> = {
  controller: [{}, { controller: { replicas: 1 } }, { controller: { enabled: false } }],
  speaker: [{}, { speaker: { enabled: false } }],
  webhooks: [{}, { controller: { webhookMode: "disabled" } }, { controller: { webhookMode: "onlywebhook" } }],
  crds: [{}, { crds: { validationFailurePolicy: "Ignore" } }, { crds: { enabled: false } }],
  rbac: [{}, { rbac: { create: false } }],
  secure: [{}, { prometheus: { secure: true } }],
  scraped: [
    {},
    { prometheus: { ...SCRAPED, serviceMonitor: { enabled: true, interval: "15s" } } },
    {
      prometheus: { ...SCRAPED, podMonitor: { enabled: true, relabelings: [{ action: "drop", sourceLabels: ["a"] }] } },
    },
    { prometheus: { scrapeAnnotations: true } },
    { prometheus: { rbacPrometheus: false, podMonitor: { enabled: true } } },
    { prometheus: { metricsPort: 0 } },
  ],
  rules: [{}, { prometheus: { prometheusRule: { enabled: true, additionalLabels: { release: "p" } } } }],
  dashboard: [{}, { prometheus: { grafanaDashboard: { enabled: true, annotations: { folder: "Net" } } } }],
  tls: [
    {},
    { tls: { controllerMetricsTLSSecret: "c", speakerMetricsTLSSecret: "s" } },
    {
      tls: {
        minVersion: "VersionTLS12",
        cipherSuites: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        curvePreferences: "29,23",
      },
    },
  ],
  memberlist: [
    {},
    { speaker: { memberlist: { mlBindAddrOverride: "192.0.2.7" } } },
    { speaker: { memberlist: { enabled: false } } },
  ],
  interfaces: [{}, { speaker: { excludeInterfaces: { enabled: false }, ignoreExcludeLB: true } }],
  listen: [
    {},
    { speaker: { bgp: { listenPort: 179 } } },
    { speaker: { bgp: { listenPort: 1790 }, realtime: true, drainOnStop: 30, healthPort: 17473 } },
  ],
  class: [{}, { loadBalancerClass: "herald.io/lb" }],
  policies: [
    {},
    { networkpolicies: { enabled: true } },
    { networkpolicies: { enabled: true, defaultDeny: true, apiPort: 443 } },
  ],
  names: [{}, { fullnameOverride: "lb" }, { nameOverride: "net", imagePullSecrets: [{ name: "pull" }] }],
  accounts: [
    {},
    { controller: { serviceAccount: { name: "c" } }, speaker: { serviceAccount: { create: false, name: "s" } } },
  ],
  probes: [{}, { controller: NO_PROBES, speaker: { ...NO_PROBES, startupProbe: { enabled: false } } }],
  plumbing: [{}, { controller: PLUMBING, speaker: { ...PLUMBING, nodeSelector: {} } }],
};

/** The values of a row of choices. */
export function valuesOf(row: Row): Values {
  return Object.entries(row).reduce<Values>((all, [name, choice]) => merged(all, CHOICES[name]?.[choice] ?? {}), {});
}

function merged(into: Values, more: Values): Values {
  const result: Record<string, unknown> = { ...into };
  for (const [key, value] of Object.entries(more)) {
    const before = result[key];
    result[key] = isMap(before) && isMap(value) ? merged(before, value) : value;
  }
  return result;
}

function isMap(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
