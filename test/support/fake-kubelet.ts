import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isConflict, isNotFound } from "../../src/kubernetes/errors.ts";
import { DEPLOYMENTS, type Resource } from "../../src/kubernetes/resource.ts";

export const DAEMON_SETS: Resource = { ...DEPLOYMENTS, plural: "daemonsets", kind: "DaemonSet" };

interface Running {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly generation?: number };
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly spec: { readonly nodeSelector?: Readonly<Record<string, string>> } };
  };
  readonly status?: unknown;
}

/** Does what the controllers of Deployments and DaemonSets do to their status: pods come and go at once. */
export class FakeKubelet implements AsyncDisposable {
  readonly #client: KubernetesClient;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** Names of workloads whose pods do not end. */
  readonly stuck = new Set<string>();
  /** Labels of its one node. */
  readonly labels: Readonly<Record<string, string>> = { "kubernetes.io/os": "linux", "node-role.example/edge": "true" };

  constructor(client: KubernetesClient) {
    this.#client = client;
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const resource of [DEPLOYMENTS, DAEMON_SETS]) {
        const { items } = await this.#client.list<Running>(resource);
        for (const item of items) await this.#settle(resource, item);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #settle(resource: Resource, { metadata, spec, status }: Running): Promise<void> {
    const selector = Object.entries(spec.template.spec.nodeSelector ?? {});
    const fits = selector.every(([key, value]) => this.labels[key] === value);
    const pods = this.stuck.has(metadata.name) ? 1 : resource === DEPLOYMENTS ? (spec.replicas ?? 1) : fits ? 1 : 0;
    const count =
      resource === DEPLOYMENTS
        ? { replicas: pods }
        : { currentNumberScheduled: pods, desiredNumberScheduled: pods, numberMisscheduled: 0, numberReady: pods };
    const wanted = { observedGeneration: metadata.generation ?? 0, ...count };
    const says: object = typeof status === "object" && status !== null ? status : {};
    if (Object.entries(wanted).every(([key, value]) => Object.entries(says).some(([k, v]) => k === key && v === value)))
      return;
    try {
      const { name, namespace } = metadata;
      await this.#client.patch(resource, name, { status: wanted }, { namespace, type: "merge", subresource: "status" });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}
