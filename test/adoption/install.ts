import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isConflict } from "../../src/kubernetes/errors.ts";
import { DEPLOYMENTS, type Resource } from "../../src/kubernetes/resource.ts";
import type { Dumped } from "./dumps.ts";

export const DEFINITIONS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
export const WEBHOOKS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
  namespaced: false,
};
export const DAEMON_SETS: Resource = { ...DEPLOYMENTS, plural: "daemonsets", kind: "DaemonSet" };

/** Makes a dumped object as the cluster had it, status included; of what is there already only the metadata is changed. */
export async function install(client: KubernetesClient, object: Dumped): Promise<void> {
  const resource = resourceOf(object);
  const { namespace, name } = object.metadata;
  const where = namespace === undefined ? {} : { namespace };
  const { resourceVersion: _, ...metadata } = { resourceVersion: "", ...object.metadata };
  try {
    await client.create(resource, { ...object, metadata }, where);
  } catch (error) {
    if (!isConflict(error)) throw error;
    await client.patch(resource, name, { metadata }, { ...where, type: "merge" });
  }
  if (object["status"] === undefined || resource === DEFINITIONS) return;
  await client.patch(resource, name, { status: object["status"] }, { ...where, type: "merge", subresource: "status" });
}

function resourceOf({ apiVersion, kind }: Dumped): Resource {
  if (kind === DEFINITIONS.kind) return DEFINITIONS;
  if (kind === WEBHOOKS.kind) return WEBHOOKS;
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const singular = kind.toLowerCase();
  const plural = singular.endsWith("s") ? `${singular}es` : `${singular}s`;
  return { group, version, plural, kind, namespaced: kind !== "Node" && kind !== "Namespace" };
}
