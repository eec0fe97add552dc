import { isInScope } from "../announcement/service-survey.ts";
import type { EndpointSlice, Namespace, Node, Secret, Service } from "../api/core.ts";
import { serviceKeyOfSlice, summarizeEndpoints } from "../api/endpoints.ts";
import { type KubernetesObject, objectKey, type RawObject } from "../api/object.ts";
import { parseConfig } from "../api/parse-config.ts";
import { FieldReader, isFields, Problems } from "../api/read-object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { parseServiceBgpStatus } from "../api/service-bgp-status.ts";
import { parseServiceL2Status } from "../api/service-l2-status.ts";
import { stripEndpointSlice, stripNamespace, stripNode, stripRawObject, stripService } from "../api/strip.ts";
import { pause } from "../kubernetes/backoff.ts";
import { type Change, Informer, type InformerPorts } from "../kubernetes/informer.ts";
import {
  BFD_PROFILES,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  COMMUNITIES,
  ENDPOINT_SLICES,
  IP_ADDRESS_POOLS,
  L2_ADVERTISEMENTS,
  NAMESPACES,
  NODES,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
  SERVICES,
} from "../kubernetes/resource.ts";
import { micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Board } from "./board.ts";

/** Where the objects are, and which are ours. */
export interface ClusterFeedConfig {
  /** Of the metallb.io objects. */
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
}

const CONFIGURATION: readonly Resource[] = [
  IP_ADDRESS_POOLS,
  BGP_PEERS,
  BGP_ADVERTISEMENTS,
  L2_ADVERTISEMENTS,
  COMMUNITIES,
  BFD_PROFILES,
];
/** A list that has neither come nor failed by then is not waited for. */
const LIST_PATIENCE = seconds(60);
const LIST_LOOK = millis(100);
const LOOK_EVERY = seconds(1);
const READ_AFTER = millis(200);

/** Tells the board what the API has, with the user's own rights. Secrets are not asked for, and passwords not kept. */
export class ClusterFeed {
  readonly #ports: InformerPorts;
  readonly #board: Board;
  readonly #config: ClusterFeedConfig;
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #nodes: Informer<Node>;
  readonly #namespaces: Informer<Namespace>;
  readonly #statuses: readonly [Informer<RawObject>, Informer<RawObject>];
  readonly #objects: ReadonlyMap<Resource, Informer<RawObject>>;
  readonly #slicesOf = new Map<string, Map<string, EndpointSlice>>();
  #readDue = false;

