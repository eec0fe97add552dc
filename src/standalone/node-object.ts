import type { RawObject } from "../api/object.ts";
import type { Host } from "./host.ts";

/** This host as a Node: what the folder says of it, its own name and labels, and that it is fine. */
export function nodeObject(
  { nodeName, nodeLabels }: Host,
  given: RawObject | undefined,
): RawObject & { readonly kind: string } {
  const metadata = given?.metadata;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      ...metadata,
      name: nodeName,
      labels: { "kubernetes.io/hostname": nodeName, ...metadata?.labels, ...nodeLabels },
    },
    spec: {},
    status: { conditions: [{ type: "Ready", status: "True", reason: "HeraldRuns", message: "this host" }] },
  };
}
