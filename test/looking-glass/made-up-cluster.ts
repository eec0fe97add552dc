import type { MoveContent } from "../../src/inspection/move.ts";
import type { RouteOutItem } from "../../src/inspection/route-view.ts";
import type { SessionItem } from "../../src/inspection/session-view.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { MadeUpApi, type MadeUpObject } from "./made-up-api.ts";
import { MadeUpSpeaker, macOf } from "./made-up-speaker.ts";

/** A router, and the BGPPeer that is it. */
export interface MadeUpRouter {
  readonly peer: string;
  readonly address: string;
  readonly asn: number;
}

/** A Service, and what becomes of it. */
export interface MadeUpService {
  readonly namespace: string;
  readonly name: string;
  readonly ip?: string;
  readonly pool?: string;
  /** Nodes that announce it to routers. */
  readonly bgp: readonly string[];
  /** The node that answers for it. */
  readonly layer2?: string;
  /** Nodes with an endpoint. */
  readonly endpoints: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly conditions?: readonly object[];
}

const NAMESPACE = "metallb-system";
export const PASSWORD = "correct-horse-battery-staple";

/** A cluster that does what the test says, over the same ports as a real one. */
export class MadeUpCluster {
  readonly api = new MadeUpApi();
  readonly nodes: readonly string[];
  readonly routers: readonly MadeUpRouter[];
  readonly speakers: ReadonlyMap<string, MadeUpSpeaker>;
  readonly #now: () => Date;
  readonly #services = new Map<string, MadeUpService>();

  constructor(nodes: readonly string[], routers: readonly MadeUpRouter[], now: () => Date) {
    this.nodes = nodes;
    this.routers = routers;
    this.#now = now;
    this.speakers = new Map(nodes.map((name) => [name, new MadeUpSpeaker(name, now)]));
    for (const name of nodes) this.api.put({ apiVersion: "v1", kind: "Node", metadata: { name }, status: {} });
    for (const router of routers) this.#addRouter(router);
    this.#metallb("BGPAdvertisement", "all", {});
    this.#metallb("L2Advertisement", "lan", {});
    this.api.put({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { namespace: NAMESPACE, name: "tor-password" },
      type: "kubernetes.io/basic-auth",
      data: { password: Buffer.from(PASSWORD).toString("base64") },
    });
    const seen = nodes.slice(0, 12);
    for (const speaker of this.speakers.values()) {
      const at = now().toISOString();
      speaker.members = seen.map((member) => ({
        node: speaker.name,
        member,
        state: "alive",
        since: at,
        roundTrip: 412,
      }));
    }
  }

  speaker(node: string): MadeUpSpeaker {
    const found = this.speakers.get(node);
    if (found === undefined) throw new RangeError(`no node ${node}`);
    return found;
  }

  addPool(name: string, addresses: readonly string[], spec: Readonly<Record<string, unknown>> = {}): void {
    this.#metallb("IPAddressPool", name, { addresses, ...spec });
  }

  addInvalidPeer(name: string): void {
    this.#metallb("BGPPeer", name, { myASN: 64512, peerASN: 64513, peerAddress: "not an address" }, "v1beta2");
  }

  /** The session came up. */
  sessionUp(node: string, peer: string): void {
    const router = this.#router(peer);
    const before = this.speaker(node).sessions.get(peer);
    const at = this.#now().toISOString();
    this.speaker(node).putSession({
      ...sessionOf(node, router, at),
      flaps: before?.flaps ?? 0,
      lastDown: before?.lastDown,
      prefixesOut: this.#announcedBy(node),
    });
    this.move(node, { type: "session-up", protocol: "bgp", peer });
  }

