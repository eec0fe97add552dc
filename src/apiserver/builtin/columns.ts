import { ageOf } from "../age.ts";
import { asArray, asObject, asString, asStrings, at, type JsonObject } from "../json.ts";
import type { KubeObject } from "../object.ts";
import type { Column } from "../resource.ts";

type Cell = (object: KubeObject, now: Date) => unknown;

/** A column of text, unless told otherwise. */
export function column(name: string, cell: Cell, also: Partial<Column> = {}): Column {
  return { name, cell, type: "string", format: "", description: "", priority: 0, ...also };
}

function wide(name: string, cell: Cell): Column {
  return column(name, cell, { priority: 1 });
}

/** The first column of every table. */
export const nameColumn: Column = column("Name", (object) => object.metadata.name, {
  format: "name",
  description: "Name must be unique within a namespace.",
});

/** The last column of most tables. */
export const ageColumn: Column = column("Age", (object, now) => ageOf(object.metadata.creationTimestamp, now), {
  description: "CreationTimestamp is a timestamp representing the server time when this object was created.",
});

function textAt(object: unknown, ...path: readonly string[]): string {
  const value = at(object, ...path);
  return typeof value === "string" && value !== "" ? value : "<none>";
}

/** Labels as kubectl shows them. */
export function labelText(labels: unknown): string {
  const pairs = Object.entries(asObject(labels)).map(([key, value]) => `${key}=${String(value)}`);
  return pairs.length === 0 ? "<none>" : pairs.sort().join(",");
}

function balancerAddresses(service: KubeObject): readonly string[] {
  const ingress = asArray(at(service, "status", "loadBalancer", "ingress")).map(asObject);
  const shown = ingress
    .map((entry) => asString(entry["ip"]) ?? asString(entry["hostname"]) ?? "")
    .filter((text) => text !== "");
  return [...new Set(shown)].sort();
}

function externalIp(service: KubeObject): string {
  const spec = asObject(service["spec"]);
  if (spec["type"] === "ExternalName") return textAt(spec, "externalName");
  const balanced = spec["type"] === "LoadBalancer" ? balancerAddresses(service) : [];
  const all = [...balanced, ...asStrings(spec["externalIPs"])];
  if (all.length > 0) return all.join(",");
  return spec["type"] === "LoadBalancer" ? "<pending>" : "<none>";
}

function servicePorts(service: KubeObject): string {
  const ports = asArray(at(service, "spec", "ports")).map(asObject);
  const shown = ports.map((port) => {
    const node = typeof port["nodePort"] === "number" && port["nodePort"] > 0 ? `:${port["nodePort"]}` : "";
    return `${String(port["port"])}${node}/${String(port["protocol"])}`;
  });
  return shown.length === 0 ? "<none>" : shown.join(",");
}

export const serviceColumns: readonly Column[] = [
  nameColumn,
  column("Type", (service) => textAt(service, "spec", "type")),
  column("Cluster-IP", (service) => textAt(service, "spec", "clusterIP")),
  column("External-IP", externalIp),
  column("Port(s)", servicePorts),
  ageColumn,
  wide("Selector", (service) => labelText(at(service, "spec", "selector"))),
];

function conditionStatus(object: KubeObject, type: string): unknown {
  const found = asArray(at(object, "status", "conditions"))
    .map(asObject)
    .find((condition) => condition["type"] === type);
  return found?.["status"];
}

function nodeStatus(node: KubeObject): string {
  const ready = conditionStatus(node, "Ready");
  const word = ready === "True" ? "Ready" : ready === undefined ? "Unknown" : "NotReady";
  return at(node, "spec", "unschedulable") === true ? `${word},SchedulingDisabled` : word;
}

const ROLE = "node-role.kubernetes.io/";

function nodeRoles(node: KubeObject): string {
  const labels = Object.keys(node.metadata.labels ?? {});
  const roles = labels.filter((label) => label.startsWith(ROLE)).map((label) => label.slice(ROLE.length));
  return roles.length === 0 ? "<none>" : roles.sort().join(",");
}

function nodeAddress(node: KubeObject, type: string): string {
  const found = asArray(at(node, "status", "addresses"))
    .map(asObject)
    .find((address) => address["type"] === type);
  return textAt(found, "address");
}

const infoColumn = (name: string, field: string): Column => wide(name, (node) => unknownAt(node, field));

function unknownAt(node: KubeObject, field: string): string {
  return asString(at(node, "status", "nodeInfo", field)) ?? "<unknown>";
}

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column("Status", nodeStatus),
  column("Roles", nodeRoles),
  ageColumn,
  column("Version", (node) => asString(at(node, "status", "nodeInfo", "kubeletVersion")) ?? ""),
  wide("Internal-IP", (node) => nodeAddress(node, "InternalIP")),
  wide("External-IP", (node) => nodeAddress(node, "ExternalIP")),
  infoColumn("OS-Image", "osImage"),
  infoColumn("Kernel-Version", "kernelVersion"),
  infoColumn("Container-Runtime", "containerRuntimeVersion"),
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column("Status", (namespace) => textAt(namespace, "status", "phase")),
  ageColumn,
];

function containerStatuses(pod: KubeObject): readonly JsonObject[] {
  return asArray(at(pod, "status", "containerStatuses")).map(asObject);
}

function podReady(pod: KubeObject): string {
  const ready = containerStatuses(pod).filter((status) => status["ready"] === true).length;
  return `${ready}/${asArray(at(pod, "spec", "containers")).length}`;
}

