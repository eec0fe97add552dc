import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { accountUser, type User } from "../../src/apiserver/auth/user.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isNotFound } from "../../src/kubernetes/errors.ts";
import { apiVersionOf, PODS, type Resource } from "../../src/kubernetes/resource.ts";
import { findHelm, type Rendered, render } from "../support/helm.ts";
import { Build } from "../support/herald.ts";
import { findKubectl } from "../support/kubectl.ts";
import { silentLog } from "../support/silent-log.ts";
import { ClusterApi } from "./cluster-api.ts";
import { confinementOf, invocationOf, Pod, podSpecOf } from "./cluster-pods.ts";

/** The namespace of the installation. */
export const SYSTEM = "metallb-system";
/** Each controller has an address of its own, as pods do. */
export const CONTROLLERS = {
  "herald-controller-a": "127.0.0.2",
  "herald-controller-b": "127.0.0.3",
  "herald-webhook": "127.0.0.4",
} as const;

const [helm, kubectl] = [await findHelm(), await findKubectl()];

/** Why no such test can run here; undefined when it can. */
export const whyNoTools = helm === undefined || kubectl === undefined ? " (skipped: no helm or no kubectl)" : undefined;

interface Condition {
  readonly type: string;
  readonly status: string;
}

/** An object as far as these tests look into it. */
export interface Raw {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] };
    readonly node?: string;
  };
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: { readonly holderIdentity?: string };
}

/** A cluster that enforces RBAC, the chart as it is rendered for it, and its pods as processes with the tokens of their accounts. */
export class ClusterScene implements AsyncDisposable {
  readonly api: ClusterApi;
  readonly client: KubernetesClient;
  readonly build: Build;
  readonly chart: readonly Rendered[];
  readonly pods = new Map<string, Pod>();

  private constructor(api: ClusterApi, build: Build, chart: readonly Rendered[]) {
    this.api = api;
    this.build = build;
    this.chart = chart;
    this.client = new KubernetesClient({ log: silentLog }, api.admin);
  }

  static async start(settings: readonly string[]): Promise<ClusterScene> {
    const [api, build, chart] = await Promise.all([ClusterApi.start(), Build.make(), render(helm ?? "", settings)]);
    return new ClusterScene(api, build, chart);
  }

  /** Runs helm or kubectl as the admin, with a home of its own. */
  async tool(program: "helm" | "kubectl", ...args: readonly string[]): Promise<string> {
    const { folder: home, kubeconfig } = this.api;
    const homes = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
    const env = { PATH: process.env["PATH"], HOME: home, KUBECONFIG: kubeconfig, ...homes };
    return (await promisify(execFile)({ helm, kubectl }[program] ?? "", args, { env, maxBuffer: 1 << 24 })).stdout;
  }

  /** Applies what helm renders; says what kubectl printed. */
  async apply(): Promise<readonly string[]> {
    const file = join(this.api.folder, "rendered.yaml");
    writeFileSync(file, this.chart.map((object) => stringify(object)).join("---\n"));
    return (await this.tool("kubectl", "apply", "-f", file)).trim().split("\n");
  }

  async put(resource: Resource, where: string | undefined, name: string, body: object): Promise<void> {
    const { metadata, ...rest }: { metadata?: object } = { ...body };
    const object = {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { name, ...(where === undefined ? {} : { namespace: where }), ...metadata },
      ...rest,
    };
    const options = { namespace: where, type: "apply", fieldManager: "tests", force: true } as const;
    await this.client.patch<unknown>(resource, name, object, options);
  }

  async list(resource: Resource, namespace = SYSTEM): Promise<readonly Raw[]> {
    return (await this.client.list<Raw>(resource, { namespace })).items;
  }

  get(resource: Resource, name: string, namespace = SYSTEM): Promise<Raw | undefined> {
    return this.client.get<Raw>(resource, name, { namespace }).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
  }

  async tokenOf(component: string): Promise<{ readonly user: User; readonly token: string }> {
    const name = `herald-${component}`;
    const token = (await this.tool("kubectl", "-n", SYSTEM, "create", "token", name)).trim();
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${SYSTEM}`, "system:authenticated"];
    return { user: { name: accountUser(SYSTEM, name), groups }, token };
  }

  /** The pod as an object: nobody starts it. */
  async pod(component: string, name: string, nodeName: string, podIP: string): Promise<void> {
    const labels = { "app.kubernetes.io/name": "herald", "app.kubernetes.io/component": component };
    await this.put(PODS, SYSTEM, name, {
      metadata: { labels },
      spec: { nodeName, containers: [{ name: component, image: "herald" }] },
    });
    const status = { podIP, conditions: [{ type: "Ready", status: "True" }] };
    await this.client.patch<unknown>(
      PODS,
      name,
      { status },
      { namespace: SYSTEM, type: "merge", subresource: "status" },
    );
  }

  async runController(name: keyof typeof CONTROLLERS): Promise<void> {
    const ip = CONTROLLERS[name];
    await this.pod("controller", name, "n1", ip);
    this.api.services.set(`${SYSTEM}/metallb-webhook-service`, { host: ip, port: 9443 });
    const { user, token } = await this.tokenOf("controller");
    const port = await this.api.open({ port: 0 });
    const kubeconfig = this.api.kubeconfigFor(name, user, token, port);
    const facts = { namespace: SYSTEM, name, node: "n1", ip };
    const { args, env } = invocationOf(podSpecOf(this.chart, "Deployment"), facts);
    const flags = ["--health-probe-port=0", "--gone-node-grace=1", `--kubeconfig=${kubeconfig}`];
    const as = confinementOf(podSpecOf(this.chart, "Deployment"));
    this.pods.set(name, new Pod([...as, process.execPath, this.build.file, ...args, ...flags], env));
  }

  /** Whether a pod has asked for such objects. */
  askedFor(name: string, resource: string): boolean {
    return this.api.calls.some(
      ({ caller, attributes: { question } }) =>
        caller === name && question.type === "resource" && question.resource === resource,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.pods.values()].map((pod) => pod[Symbol.asyncDispose]()));
    this.client.close();
    await this.api[Symbol.asyncDispose]();
    this.build[Symbol.dispose]();
  }
}

export function nameOf({ metadata }: Raw): string {
  return metadata.name;
}

const SCRAPE = `
const [host, token] = process.argv.slice(1);
const headers = { authorization: "Bearer " + token };
const options = { host, port: 9120, path: "/metrics", headers, rejectUnauthorized: false };
require("node:https").get(options, (answer) => { console.log(answer.statusCode); answer.resume(); });
`;

/** The status of a request for the metrics, made in a network namespace where there is a command in front. */
export async function scrape(where: readonly string[], host: string, token: string): Promise<string> {
  const [program = "", ...args] = [...where, process.execPath, "-e", SCRAPE, host, token];
  return (await promisify(execFile)(program, args)).stdout.trim();
}