  /** It was lost. */
  sessionDown(node: string, peer: string, reason = "the hold time expired"): void {
    const before =
      this.speaker(node).sessions.get(peer) ?? sessionOf(node, this.#router(peer), this.#now().toISOString());
    const at = this.#now().toISOString();
    const { negotiated: _, ...rest } = before;
    const lastDown = { at, reason };
    this.speaker(node).putSession({
      ...rest,
      state: "active",
      since: at,
      flaps: before.flaps + 1,
      prefixesOut: 0,
      lastDown,
      lastError: reason,
    });
    this.move(node, { type: "session-down", protocol: "bgp", peer, message: reason });
  }

  move(node: string, content: MoveContent): void {
    this.speaker(node).move(content);
  }

  service(key: string): MadeUpService | undefined {
    return this.#services.get(key);
  }

  /** A Service comes, or changes. */
  putService(service: MadeUpService): void {
    const key = `${service.namespace}/${service.name}`;
    const before = this.#services.get(key);
    this.#services.set(key, service);
    this.api.put(serviceObject(service));
    this.api.put(sliceObject(service));
    for (const node of this.nodes) this.#announce(node, key, { before, service });
  }

  removeService(key: string): void {
    const before = this.#services.get(key);
    if (before === undefined) return;
    this.#services.delete(key);
    this.api.remove("Service", key);
    this.api.remove("EndpointSlice", `${key}-1`);
    for (const node of this.nodes) this.#announce(node, key, { before, service: undefined });
  }

  /** Another node answers for the address of a Service. */
  moveAddress(key: string, to: string): void {
    const service = this.#services.get(key);
    if (service?.layer2 === undefined || service.ip === undefined) return;
    const from = service.layer2;
    this.move(from, {
      type: "silent",
      protocol: "layer2",
      service: key,
      addresses: [service.ip],
      reason: "lost-election",
    });
    this.putService({ ...service, layer2: to });
    this.move(to, { type: "answering", protocol: "layer2", service: key, addresses: [service.ip] });
  }

  #announce(
    node: string,
    key: string,
    { before, service }: { readonly before: MadeUpService | undefined; readonly service: MadeUpService | undefined },
  ): void {
    const [was, is] = [before?.bgp.includes(node) === true, service?.bgp.includes(node) === true];
    const speaker = this.speaker(node);
    const [namespace = "", name = ""] = key.split("/");
    const about = { node, serviceNamespace: namespace, serviceName: name };
    if (is)
      this.#status("ServiceBGPStatus", `bgp-${name}-${namespace}-${node}`, {
        ...about,
        peers: this.routers.map(({ peer }) => peer),
      });
    else if (was) this.api.remove("ServiceBGPStatus", `${NAMESPACE}/bgp-${name}-${namespace}-${node}`);
    if (service?.layer2 === node)
      this.#status("ServiceL2Status", `l2-${name}-${namespace}-${node}`, { ...about, interfaces: [{ name: "eth0" }] });
    else if (before?.layer2 === node)
      this.api.remove("ServiceL2Status", `${NAMESPACE}/l2-${name}-${namespace}-${node}`);
    this.#answer(speaker, key, { before, service });
    if (is === was && before?.ip === service?.ip) return;
    speaker.routes.delete(key);
    if (is && service !== undefined) this.#addRoutes(speaker, key, service);
  }

  #answer(
    speaker: MadeUpSpeaker,
    key: string,
    { before, service }: { readonly before: MadeUpService | undefined; readonly service: MadeUpService | undefined },
  ): void {
    const { name: node } = speaker;
    if (before?.layer2 === node && before.ip !== undefined && service?.layer2 !== node)
      speaker.layer2.delete(before.ip);
    if (service?.layer2 !== node || service.ip === undefined || before?.layer2 === node) return;
    const since = this.#now().toISOString();
    const counts = { requests: 12, answers: 12, gratuitous: 5, conflicts: 0 };
    const interfaces = [{ name: "eth0", mac: macOf(node) }];
    speaker.layer2.set(service.ip, {
      node,
      address: service.ip,
      state: "holding",
      since,
      interfaces,
      services: [key],
      ...counts,
    });
  }

  #addRoutes(speaker: MadeUpSpeaker, key: string, { ip }: MadeUpService): void {
    if (ip === undefined) return;
    const routes = this.routers.map(({ peer }): RouteOutItem => {
      const up = speaker.sessions.get(peer)?.state === "established";
      return {
        node: speaker.name,
        peer,
        prefix: ip.includes(":") ? `${ip}/128` : `${ip}/32`,
        state: up ? "sent" : "no-session",
        nextHop: up ? "10.0.0.1" : undefined,
        communities: ["64512:100"],
        largeCommunities: [],
        services: [key],
        advertisements: ["all"],
      };
    });
    speaker.routes.set(key, routes);
  }

  /** Sessions carry what there is by now. */
  countRoutes(): void {
    for (const [node, speaker] of this.speakers) {
      const prefixesOut = this.#announcedBy(node);
      for (const item of speaker.sessions.values()) {
        if (item.state === "established") speaker.putSession({ ...item, prefixesOut });
      }
    }
  }

  #announcedBy(node: string): number {
    return [...this.#services.values()].filter(({ bgp }) => bgp.includes(node)).length;
  }

  #router(peer: string): MadeUpRouter {
    const found = this.routers.find((one) => one.peer === peer);
    if (found === undefined) throw new RangeError(`no router ${peer}`);
    return found;
  }

  /** The first one's password is in a Secret, those of the others are in the object. */
  #addRouter({ peer, address, asn }: MadeUpRouter): void {
    const secret = peer === this.routers[0]?.peer;
    const password = secret ? { passwordSecret: { name: "tor-password" } } : { password: PASSWORD };
    this.#metallb("BGPPeer", peer, { myASN: 64512, peerASN: asn, peerAddress: address, ...password }, "v1beta2");
    for (const [node, speaker] of this.speakers) {
      speaker.sessions.set(peer, sessionOf(node, { peer, address, asn }, this.#now().toISOString()));
      speaker.learned.push({ node, peer, prefix: "0.0.0.0/0", nextHop: address, attributes: { asPath: `${asn}` } });
    }
  }

  #metallb(kind: string, name: string, spec: object, version = "v1beta1"): void {
    this.api.put({ apiVersion: `metallb.io/${version}`, kind, metadata: { namespace: NAMESPACE, name }, spec });
  }

  #status(kind: string, name: string, status: object): void {
    this.api.put({ apiVersion: "metallb.io/v1beta1", kind, metadata: { namespace: NAMESPACE, name }, status });
  }
}

