import { type Family, IpAddress, parseIpAddress } from "../../net/ip-address.ts";
import type { Change } from "../collection.ts";
import { asArray, asObject, asString, asStrings, at, isObject, type JsonObject, withMember } from "../json.ts";
import { type KubeObject, parseObject } from "../object.ts";
import type { Strategy } from "../resource.ts";
import { type Cause, invalidField, requiredField, unsupportedField } from "../status.ts";

/** The addresses and ports Services are given when they ask for none, as kubeadm's defaults have them. */
const CLUSTER_BASE: Readonly<Record<Family, { first: bigint; size: number }>> = {
  4: { first: parseIpAddress("10.96.0.0")?.value ?? 0n, size: 2 ** 16 - 2 },
  6: { first: parseIpAddress("fd00:10:96::")?.value ?? 0n, size: 2 ** 16 - 2 },
};
const NODE_PORTS = { first: 30000, size: 2768 };

/** Hands out numbers in turn, so that a freed one is not at once another's. */
class Numbers {
  readonly #used = new Map<number, number>();
  readonly #size: number;
  #next: number;

  constructor(size: number, start: number) {
    this.#size = size;
    this.#next = start;
  }

  free(avoid: ReadonlySet<number>): number | undefined {
    for (let tried = 0; tried < this.#size; tried++) {
      const candidate = (this.#next + tried) % this.#size;
      if (this.#used.has(candidate) || avoid.has(candidate)) continue;
      this.#next = (candidate + 1) % this.#size;
      return candidate;
    }
    return undefined;
  }

  use(n: number): void {
    this.#used.set(n, (this.#used.get(n) ?? 0) + 1);
  }

  release(n: number): void {
    const left = (this.#used.get(n) ?? 0) - 1;
    if (left > 0) this.#used.set(n, left);
    else this.#used.delete(n);
  }
}

function familyOf(address: string): "IPv4" | "IPv6" {
  return address.includes(":") ? "IPv6" : "IPv4";
}

const TYPES = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
const POLICIES = ["Cluster", "Local"];
const FAMILY_POLICIES = ["SingleStack", "PreferDualStack", "RequireDualStack"];

/** What the real API server does to Services: defaults, cluster IPs, node ports, and the rules it refuses them by. */
export class ServiceStrategy implements Strategy {
  readonly #addresses: Readonly<Record<Family, Numbers>> = {
    4: new Numbers(CLUSTER_BASE[4].size, 9),
    6: new Numbers(CLUSTER_BASE[6].size, 9),
  };
  readonly #ports = new Numbers(NODE_PORTS.size, 0);

  /** Keeps what is in use in step with what is stored. */
  readonly track = (change: Change): void => {
    if (change.previous !== undefined) this.#account(change.previous.object, "release");
    if (change.type !== "DELETED") this.#account(change.entry.object, "use");
  };

  prepare(next: KubeObject, before: KubeObject | undefined): KubeObject {
    const kept = before === undefined ? parseObject(withMember(next, "status", { loadBalancer: {} })) : next;
    const asked = keepAllocated(asObject(next["spec"]), asObject(before?.["spec"]));
    const spec = this.#withNodePorts(this.#withClusterIps(withPlainDefaults(asked)));
    const ready = parseObject({ ...kept, spec });
    // Turning a Service into another type takes its load balancer's addresses away.
    const wasBalanced = at(before, "spec", "type") === "LoadBalancer";
    return wasBalanced && spec["type"] !== "LoadBalancer"
      ? parseObject({ ...ready, status: { ...asObject(ready["status"]), loadBalancer: {} } })
      : ready;
  }

  prepareStatus(next: KubeObject): KubeObject {
    const ingress = at(next, "status", "loadBalancer", "ingress");
    if (
      !Array.isArray(ingress) ||
      !ingress.some((entry) => isObject(entry) && entry["ip"] !== undefined && entry["ipMode"] === undefined)
    )
      return next;
    const filled = ingress.map((entry: unknown) =>
      isObject(entry) && entry["ip"] !== undefined && entry["ipMode"] === undefined
        ? { ...entry, ipMode: "VIP" }
        : entry,
    );
    const status = asObject(next["status"]);
    return parseObject({
      ...next,
      status: { ...status, loadBalancer: { ...asObject(status["loadBalancer"]), ingress: filled } },
    });
  }

  check(next: KubeObject, before: KubeObject | undefined): readonly Cause[] {
    const spec = asObject(next["spec"]);
    return [
      ...checkName(next, before),
      ...checkChoices(spec),
      ...checkPorts(spec),
      ...checkClusterIp(spec, before),
      ...checkIngress(next),
    ];
  }

  #account(object: KubeObject, what: "use" | "release"): void {
    const spec = asObject(object["spec"]);
    for (const text of asStrings(spec["clusterIPs"])) {
      const address = parseIpAddress(text);
      if (address === undefined) continue;
      const offset = address.value - CLUSTER_BASE[address.family].first;
      if (offset > 0n && offset <= BigInt(CLUSTER_BASE[address.family].size))
        this.#addresses[address.family][what](Number(offset) - 1);
    }
    for (const port of asArray(spec["ports"])) {
      const nodePort = asObject(port)["nodePort"];
      if (typeof nodePort === "number") this.#ports[what](nodePort - NODE_PORTS.first);
    }
  }

  #withClusterIps(spec: JsonObject): JsonObject {
    if (spec["type"] === "ExternalName") return spec;
    const first = asString(spec["clusterIP"]);
    const given = asStrings(spec["clusterIPs"]);
    if (first === "None" || given[0] === "None") return headless(spec);
    const addresses = given.length > 0 ? [...given] : first === undefined || first === "" ? [] : [first];
    const families = wantedFamilies(spec, addresses);
    const policy = asString(spec["ipFamilyPolicy"]) ?? (families.length > 1 ? "RequireDualStack" : "SingleStack");
    for (const family of families.slice(addresses.length)) addresses.push(this.#freeAddress(family === "IPv4" ? 4 : 6));
    const kept = addresses.slice(0, families.length);
    return { ...spec, clusterIP: kept[0], clusterIPs: kept, ipFamilies: families, ipFamilyPolicy: policy };
  }

  #freeAddress(family: Family): string {
    const n = this.#addresses[family].free(new Set());
    return n === undefined ? "" : new IpAddress(family, CLUSTER_BASE[family].first + BigInt(n + 1)).toString();
  }