  constructor(ports: InformerPorts, board: Board, config: ClusterFeedConfig) {
    this.#ports = ports;
    this.#board = board;
    this.#config = config;
    const { namespace } = config;
    this.#services = new Informer(ports, { resource: SERVICES, strip: stripService });
    this.#slices = new Informer(ports, { resource: ENDPOINT_SLICES, strip: stripEndpointSlice });
    this.#nodes = new Informer(ports, { resource: NODES, strip: stripNode });
    this.#namespaces = new Informer(ports, { resource: NAMESPACES, strip: stripNamespace });
    const raw = (resource: Resource): Informer<RawObject> =>
      new Informer(ports, { resource, namespace, strip: withoutPassword });
    this.#statuses = [raw(SERVICE_BGP_STATUSES), raw(SERVICE_L2_STATUSES)];
    this.#objects = new Map(CONFIGURATION.map((resource) => [resource, raw(resource)]));
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#board.setSource({ name: API, kind: "api", state: "connecting" });
    // A status alone is no Service: nothing is shown that the lists may not have.
    const nothing = { api: true, endpoints: false, announcements: false };
    this.#board.setScope(nothing, this.#config.loadBalancerClass);
    for (const informer of this.#all) informer.start(signal);
    await this.#listed(signal);
    if (signal.aborted) return;
    await this.#begin();
    while (!signal.aborted) {
      this.#look();
      await pause(this.#ports.clock, LOOK_EVERY, signal);
    }
  }

  get #all(): readonly Pick<Informer<KubernetesObject>, "start" | "reading">[] {
    return [this.#services, this.#slices, this.#nodes, this.#namespaces, ...this.#statuses, ...this.#objects.values()];
  }

  /** Who may not list one of the kinds still sees the others. */
  async #listed(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const end = clock.now() + LIST_PATIENCE;
    const isDone = (): boolean =>
      this.#all.every(({ reading: { synced, lastError } }) => synced || lastError !== undefined);
    while (!signal.aborted && !isDone() && clock.now() < end) await pause(clock, LIST_LOOK, signal);
  }

  /** What is there by now, and from now on what changes. */
  async #begin(): Promise<void> {
    const { clock } = this.#ports;
    const [bgp, layer2] = this.#statuses;
    // What Services are judged by comes before them: none is bad for a moment only.
    await replay(clock, bgp, (key, object) => this.#board.setAnnouncement(`bgp/${key}`, bgpAnnouncement(object)));
    await replay(clock, layer2, (key, object) => this.#board.setAnnouncement(`l2/${key}`, layer2Announcement(object)));
    await replay(clock, this.#slices, (key, slice, before) => this.#slice(key, slice, before));
    this.#look();
    await replay(clock, this.#services, (key, service) => this.#service(key, service));
    for (const informer of [this.#nodes, this.#namespaces, ...this.#objects.values()]) {
      informer.onChange(() => this.#readSoon());
    }
    this.#read();
  }

  /** How the lists and watches fare, and of what everything is known. */
  #look(): void {
    const failing = this.#all.flatMap(({ reading: { resource, lastError } }) =>
      lastError === undefined ? [] : [`${resource}: ${lastError}`],
    );
    const silent = failing.length > 0;
    this.#board.setSource({ name: API, kind: "api", state: silent ? "silent" : "answering", message: failing[0] });
    const announcements = this.#statuses.every(({ isSynced }) => isSynced);
    const scope = { api: true, endpoints: this.#slices.isSynced, announcements };
    this.#board.setScope(scope, this.#config.loadBalancerClass);
  }

  #service(key: string, service: Service | undefined): void {
    const ours = service !== undefined && isInScope(service, this.#config.loadBalancerClass);
    this.#board.setService(service === undefined ? key : keyOfService(service), ours ? service : undefined);
  }

  #slice(key: string, slice: EndpointSlice | undefined, before: EndpointSlice | undefined): void {
    const [was, is] = [before && serviceKeyOfSlice(before), slice && serviceKeyOfSlice(slice)];
    if (was !== undefined && was !== is) {
      this.#slicesOf.get(was)?.delete(key);
      this.#sum(was);
    }
    if (is === undefined || slice === undefined) return;
    const slices = this.#slicesOf.get(is) ?? new Map<string, EndpointSlice>();
    this.#slicesOf.set(is, slices.set(key, slice));
    this.#sum(is);
  }

  #sum(service: string): void {
    const slices = this.#slicesOf.get(service);
    if (slices === undefined || slices.size === 0) {
      this.#slicesOf.delete(service);
      this.#board.setEndpoints(service, undefined);
      return;
    }
    const { any, nodes } = summarizeEndpoints(slices.values());
    this.#board.setEndpoints(service, { any, count: [...nodes.values()].reduce((sum, count) => sum + count, 0) });
  }

  #readSoon(): void {
    if (this.#readDue) return;
    this.#readDue = true;
    this.#ports.clock.after(READ_AFTER, () => this.#read());
  }

  #read(): void {
    this.#readDue = false;
    const nodes = [...this.#nodes.values()];
    const of = (resource: Resource): readonly RawObject[] => [...(this.#objects.get(resource)?.values() ?? [])];
    const peers = of(BGP_PEERS);
    const objects = {
      pools: of(IP_ADDRESS_POOLS),
      peers,
      bgpAdvertisements: of(BGP_ADVERTISEMENTS),
      l2Advertisements: of(L2_ADVERTISEMENTS),
      communities: of(COMMUNITIES),
      bfdProfiles: of(BFD_PROFILES),
      secrets: peers.flatMap((peer) => standInSecret(peer, this.#config.namespace) ?? []),
    };
    const { config, invalid } = parseConfig(objects, { nodes });
    const labels = [...this.#namespaces.values()].map(
      ({ metadata }) => [metadata.name, metadata.labels ?? {}] as const,
    );
    this.#board.setNodes(nodes);
    this.#board.setNamespaces(new Map(labels));
    this.#board.setConfig({ config, invalid });
  }
}

const API = "Kubernetes API";
const HIDDEN = "hidden";

/** Objects told in one turn. */
const AT_ONCE = 500;

/** Tells of every object, a few in each turn, and of every change from now on. */
async function replay<T extends KubernetesObject>(
  clock: Clock,
  informer: Informer<T>,
  tell: (key: string, object: T | undefined, before: T | undefined) => void,
): Promise<void> {
  informer.onChange(({ type, key, object, previous }: Change<T>) =>
    tell(key, type === "deleted" ? undefined : object, previous),
  );
  let told = 0;
  for (const object of informer.values()) {
    tell(objectKey(object), object, undefined);
    if (++told % AT_ONCE === 0) await pause(clock, micros(0), undefined);
  }
}

function bgpAnnouncement(object: RawObject | undefined): Parameters<Board["setAnnouncement"]>[1] {
  const status = object && parseServiceBgpStatus(object);
  if (status === undefined) return undefined;
  const { service, node, peers } = status;
  return { service, node, peers, layer2: false, addresses: [] };
}

function layer2Announcement(object: RawObject | undefined): Parameters<Board["setAnnouncement"]>[1] {
  const status = object && parseServiceL2Status(object);
  return status && { service: status.service, node: status.node, peers: [], layer2: true, addresses: [] };
}

/** Whether there is a password matters, which one does not: it is gone before the object is kept. */
function withoutPassword(raw: unknown): RawObject | undefined {
  const object = stripRawObject(raw);
  if (object === undefined || !isFields(object.spec) || object.spec["password"] === undefined) return object;
  return { ...object, spec: { ...object.spec, password: HIDDEN } };
}

/** Secrets are not read: those that peers name are taken to be there and sound. */
function standInSecret({ spec }: RawObject, namespace: string): Secret | undefined {
  const name = FieldReader.of(spec, "spec", new Problems()).object("passwordSecret")?.string("name");
  if (name === undefined) return undefined;
  return { metadata: { name, namespace }, type: "kubernetes.io/basic-auth", data: { password: "" } };
}
