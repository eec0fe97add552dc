import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { AddressBook } from "./address-book.ts";
import { type CapturePorts, startCapture } from "./captures.ts";
import type { Bind, LabNode, Topology } from "./clab.ts";
import { allDone, attempt, run } from "./command.ts";
import { HERALD_NAMESPACE, nodeObject, nodeStatus, startControlPlane, startSpeaker } from "./control-plane.ts";
import { InterruptedError, LabCheckError, LabConfigError } from "./errors.ts";
import { FrrRouter } from "./frr.ts";
import { gossipFlags, podName, speakerPod, speakerPodStatus } from "./gossip.ts";
import { type KubeApi, parseManifests } from "./kube-api.ts";
import { KubeProxy } from "./kube-proxy.ts";
import { inNamespace, type Namespaces } from "./namespaces.ts";
import type { CaptureGoal } from "./options.ts";
import { type Look, type Met, until } from "./poll.ts";
import type { LabProcess, Processes, ProcessSpec } from "./processes.ts";
import type { Report } from "./report.ts";
import { type Port, parseNextHops, parsePorts, parseWeights } from "./routes.ts";

export interface LabPorts {
  readonly report: Report;
  readonly namespaces: Namespaces;
  readonly processes: Processes;
  /** Fires when the lab has to end. */
  readonly signal: AbortSignal;
}

export interface LabPaths {
  readonly root: string;
  /** The lab's own folder: its clab file's binds are relative to it. */
  readonly lab: string;
  /** Sockets and the like: a short path, gone after the run. */
  readonly state: string;
  readonly herald: string;
}

/** Interfaces of which all packets are written down, and where and by what. */
export type LabCaptures = Omit<CapturePorts, "start" | "signal"> & { readonly goals: readonly CaptureGoal[] };

/** A running lab, as its check sees it. */
export class Lab {
  readonly topology: Topology;
  readonly paths: LabPaths;
  readonly signal: AbortSignal;
  readonly #ports: LabPorts;
  readonly #captures: LabCaptures | undefined;
  readonly #routers = new Map<string, FrrRouter>();
  readonly #speakers = new Map<string, LabProcess>();
  readonly #book = new AddressBook();
  readonly #ending = new AbortController();
  #api: KubeApi | undefined;
  #proxy: Promise<void> = Promise.resolve();

  constructor(topology: Topology, paths: LabPaths, ports: LabPorts, captures?: LabCaptures) {
    this.#captures = captures;
    this.topology = topology;
    this.paths = paths;
    this.signal = ports.signal;
    this.#ports = ports;
  }

