import type { JsonObject } from "../runner/json.ts";
import type { ObjectRef } from "../runner/kube-api.ts";
import type { Manifest } from "./plants.ts";

const HERALD = "metallb-system";

const own = (kind: ObjectRef["kind"], name: string): ObjectRef => ({ kind, namespace: HERALD, name });

/** What the lab's manifests make. */
export const PEER = own("BGPPeer", "r1");
export const ADVERTISEMENT = own("BGPAdvertisement", "routed");
export const L2_ADVERTISEMENT = own("L2Advertisement", "lan");
export const ROUTED = own("IPAddressPool", "routed");
export const NODES = ["n1", "n2"] as const;

export function node(name: string): ObjectRef {
  return { kind: "Node", name };
}

export function serviceRef(name: string): ObjectRef {
  return { kind: "Service", namespace: "default", name };
}

/** A metallb.io object; BGPPeers are of the version that users write. */
export function metallb(kind: ObjectRef["kind"], name: string, spec: JsonObject): Manifest {
  const apiVersion = `metallb.io/${kind === "BGPPeer" ? "v1beta2" : "v1beta1"}`;
  return { apiVersion, kind, metadata: { name, namespace: HERALD }, spec };
}

/** One more Service of the lab's pods. */
export function service(
  name: string,
  { annotations = {}, ...spec }: JsonObject & { readonly annotations?: JsonObject } = {},
): Manifest {
  const port = { name: "http", port: 80, targetPort: 8080 };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default", annotations },
    spec: { type: "LoadBalancer", selector: { app: "web" }, ports: [port], ...spec },
  };
}

/** An EndpointSlice of a Service with one endpoint, which is not among the lab's. */
export function slice(name: string, endpoint: JsonObject): Manifest {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-1`, namespace: "default", labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.244.9.9"], conditions: { ready: true }, ...endpoint }],
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  };
}
