import { parseDocument } from "yaml";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { LabConfigError } from "./errors.ts";
import { isObject, type JsonObject } from "./json.ts";
import { isInterfaceName, isName } from "./names.ts";
import { splitWords } from "./words.ts";

/** What a node does when it is a namespace and not a container: the `herald.lab/role` label. */
type Role = "frr" | "control-plane" | "speaker" | "pod" | "client";

const ROLES: readonly Role[] = ["frr", "control-plane", "speaker", "pod", "client"];
const ROLE_LABEL = "herald.lab/role";

type Kind = "linux" | "bridge";

export interface Bind {
  /** Relative to the lab's folder, or absolute. */
  readonly source: string;
  readonly target: string;
}

export interface LabNode {
  readonly name: string;
  readonly kind: Kind;
  readonly role: Role | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  readonly exec: readonly (readonly string[])[];
  /** Address on the management network, with its prefix length: the node's `eth0`. */
  readonly management: string | undefined;
}

interface Endpoint {
  readonly node: string;
  readonly port: string;
}

export interface Topology {
  readonly name: string;
  readonly nodes: readonly LabNode[];
  readonly links: readonly (readonly [Endpoint, Endpoint])[];
}

type Report = (path: string, problem: string) => void;

/**
 * Reads a containerlab file as far as network namespaces can follow it. What only a container has (images, ports, memory)
 * is left alone; what would change the topology and is not supported here is refused.
 * @throws LabConfigError with all problems, each with its path in the file.
 */
export function parseClab(text: string, file: string): Topology {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0)
    throw new LabConfigError(file, { problems: document.errors.map((error) => error.message) });
  const problems: string[] = [];
  const report: Report = (path, problem) => problems.push(`${path}: ${problem}`);
  const topology = readTopology(toPlain(document, file), report);
  if (problems.length > 0) throw new LabConfigError(file, { problems });
  return topology;
}

function toPlain(document: { toJS(options: { maxAliasCount: number }): unknown }, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    // The library's word for an alias without anchor, and for a file that unfolds without end.
    if (error instanceof ReferenceError) throw new LabConfigError(file, { problems: [error.message], cause: error });
    throw error;
  }
}

function readTopology(root: unknown, report: Report): Topology {
  const file = section(root, "(file)", report);
  const name = typeof file["name"] === "string" ? file["name"] : "";
  if (!isName(name)) report("name", "want letters, digits, '.', '_' and '-', at most 40");
  const topology = section(file["topology"], "topology", report);
  if (topology["groups"] !== undefined) report("topology.groups", "groups are not supported, use defaults or kinds");
  const length = managementLength(file["mgmt"], report);
  const defaults = section(topology["defaults"] ?? {}, "topology.defaults", report);
  const kinds = section(topology["kinds"] ?? {}, "topology.kinds", report);
  const nodes: LabNode[] = [];
  for (const [node, raw] of Object.entries(section(topology["nodes"], "topology.nodes", report))) {
    const path = `topology.nodes.${node}`;
    const own = section(raw ?? {}, path, report);
    const kind = own["kind"] ?? defaults["kind"];
    const ofKind = typeof kind === "string" ? section(kinds[kind] ?? {}, `topology.kinds.${kind}`, report) : {};
    nodes.push(readNode(node, new Layers([defaults, ofKind, own], path, report), length));
  }
  if (nodes.length === 0) report("topology.nodes", "no nodes");
  return { name, nodes, links: readLinks(topology["links"] ?? [], nodes, report) };
}

function section(value: unknown, path: string, report: Report): JsonObject {
  if (isObject(value)) return value;
  report(path, "want a map");
  return {};
}

function managementLength(mgmt: unknown, report: Report): number | undefined {
  if (mgmt === undefined) return undefined;
  const subnet = section(mgmt, "mgmt", report)["ipv4-subnet"];
  const m = typeof subnet === "string" ? /^([\d.]+)\/(\d{1,2})$/.exec(subnet) : null;
  const length = Number(m?.[2]);
  if (m !== null && parseIpAddress(m[1] ?? "")?.family === 4 && length >= 8 && length <= 30) return length;
  report("mgmt.ipv4-subnet", "want an IPv4 prefix of 8 to 30 bits");
  return undefined;
}

/** A node's settings as containerlab merges them: maps are merged, lists are appended, the nearest scalar wins. */
class Layers {
  readonly path: string;
  readonly report: Report;
  readonly #layers: readonly JsonObject[];

  constructor(layers: readonly JsonObject[], path: string, report: Report) {
    this.#layers = layers;
    this.path = path;
    this.report = report;
  }

  scalar(key: string): string | undefined {
    const value = this.#layers.map((layer) => layer[key]).findLast((v) => v !== undefined);
    if (value === undefined || typeof value === "string") return value;
    this.report(`${this.path}.${key}`, "want a string");
    return undefined;
  }

