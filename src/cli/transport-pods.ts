import { FieldReader, Problems } from "../api/read-object.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import type { PodExec } from "../kubernetes/exec.ts";
import { NODES, PODS } from "../kubernetes/resource.ts";
import type { Silent, SpeakerLine } from "./transport.ts";

/** Which speakers are meant. */
export interface PodSelection {
  readonly namespace: string;
  /** Labels of the speakers' pods. */
  readonly labels: string;
  /** Labels of their nodes; undefined for all. */
  readonly nodeLabels: string | undefined;
}

interface SpeakerPod {
  readonly name: string;
  readonly node: string;
  readonly container: string;
  /** Why it cannot be asked. */
  readonly absent: string | undefined;
}

const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** The speakers of a cluster, through their pods. @throws {ApiError} @throws {ApiUnreachable} */
export async function podLines(
  ports: { readonly client: Pick<KubernetesClient, "list">; readonly exec: PodExec },
  { namespace, labels, nodeLabels }: PodSelection,
): Promise<{ readonly lines: readonly SpeakerLine[]; readonly silent: readonly Silent[] }> {
  const { items } = await ports.client.list<unknown>(PODS, { namespace, labelSelector: labels });
  const nodes = nodeLabels === undefined ? undefined : await nodesWith(ports.client, nodeLabels);
  const pods = items.flatMap((raw) => readPod(raw) ?? []).filter(({ node }) => nodes?.has(node) !== false);
  const running = onePerNode(pods.filter(({ absent }) => absent === undefined));
  const answering = new Set(running.map(({ node }) => node));
  return {
    lines: running.map((pod) => ({
      name: pod.node,
      get: (path, signal) =>
        ports.exec({ namespace, pod: pod.name, container: pod.container, command: asking(path) }, signal),
    })),
    // What a rollout or an eviction leaves beside a pod that runs is no trouble of the node.
    silent: onePerNode(pods.filter(({ node }) => !answering.has(node))).map(({ node, name, absent = "" }) => ({
      node,
      reason: `pod ${name}: ${absent}`,
    })),
  };
}

function asking(path: string): readonly string[] {
  return ["herald", "admin-get", "--while-fed", path];
}

async function nodesWith(client: Pick<KubernetesClient, "list">, labelSelector: string): Promise<ReadonlySet<string>> {
  const { items } = await client.list<{ readonly metadata: { readonly name: string } }>(NODES, { labelSelector });
  return new Set(items.map(({ metadata }) => metadata.name));
}

/** Two of one node tell the same. */
function onePerNode(pods: readonly SpeakerPod[]): readonly SpeakerPod[] {
  return [...new Map(pods.map((pod) => [pod.node, pod])).values()];
}

function readPod(raw: unknown): SpeakerPod | undefined {
  const pod = FieldReader.of(raw, "", new Problems());
  const meta = pod.object("metadata");
  const spec = pod.object("spec");
  const [name, node] = [meta?.string("name"), spec?.string("nodeName")];
  if (name === undefined || node === undefined || node === "") return undefined;
  const phase = pod.object("status")?.string("phase");
  const leaving = meta?.has("deletionTimestamp") === true;
  return {
    name,
    node,
    container: containerOf(meta, spec),
    absent: leaving ? "it is being deleted" : phase === "Running" ? undefined : `it is ${phase ?? "not started"}`,
  };
}

/** As kubectl chooses: the annotation, else the one that is called so, else the first. */
function containerOf(meta: FieldReader | undefined, spec: FieldReader | undefined): string {
  const named = meta?.object("annotations")?.string(DEFAULT_CONTAINER);
  const names = (spec?.objects("containers") ?? []).flatMap((one) => one.string("name") ?? []);
  return named ?? names.find((one) => one === "speaker") ?? names[0] ?? "speaker";
}
