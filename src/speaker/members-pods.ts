import { nodeName } from "../api/brands.ts";
import type { NodeName } from "../api/config.ts";
import type { KubernetesObject } from "../api/object.ts";
import { FieldReader, Problems } from "../api/read-object.ts";
import { Informer, type InformerPorts } from "../kubernetes/informer.ts";
import { PODS } from "../kubernetes/resource.ts";

/** What matters of a speaker's pod. */
interface SpeakerPod extends KubernetesObject {
  readonly node: NodeName | undefined;
  readonly addresses: readonly string[];
  /** Ready, and not asked to go. */
  readonly serving: boolean;
}

/** The pods of the speakers, found by their labels. A cluster that does not let us see them is not waited for. */
export class SpeakerPods {
  readonly #pods: Informer<SpeakerPod>;

  constructor(ports: InformerPorts, where: { readonly namespace: string; readonly labels: string }) {
    const { namespace, labels: labelSelector } = where;
    this.#pods = new Informer(ports, { resource: PODS, namespace, labelSelector, strip: stripPod });
  }

  start(signal: AbortSignal): void {
    this.#pods.start(signal);
  }

  onChange(changed: () => void): void {
    this.#pods.onChange(changed);
  }

  /** Resolves when they were listed once. */
  get synced(): Promise<void> {
    return this.#pods.synced;
  }

  /** The nodes where a speaker is ready; undefined when the pods cannot be seen. */
  readyNodes(): ReadonlySet<NodeName> | undefined {
    if (!this.#pods.isSynced) return undefined;
    return new Set([...this.#pods.values()].flatMap(({ node, serving }) => (serving ? (node ?? []) : [])));
  }

  /** Where the speakers of other nodes can be reached. */
  addressesBut(own: NodeName): readonly string[] {
    const others = [...this.#pods.values()].filter(({ node }) => node !== own);
    return [...new Set(others.flatMap(({ addresses }) => addresses))].toSorted();
  }
}

function stripPod(raw: unknown): SpeakerPod | undefined {
  const object = FieldReader.of(raw, "", new Problems());
  const meta = object.object("metadata");
  const name = meta?.string("name");
  if (meta === undefined || name === undefined) return undefined;
  const node = object.object("spec")?.string("nodeName");
  const status = object.object("status");
  const conditions = status?.objects("conditions") ?? [];
  const ready = conditions.some((one) => one.string("type") === "Ready" && one.string("status") === "True");
  const namespace = meta.string("namespace");
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    node: node === undefined ? undefined : nodeName(node),
    addresses: addressOf(status),
    serving: ready && !meta.has("deletionTimestamp"),
  };
}

/** A speaker is on the host's network: its pod has the node's address, and has none before it was started. */
function addressOf(status: FieldReader | undefined): readonly string[] {
  const address = status?.string("podIP") ?? status?.string("hostIP");
  return address === undefined || address === "" ? [] : [address];
}