  strings(key: string): readonly string[] {
    return this.#layers.flatMap((layer) => {
      const value = layer[key] ?? [];
      if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
      this.report(`${this.path}.${key}`, "want a list of strings");
      return [];
    });
  }

  map(key: string): Readonly<Record<string, string>> {
    const merged = new Map<string, string>();
    for (const layer of this.#layers) {
      for (const [name, value] of Object.entries(section(layer[key] ?? {}, `${this.path}.${key}`, this.report))) {
        if (["string", "number", "boolean"].includes(typeof value)) merged.set(name, String(value));
        else this.report(`${this.path}.${key}.${name}`, "want a string or a number");
      }
    }
    return Object.fromEntries(merged);
  }
}

function readNode(name: string, layers: Layers, managementBits: number | undefined): LabNode {
  const { path, report } = layers;
  if (!isName(name)) report(path, "a node name has letters, digits, '.', '_' and '-', at most 40");
  const kind = layers.scalar("kind");
  if (kind !== "linux" && kind !== "bridge") report(`${path}.kind`, `want linux or bridge, not ${kind ?? "nothing"}`);
  if (kind === "bridge" && !isInterfaceName(name)) report(path, "a bridge's name is an interface name, at most 15");
  const labels = layers.map("labels");
  const role = ROLES.find((known) => known === labels[ROLE_LABEL]);
  if (role === undefined && labels[ROLE_LABEL] !== undefined) {
    report(`${path}.labels.${ROLE_LABEL}`, `want one of ${ROLES.join(", ")}`);
  }
  return {
    name,
    kind: kind === "bridge" ? "bridge" : "linux",
    role,
    labels,
    env: layers.map("env"),
    sysctls: readSysctls(layers),
    binds: layers.strings("binds").flatMap((bind, i) => readBind(bind, `${path}.binds[${i}]`, report)),
    exec: layers.strings("exec").flatMap((line, i) => {
      const words = splitWords(line);
      if (words === undefined) report(`${path}.exec[${i}]`, "empty, or a quote stays open");
      return words === undefined ? [] : [words];
    }),
    management: readManagement(layers, managementBits),
  };
}

/** Only `net.` is per namespace: anything else would change the machine the lab runs on. */
function readSysctls(layers: Layers): Readonly<Record<string, string>> {
  const sysctls = layers.map("sysctls");
  for (const key of Object.keys(sysctls)) {
    if (!/^net(\.[a-zA-Z0-9_-]+)+$/.test(key)) layers.report(`${layers.path}.sysctls.${key}`, "want a net.* key");
  }
  return sysctls;
}

function readBind(text: string, path: string, report: Report): readonly Bind[] {
  const [source, target, ...rest] = text.split(":");
  if (source !== undefined && source !== "" && target?.startsWith("/") === true && rest.length <= 1) {
    return [{ source, target }];
  }
  report(path, "want source:/target or source:/target:options");
  return [];
}

function readManagement(layers: Layers, bits: number | undefined): string | undefined {
  const mode = layers.scalar("network-mode");
  if (mode !== undefined && mode !== "none" && mode !== "bridge") {
    layers.report(`${layers.path}.network-mode`, "want none or bridge");
  }
  const address = layers.scalar("mgmt-ipv4");
  if (address === undefined) return undefined;
  if (mode === "none") layers.report(`${layers.path}.mgmt-ipv4`, "this node has network-mode none");
  if (bits === undefined) layers.report(`${layers.path}.mgmt-ipv4`, "the file has no mgmt.ipv4-subnet");
  if (parseIpAddress(address)?.family !== 4) layers.report(`${layers.path}.mgmt-ipv4`, "want an IPv4 address");
  return `${address}/${bits}`;
}

function readLinks(value: unknown, nodes: readonly LabNode[], report: Report): Topology["links"] {
  if (!Array.isArray(value)) {
    report("topology.links", "want a list");
    return [];
  }
  const taken = new Set(nodes.filter((node) => node.management !== undefined).map((node) => `${node.name}:eth0`));
  const known = new Set(nodes.map((node) => node.name));
  return value.flatMap((link: unknown, i): Topology["links"] => {
    const path = `topology.links[${i}].endpoints`;
    const ends = isObject(link) ? link["endpoints"] : undefined;
    if (!Array.isArray(ends) || ends.length !== 2) {
      report(path, 'want two of the form "node:interface"');
      return [];
    }
    const [a, b] = ends.map((end: unknown) => readEndpoint(end, { path, known, taken, report }));
    return a === undefined || b === undefined ? [] : [[a, b]];
  });
}

interface EndpointScope {
  readonly path: string;
  readonly known: ReadonlySet<string>;
  readonly taken: Set<string>;
  readonly report: Report;
}

function readEndpoint(end: unknown, { path, known, taken, report }: EndpointScope): Endpoint | undefined {
  const m = typeof end === "string" ? /^([^:\s]+):([^:\s]+)$/.exec(end) : null;
  const [, node, port] = m ?? [];
  if (node === undefined || port === undefined) report(path, 'want two of the form "node:interface"');
  else if (!known.has(node)) report(path, `no node is called ${node}`);
  else if (!isInterfaceName(port)) report(path, `${port} is no interface name (at most 15 characters)`);
  else if (taken.has(`${node}:${port}`)) report(path, `${node}:${port} is used twice`);
  else {
    taken.add(`${node}:${port}`);
    return { node, port };
  }
  return undefined;
}
