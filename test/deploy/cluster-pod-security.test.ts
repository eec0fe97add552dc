import { describe, expect, test } from "vitest";
import { findHelm, render } from "../support/helm.ts";
import { podSecurityViolations } from "./cluster-pod-security.ts";
import { podSpecOf } from "./cluster-pods.ts";

const GOOD = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
  capabilities: { drop: ["ALL"] },
};

function pod(container: object = {}, also: object = {}) {
  return { ...also, containers: [{ name: "c", securityContext: GOOD, ...container }] };
}

const found = (spec: Readonly<Record<string, unknown>>): readonly string[] =>
  podSecurityViolations(spec).map(({ profile, control }) => `${profile}: ${control}`);

describe("the Pod Security Standards", () => {
  test.each<[string, Readonly<Record<string, unknown>>, readonly string[]]>([
    [
      "a pod that says nothing passes the baseline only",
      { containers: [{ name: "c" }] },
      [
        "restricted: Privilege Escalation",
        "restricted: Running as Non-root",
        "restricted: Seccomp",
        "restricted: Capabilities",
      ],
    ],
    ["the host's network", pod({}, { hostNetwork: true }), ["baseline: Host Namespaces"]],
    [
      "a privileged container",
      pod({ securityContext: { ...GOOD, privileged: true } }),
      ["baseline: Privileged Containers"],
    ],
    [
      "a privileged init container",
      pod({}, { initContainers: [{ name: "i", securityContext: { ...GOOD, privileged: true } }] }),
      ["baseline: Privileged Containers"],
    ],
    [
      "NET_RAW",
      pod({ securityContext: { ...GOOD, capabilities: { drop: ["ALL"], add: ["NET_RAW"] } } }),
      ["baseline: Capabilities", "restricted: Capabilities"],
    ],
    [
      "CHOWN",
      pod({ securityContext: { ...GOOD, capabilities: { drop: ["ALL"], add: ["CHOWN"] } } }),
      ["restricted: Capabilities"],
    ],
    [
      "NET_BIND_SERVICE",
      pod({ securityContext: { ...GOOD, capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } } }),
      [],
    ],
    [
      "a folder of the host",
      pod({}, { volumes: [{ name: "v", hostPath: { path: "/" } }] }),
      ["baseline: HostPath Volumes", "restricted: Volume Types"],
    ],
    ["NFS", pod({}, { volumes: [{ name: "v", nfs: {} }] }), ["restricted: Volume Types"]],
    ["a Secret", pod({}, { volumes: [{ name: "v", secret: {} }] }), []],
    ["a port of the host", pod({ ports: [{ containerPort: 1, hostPort: 1 }] }), ["baseline: Host Ports"]],
    [
      "a probe of another host",
      pod({ livenessProbe: { httpGet: { host: "127.0.0.1", port: 1 } } }),
      ["baseline: Host Probes / Lifecycle Hooks"],
    ],
    [
      "no seccomp, for the whole pod",
      pod({}, { securityContext: { seccompProfile: { type: "Unconfined" } } }),
      ["baseline: Seccomp"],
    ],
    [
      "root, although not root",
      pod({ securityContext: { ...GOOD, runAsUser: 0 } }),
      ["restricted: Running as Non-root user"],
    ],
    [
      "a container that takes back what its pod says",
      pod({ securityContext: { ...GOOD, runAsNonRoot: false } }, { securityContext: { runAsNonRoot: true } }),
      ["restricted: Running as Non-root"],
    ],
    [
      "what the pod says for its containers",
      pod({ securityContext: { ...GOOD, runAsNonRoot: undefined } }, { securityContext: { runAsNonRoot: true } }),
      [],
    ],
    [
      "a sysctl that others feel",
      pod({}, { securityContext: { sysctls: [{ name: "kernel.msgmax" }] } }),
      ["baseline: Sysctls"],
    ],
    [
      "SELinux as somebody else",
      pod({ securityContext: { ...GOOD, seLinuxOptions: { user: "x" } } }),
      ["baseline: SELinux"],
    ],
  ])("%s", (_, spec, expected) => {
    expect(found(spec)).toEqual(expected);
  });
});

const helm = await findHelm();
if (helm === undefined && process.env["CI"] === "true") throw new Error("CI must run these tests: no helm");

describe.skipIf(helm === undefined)("the chart's pods (skipped without helm)", () => {
  const chart = (...settings: readonly string[]) => render(helm ?? "", settings);

  test.each([
    [[]],
    [["prometheus.secure=true", "networkpolicies.enabled=true"]],
    [["controller.webhookMode=disabled", "speaker.memberlist.enabled=false"]],
    [["tls.controllerMetricsTLSSecret=s"]],
  ])("the controller is restricted, with %j", async (settings) => {
    expect(podSecurityViolations(podSpecOf(await chart(...settings), "Deployment"))).toEqual([]);
  });

  const SPEAKER = [
    "baseline: Host Namespaces: hostNetwork",
    "baseline: Capabilities: containers[0].securityContext.capabilities.add NET_RAW",
    "baseline: Host Ports: containers[0].ports 9120",
    "baseline: Host Ports: containers[0].ports 17472",
    "baseline: Host Ports: containers[0].ports 7946",
    "baseline: Host Probes / Lifecycle Hooks: containers[0].livenessProbe",
    "baseline: Host Probes / Lifecycle Hooks: containers[0].readinessProbe",
    "baseline: Host Probes / Lifecycle Hooks: containers[0].startupProbe",
    "baseline: HostPath Volumes: volumes[3].hostPath",
    "restricted: Volume Types: volumes[3]",
    "restricted: Running as Non-root: containers[0].securityContext.runAsNonRoot",
    "restricted: Running as Non-root user: containers[0].securityContext.runAsUser",
    "restricted: Capabilities: containers[0].securityContext.capabilities.add NET_RAW",
  ];

  test("the speaker asks for the host's network, NET_RAW, a folder and root, and for nothing else", async () => {
    const violations = podSecurityViolations(podSpecOf(await chart(), "DaemonSet"));
    expect(violations.map(({ profile, control, field }) => `${profile}: ${control}: ${field}`)).toEqual(SPEAKER);
  });

  test("no secret is in the environment of either", async () => {
    const objects = await chart("prometheus.secure=true");
    for (const kind of ["Deployment", "DaemonSet"] as const) {
      const text = JSON.stringify(podSpecOf(objects, kind));
      expect(text).not.toMatch(/secretKeyRef|secretRef/);
    }
  });
});
