import { Command } from "commander";
import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { registerController } from "../../src/cli/controller.ts";
import type { CliPorts } from "../../src/cli/ports.ts";
import { registerSpeaker } from "../../src/cli/speaker.ts";
import { findHelm, type Rendered, render } from "../support/helm.ts";
import { problemsOf } from "../support/kubernetes-schema.ts";
import { pairwise, type Row } from "../support/pairwise.ts";
import { CHOICES, valuesOf } from "./chart-choices.ts";
import { type Container, podOf, templateOf } from "./pods.ts";

const binary = await findHelm();
if (binary === undefined && process.env["CI"] === "true") {
  throw new Error("helm is needed in CI: sh test/tooling/fetch-tools.sh");
}

const ROWS = pairwise(Object.fromEntries(Object.entries(CHOICES).map(([name, choices]) => [name, choices.length])));
const WORKLOADS = ["Deployment", "DaemonSet"] as const;
const CLUSTER = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "ValidatingWebhookConfiguration"];

test("every two choices meet in some row", () => {
  const names = Object.keys(CHOICES);
  for (const a of names) {
    for (const b of names.filter((name) => name !== a)) {
      const met = new Set(ROWS.map((row) => `${row[a]} ${row[b]}`));
      expect(met.size, `${a} and ${b}`).toBe((CHOICES[a]?.length ?? 0) * (CHOICES[b]?.length ?? 0));
    }
  }
  expect(ROWS.length).toBeGreaterThan(15);
});