function sessionOf(node: string, { peer, address, asn }: MadeUpRouter, since: string): SessionItem {
  return {
    node,
    peer,
    address,
    port: 179,
    localAddress: "10.0.0.1",
    state: "established",
    since,
    localAsn: 64512,
    expectedAsn: asn,
    negotiated: {
      peerAsn: asn,
      peerIdentifier: address,
      holdTime: 90,
      keepaliveTime: 30,
      families: ["ipv4-unicast", "ipv6-unicast"],
      capabilities: ["route-refresh", "four-octet-as", "graceful-restart"],
    },
    prefixesOut: 0,
    prefixesNotSent: 0,
    prefixesIn: 1,
    flaps: 0,
    bfd: { state: "up" },
    counters: { updatesIn: 3, updatesOut: 12 },
  };
}

const CREATED = "2026-01-01T00:00:00Z";

function serviceObject({ namespace, name, ip, pool, annotations, spec, conditions }: MadeUpService): MadeUpObject {
  const from = pool === undefined ? {} : { "metallb.io/ip-allocated-from-pool": pool };
  const ingress = ip === undefined ? {} : { ingress: [{ ip }] };
  const clusterIPs = ip?.includes(":") === true ? ["fd00::1"] : ["10.96.0.1"];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name, creationTimestamp: CREATED, annotations: { ...annotations, ...from } },
    spec: { type: "LoadBalancer", clusterIPs, selector: { app: name }, ports: [{ port: 80 }], ...spec },
    status: { loadBalancer: ingress, ...(conditions === undefined ? {} : { conditions }) },
  };
}

function sliceObject({ namespace, name, endpoints }: MadeUpService): MadeUpObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace, name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: endpoints.map((nodeName, i) => ({
      addresses: [`10.1.0.${i + 1}`],
      nodeName,
      conditions: { ready: true },
    })),
  };
}

/** The address so many behind another one. */
export function addressAfter(first: bigint, index: number): string {
  return new IpAddress(4, first + BigInt(index)).toString();
}
