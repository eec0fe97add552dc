import { type ChildProcess, spawn } from "node:child_process";
import { isFields } from "../../src/api/read-object.ts";
import type { Rendered } from "../support/helm.ts";

/** What the API server and the kubelet would know of a pod. */
export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly ip: string;
}

/** A program as the rendered pod says it is started. */
export interface Invocation {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

/** The pod of a Deployment or DaemonSet. */
export function podSpecOf(objects: readonly Rendered[], kind: "Deployment" | "DaemonSet"): Fields {
  const workload = objects.find((object) => object.kind === kind);
  return fields(fields(fields(workload?.["spec"])["template"])["spec"]);
}

/** How the first container of the pod is started, with what a kubelet fills in. */
export function invocationOf(pod: Fields, facts: PodFacts): Invocation {
  const [container = {}] = list(pod["containers"]);
  const env = Object.fromEntries(list(container["env"]).map((one) => [String(one["name"]), variableOf(one, facts)]));
  const args = Array.isArray(container["args"]) ? container["args"].map(String) : [];
  return { args: args.map((arg) => arg.replaceAll(/\$\((\w+)\)/g, (_, name: string) => env[name] ?? "")), env };
}

function variableOf(variable: Fields, facts: PodFacts): string {
  const path = fields(fields(variable["valueFrom"])["fieldRef"])["fieldPath"];
  if (path === undefined) return String(variable["value"] ?? "");
  const known: Readonly<Record<string, string>> = {
    "metadata.namespace": facts.namespace,
    "metadata.name": facts.name,
    "spec.nodeName": facts.node,
    "status.podIP": facts.ip,
    "status.hostIP": facts.ip,
  };
  const value = known[String(path)];
  if (value === undefined) throw new Error(`the pod wants ${String(path)}, of which the test knows nothing`);
  return value;
}

/** What stands in front of the program's command so that it runs as the container's security context says, and with no more. */
export function confinementOf(pod: Fields): readonly string[] {
  const [container = {}] = list(pod["containers"]);
  const context = { ...fields(pod["securityContext"]), ...fields(container["securityContext"]) };
  const { drop, add = [] } = fields(context["capabilities"]);
  if (!Array.isArray(drop) || !drop.includes("ALL") || !Array.isArray(add)) throw new Error("not all is dropped");
  const kept = ["-all", ...add.map((name) => `+${String(name).toLowerCase()}`)].join(",");
  const { runAsUser: user = 0, runAsGroup: group = 0 } = context;
  const who = [`--reuid=${String(user)}`, `--regid=${String(group)}`, "--clear-groups"];
  const limits = [`--bounding-set=${kept}`, "--inh-caps=-all", ...who];
  return ["setpriv", ...limits, ...(context["allowPrivilegeEscalation"] === false ? ["--no-new-privs"] : [])];
}

/** A running program. */
export class Pod implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  output = "";

  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    const [program = "", ...args] = command;
    const clean = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env };
    this.#child = spawn(program, args, { env: clean, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", () => resolve());
    });
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.end("SIGKILL");
  }
}