  #withNodePorts(spec: JsonObject): JsonObject {
    const { type } = spec;
    const wants = type === "NodePort" || (type === "LoadBalancer" && spec["allocateLoadBalancerNodePorts"] !== false);
    if (!wants) return type === "ClusterIP" ? withoutNodePorts(spec) : spec;
    // What this Service asks for itself is not in the books yet.
    const asked = asArray(spec["ports"]).map((port) => Number(asObject(port)["nodePort"] ?? 0) - NODE_PORTS.first);
    const taken = new Set<number>(asked);
    const ports = asArray(spec["ports"]).map((port) => {
      const given = asObject(port)["nodePort"];
      if (typeof given === "number" && given !== 0) return port;
      const n = this.#ports.free(taken);
      if (n === undefined) return port;
      taken.add(n);
      return { ...asObject(port), nodePort: NODE_PORTS.first + n };
    });
    const local = spec["externalTrafficPolicy"] === "Local" && type === "LoadBalancer";
    const health = local && spec["healthCheckNodePort"] === undefined ? this.#ports.free(taken) : undefined;
    return { ...spec, ports, ...(health === undefined ? {} : { healthCheckNodePort: NODE_PORTS.first + health }) };
  }
}

/** An update that leaves out what the server once filled in keeps it. */
function keepAllocated(spec: JsonObject, before: JsonObject): JsonObject {
  const result = { ...spec };
  const stays = spec["type"] !== "ExternalName" && before["type"] !== "ExternalName";
  if (stays && spec["clusterIP"] === undefined && spec["clusterIPs"] === undefined) {
    for (const name of ["clusterIP", "clusterIPs"]) if (before[name] !== undefined) result[name] = before[name];
    if (
      spec["ipFamilies"] === undefined &&
      before["ipFamilies"] !== undefined &&
      spec["ipFamilyPolicy"] !== "PreferDualStack"
    ) {
      result["ipFamilies"] = before["ipFamilies"];
    }
  }
  if (Array.isArray(spec["ports"])) result["ports"] = spec["ports"].map((port: unknown) => keepNodePort(port, before));
  return result;
}

