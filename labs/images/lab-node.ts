/**
 * What runs in a lab's container under containerlab, by its `herald.lab/role`. The lab's folder is bound to /lab, and the container
 * is called as its node. With words, runs these instead. Without a check around it: this is for people.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CodedError } from "../../src/wire/errors.ts";
import { type LabNode, parseClab, type Topology } from "../runner/clab.ts";
import { run } from "../runner/command.ts";
import { HERALD_NAMESPACE } from "../runner/control-plane.ts";
import { LabConfigError } from "../runner/errors.ts";
import { KubeApi, parseManifests } from "../runner/kube-api.ts";
import { renderServiceRules } from "../runner/service-rules.ts";
import { registrations, slicesOf } from "./node-plan.ts";

const LAB = process.env["HERALD_LAB"] ?? "/lab";
const STATE = process.env["HERALD_LAB_STATE"] ?? "/run/herald";
const HERALD = (process.env["HERALD_LAB_PROGRAM"] ?? "herald").split(" ");
const TOOLS = import.meta.dirname;
const KUBECONFIG = join(STATE, "kubeconfig");
const SOCKET = join(STATE, "api.sock");
const PORT = 6443;
/** How often service rules are looked at: nobody counts milliseconds here. */
const RULES_EVERY = 500;

function readTopology(): Topology {
  const [file] = readdirSync(LAB).filter((name) => name.endsWith(".clab.yml"));
  if (file === undefined) throw new LabConfigError(LAB, { problems: ["no .clab.yml: bind the lab's folder there"] });
  return parseClab(readFileSync(join(LAB, file), "utf8"), file);
}

async function play(argv: readonly string[]): Promise<void> {
  if (argv.length > 0) {
    start(argv, "inherit");
    return;
  }
  const topology = readTopology();
  const node = topology.nodes.find(({ name }) => name === hostname());
  mkdirSync(STATE, { recursive: true });
  if (node?.role === "control-plane") await playControlPlane(topology, node);
  else if (node?.role === "speaker") await playSpeaker(topology, node);
  else if (node?.role === "pod") start([process.execPath, join(TOOLS, "pod-server.mjs")], "inherit");
  // A client or a router of the kernel's alone: somebody looks in with `docker exec`.
  else start(["sleep", "infinity"], "ignore");
}

const children = new Set<ChildProcess>();
let stopping = false;

/** The container lives as long as every program in it; told to stop, until the last has said goodbye. */
function start([program = "", ...args]: readonly string[], stdio: "inherit" | "ignore"): void {
  const child = spawn(program, args, { stdio });
  children.add(child);
  child.once("exit", (code) => {
    children.delete(child);
    if (!stopping) process.exit(code ?? 1);
    if (children.size === 0) process.exit(0);
  });
}

function stopAll(signal: NodeJS.Signals): void {
  stopping = true;
  for (const child of children) child.kill(signal);
}

function apiAddress({ nodes }: Topology): string {
  const found = nodes.find(({ role }) => role === "control-plane")?.management?.split("/")[0];
  if (found === undefined) throw new LabConfigError(LAB, { problems: ["no control plane with mgmt-ipv4"] });
  return found;
}

function daemon(role: string): readonly string[] {
  const words = [
    "--kubeconfig",
    KUBECONFIG,
    "--namespace",
    HERALD_NAMESPACE,
    "--port",
    "0",
    "--health-probe-port",
    "0",
  ];
  return [...HERALD, role, ...words];
}

async function playControlPlane(topology: Topology, { name }: LabNode): Promise<void> {
  const host = apiAddress(topology);
  start([...HERALD, "apiserver", "--host", host, "--port", String(PORT), "--kubeconfig-out", KUBECONFIG], "inherit");
  const api = await reach(host);
  await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: HERALD_NAMESPACE } });
  start(daemon("controller"), "inherit");
  for (const { object, ref, status } of registrations(topology)) {
    await api.apply(object);
    await api.patchStatus(ref, status);
  }
  const folder = join(LAB, "manifests");
  for (const file of readdirSync(folder).toSorted()) {
    if (!file.endsWith(".yaml")) continue;
    for (const object of parseManifests(readFileSync(join(folder, file), "utf8"), file)) {
      await api.apply(object);
      for (const slice of slicesOf(object, topology)) await api.apply(slice);
    }
  }
  process.stdout.write(`${name}: the manifests are applied, every pod is an endpoint of every Service\n`);
}

async function playSpeaker(topology: Topology, { name }: LabNode): Promise<void> {
  const host = apiAddress(topology);
  writeFileSync(KUBECONFIG, kubeconfigFor(`http://${host}:${PORT}`), { mode: 0o600 });
  const api = await reach(host);
  const state = ["--state-dir", join(STATE, "state"), "--admin-socket", join(STATE, "speaker.sock")];
  // Its gossip is set by the variables of the topology, as in a pod.
  start([...daemon("speaker"), "--node-name", name, ...state], "inherit");
  await keepRules(api, name);
}

/** What a kube-proxy does. */
async function keepRules(api: KubeApi, node: string): Promise<never> {
  let applied = "";
  for (;;) {
    try {
      const rules = renderServiceRules(node, await api.list("Service"), await api.list("EndpointSlice"));
      if (rules !== applied) await run(["nft", "-f", "-"], { input: rules });
      applied = rules;
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      process.stderr.write(`service rules: ${error.message}\n`);
    }
    await sleep(RULES_EVERY);
  }
}

/** The API, when it answers. */
async function reach(host: string): Promise<KubeApi> {
  start([process.execPath, join(TOOLS, "relay.mjs"), SOCKET, host, String(PORT)], "ignore");
  for (;;) {
    try {
      const api = new KubeApi(SOCKET, KUBECONFIG);
      await api.list("Namespace");
      return api;
    } catch (error) {
      const isEarly =
        error instanceof CodedError || (error instanceof Error && "code" in error && error.code === "ENOENT");
      if (!isEarly) throw error;
      await sleep(200);
    }
  }
}

function kubeconfigFor(server: string): string {
  const named = (value: object): object => ({ name: "lab", ...value });
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [named({ cluster: { server } })],
    users: [named({ user: {} })],
    contexts: [named({ context: { cluster: "lab", user: "lab" } })],
    "current-context": "lab",
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stopAll);
await play(process.argv.slice(2));