function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return "Terminating";
  return asString(at(pod, "status", "reason")) ?? asString(at(pod, "status", "phase")) ?? "Unknown";
}

function podRestarts(pod: KubeObject): string {
  return String(containerStatuses(pod).reduce((sum, status) => sum + Number(status["restartCount"] ?? 0), 0));
}

export const podColumns: readonly Column[] = [
  nameColumn,
  column("Ready", podReady),
  column("Status", podStatus),
  column("Restarts", podRestarts),
  ageColumn,
  wide("IP", (pod) => textAt(pod, "status", "podIP")),
  wide("Node", (pod) => textAt(pod, "spec", "nodeName")),
  wide("Nominated Node", (pod) => textAt(pod, "status", "nominatedNodeName")),
  wide("Readiness Gates", () => "<none>"),
];

/** The first three, and how many more there are. */
function firstThree(all: readonly string[]): string {
  if (all.length === 0) return "<unset>";
  return all.length <= 3 ? all.join(",") : `${all.slice(0, 3).join(",")} + ${all.length - 3} more...`;
}

export const endpointSliceColumns: readonly Column[] = [
  nameColumn,
  column("AddressType", (slice) => textAt(slice, "addressType")),
  column("Ports", (slice) => firstThree(asArray(slice["ports"]).map((port) => String(asObject(port)["port"] ?? "*")))),
  column("Endpoints", (slice) =>
    firstThree(asArray(slice["endpoints"]).flatMap((e) => asStrings(asObject(e)["addresses"]))),
  ),
  ageColumn,
];

function endpointsText(endpoints: KubeObject): string {
  const pairs = asArray(endpoints["subsets"])
    .map(asObject)
    .flatMap((subset) =>
      asArray(subset["addresses"]).flatMap((address) =>
        asArray(subset["ports"]).map((port) => `${String(asObject(address)["ip"])}:${String(asObject(port)["port"])}`),
      ),
    );
  return pairs.length === 0 ? "<none>" : firstThree(pairs);
}

export const endpointsColumns: readonly Column[] = [nameColumn, column("Endpoints", endpointsText), ageColumn];

function lastSeen(event: KubeObject): unknown {
  return (
    event["lastTimestamp"] ?? at(event, "series", "lastObservedTime") ?? event["eventTime"] ?? event["firstTimestamp"]
  );
}

function eventObject(event: KubeObject): string {
  const involved = asObject(event["involvedObject"]);
  return `${String(involved["kind"] ?? "").toLowerCase()}/${String(involved["name"] ?? "")}`;
}

function eventSource(event: KubeObject): string {
  const component = asString(at(event, "source", "component")) ?? asString(event["reportingComponent"]) ?? "";
  const host = asString(at(event, "source", "host")) ?? "";
  return host === "" ? component : `${component}, ${host}`;
}

export const eventColumns: readonly Column[] = [
  column("Last Seen", (event, now) => ageOf(lastSeen(event), now)),
  column("Type", (event) => event["type"] ?? ""),
  column("Reason", (event) => event["reason"] ?? ""),
  column("Object", eventObject),
  wide("Subobject", (event) => asString(at(event, "involvedObject", "fieldPath")) ?? ""),
  wide("Source", eventSource),
  column("Message", (event) => String(event["message"] ?? "").trim()),
  wide("First Seen", (event, now) => ageOf(event["firstTimestamp"] ?? event["eventTime"], now)),
  wide("Count", (event) => at(event, "series", "count") ?? event["count"] ?? 1),
  wide("Name", (event) => event.metadata.name),
];

export const leaseColumns: readonly Column[] = [
  nameColumn,
  column("Holder", (lease) => asString(at(lease, "spec", "holderIdentity")) ?? ""),
  ageColumn,
];

function dataSize(object: KubeObject): number {
  return Object.keys(asObject(object["data"])).length + Object.keys(asObject(object["binaryData"])).length;
}

export const secretColumns: readonly Column[] = [
  nameColumn,
  column("Type", (secret) => textAt(secret, "type")),
  column("Data", dataSize, { type: "integer" }),
  ageColumn,
];

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column("Data", dataSize, { type: "integer" }),
  ageColumn,
];

export const serviceAccountColumns: readonly Column[] = [
  nameColumn,
  column("Secrets", (account) => asArray(account["secrets"]).length, { type: "integer" }),
  ageColumn,
];

function count(name: string, field: string): Column {
  return column(name, (object) => Number(at(object, "status", field) ?? 0), { type: "integer" });
}

export const deploymentColumns: readonly Column[] = [
  nameColumn,
  column("Ready", (d) => `${Number(at(d, "status", "readyReplicas") ?? 0)}/${Number(at(d, "spec", "replicas") ?? 1)}`),
  count("Up-to-date", "updatedReplicas"),
  count("Available", "availableReplicas"),
  ageColumn,
];

export const daemonSetColumns: readonly Column[] = [
  nameColumn,
  count("Desired", "desiredNumberScheduled"),
  count("Current", "currentNumberScheduled"),
  count("Ready", "numberReady"),
  count("Up-to-date", "updatedNumberScheduled"),
  count("Available", "numberAvailable"),
  column("Node Selector", (set) => labelText(at(set, "spec", "template", "spec", "nodeSelector"))),
  ageColumn,
];

export const definitionColumns: readonly Column[] = [
  nameColumn,
  column("Created At", (definition) => definition.metadata.creationTimestamp ?? "", { type: "date" }),
];
