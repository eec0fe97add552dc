import type { KubernetesClient } from "../../../src/kubernetes/client.ts";
import {
  apiVersionOf,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  ENDPOINT_SLICES,
  IP_ADDRESS_POOLS,
  L2_ADVERTISEMENTS,
  NAMESPACES,
  NODES,
  type Resource,
  SERVICES,
} from "../../../src/kubernetes/resource.ts";

/** How much there is. */
export interface Size {
  readonly services: number;
  readonly nodes: number;
}

export const ENDPOINTS_EACH = 10;
export const SYSTEM = "metallb-system";
export const POOL = "pool";
export const ROUTER = { asn: 65008, address: "127.0.0.8" } as const;
const APPS = "shop";
const IN_FLIGHT = 32;
/** Every tenth Service has all its endpoints on the node that will be lost. */
const LOST_EVERY = 10;
const NEW = "new-";

/** The cluster as its users, its kubelets and its endpoint controller write it. */
export class World {
  readonly #client: KubernetesClient;
  readonly #size: Size;

  constructor(client: KubernetesClient, size: Size) {
    this.#client = client;
    this.#size = size;
  }

  /** The node whose speaker is measured. */
  readonly home = nodeName(0);

  /** How many Services have nothing left when the node is lost. */
  get stranded(): number {
    return Math.ceil(this.#size.services / LOST_EVERY);
  }

  /** Nodes, Services and endpoints; no addresses and nothing of metallb.io. */
  async populate(): Promise<void> {
    for (const name of [SYSTEM, APPS]) await this.#create(NAMESPACES, undefined, { metadata: { name } });
    await each(this.#size.nodes, (n) => this.#create(NODES, undefined, node(nodeName(n), true)));
    await each(this.#size.services, async (n) => {
      await this.#create(SERVICES, APPS, service(`s-${n}`));
      await this.#create(ENDPOINT_SLICES, APPS, slice(`s-${n}`, this.#placed(n)));
    });
  }

  /** What an administrator applies: one pool, announced by both protocols from every node, and one router. */
  async configure(routerPort: number): Promise<void> {
    const all: readonly (readonly [Resource, string, object])[] = [
      [IP_ADDRESS_POOLS, POOL, { addresses: ["10.0.0.0/16"] }],
      [BGP_ADVERTISEMENTS, "routes", {}],
      [L2_ADVERTISEMENTS, "lan", {}],
      [
        BGP_PEERS,
        "router",
        { myASN: 64512, peerASN: ROUTER.asn, peerAddress: ROUTER.address, peerPort: routerPort, ebgpMultiHop: true },
      ],
    ];
    for (const [resource, name, spec] of all) await this.#create(resource, SYSTEM, { metadata: { name }, spec });
  }

  /** All endpoints of a Service go, or come back. */
  async setEndpoints(n: number, present: boolean): Promise<void> {
    const endpoints = present ? endpointsOn(this.#placed(n)) : [];
    const options = { namespace: APPS, type: "merge" } as const;
    await this.#client.patch<unknown>(ENDPOINT_SLICES, `s-${n}-1`, { endpoints }, options);
  }

  /** A Service that was not there before, with endpoints. */
  async addService(n: number): Promise<void> {
    await this.#create(ENDPOINT_SLICES, APPS, slice(`${NEW}${n}`, this.#placed(n)));
    await this.#create(SERVICES, APPS, service(`${NEW}${n}`));
  }

  /** A node is gone, or back: it is not Ready, and nothing on it is an endpoint any more. */
  async setNode(present: boolean): Promise<void> {
    const { status } = node(this.#lost, present);
    await this.#client.patch<unknown>(NODES, this.#lost, { status }, { type: "merge", subresource: "status" });
    await each(this.stranded, (i) => this.setEndpoints(i * LOST_EVERY, present));
  }

  get #lost(): string {
    return nodeName(this.#size.nodes >>> 1);
  }

  #placed(n: number): readonly string[] {
    const { nodes } = this.#size;
    return Array.from({ length: ENDPOINTS_EACH }, (_, i) =>
      n % LOST_EVERY === 0 ? this.#lost : nodeName((n * 7 + i * 13) % nodes),
    );
  }

  async #create(resource: Resource, namespace: string | undefined, body: object): Promise<void> {
    const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...body };
    await this.#client.create<unknown>(resource, object, namespace === undefined ? {} : { namespace });
  }
}

function nodeName(n: number): string {
  return `node-${String(n).padStart(4, "0")}`;
}

function node(name: string, ready: boolean): { metadata: object; status: object } {
  const labels = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "node.herald.io/rack": name.slice(-2) };
  const conditions = [
    { type: "MemoryPressure", status: ready ? "False" : "Unknown" },
    { type: "DiskPressure", status: ready ? "False" : "Unknown" },
    { type: "Ready", status: ready ? "True" : "Unknown" },
  ];
  return { metadata: { name, labels }, status: { conditions, addresses: [{ type: "Hostname", address: name }] } };
}

function service(name: string): object {
  const labels = { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop" };
  const ports = [
    { name: "http", port: 80, protocol: "TCP", targetPort: 8080 },
    { name: "https", port: 443, protocol: "TCP", targetPort: 8443 },
  ];
  return {
    metadata: { name, labels },
    spec: { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, selector: { app: name }, ports },
  };
}

function slice(service: string, nodes: readonly string[]): object {
  const labels = {
    "kubernetes.io/service-name": service,
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
  };
  return {
    metadata: { name: `${service}-1`, labels },
    addressType: "IPv4",
    ports: [
      { name: "http", port: 8080, protocol: "TCP" },
      { name: "https", port: 8443, protocol: "TCP" },
    ],
    endpoints: endpointsOn(nodes),
  };
}

function endpointsOn(nodes: readonly string[]): readonly object[] {
  return nodes.map((name, i) => ({
    addresses: [`10.244.${Number(name.slice(-2))}.${10 + i}`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: name,
    targetRef: { kind: "Pod", name: `pod-${name}-${i}`, namespace: APPS },
  }));
}

/** Does it for each number below `count`, so many at a time. */
async function each(count: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await act(n);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
