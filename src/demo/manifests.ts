/** The nodes of the demo, each with the loopback address that its speaker dials from. */
export const DEMO_NODES = [
  { name: "node-a", address: "127.0.0.11" },
  { name: "node-b", address: "127.0.0.12" },
  { name: "node-c", address: "127.0.0.13" },
] as const;

export const DEMO_NAMESPACE = "metallb-system";

/** What a cluster has before Herald comes: nodes and namespaces. */
export function clusterManifests(): string {
  const nodes = DEMO_NODES.map(
    ({ name }) => `
apiVersion: v1
kind: Node
metadata: { name: ${name}, labels: { kubernetes.io/hostname: ${name} } }`,
  );
  const namespaces = ["default", DEMO_NAMESPACE].map(
    (name) => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name} }`,
  );
  return [...namespaces, ...nodes].join("\n---");
}

/** What the operator applies: a pool, the router as seen from each node, and what to announce. */
export function configurationManifests(routerPort: number): string {
  const pool = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: public, namespace: ${DEMO_NAMESPACE} }
spec:
  addresses: [198.51.100.10-198.51.100.99, 2001:db8:100::10-2001:db8:100::99]`;
  const advertisement = `
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: { name: public, namespace: ${DEMO_NAMESPACE} }
spec:
  ipAddressPools: [public]
  communities: ["64512:100"]`;
  // A real cluster has one BGPPeer for all nodes. Here every node is on loopback, so each needs its own source address.
  const peers = DEMO_NODES.map(
    ({ name, address }) => `
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: { name: router-${name}, namespace: ${DEMO_NAMESPACE} }
spec:
  myASN: 64512
  peerASN: 64513
  peerAddress: 127.0.0.1
  peerPort: ${routerPort}
  sourceAddress: ${address}
  holdTime: 9s
  dualStackAddressFamily: true
  nodeSelectors: [{ matchLabels: { kubernetes.io/hostname: ${name} } }]`,
  );
  return [pool, advertisement, ...peers].join("\n---");
}

/** What the users of the cluster apply. */
export const SERVICE_MANIFESTS = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec:
  type: LoadBalancer
  selector: { app: web }
  ports: [{ port: 80 }]
---
apiVersion: v1
kind: Service
metadata: { name: api, namespace: default }
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: { app: api }
  ports: [{ port: 443 }]
---
apiVersion: v1
kind: Service
metadata: { name: dual, namespace: default }
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  selector: { app: dual }
  ports: [{ port: 80 }]
---
apiVersion: v1
kind: Service
metadata:
  name: dns-tcp
  namespace: default
  annotations: { metallb.io/allow-shared-ip: dns, metallb.io/loadBalancerIPs: 198.51.100.53 }
spec:
  type: LoadBalancer
  selector: { app: dns }
  ports: [{ port: 53, protocol: TCP }]
---
apiVersion: v1
kind: Service
metadata:
  name: dns-udp
  namespace: default
  annotations: { metallb.io/allow-shared-ip: dns, metallb.io/loadBalancerIPs: 198.51.100.53 }
spec:
  type: LoadBalancer
  selector: { app: dns }
  ports: [{ port: 53, protocol: UDP }]
`;

/** Where the pods of each Service run at first: what kubelet and the endpoint controller would say. */
export const INITIAL_ENDPOINTS: Readonly<Record<string, readonly string[]>> = {
  web: ["node-a", "node-b"],
  api: ["node-a"],
  dual: ["node-b"],
  "dns-tcp": ["node-c"],
  "dns-udp": ["node-c"],
};

/** The EndpointSlice of a Service with one ready pod on each of some nodes. */
export function endpointSlice(service: string, nodes: readonly string[]): object {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${service}-1`, namespace: "default", labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports: [{ port: 8080, protocol: "TCP" }],
    endpoints: nodes.map((nodeName, i) => ({ addresses: [`10.244.${i}.10`], nodeName, conditions: { ready: true } })),
  };
}

/** The operator's objects in the words of the manifests above. */
export const CONFIGURATION_SUMMARY = `IPAddressPool     public          198.51.100.10-99, 2001:db8:100::10-99
BGPPeer           router-node-*   AS 64512 to AS 64513, both families, hold time 9 s
BGPAdvertisement  public          community 64512:100
`;
