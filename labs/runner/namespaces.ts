import { existsSync, readdirSync } from "node:fs";
import type { LabNode, Topology } from "./clab.ts";
import { allDone, run } from "./command.ts";
import { managementNamespaceOf, namespaceOf } from "./names.ts";

/** Where iproute2 keeps namespaces that have a name. */
const NAMESPACE_FOLDER = "/run/netns";

/** Off everywhere, because lab addresses must work at once and traffic comes back on other paths than it left. */
const SYSCTLS: Readonly<Record<string, string>> = {
  "net.ipv6.conf.all.accept_dad": "0",
  "net.ipv6.conf.default.accept_dad": "0",
  "net.ipv6.conf.all.accept_ra": "0",
  "net.ipv6.conf.default.accept_ra": "0",
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.default.rp_filter": "0",
};

/** The command line that runs a program in a network namespace, as the very process that is started. */
export function inNamespace(namespace: string, argv: readonly string[]): readonly string[] {
  // Not `ip netns exec`: that one mounts /sys anew for each command.
  return ["nsenter", `--net=${NAMESPACE_FOLDER}/${namespace}`, "--", ...argv];
}

/** The network namespaces of one run of a topology, the management bridge only when a node wants it. `sweep.sh` removes them. */
export class Namespaces {
  readonly run: string;
  readonly #topology: Topology;

  constructor(runName: string, topology: Topology) {
    this.run = runName;
    this.#topology = topology;
  }

  /** Makes namespaces, links and bridges, then runs every node's `exec` lines, in order within a node. */
  async up(): Promise<void> {
    const { nodes } = this.#topology;
    const management = nodes.some((n) => n.management !== undefined) ? managementNamespaceOf(this.run) : undefined;
    const namespaces = nodes.map((n) => this.of(n.name));
    if (management !== undefined) namespaces.push(management);
    await run(["ip", "-batch", "-"], { input: batch(namespaces.map((name) => `netns add ${name}`)) });
    await allDone(nodes.map((node) => this.#setSysctls(node)));
    await run(["ip", "-batch", "-"], { input: batch(this.#links(management)) });
    const configured = nodes.map((node) => this.#configure(node));
    await allDone(management === undefined ? configured : [...configured, this.#upManagement(management)]);
  }

  /** The namespace of a node. */
  of(node: string): string {
    return namespaceOf(this.run, node);
  }

  async #setSysctls(node: LabNode): Promise<void> {
    const settings = Object.entries({ ...SYSCTLS, ...node.sysctls }).map(([key, value]) => `${key}=${value}`);
    await run(inNamespace(this.of(node.name), ["sysctl", "-q", "-w", ...settings]));
  }

  async #upManagement(namespace: string): Promise<void> {
    const ports = this.#topology.nodes.filter((node) => node.management !== undefined).map((_, i) => `port${i}`);
    const lines = ["link add mgmt type bridge mcast_snooping 0", "link set mgmt up"];
    lines.push(...ports.map((port) => `link set ${port} master mgmt up`));
    await run(["ip", "-n", namespace, "-batch", "-"], { input: batch(lines) });
  }

  #links(management: string | undefined): readonly string[] {
    const { links, nodes } = this.#topology;
    const veth = (a: readonly [string, string], b: readonly [string, string]): string =>
      `link add ${a[0]} netns ${a[1]} type veth peer name ${b[0]} netns ${b[1]}`;
    const data = links.map(([a, b]) => veth([a.port, this.of(a.node)], [b.port, this.of(b.node)]));
    if (management === undefined) return data;
    const managed = nodes.filter((node) => node.management !== undefined);
    return [...data, ...managed.map((node, i) => veth(["eth0", this.of(node.name)], [`port${i}`, management]))];
  }

  async #configure(node: LabNode): Promise<void> {
    const namespace = this.of(node.name);
    await run(["ip", "-n", namespace, "-batch", "-"], { input: batch(this.#basics(node)) });
    for (const words of node.exec) await run(inNamespace(namespace, words));
  }

  #basics(node: LabNode): readonly string[] {
    const ports = this.#topology.links.flat().filter((end) => end.node === node.name);
    const lines = ["link set lo up", ...ports.map((end) => `link set ${end.port} up`)];
    if (node.kind === "bridge") {
      lines.push(`link add ${node.name} type bridge mcast_snooping 0`, `link set ${node.name} up`);
      lines.push(...ports.map((end) => `link set ${end.port} master ${node.name}`));
    }
    if (node.management !== undefined) lines.push("link set eth0 up", `addr add ${node.management} dev eth0`);
    return lines;
  }
}

function batch(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

/** Every named network namespace of the machine. */
export function listNamespaces(): readonly string[] {
  return existsSync(NAMESPACE_FOLDER) ? readdirSync(NAMESPACE_FOLDER) : [];
}
