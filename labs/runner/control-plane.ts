import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LabNode } from "./clab.ts";
import { LabConfigError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { KubeApi, type LabKind } from "./kube-api.ts";
import { inNamespace } from "./namespaces.ts";
import { until } from "./poll.ts";
import type { LabProcess, Processes } from "./processes.ts";

/** The namespace Herald's own objects live in, as in MetalLB's manifests. */
export const HERALD_NAMESPACE = "metallb-system";

const API_PORT = 6443;

export interface Surroundings {
  /** The repository's root. */
  readonly root: string;
  /** The built program. */
  readonly herald: string;
  /** A short path for sockets and the kubeconfig, gone after the run. */
  readonly folder: string;
  readonly processes: Processes;
  readonly namespaceOf: (node: string) => string;
  readonly signal: AbortSignal;
}

/** Where the API server of a run leaves its kubeconfig: it works inside every node that has a management address. */
export function kubeconfigOf(folder: string): string {
  return join(folder, "kubeconfig");
}

/** Where objects lie that the API server of a run begins with when it is started again. */
export function savedObjectsOf(folder: string): string {
  return join(folder, "objects.yaml");
}

/** Where the speaker of a node answers `herald sessions` and the like: files are the same in every namespace. */
export function adminSocketOf(folder: string, node: string): string {
  return join(folder, `speaker-${node}.sock`);
}

/** Starts API server and controller on one node, and the relay by which the runner reaches the API; returns when it answers. */
export async function startControlPlane(node: LabNode, around: Surroundings): Promise<KubeApi> {
  const address = node.management?.split("/")[0];
  if (address === undefined) throw new LabConfigError(node.name, { problems: ["a control plane needs mgmt-ipv4"] });
  const { processes, folder } = around;
  const kubeconfig = kubeconfigOf(folder);
  const socket = join(folder, "api.sock");
  const inside = (argv: readonly string[]): readonly string[] => inNamespace(around.namespaceOf(node.name), argv);
  const crds = join(around.root, "crds");
  const serve = [
    "apiserver",
    "--host",
    address,
    "--port",
    String(API_PORT),
    "--crds",
    crds,
    "--kubeconfig-out",
    kubeconfig,
    "--objects",
    savedObjectsOf(folder),
  ];
  writeFileSync(savedObjectsOf(folder), "");
  const relay = [process.execPath, join(import.meta.dirname, "relay.mjs"), socket, address, String(API_PORT)];
  processes.start({ node: node.name, name: "apiserver", argv: inside(heraldCommand(around, serve)) });
  processes.start({ node: node.name, name: "relay", argv: inside(relay) });
  const hopeless = (): string | undefined => processes.deaths[0];
  const { value: api } = await until(
    "the API server answers",
    { within: 30_000, signal: around.signal, hopeless },
    async () => {
      if (!existsSync(kubeconfig)) return { seen: "no kubeconfig yet" };
      const candidate = new KubeApi(socket, kubeconfig);
      await candidate.list("Namespace");
      return { value: candidate };
    },
  );
  // In a cluster the controller's namespace is there before the controller is.
  await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: HERALD_NAMESPACE } });
  processes.start({
    node: node.name,
    name: "controller",
    argv: inside(heraldCommand(around, daemon("controller", kubeconfig))),
  });
  return api;
}

/** Starts the speaker of a node, with more flags than all of them have. As with the chart it remembers which sessions were up. */
export function startSpeaker(node: LabNode, around: Surroundings, flags: readonly string[]): LabProcess {
  const words = [
    ...daemon("speaker", kubeconfigOf(around.folder)),
    "--node-name",
    node.name,
    ...stateFlags(node, around),
    ...flags,
  ];
  const argv = inNamespace(around.namespaceOf(node.name), heraldCommand(around, words));
  return around.processes.start({ node: node.name, name: "speaker", argv });
}

function stateFlags({ name }: LabNode, { folder }: Surroundings): readonly string[] {
  return ["--state-dir", join(folder, `speaker-${name}`), "--admin-socket", adminSocketOf(folder, name)];
}

function heraldCommand({ herald }: Surroundings, words: readonly string[]): readonly string[] {
  return [process.execPath, "--enable-source-maps", herald, ...words];
}

/** Port 0 leaves metrics and probes out: nothing here reads them. */
function daemon(role: string, kubeconfig: string): readonly string[] {
  return [role, "--kubeconfig", kubeconfig, "--namespace", HERALD_NAMESPACE, "--port", "0", "--health-probe-port", "0"];
}

/** What a kubelet says of its node: its addresses, and that it is fine. */
export function nodeObject(name: string, addresses: readonly string[]): JsonObject & { readonly kind: LabKind } {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name } },
    spec: {},
    status: nodeStatus(name, addresses),
  };
}

/** The status part of {@link nodeObject}: a create does not take it. */
export function nodeStatus(name: string, addresses: readonly string[]): JsonObject {
  return {
    addresses: [...addresses.map((address) => ({ type: "InternalIP", address })), { type: "Hostname", address: name }],
    conditions: [
      { type: "Ready", status: "True", reason: "KubeletReady", message: "ready" },
      { type: "NetworkUnavailable", status: "False", reason: "RouteCreated", message: "routes are there" },
    ],
  };
}