describe.skipIf(binary === undefined)("the chart over its switches, every two together (skipped without helm)", () => {
  describe.each(ROWS.map((row): [string, Row] => [nameOf(row), row]))("%s", (_, row) => {
    let objects: readonly Rendered[] = [];
    beforeAll(async () => {
      objects = await render(binary ?? "", valuesOf(row));
    });

    test("every object is one the API takes whole, and is there once", () => {
      const problems = objects.flatMap((object) =>
        problemsOf(object).map((problem) => `${object.kind} ${object.metadata.name}: ${problem}`),
      );
      expect(problems).toEqual([]);
      const keys = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""} ${metadata.name}`);
      expect(new Set(keys).size).toBe(keys.length);
    });

    test("objects are where the release is, and say what they belong to", () => {
      for (const { kind, metadata } of objects.filter((object) => object.kind !== "CustomResourceDefinition")) {
        expect(metadata.namespace, `${kind} ${metadata.name}`).toBe(
          CLUSTER.includes(kind) ? undefined : "metallb-system",
        );
        expect(metadata.labels, `${kind} ${metadata.name}`).toMatchObject({ "app.kubernetes.io/instance": "herald" });
      }
    });

    test("what is referred to by name is there", () => {
      const ports = WORKLOADS.flatMap((kind) => portsOf(objects, kind));
      for (const name of portNamesIn(objects)) expect(ports).toContain(name);
      for (const kind of WORKLOADS) {
        if (templateOf(objects, kind) === undefined) continue;
        const { volumes = [], containers } = podOf(objects, kind);
        const mounted = containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
        expect(mounted.toSorted()).toEqual(volumes.map(({ name }) => name).toSorted());
      }
      for (const { name, component } of bound(objects)) expect(accountsOf(objects, component)).toContain(name);
    });

    test("a token that Prometheus is to take is made", () => {
      const secrets = objects.filter(({ kind }) => kind === "Secret").map(({ metadata }) => metadata.name);
      for (const name of tokensIn(objects)) expect(secrets).toContain(name);
    });

    test("a Service selects pods that there are", () => {
      const pods = WORKLOADS.map((kind) => templateOf(objects, kind)?.metadata.labels ?? {});
      const services = objects.filter(({ kind }) => kind === "Service") as (Rendered & ServiceLike)[];
      for (const { metadata, spec } of services) {
        const selects = (labels: Readonly<Record<string, string>>): boolean =>
          Object.entries(spec.selector).every(([key, value]) => labels[key] === value);
        expect(pods.filter(selects), metadata.name).toHaveLength(1);
      }
    });

    test("the program knows every flag it is given, and its value", () => {
      for (const kind of WORKLOADS) {
        const [container] = templateOf(objects, kind)?.spec.containers ?? [];
        if (container !== undefined) expect(unknownFlags(container)).toEqual([]);
      }
    });

    test("the API server is told of webhooks when they are answered; how it converts is for the controller to say", () => {
      const mode = valuesOf(row)["controller"] as { readonly enabled?: boolean; readonly webhookMode?: string };
      const answered = mode?.enabled !== false && mode?.webhookMode !== "disabled";
      const told = objects.filter(({ metadata }) => metadata.name.startsWith("metallb-webhook-"));
      expect(told).toHaveLength(answered ? 3 : 0);
      const peers = objects.find(({ metadata }) => metadata.name === "bgppeers.metallb.io");
      if (peers === undefined) return;
      expect(peers).not.toHaveProperty("spec.conversion");
    });

    test("no container can get more than it has, nor write to its root", () => {
      for (const kind of WORKLOADS) {
        const [container] = templateOf(objects, kind)?.spec.containers ?? [];
        if (container === undefined) continue;
        expect(container.securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(stringify(container["env"])).not.toMatch(/secretKeyRef/);
      }
    });
  });
});

interface ServiceLike {
  readonly spec: { readonly selector: Readonly<Record<string, string>> };
}

function nameOf(row: Row): string {
  const set = Object.entries(row).filter(([, choice]) => choice > 0);
  return set.map(([name, choice]) => `${name} ${choice}`).join(", ") || "nothing set";
}

function portsOf(objects: readonly Rendered[], kind: (typeof WORKLOADS)[number]): readonly string[] {
  const containers = templateOf(objects, kind)?.spec.containers ?? [];
  return containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name));
}

/** Names of ports in Services, monitors and policies. */
function portNamesIn(objects: readonly Rendered[]): readonly string[] {
  const text = objects
    .filter(({ kind }) => ["Service", "ServiceMonitor", "PodMonitor", "NetworkPolicy"].includes(kind))
    .map((object) => stringify(object["spec"]))
    .join("\n");
  return [...text.matchAll(/(?:targetPort|- port): ([a-z][-a-z]*)/g)].map(([, name = ""]) => name);
}

/** Secrets from which Prometheus is to take a token. */
function tokensIn(objects: readonly Rendered[]): readonly string[] {
  const text = stringify(objects.filter(({ kind }) => kind === "PodMonitor").map((object) => object["spec"]));
  return [...text.matchAll(/credentials:\s+name: (\S+)/g)].map(([, name = ""]) => name);
}

/** Accounts that roles are bound to, but for Prometheus' own. */
function bound(objects: readonly Rendered[]): readonly { readonly name: string; readonly component: string }[] {
  const bindings = objects.filter(({ kind }) => kind.endsWith("RoleBinding") || kind.endsWith("ClusterRoleBinding"));
  return bindings.flatMap(({ metadata, ...rest }) => {
    const component = metadata.labels?.["app.kubernetes.io/component"];
    const { subjects } = rest as unknown as { readonly subjects: readonly { readonly name: string }[] };
    return component === undefined ? [] : subjects.map(({ name }) => ({ name, component }));
  });
}

function accountsOf(objects: readonly Rendered[], component: string): readonly string[] {
  const template = templateOf(objects, component === "controller" ? "Deployment" : "DaemonSet");
  return template === undefined ? [] : [template.spec.serviceAccountName];
}

/** What is left of a container's arguments when the command has taken what it knows. @throws CommanderError for a value it does not take */
function unknownFlags({ args = [] }: Container): readonly string[] {
  const program = new Command();
  const ports: CliPorts = { env: {}, signal: new AbortController().signal, stdout: () => {}, stderr: () => {} };
  for (const register of [registerController, registerSpeaker]) register(program, ports, () => {});
  const [name, ...flags] = args;
  const command = program.commands.find((candidate) => candidate.name() === name);
  if (command === undefined) return [`no command ${name}`];
  command.exitOverride().configureOutput({ writeErr: () => {} });
  const { unknown, operands } = command.parseOptions(flags.map((flag) => flag.replace(/\$\(\w+\)/, "192.0.2.1")));
  return [...unknown, ...operands];
}
