import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isConflict, isNotFound } from "../../src/kubernetes/errors.ts";
import { DEPLOYMENTS, type Resource } from "../../src/kubernetes/resource.ts";

const DAEMON_SETS: Resource = { ...DEPLOYMENTS, plural: "daemonsets", kind: "DaemonSet" };

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

  async #settle(resource: Resource, item: Running): Promise<void> {
    const { name, namespace, generation = 0 } = item.metadata;
    const wanted = { observedGeneration: generation, ...this.#counts(resource, item) };
    if (JSON.stringify({ ...Object(item.status), ...wanted }) === JSON.stringify(item.status)) return;
    try {
      await this.#client.patch(resource, name, { status: wanted }, { namespace, type: "merge", subresource: "status" });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #counts(resource: Resource, { metadata, spec }: Running): Readonly<Record<string, number>> {
    if (resource === DEPLOYMENTS) return { replicas: this.stuck.has(metadata.name) ? 1 : (spec.replicas ?? 1) };
    const selector = Object.entries(spec.template.spec.nodeSelector ?? {});
    const fits = selector.every(([key, value]) => this.labels[key] === value);
    const pods = fits || this.stuck.has(metadata.name) ? 1 : 0;
    return { currentNumberScheduled: pods, desiredNumberScheduled: pods, numberMisscheduled: 0, numberReady: pods };
  }
}
