import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { attempt, run } from "../runner/command.ts";
import { parseJson } from "../runner/json.ts";
import { type Look, until } from "../runner/poll.ts";
import type { Report } from "../runner/report.ts";

/** What the cluster is called, and so the first part of its containers' names. */
const CLUSTER = "herald";
const NAMESPACE = "metallb-system";
const IMAGE = "herald:dev";
/** Images are pulled and built. */
const PATIENCE = 900_000;

/** The programs that make the cluster and look at it, by name. */
export type Tools = Readonly<Record<"docker" | "containerlab" | "kind" | "kubectl" | "helm", string>>;

/** Where they come from. */
const SOURCES: Readonly<Record<keyof Tools, string>> = {
  docker: "https://docs.docker.com/engine/install",
  containerlab: "https://containerlab.dev/install",
  kind: "https://kind.sigs.k8s.io",
  kubectl: "https://kubernetes.io/docs/tasks/tools, or: bash test/tooling/fetch-tools.sh",
  helm: "https://helm.sh/docs/intro/install, or: bash test/tooling/fetch-tools.sh",
};

/** The tools, or what is missing and where it is to be had, in words. */
export async function findTools(
  root: string,
): Promise<{ readonly tools: Tools } | { readonly missing: readonly string[] }> {
  const paths = new Map(Object.keys(SOURCES).map((name) => [name, pathOf(name, root)]));
  const missing = Object.entries(SOURCES)
    .filter(([name]) => paths.get(name) === undefined)
    .map(([name, source]) => `${name}: not on the path; ${source}`);
  const docker = paths.get("docker");
  if (docker !== undefined) {
    const { code, stderr } = await attempt([docker, "info"]);
    if (code !== 0) missing.push(`docker: its daemon does not answer: ${stderr.trim().split("\n")[0] ?? ""}`);
  }
  if (missing.length > 0) return { missing };
  const path = (name: keyof Tools): string => paths.get(name) ?? name;
  return {
    tools: {
      docker: path("docker"),
      containerlab: path("containerlab"),
      kind: path("kind"),
      kubectl: path("kubectl"),
      helm: path("helm"),
    },
  };
}

function pathOf(program: string, root: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(root, "dist/tools")];
  return folders.map((folder) => join(folder, program)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error) return false;
    throw error;
  }
}

/** The repository, the lab's folder, and a folder for what lasts as long as the lab. */
export interface Places {
  readonly root: string;
  readonly lab: string;
  readonly state: string;
}

/** A cluster of containers with a router before it. */
export class Cluster {
  readonly signal: AbortSignal;
  readonly #tools: Tools;
  readonly #places: Places;
  readonly #report: Report;

  constructor(
    tools: Tools,
    places: Places,
    { report, signal }: { readonly report: Report; readonly signal: AbortSignal },
  ) {
    this.#tools = tools;
    this.#places = places;
    this.#report = report;
    this.signal = signal;
  }

  get kubeconfig(): string {
    return join(this.#places.state, "kubeconfig");
  }

  /** Builds the image, deploys the topology, and installs the chart and the manifests. */
  async up(): Promise<void> {
    const { containerlab, kind, helm } = this.#tools;
    const { root, lab } = this.#places;
    await this.step("image", async () => {
      if (process.env["HERALD_LAB_KEEP_IMAGES"] === undefined)
        await run(["bash", join(root, "labs/images/build.sh"), IMAGE], { timeout: PATIENCE });
      return IMAGE;
    });
    await this.step("containerlab deploys the cluster, the router and the client", async () => {
      await run([containerlab, "deploy", "--topo", this.#topology], { timeout: PATIENCE });
    });
    await this.step("the image on every node, and a kubeconfig", async () => {
      await run([kind, "load", "docker-image", IMAGE, "--name", CLUSTER], { timeout: PATIENCE });
      await run([kind, "export", "kubeconfig", "--name", CLUSTER, "--kubeconfig", this.kubeconfig]);
    });
    await this.step("the chart", async () => {
      const chart = join(root, "deploy/helm/herald");
      const where = ["--namespace", NAMESPACE, "--create-namespace", "--kubeconfig", this.kubeconfig];
      const words = ["upgrade", "--install", CLUSTER, chart, "--values", join(lab, "values.yaml"), "--wait"];
      await run([helm, ...words, ...where], { timeout: PATIENCE });
    });
    await this.step("manifests", async () => {
      await this.kubectl(["apply", "--filename", join(lab, "manifests")]);
      await this.kubectl(["rollout", "status", "deployment/web", "--timeout=300s"], 310_000);
    });
  }

  /** Takes everything down, whatever of it is there; what cannot be is said, because the failure before it is what counts. */
  async down(): Promise<void> {
    const words = ["destroy", "--topo", this.#topology, "--cleanup"];
    const { code, stderr } = await attempt([this.#tools.containerlab, ...words], { timeout: 120_000 });
    if (code !== 0) this.#report.line(`containerlab ${words.join(" ")}: ${stderr.trim()}`);
  }

  /** One line of progress, as of a lab on namespaces. */
  async step(title: string, body: () => Promise<string | undefined> | Promise<void>): Promise<void> {
    const start = performance.now();
    try {
      const detail = await body();
      this.#report.ok(title, performance.now() - start, detail ?? undefined);
    } catch (error) {
      this.#report.failed(title, performance.now() - start, error);
      throw error;
    }
  }

  async until<T>(wanted: string, within: number, look: () => Promise<Look<T>>): Promise<T> {
    return (await until(wanted, { within, every: 200, signal: this.signal }, look)).value;
  }

  /** Runs a program in the container of a node of the topology, or of the cluster. */
  async exec(node: string, argv: readonly string[]): Promise<string> {
    const container = node.startsWith(`${CLUSTER}-`) ? node : `clab-real-cluster-${node}`;
    return await run([this.#tools.docker, "exec", container, ...argv]);
  }

  async kubectl(words: readonly string[], timeout = 60_000): Promise<string> {
    return await run([this.#tools.kubectl, "--kubeconfig", this.kubeconfig, ...words], { timeout });
  }

  async kubectlJson(words: readonly string[]): Promise<unknown> {
    return parseJson(await this.kubectl([...words, "--output", "json"]));
  }

  /** Stands a node still, or lets it go on: all of its processes at once. */
  async freeze(node: string, how: "pause" | "unpause"): Promise<void> {
    await run([this.#tools.docker, how, node]);
  }

  get #topology(): string {
    return join(this.#places.lab, "real-cluster.clab.yml");
  }
}
