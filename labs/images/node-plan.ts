import type { LabNode, Topology } from "../runner/clab.ts";
import { HERALD_NAMESPACE, nodeObject, nodeStatus } from "../runner/control-plane.ts";
import { podName, speakerPod, speakerPodStatus } from "../runner/gossip.ts";
import { at, type JsonObject, objectOf } from "../runner/json.ts";
import type { LabKind, ObjectRef } from "../runner/kube-api.ts";

type LabObject = JsonObject & { readonly kind: LabKind };

/** An object and the status that nobody else would give it. */
export interface Registration {
  readonly object: LabObject;
  readonly ref: ObjectRef;
  readonly status: JsonObject;
}

/** The label of a pod that says where it runs. */
const NODE_LABEL = "herald.lab/node";

/** The addresses that a node's `exec` lines give it, `lo` left out: nobody has looked into its container. */
export function addressesOf({ exec }: Pick<LabNode, "exec">): readonly string[] {
  return exec.flatMap((words) => {
    const [program, ...rest] = words.filter((word) => !word.startsWith("-"));
    const [object, verb, address, , port] = rest;
    const isAddress = program === "ip" && object?.startsWith("addr") === true && verb === "add";
    return isAddress && address !== undefined && port !== "lo" ? [address.replace(/\/\d+$/, "")] : [];
  });
}

/** What kubelets would register: the nodes, and the pods of speakers where others look for them. */
export function registrations({ nodes }: Topology): readonly Registration[] {
  return nodes
    .filter(({ role }) => role === "speaker")
    .flatMap((node): readonly Registration[] => {
      const { name } = node;
      const addresses = addressesOf(node);
      const own: Registration = {
        object: nodeObject(name, addresses),
        ref: { kind: "Node", name },
        status: nodeStatus(name, addresses),
      };
      const pod = speakerPod(node, HERALD_NAMESPACE);
      if (pod === undefined) return [own];
      const ref = { kind: "Pod", namespace: HERALD_NAMESPACE, name: podName(name) } as const;
      return [own, { object: pod, ref, status: speakerPodStatus(node) }];
    });
}

/** A Service's slices with every pod of the lab in them: containerlab runs no check that would choose. */
export function slicesOf(service: LabObject, { nodes }: Topology): readonly LabObject[] {
  if (service.kind !== "Service" || Object.keys(objectOf(at(service, "spec", "selector"))).length === 0) return [];
  const { name, namespace = "default" } = objectOf(at(service, "metadata"));
  const pods = nodes.filter(({ role }) => role === "pod");
  return (["IPv4", "IPv6"] as const).flatMap((addressType): readonly LabObject[] => {
    const endpoints = pods.flatMap((pod) => {
      const address = addressesOf(pod).find((one) => one.includes(":") === (addressType === "IPv6"));
      if (address === undefined) return [];
      const conditions = { ready: true, serving: true, terminating: false };
      return [{ addresses: [address], nodeName: pod.labels[NODE_LABEL], conditions }];
    });
    if (endpoints.length === 0) return [];
    return [
      {
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSlice",
        metadata: {
          name: `${String(name)}-${addressType.toLowerCase()}`,
          namespace,
          labels: { "kubernetes.io/service-name": name },
        },
        addressType,
        endpoints,
        ports: [
          { name: "http", port: 8080, protocol: "TCP" },
          { name: "echo", port: 8080, protocol: "UDP" },
        ],
      },
    ];
  });
}
