import type { Topology } from "./clab.ts";
import { LabCheckError } from "./errors.ts";
import type { Lab } from "./lab.ts";

/** On a pod: the node it runs on. */
const NODE_LABEL = "herald.lab/node";

/** The pods of a lab, or of one of its nodes. */
export function podsOf({ topology }: Lab, node?: string): readonly string[] {
  if (node !== undefined) return podsOn(topology, node);
  return topology.nodes.filter(({ role }) => role === "pod").map(({ name }) => name);
}

/** The pods that run on a node. */
export function podsOn({ nodes }: Topology, node: string): readonly string[] {
  return nodes.filter(({ role, labels }) => role === "pod" && labels[NODE_LABEL] === node).map(({ name }) => name);
}

/** @throws LabCheckError when there is no such pod, or nobody said where it runs. */
export function nodeOfPod(lab: Lab, pod: string): string {
  const node = lab.topology.nodes.find(({ name, role }) => name === pod && role === "pod")?.labels[NODE_LABEL];
  if (node === undefined) throw new LabCheckError(`no pod is called ${pod}, or it has no label ${NODE_LABEL}`);
  return node;
}

/** Which pods a service has. */
export interface Placement {
  readonly ready: readonly string[];
  /** Pods that exist and do not serve yet. */
  readonly unready?: readonly string[];
}

/** Writes a service's EndpointSlices, one per family that the pods have, as the endpoint controller would for these pods. */
export async function placeEndpoints(lab: Lab, service: string, placement: Placement): Promise<void> {
  const all = podsOf(lab).map((pod) => lab.familiesOf(pod));
  for (const family of ([4, 6] as const).filter((one) => all.every((families) => families.includes(one)))) {
    const endpoint = (pod: string, isReady: boolean): object => ({
      addresses: [lab.addressOf(pod, family)],
      nodeName: nodeOfPod(lab, pod),
      conditions: { ready: isReady, serving: isReady, terminating: false },
      targetRef: { kind: "Pod", namespace: "default", name: pod },
    });
    const unready = placement.unready ?? [];
    await lab.api.apply({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${service}-ipv${family}`,
        namespace: "default",
        labels: { "kubernetes.io/service-name": service },
      },
      addressType: `IPv${family}`,
      endpoints: [...placement.ready.map((pod) => endpoint(pod, true)), ...unready.map((pod) => endpoint(pod, false))],
      ports: [
        { name: "http", port: 8080, protocol: "TCP" },
        { name: "echo", port: 8080, protocol: "UDP" },
      ],
    });
  }
}