  /** Everything up to and including the speakers; sessions and addresses are for the check to wait for. */
  async up(): Promise<void> {
    const { namespaces } = this.#ports;
    const { nodes, links } = this.topology;
    await this.step(`${nodes.length} namespaces, ${links.length} links`, async () => {
      await namespaces.up();
      await allDone(nodes.map((node) => this.#learnAddresses(node)));
    });
    await this.#startCaptures();
    for (const node of this.#withRole("pod")) this.#startPod(node);
    await this.step("routers and control plane", async () => {
      await allDone([...this.#withRole("frr").map((node) => this.#startFrr(node)), this.#startControlPlane()]);
    });
  }

  /** Stops what runs; the namespaces are the caller's. */
  async down(): Promise<void> {
    this.#ending.abort();
    await this.#proxy;
    this.#api?.close();
    await this.#ports.processes.stopAll();
  }

  /** One line of progress: what is asserted, how long it took, and what `body` adds to it. */
  async step(title: string, body: () => Promise<string | undefined> | Promise<void>): Promise<void> {
    const start = performance.now();
    try {
      const detail = await body();
      this.#ports.report.ok(title, performance.now() - start, detail ?? undefined);
    } catch (error) {
      if (!(error instanceof InterruptedError)) this.#ports.report.failed(title, performance.now() - start, error);
      throw error;
    }
  }

  /** A line for whoever follows the run. */
  tell(line: string): void {
    this.#ports.report.line(`  ${line}`);
  }

  /** @throws LabCheckError when a program of the lab ended that nobody had asked to. */
  expectAlive(): void {
    const [death] = this.#ports.processes.deaths;
    if (death !== undefined) throw new LabCheckError(death);
  }

  /** Looks until it sees what it wants; gives up early when a program of the lab died. */
  async until<T>(wanted: string, within: number, look: () => Promise<Look<T>>): Promise<Met<T>> {
    const hopeless = (): string | undefined => this.#ports.processes.deaths[0];
    return await until(wanted, { within, signal: this.signal, hopeless }, look);
  }

  get api(): KubeApi {
    if (this.#api === undefined)
      throw new LabConfigError(this.topology.name, { problems: ["no node has the role control-plane"] });
    return this.#api;
  }

  /** Runs a program in a node's namespace and returns what it printed. @throws CommandError when it fails. */
  async exec(node: string, argv: readonly string[], input?: string): Promise<string> {
    return await run(inNamespace(this.#ports.namespaces.of(node), argv), input === undefined ? {} : { input });
  }

  /** The command line that runs a program in a node's namespace. */
  inside(node: string, argv: readonly string[]): readonly string[] {
    return inNamespace(this.#ports.namespaces.of(node), argv);
  }

  router(node: string): FrrRouter {
    return this.#routers.get(node) ?? missing(`no router is called ${node}`);
  }

  /** The speaker process of a node, running or not. */
  speaker(node: string): LabProcess {
    return this.#speakers.get(node) ?? missing(`no speaker runs on ${node}`);
  }

  /** A program that runs on a node, by its name: `apiserver`, `controller`, `bgpd`, ... */
  program(node: string, name: string): LabProcess {
    const all = this.#ports.processes.all;
    return all.find(({ spec }) => spec.node === node && spec.name === name) ?? missing(`no ${name} runs on ${node}`);
  }

  get speakers(): readonly string[] {
    return [...this.#speakers.keys()];
  }

  /** The node that owns an address (link-local ones included), or the address itself when none does. */
  nodeOf(address: string): string {
    return this.#book.nodeOf(address) ?? address;
  }

  /** The node that has an interface with this hardware address, or the hardware address itself when none has. */
  nodeOfMac(mac: string): string {
    return this.#book.nodeOfMac(mac) ?? mac;
  }

  /** One interface of a node, as it is now. */
  async port(node: string, name: string): Promise<Port> {
    const ports = parsePorts(await this.exec(node, ["ip", "-j", "addr", "show", "dev", name]));
    return ports.find((port) => port.name === name) ?? missing(`${node} has no ${name}`);
  }

  /** Lays a cable between two nodes while the lab is up; both of its ends have this name, and are down. */
  async plug(a: string, b: string, name: string): Promise<void> {
    const { namespaces } = this.#ports;
    const end = (node: string): readonly string[] => [name, "netns", namespaces.of(node)];
    await run(["ip", "link", "add", ...end(a), "type", "veth", "peer", "name", ...end(b)]);
  }

  /** Starts a program in its node's namespace; it ends with the lab at the latest. */
  start(spec: ProcessSpec): LabProcess {
    const { namespaces, processes } = this.#ports;
    return processes.start({ ...spec, argv: inNamespace(namespaces.of(spec.node), spec.argv) });
  }

  /** The address of a family that a node has on the first of its links that carries one, or else on `lo`. */
  addressOf(node: string, family: 4 | 6): string {
    return this.#ownAddress(node, family) ?? missing(`${node} has no IPv${family} address on a link`);
  }

  /** The families that {@link addressOf} knows an address of. */
  familiesOf(node: string): readonly (4 | 6)[] {
    return ([4, 6] as const).filter((family) => this.#ownAddress(node, family) !== undefined);
  }

  /** The nodes that a router's kernel sends packets for a prefix to, sorted; empty when there is no route. */
  async kernelNextHops(router: string, prefix: string): Promise<readonly string[]> {
    const text = await this.exec(router, ["ip", "-j", prefix.includes(":") ? "-6" : "-4", "route", "show", prefix]);
    const gateways = parseNextHops(text);
    // A link-local address comes with the carrier, which may be after the start.
    if (gateways.some((gateway) => this.#book.nodeOf(gateway) === undefined)) {
      await allDone(this.topology.nodes.map((node) => this.#learnAddresses(node)));
    }
    return gateways.map((gateway) => this.nodeOf(gateway)).toSorted();
  }

  /** The same with the weight of each; empty when there is no route, or one next hop without a weight. */
  async kernelWeights(router: string, prefix: string): Promise<ReadonlyMap<string, number>> {
    const text = await this.exec(router, ["ip", "-j", prefix.includes(":") ? "-6" : "-4", "route", "show", prefix]);
    return new Map([...parseWeights(text)].map(([gateway, weight]) => [this.nodeOf(gateway), weight]));
  }

  /** Asks a URL `times` times, each on a connection of its own, and returns the answers; one that fails is missing. */
  async curl(node: string, url: string, times = 1): Promise<readonly string[]> {
    const options = ["--silent", "--globoff", "--max-time", "30", "--connect-timeout", "2"];
    const urls = Array.from({ length: times }, () => url);
    const { stdout } = await attempt(inNamespace(this.#ports.namespaces.of(node), ["curl", ...options, ...urls]), {
      timeout: 60_000,
    });
    return stdout.split("\n").filter((line) => line !== "");
  }

  /** Applies what `kubectl apply -f manifests/` would, in the order of the files' names; only the files of which the name fits. */
  async applyManifests(which = /\.yaml$/): Promise<number> {
    const folder = join(this.paths.lab, "manifests");
    const files = readdirSync(folder)
      .filter((file) => file.endsWith(".yaml") && which.test(file))
      .toSorted();
    const objects = files.flatMap((file) =>
      parseManifests(readFileSync(join(folder, file), "utf8"), join(folder, file)),
    );
    for (const object of objects) await this.api.apply(object);
    return objects.length;
  }

  /** Before anything runs, so that the first word is in it. */
  async #startCaptures(): Promise<void> {
    if (this.#captures === undefined) return;
    const { goals, ...where } = this.#captures;
    const ports = { ...where, start: (spec: ProcessSpec) => this.start(spec), signal: this.signal };
    for (const file of await allDone(goals.map((goal) => startCapture(goal, ports))))
      this.tell(`packets go to ${file}`);
  }

  #ownAddress(node: string, family: 4 | 6): string | undefined {
    const ends = this.topology.links.flat().filter((end) => end.node === node);
    return this.#book.addressOn(node, [...ends.map(({ port }) => port), "lo"], family);
  }

  #withRole(role: LabNode["role"]): readonly LabNode[] {
    return this.topology.nodes.filter((node) => node.role === role);
  }

  async #learnAddresses({ name }: LabNode): Promise<void> {
    this.#book.learn(name, await this.exec(name, ["ip", "-j", "addr", "show"]));
  }

  #startPod({ name, env }: LabNode): void {
    const { namespaces, processes } = this.#ports;
    const argv = [process.execPath, join(import.meta.dirname, "pod-server.mjs")];
    processes.start({
      node: name,
      name: "pod",
      argv: inNamespace(namespaces.of(name), argv),
      env: { POD_NAME: name, ...env },
    });
  }

  async #startFrr({ name, binds }: LabNode): Promise<void> {
    const { namespaces, processes, signal } = this.#ports;
    const router = new FrrRouter({
      node: name,
      namespace: namespaces.of(name),
      folder: join(this.paths.state, name),
      config: this.#bound(name, binds, "/etc/frr/frr.conf"),
      daemons: readFileSync(this.#bound(name, binds, "/etc/frr/daemons"), "utf8"),
    });
    this.#routers.set(name, router);
    await router.start(processes, signal);
  }

  #bound(node: string, binds: readonly Bind[], target: string): string {
    const bind = binds.find((candidate) => candidate.target === target);
    if (bind === undefined) throw new LabConfigError(node, { problems: [`nothing is bound to ${target}`] });
    return resolve(this.paths.lab, bind.source);
  }

  async #startControlPlane(): Promise<void> {
    const [node] = this.#withRole("control-plane");
    if (node === undefined) return;
    const { namespaces, processes, signal, report } = this.#ports;
    const around = {
      root: this.paths.root,
      herald: this.paths.herald,
      folder: this.paths.state,
      processes,
      signal,
      namespaceOf: (name: string) => namespaces.of(name),
    };
    const api = await startControlPlane(node, around);
    this.#api = api;
    const nodes = this.#withRole("speaker");
    await allDone(nodes.map((speaker) => this.#registerNode(speaker)));
    for (const speaker of nodes) {
      const flags = gossipFlags(speaker, this.paths.lab);
      this.#speakers.set(speaker.name, startSpeaker(speaker, around, flags));
    }
    const proxied = nodes.map(({ name }) => ({ name, namespace: namespaces.of(name) }));
    this.#proxy = new KubeProxy(api, proxied, (problem) => report.line(`  note  ${problem}`)).run(
      AbortSignal.any([signal, this.#ending.signal]),
    );
  }

  /** What the kubelet of a node would do: the Node, and the pod of its speaker where others look for it. */
  async #registerNode(node: LabNode): Promise<void> {
    const { name } = node;
    const addresses = this.familiesOf(name).map((family) => this.addressOf(name, family));
    await this.api.apply(nodeObject(name, addresses));
    await this.api.patchStatus({ kind: "Node", name }, nodeStatus(name, addresses));
    const pod = speakerPod(node, HERALD_NAMESPACE);
    if (pod === undefined) return;
    await this.api.apply(pod);
    const ref = { kind: "Pod", namespace: HERALD_NAMESPACE, name: podName(name) } as const;
    await this.api.patchStatus(ref, speakerPodStatus(node));
  }
}

/** @returns never: for `??`. */
function missing(what: string): never {
  throw new LabCheckError(what);
}