function keepNodePort(port: unknown, before: JsonObject): unknown {
  const mine = asObject(port);
  if (mine["nodePort"] !== undefined) return port;
  const old = asArray(before["ports"])
    .map(asObject)
    .find((p) => p["port"] === mine["port"] && p["protocol"] === mine["protocol"]);
  return old?.["nodePort"] === undefined ? port : { ...mine, nodePort: old["nodePort"] };
}

function withPlainDefaults(spec: JsonObject): JsonObject {
  const type = spec["type"] ?? "ClusterIP";
  const external = type === "NodePort" || type === "LoadBalancer";
  const ports = asArray(spec["ports"]).map((port) => {
    const entry = asObject(port);
    return { ...entry, protocol: entry["protocol"] ?? "TCP", targetPort: entry["targetPort"] ?? entry["port"] };
  });
  const { externalTrafficPolicy, allocateLoadBalancerNodePorts, healthCheckNodePort, ...rest } = spec;
  const policy = externalTrafficPolicy ?? "Cluster";
  return {
    ...rest,
    type,
    sessionAffinity: spec["sessionAffinity"] ?? "None",
    ...(type === "ExternalName" ? {} : { internalTrafficPolicy: spec["internalTrafficPolicy"] ?? "Cluster" }),
    ...(spec["ports"] === undefined ? {} : { ports }),
    ...(external ? { externalTrafficPolicy: policy } : {}),
    ...(type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: allocateLoadBalancerNodePorts ?? true } : {}),
    ...(type === "LoadBalancer" && policy === "Local" && healthCheckNodePort !== undefined
      ? { healthCheckNodePort }
      : {}),
  };
}

function wantedFamilies(spec: JsonObject, addresses: readonly string[]): readonly string[] {
  const asked = asStrings(spec["ipFamilies"]);
  const policy = spec["ipFamilyPolicy"];
  const primary = addresses[0] === undefined ? (asked[0] ?? "IPv4") : familyOf(addresses[0]);
  const dual = policy === "PreferDualStack" || policy === "RequireDualStack";
  const both = dual || (policy === undefined && Math.max(asked.length, addresses.length) > 1);
  return both ? [primary, primary === "IPv4" ? "IPv6" : "IPv4"] : [primary];
}

function headless(spec: JsonObject): JsonObject {
  const asked = asStrings(spec["ipFamilies"]);
  return {
    ...spec,
    clusterIP: "None",
    clusterIPs: ["None"],
    ipFamilies: asked.length > 0 ? asked : ["IPv4"],
    ipFamilyPolicy: spec["ipFamilyPolicy"] ?? "SingleStack",
  };
}

function withoutNodePorts(spec: JsonObject): JsonObject {
  if (!Array.isArray(spec["ports"])) return spec;
  return { ...spec, ports: spec["ports"].map((port: unknown) => withMember(asObject(port), "nodePort", undefined)) };
}

const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const NAME_RULE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an " +
  "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

function checkName(next: KubeObject, before: KubeObject | undefined): readonly Cause[] {
  const { name } = next.metadata;
  return before !== undefined || (name.length <= 63 && LABEL_1035.test(name))
    ? []
    : [invalidField("metadata.name", name, NAME_RULE)];
}

