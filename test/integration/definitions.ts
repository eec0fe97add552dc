import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import type { Resource } from "../../src/kubernetes/resource.ts";
import { until } from "../support/until.ts";

const DEFINITIONS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Applies CustomResourceDefinitions and waits until the server serves them. They stay: others may use them. */
export async function installDefinitions(client: KubernetesClient, definitions: readonly unknown[]): Promise<void> {
  const names = definitions.filter(isDefinition).map(({ metadata }) => metadata.name);
  for (const definition of definitions.filter(isDefinition)) {
    const options = { type: "apply", fieldManager: "herald-tests", force: true } as const;
    await client.patch<unknown>(DEFINITIONS, definition.metadata.name, definition, options);
  }
  for (const name of names) {
    await until(`${name} to be established`, async () => isEstablished(await client.get(DEFINITIONS, name)), 30_000);
  }
}

function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "metadata" in value;
}

function isEstablished({ status }: Definition): boolean {
  return (status?.conditions ?? []).some(({ type, status: value }) => type === "Established" && value === "True");
}
