import { asArray, isObject, type JsonObject } from "../json.ts";
import { type KubeObject, parseObject } from "../object.ts";

/** v1 name -> events.k8s.io/v1 name; what is not listed has the same name in both. */
const RENAMED: readonly (readonly [string, string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];

/** An Event is one object that two groups serve under different field names. */
export function convertEvent(object: KubeObject, toApiVersion: string): KubeObject {
  if (object.apiVersion === toApiVersion) return object;
  const names = new Map(RENAMED.map(([core, grouped]) => (toApiVersion === "v1" ? [grouped, core] : [core, grouped])));
  const result: JsonObject = {};
  for (const [name, value] of Object.entries(object)) result[names.get(name) ?? name] = value;
  return parseObject({ ...result, apiVersion: toApiVersion });
}

/** `data` as the union of `data` and the base64 of `stringData`, which is write-only. */
export function foldStringData(secret: KubeObject): KubeObject {
  const { stringData, ...rest } = secret;
  const type = rest["type"] ?? "Opaque";
  if (!isObject(stringData)) return parseObject({ ...rest, type });
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString("base64"),
  ]);
  const data = { ...(isObject(rest["data"]) ? rest["data"] : {}), ...Object.fromEntries(encoded) };
  return parseObject({ ...rest, type, data });
}

/** A new Namespace is Active and holds itself until its content is gone. */
export function activateNamespace(namespace: KubeObject, before: KubeObject | undefined): KubeObject {
  if (before !== undefined) return namespace;
  const labels = { ...namespace.metadata.labels, "kubernetes.io/metadata.name": namespace.metadata.name };
  return parseObject({
    ...namespace,
    metadata: { ...namespace.metadata, labels },
    spec: { finalizers: ["kubernetes"] },
    status: { phase: "Active" },
  });
}

/** A new Pod is Pending; nothing here ever runs it. */
export function resetPod(pod: KubeObject, before: KubeObject | undefined): KubeObject {
  return before !== undefined ? pod : parseObject({ ...pod, status: { phase: "Pending", qosClass: "BestEffort" } });
}

/** An endpoint whose conditions nobody states counts as ready, and stays that way: only ports have defaults. */
export function defaultSlicePorts(slice: KubeObject): KubeObject {
  const ports = asArray(slice["ports"]);
  if (!ports.some((port) => isObject(port) && port["name"] === undefined)) return slice;
  return parseObject({ ...slice, ports: ports.map((port) => (isObject(port) ? { name: "", ...port } : port)) });
}