function checkChoices(spec: JsonObject): readonly Cause[] {
  const choices: readonly (readonly [string, readonly string[]])[] = [
    ["type", TYPES],
    ["sessionAffinity", ["None", "ClientIP"]],
    ["externalTrafficPolicy", POLICIES],
    ["internalTrafficPolicy", POLICIES],
    ["ipFamilyPolicy", FAMILY_POLICIES],
  ];
  const wrong = choices.filter(
    ([name, allowed]) => spec[name] !== undefined && !allowed.some((value) => value === spec[name]),
  );
  const causes = wrong.map(([name, allowed]) => unsupportedField(`spec.${name}`, spec[name], allowed));
  const families = asStrings(spec["ipFamilies"]);
  for (const [i, family] of families.entries()) {
    if (family !== "IPv4" && family !== "IPv6")
      causes.push(unsupportedField(`spec.ipFamilies[${i}]`, family, ["IPv4", "IPv6"]));
  }
  return causes;
}

function checkPorts(spec: JsonObject): readonly Cause[] {
  const ports = asArray(spec["ports"]).map(asObject);
  if (ports.length === 0) {
    const optional = spec["type"] === "ExternalName" || spec["clusterIP"] === "None";
    return optional ? [] : [requiredField("spec.ports")];
  }
  const causes = ports.flatMap((port, i) => checkPort(port, `spec.ports[${i}]`, ports.length > 1));
  const ids = ports.map((port) => `${String(port["protocol"])}/${String(port["port"])}`);
  const names = ports.map((port) => asString(port["name"]) ?? "");
  for (const [i, port] of ports.entries()) {
    const field = `spec.ports[${i}]`;
    if (ids.indexOf(ids[i] ?? "") < i) causes.push(duplicate(field, port));
    const name = names[i] ?? "";
    if (name !== "" && names.indexOf(name) < i) causes.push(duplicate(`${field}.name`, name));
  }
  return causes;
}

function duplicate(field: string, value: unknown): Cause {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${JSON.stringify(value)}` };
}

function checkPort(port: JsonObject, field: string, many: boolean): Cause[] {
  const causes: Cause[] = [];
  const outside = (n: unknown): boolean => typeof n === "number" && (n < 1 || n > 65535);
  if (many && (port["name"] ?? "") === "") causes.push(requiredField(`${field}.name`));
  if (outside(port["port"]))
    causes.push(invalidField(`${field}.port`, port["port"], "must be between 1 and 65535, inclusive"));
  if (outside(port["targetPort"]))
    causes.push(invalidField(`${field}.targetPort`, port["targetPort"], "must be between 1 and 65535, inclusive"));
  return causes;
}

function checkClusterIp(spec: JsonObject, before: KubeObject | undefined): readonly Cause[] {
  const wrong = asStrings(spec["clusterIPs"]).filter((text) => text !== "None" && parseIpAddress(text) === undefined);
  const causes = wrong.map((text) =>
    invalidField("spec.clusterIPs", text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
  );
  const old = asString(at(before, "spec", "clusterIP"));
  const stays = at(before, "spec", "type") !== "ExternalName" && spec["type"] !== "ExternalName";
  if (stays && old !== undefined && old !== "" && spec["clusterIP"] !== old) {
    causes.push(invalidField("spec.clusterIPs[0]", spec["clusterIP"], "may not change once set"));
  }
  return causes;
}

function checkIngress(next: KubeObject): readonly Cause[] {
  return asArray(at(next, "status", "loadBalancer", "ingress")).flatMap((entry, i) => {
    const ip = asObject(entry)["ip"];
    if (ip === undefined || ip === "" || (typeof ip === "string" && parseIpAddress(ip) !== undefined)) return [];
    return [invalidField(`status.loadBalancer.ingress[${i}].ip`, ip, "must be a valid IP address")];
  });
}
