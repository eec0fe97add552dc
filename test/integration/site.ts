import { randomBytes } from "node:crypto";
import type { Service } from "../../src/api/core.ts";
import { stripService } from "../../src/api/strip.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isNotFound } from "../../src/kubernetes/errors.ts";
import {
  apiVersionOf,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  CONFIGURATION_STATES,
  ENDPOINT_SLICES,
  EVENTS,
  IP_ADDRESS_POOLS,
  LEASES,
  NAMESPACES,
  NODES,
  type Resource,
  SECRETS,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { silentLog } from "../support/silent-log.ts";
import type { Cluster } from "./cluster.ts";

export interface Extra {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a test says of a Service besides its being a LoadBalancer with port 80. */
export interface ServiceExtra extends Extra {
  readonly spec?: object;
}

/** An event on a Service, without times. */
export interface SeenEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly component: string;
}

interface Made {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

interface Raw {
  readonly metadata: { readonly name: string; readonly uid?: string; readonly resourceVersion?: string };
  readonly status?: unknown;
}

interface RawEvent extends Raw {
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly source?: { readonly component?: string };
}

/**
 * A corner of the cluster for one test: namespaces, nodes and a load balancer class that no other test has, so that tests
 * can share a cluster with each other and with whoever else lives there. All it made is deleted at the end.
 */
export class Site implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubernetesClient;
  readonly id = randomBytes(4).toString("hex");
  /** Where the metallb.io objects are. */
  readonly system = `herald-test-${this.id}`;
  /** Where the Services are. */
  readonly apps = `herald-test-${this.id}-apps`;
  readonly lbClass = `test.herald.io/c${this.id}`;
  readonly #made: Made[] = [];

  private constructor(cluster: Cluster) {
    this.cluster = cluster;
    this.client = new KubernetesClient({ log: silentLog }, cluster.config);
  }

  static async create(cluster: Cluster): Promise<Site> {
    const site = new Site(cluster);
    for (const name of [site.system, site.apps]) await site.put(NAMESPACES, undefined, name, {});
    return site;
  }

  /** Makes the object, or makes it say this and nothing else that we said before (server-side apply). */
  async put(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    body: object,
    extra: Extra = {},
  ): Promise<void> {
    if (!this.#made.some((made) => made.resource === resource && made.name === name && made.namespace === namespace)) {
      this.#made.push({ resource, namespace, name });
    }
    const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name, namespace, ...extra } };
    const options = { namespace, type: "apply", fieldManager: "herald-tests", force: true } as const;
    await this.client.patch<unknown>(resource, name, { ...object, ...body }, options);
  }

  pool(name: string, addresses: readonly string[], spec: object = {}): Promise<void> {
    return this.put(IP_ADDRESS_POOLS, this.system, name, { spec: { addresses, ...spec } });
  }

  advertisement(name: string, spec: object = {}): Promise<void> {
    return this.put(BGP_ADVERTISEMENTS, this.system, name, { spec });
  }

  peer(name: string, spec: object): Promise<void> {
    return this.put(BGP_PEERS, this.system, name, { spec });
  }

  service(name: string, { spec = {}, ...extra }: ServiceExtra = {}): Promise<void> {
    const base = {
      type: "LoadBalancer",
      loadBalancerClass: this.lbClass,
      // Real clusters would give each Service node ports, of which there are few.
      allocateLoadBalancerNodePorts: false,
      selector: { app: name },
      ports: [{ name: "main", port: 80, protocol: "TCP" }],
    };
    // A null takes a field away that the base has: apply knows absence, not null.
    const fields = Object.entries({ ...base, ...spec }).filter(([, value]) => value !== null);
    return this.put(SERVICES, this.apps, name, { spec: Object.fromEntries(fields) }, extra);
  }

  /** One slice of the Service with a ready endpoint on each of some nodes. */
  endpoints(service: string, nodes: readonly string[], conditions: object = { ready: true }): Promise<void> {
    const labels = { "kubernetes.io/service-name": service };
    const body = {
      addressType: "IPv4",
      ports: [{ name: "main", port: 8080, protocol: "TCP" }],
      endpoints: nodes.map((nodeName, i) => ({ addresses: [`10.244.${i}.10`], nodeName, conditions })),
    };
    return this.put(ENDPOINT_SLICES, this.apps, `${service}-1`, body, { labels });
  }

  /** The full name that a node of this site has in the cluster. */
  nodeName(name: string): string {
    return `herald-test-${this.id}-${name}`;
  }

  node(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.put(NODES, undefined, this.nodeName(name), {}, { labels: { "herald.io/site": this.id, ...labels } });
  }

  /** Deletes it; nothing happens when it is gone. */
  async delete(resource: Resource, name: string): Promise<void> {
    const namespace = resource.namespaced ? (IN_APPS.has(resource) ? this.apps : this.system) : undefined;
    await this.#delete({ resource, namespace, name });
  }

  /** A merge patch, as another controller or an editing user would send. */
  async merge(resource: Resource, name: string, patch: object, subresource?: "status"): Promise<void> {
    const namespace = resource.namespaced ? (IN_APPS.has(resource) ? this.apps : this.system) : undefined;
    await this.client.patch<unknown>(resource, name, patch, { namespace, type: "merge", subresource });
  }

  async get(name: string): Promise<Service | undefined> {
    return await this.client
      .get<unknown>(SERVICES, name, { namespace: this.apps })
      .then(stripService, (error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
  }

  /** The addresses in the Service's status. */
  async ips(name: string): Promise<readonly string[]> {
    return addressesOf(await this.get(name));
  }

  async services(): Promise<readonly Service[]> {
    const { items } = await this.client.list<unknown>(SERVICES, { namespace: this.apps });
    return items.flatMap((item) => stripService(item) ?? []);
  }

  /** How many Services have addresses. */
  async served(): Promise<number> {
    return (await this.services()).filter((service) => addressesOf(service).length > 0).length;
  }

  async poolStatus(name: string): Promise<unknown> {
    return (await this.client.get<Raw>(IP_ADDRESS_POOLS, name, { namespace: this.system })).status;
  }

  async configurationState(name: string): Promise<unknown> {
    const { items } = await this.client.list<Raw>(CONFIGURATION_STATES, { namespace: this.system });
    return items.find(({ metadata }) => metadata.name === name)?.status;
  }

  /** The events about a Service, in no order. */
  async events(name: string): Promise<readonly SeenEvent[]> {
    const { items } = await this.client.list<RawEvent>(EVENTS, { namespace: this.apps });
    return items
      .filter(({ involvedObject }) => involvedObject?.kind === "Service" && involvedObject.name === name)
      .map(({ type = "", reason = "", message = "", source }) => ({
        type,
        reason,
        message,
        component: source?.component ?? "",
      }));
  }

  /** `reason: message` of the events that `kubectl describe` finds for a pool: those that carry its uid. */
  async poolEventTexts(name: string): Promise<readonly string[]> {
    const { metadata } = await this.client.get<Raw>(IP_ADDRESS_POOLS, name, { namespace: this.system });
    const fieldSelector = `involvedObject.kind=IPAddressPool,involvedObject.uid=${metadata.uid}`;
    const { items } = await this.client.list<RawEvent>(EVENTS, { namespace: this.system, fieldSelector });
    return items.map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** `reason: message` of the events about a Node, which are kept in the namespace `default`. */
  async nodeEventTexts(name: string): Promise<readonly string[]> {
    const { items } = await this.client.list<RawEvent>(EVENTS, { namespace: "default" });
    return items
      .filter(({ involvedObject: about }) => about?.kind === "Node" && about.name === this.nodeName(name))
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** `reason: message` of the events about a Service. */
  async eventTexts(name: string): Promise<readonly string[]> {
    return (await this.events(name)).map(({ reason, message }) => `${reason}: ${message}`).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#made.toReversed()) {
      // A namespace takes what is left in it along, where there is somebody to do so.
      if (made.resource === NAMESPACES) await this.#sweep(made.name);
      await this.#delete(made);
    }
    this.client.close();
  }

  /** What the daemons wrote. */
  async #sweep(namespace: string): Promise<void> {
    for (const resource of [EVENTS, LEASES, CONFIGURATION_STATES, SECRETS, SERVICE_L2_STATUSES, SERVICE_BGP_STATUSES]) {
      const { items } = await this.client.list<Raw>(resource, { namespace });
      for (const { metadata } of items) await this.#delete({ resource, namespace, name: metadata.name });
    }
  }

  async #delete({ resource, namespace, name }: Made): Promise<void> {
    try {
      await this.client.delete(resource, name, { namespace });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

const IN_APPS: ReadonlySet<Resource> = new Set([SERVICES, ENDPOINT_SLICES, EVENTS]);

export function addressesOf(service: Service | undefined): readonly string[] {
  return (service?.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
}
