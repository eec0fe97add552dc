import { resolve } from "node:path";
import type { LabNode } from "./clab.ts";
import { LabConfigError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { LabKind } from "./kube-api.ts";

/** The environment of a speaker in a cluster, and the flag of each variable. */
const FLAGS = {
  METALLB_ML_BIND_ADDR: "--ml-bindaddr",
  METALLB_ML_BIND_PORT: "--ml-bindport",
  METALLB_ML_LABELS: "--ml-labels",
  METALLB_ML_SECRET_KEY_PATH: "--ml-secret-key-path",
} as const;

/** The speaker's flags for talking to the other speakers, by its node's environment; none when it has no such variables. */
export function gossipFlags(node: LabNode, labFolder: string): readonly string[] {
  return Object.entries(FLAGS).flatMap(([variable, flag]) => {
    const value = node.env[variable];
    if (value === undefined) return [];
    return [flag, flag === FLAGS.METALLB_ML_SECRET_KEY_PATH ? boundFolder(node, labFolder, value) : value];
  });
}

/** What a container would find under `path` because it is bound there. */
function boundFolder({ name, binds }: LabNode, labFolder: string, path: string): string {
  const bind = binds.find(({ target }) => target === path);
  if (bind === undefined) throw new LabConfigError(name, { problems: [`nothing is bound to ${path}`] });
  return resolve(labFolder, bind.source);
}

/** The pod a speaker would run in: the others find it by its labels. Undefined for a speaker that does not gossip. */
export function speakerPod(node: LabNode, namespace: string): (JsonObject & { readonly kind: LabKind }) | undefined {
  const labels = node.env["METALLB_ML_LABELS"];
  if (labels === undefined) return undefined;
  const pairs = labels.split(",").map((pair) => pair.split("="));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: podName(node.name),
      namespace,
      labels: Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, value])),
    },
    spec: { nodeName: node.name, hostNetwork: true, containers: [{ name: "speaker", image: "herald" }] },
  };
}

/** The status part of {@link speakerPod}. */
export function speakerPodStatus(node: LabNode): JsonObject {
  const address = node.env["METALLB_ML_BIND_ADDR"] ?? "";
  return {
    phase: "Running",
    podIP: address,
    podIPs: [{ ip: address }],
    hostIP: address,
    conditions: [{ type: "Ready", status: "True" }],
  };
}

/** The name of a node's speaker pod. */
export function podName(node: string): string {
  return `speaker-${node}`;
}
