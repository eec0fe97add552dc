import { serviceKey } from "../../src/api/brands.ts";
import { factsOf } from "../../src/cli/explain-facts.ts";
import { type Explanation, explain } from "../../src/inspection/explain/explain.ts";
import type { Observed } from "../../src/inspection/explain/facts.ts";
import type { RouteOutItem } from "../../src/inspection/route-view.ts";
import type { NotificationItem, SessionItem } from "../../src/inspection/session-view.ts";
import type { Layer2Item, Layer2View, MembersView } from "../../src/inspection/state-view.ts";
import { planItem } from "../../src/inspection/state-view.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An object as somebody would apply it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Fields & { readonly name: string };
  readonly [field: string]: unknown;
}

const metallb = (kind: string, name: string, spec: Fields = {}, version = "v1beta1"): Manifest => ({
  apiVersion: `metallb.io/${version}`,
  kind,
  metadata: { name, namespace: "metallb-system" },
  spec,
});

export const pool = (spec: Fields = { addresses: ["192.0.2.0/24"] }, name = "main"): Manifest =>
  metallb("IPAddressPool", name, spec);
export const bgp = (spec: Fields = {}): Manifest => metallb("BGPAdvertisement", "all", spec);
export const lan = (spec: Fields = {}): Manifest => metallb("L2Advertisement", "lan", spec);
export const peer = (spec: Fields = {}, name = "tor"): Manifest =>
  metallb("BGPPeer", name, { myASN: 64512, peerASN: 64513, peerAddress: "10.0.0.254", ...spec }, "v1beta2");
export const node = (name: string, metadata: Fields = {}, status: Fields = {}): Manifest => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, ...metadata },
  status,
});
export const service = (spec: Fields = {}, metadata: Fields = {}, status: Fields = {}): Manifest => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "default", name: "web", ...metadata },
  spec: { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], selector: { app: "web" }, ports: [{ port: 80 }], ...spec },
  status,
});
export const HAS = { loadBalancer: { ingress: [{ ip: "192.0.2.0" }] } };
export const slice = (on: readonly string[] = ["a"], name = "web"): Manifest => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { namespace: "default", name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
  addressType: "IPv4",
  endpoints: on.map((nodeName, i) => ({ addresses: [`10.1.0.${i + 1}`], nodeName, conditions: { ready: true } })),
});

/** A cluster where nothing is wrong: two nodes, one router. */
export const SOUND: readonly Manifest[] = [
  pool(),
  bgp(),
  peer(),
  node("a"),
  node("b"),
  service({}, {}, HAS),
  slice(["a", "b"]),
];

/** The same without objects of these kinds, and with these. */
export function but(without: readonly string[], ...more: readonly Manifest[]): readonly Manifest[] {
  return [...SOUND.filter(({ kind }) => !without.includes(kind)), ...more];
}

const AT = "2026-01-01T00:00:00Z";

/** A session that is up, or what it is instead. */
export function session(on: string, fields: Partial<SessionItem> = {}): SessionItem {
  return {
    node: on,
    peer: "tor",
    address: "10.0.0.254",
    port: 179,
    state: "established",
    since: AT,
    localAsn: 64512,
    expectedAsn: 64513,
    negotiated: {
      peerAsn: 64513,
      peerIdentifier: "10.0.0.254",
      holdTime: 90,
      keepaliveTime: 30,
      families: ["ipv4-unicast"],
      capabilities: [],
    },
    prefixesOut: 1,
    prefixesNotSent: 0,
    prefixesIn: 0,
    flaps: 0,
    counters: {},
    ...fields,
  };
}

/** A session that does not come up, with the NOTIFICATION that passed. */
export function down(on: string, lastError: string, notified?: Partial<NotificationItem>): SessionItem {
  const { negotiated: _, ...rest } = session(on, { state: "active", lastError, prefixesOut: 0 });
  if (notified === undefined) return rest;
  return {
    ...rest,
    lastNotification: { at: AT, direction: "in", code: 2, subcode: 0, words: "a word", ...notified },
  };
}

export function route(on: string, state: RouteOutItem["state"] = "sent"): RouteOutItem {
  return {
    node: on,
    peer: "tor",
    prefix: "192.0.2.0/32",
    state,
    nextHop: "10.0.0.1",
    communities: [],
    largeCommunities: [],
    services: ["default/web"],
    advertisements: ["all"],
  };
}

export function held(on: string, fields: Partial<Layer2Item> = {}): Layer2Item {
  return {
    node: on,
    address: "192.0.2.0",
    state: "holding",
    since: AT,
    interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01" }],
    services: ["default/web"],
    requests: 3,
    answers: 3,
    gratuitous: 5,
    conflicts: 0,
    ...fields,
  };
}

export function layer2(on: string, ...items: readonly Layer2Item[]): Layer2View {
  return { view: "layer2", version: 1, node: on, at: AT, available: true, fenced: false, interfaces: [], items };
}

export function members(on: string, ...alive: readonly string[]): MembersView {
  const items = alive.map((member) => ({ node: on, member, state: "alive" as const }));
  return { view: "members", version: 1, node: on, at: AT, source: "gossip", items };
}

/** Two speakers that do what they should. */
export function observed(fields: Partial<Observed> = {}): Observed {
  return {
    answered: new Set(["a", "b"]),
    silent: new Map(),
    complete: true,
    sessions: [session("a"), session("b")],
    routes: [route("a"), route("b")],
    plans: ["a", "b"].map((one) =>
      planItem(one, { key: serviceKey("default", "web"), bgp: [], layer2: [], refusals: [] }),
    ),
    layer2: [],
    members: [],
    sessionStates: [],
    ...fields,
  };
}

interface Asked {
  readonly node?: string;
  readonly peer?: string;
  readonly seen?: Observed;
  readonly lbClass?: string;
}

/** Explains Service default/web. @throws Error where there is none */
export function explained(objects: readonly unknown[], { node: on, peer: to, seen, lbClass }: Asked = {}): Explanation {
  const key = serviceKey("default", "web");
  const options = { namespace: "metallb-system", loadBalancerClass: lbClass, ignoreExcludeLb: false };
  const facts = { ...factsOf([objects], options, key), observed: seen };
  const explanation = explain(facts, { service: key, node: on, peer: to });
  if (explanation === undefined) throw new Error("there is no Service default/web");
  return explanation;
}
