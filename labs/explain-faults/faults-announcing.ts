import type { Fault } from "./fault.ts";
import { ADVERTISEMENT, metallb, NODES, node, PEER, service, serviceRef, slice } from "./objects.ts";
import { all, created, deleted, patched, patchedStatus } from "./plants.ts";

const WEB = ["web"];
const AT_ADVERTISEMENT = { object: "BGPAdvertisement routed", answers: "no" } as const;
const NO_RACK = [{ matchLabels: { rack: "none" } }];
const EXCLUDED = { metadata: { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } } };
const UNAVAILABLE = [
  { type: "NetworkUnavailable", status: "True", reason: "NoRouteCreated", message: "no route" },
  { type: "Ready", status: "True", reason: "KubeletReady", message: "ready" },
];

/** Advertisements, the choice of peers and nodes, and endpoints. */
export const ANNOUNCING_FAULTS: readonly Fault[] = [
  {
    name: "no advertisement",
    plant: deleted(ADVERTISEMENT),
    ask: WEB,
    names: {
      cause: "no-matching-advertisement",
      object: "IPAddressPool routed",
      change: /create a BGPAdvertisement that selects IPAddressPool routed/,
      answers: "no",
    },
  },
  {
    name: "the advertisement names a pool that is not there",
    plant: patched(ADVERTISEMENT, { spec: { ipAddressPools: ["rooted"] } }),
    ask: WEB,
    names: {
      cause: "no-matching-advertisement",
      field: "spec.ipAddressPools",
      change: /add routed to spec\.ipAddressPools of BGPAdvertisement routed/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "the advertisement selects another pool",
    plant: patched(ADVERTISEMENT, { spec: { ipAddressPools: ["six"] } }),
    ask: WEB,
    names: {
      cause: "no-matching-advertisement",
      object: "IPAddressPool routed",
      change: /add routed to spec\.ipAddressPools of BGPAdvertisement routed, or/,
      answers: "no",
    },
  },
  {
    name: "the advertisement selects other Services",
    plant: patched(ADVERTISEMENT, { spec: { serviceSelectors: [{ matchLabels: { app: "shop" } }] } }),
    ask: WEB,
    names: {
      cause: "no-matching-advertisement",
      field: "spec.serviceSelectors",
      change: /spec\.serviceSelectors/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "the advertisement selects no node",
    plant: patched(ADVERTISEMENT, { spec: { nodeSelectors: NO_RACK } }),
    ask: WEB,
    names: {
      cause: "node-not-selected",
      field: "spec.nodeSelectors",
      change: /spec\.nodeSelectors of BGPAdvertisement routed/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "the advertisement names a BGPPeer that is not there",
    plant: patched(ADVERTISEMENT, { spec: { peers: ["r9"] } }),
    ask: WEB,
    names: { cause: "no-matching-peer", field: "spec.peers", change: /r9/, ...AT_ADVERTISEMENT },
  },
  {
    name: "the BGPPeer selects no node",
    plant: patched(PEER, { spec: { nodeSelectors: NO_RACK } }),
    ask: WEB,
    names: {
      cause: "no-matching-peer",
      object: "BGPPeer r1",
      field: "spec.nodeSelectors",
      change: /let spec\.nodeSelectors of BGPPeer r1 select Node n1/,
      answers: "no",
    },
  },
  {
    name: "the BGPPeer carries IPv4 alone",
    plant: patched(PEER, { spec: { dualStackAddressFamily: false } }),
    ask: ["six"],
    names: {
      cause: "family-not-carried",
      object: "BGPPeer r1",
      field: "spec.dualStackAddressFamily",
      change: /set spec\.dualStackAddressFamily: true/,
      answers: "no",
    },
  },
  {
    name: "a new advertisement has a community alias that nothing defines",
    plant: all(
      deleted(ADVERTISEMENT),
      created(metallb("BGPAdvertisement", "tagged", { ipAddressPools: ["routed"], communities: ["no-such-alias"] })),
    ),
    ask: WEB,
    names: {
      cause: "reference-missing",
      object: "BGPAdvertisement tagged",
      field: "spec.communities[0]",
      words: /no-such-alias/,
      change: /create what spec\.communities\[0\]/,
      answers: "no",
    },
  },
  {
    name: "an advertisement is given a community alias that nothing defines",
    plant: patched(ADVERTISEMENT, { spec: { communities: ["no-such-alias"] } }),
    ask: WEB,
    names: {
      cause: "reference-missing",
      object: "BGPAdvertisement routed",
      field: "spec.communities[0]",
      words: /no-such-alias/,
      change: /create what spec\.communities\[0\]/,
      answers: "yes",
    },
  },
  {
    name: "two advertisements contradict each other on localPref",
    plant: created(metallb("BGPAdvertisement", "preferred", { ipAddressPools: ["routed"], localPref: 200 })),
    ask: WEB,
    names: {
      cause: "invalid-object",
      object: "BGPAdvertisement preferred",
      field: "spec.localPref",
      change: /mend spec\.localPref/,
      answers: "yes",
    },
  },
  {
    name: "a BGPPeer names a Secret that is not there",
    plant: created(
      metallb("BGPPeer", "r2", {
        ...{ myASN: 64512, peerASN: 64513, peerAddress: "10.98.0.2" },
        passwordSecret: { name: "none" },
      }),
    ),
    ask: [...WEB, "--peer", "r2"],
    names: {
      cause: "reference-missing",
      object: "BGPPeer r2",
      field: "spec.passwordSecret",
      change: /create what spec\.passwordSecret/,
      answers: "no",
    },
  },
  {
    name: "the advertisement does not name a BGPPeer",
    plant: created(metallb("BGPPeer", "r2", { myASN: 64512, peerASN: 64513, peerAddress: "10.98.0.2" })),
    ask: [...WEB, "--peer", "r2"],
    names: { cause: "peer-not-named", field: "spec.peers", change: /add r2 to spec\.peers/, ...AT_ADVERTISEMENT },
  },
  {
    name: "no endpoint",
    plant: created(service("empty", { annotations: { "metallb.io/address-pool": "routed" } })),
    ask: ["empty"],
    names: {
      cause: "no-endpoint",
      object: "Service empty",
      field: "spec.selector",
      change: /make a pod that spec\.selector selects ready/,
      answers: "no",
    },
  },
  {
    name: "endpoints that are not ready",
    plant: created(
      service("unready", { annotations: { "metallb.io/address-pool": "routed" } }),
      slice("unready", { nodeName: "n1", conditions: { ready: false, serving: false } }),
    ),
    ask: ["unready"],
    names: {
      cause: "no-endpoint",
      object: "Service unready",
      field: "spec.selector",
      change: /make a pod that spec\.selector selects ready/,
      answers: "no",
    },
  },
  {
    name: "Local, and the endpoint is on a node without a speaker",
    plant: created(
      service("local", {
        annotations: { "metallb.io/address-pool": "routed" },
        externalTrafficPolicy: "Local",
      }),
      slice("local", { nodeName: "elsewhere" }),
    ),
    ask: ["local"],
    names: {
      cause: "no-local-endpoint",
      object: "Service local",
      field: "spec.externalTrafficPolicy",
      change: /spec\.externalTrafficPolicy: Cluster/,
      answers: "no",
    },
  },
  {
    name: "Local, and no endpoint on the node that is asked about",
    plant: created(
      service("local", {
        annotations: { "metallb.io/address-pool": "routed" },
        externalTrafficPolicy: "Local",
      }),
      slice("local", { nodeName: "n1" }),
    ),
    ask: ["local", "--node", "n2"],
    names: {
      cause: "no-local-endpoint",
      object: "Service local",
      field: "spec.externalTrafficPolicy",
      change: /run a ready pod of it on Node n2/,
      answers: "no",
    },
  },
  {
    name: "every node has the label exclude-from-external-load-balancers",
    plant: all(...NODES.map((name) => patched(node(name), EXCLUDED))),
    ask: WEB,
    names: {
      cause: "node-excluded",
      object: "Node n1",
      field: "metadata.labels",
      change: /kubectl label node n1 node\.kubernetes\.io\/exclude-from-external-load-balancers-/,
      answers: "no",
    },
  },
  {
    name: "one node has that label",
    plant: patched(node("n2"), EXCLUDED),
    ask: [...WEB, "--node", "n2"],
    names: {
      cause: "node-excluded",
      object: "Node n2",
      field: "metadata.labels",
      change: /kubectl label node n2/,
      answers: "no",
    },
  },
  {
    name: "a node is drained",
    plant: patched(node("n2"), { metadata: { annotations: { "herald.io/drain": "new disk" } } }),
    ask: [...WEB, "--node", "n2"],
    names: {
      cause: "node-drained",
      object: "Node n2",
      field: "metadata.annotations",
      words: /new disk/,
      change: /kubectl annotate node n2 herald\.io\/drain-/,
      answers: "no",
    },
  },
  {
    name: "a node has no network, says its CNI",
    plant: patchedStatus(node("n2"), { conditions: UNAVAILABLE }),
    ask: [...WEB, "--node", "n2"],
    names: {
      cause: "network-unavailable",
      object: "Node n2",
      field: "status.conditions",
      change: /mend the network of Node n2/,
      answers: "no",
    },
  },
  {
    name: "the Service is no LoadBalancer",
    plant: patched(serviceRef("web"), { spec: { type: "ClusterIP" } }),
    ask: WEB,
    names: {
      cause: "not-load-balancer",
      object: "Service web",
      field: "spec.type",
      change: /set spec\.type: LoadBalancer/,
      answers: "no",
    },
  },
  {
    name: "the Service has the class of another implementation",
    plant: created(service("classy", { loadBalancerClass: "example.com/other" })),
    ask: ["classy"],
    names: {
      cause: "wrong-class",
      object: "Service classy",
      field: "spec.loadBalancerClass",
      words: /example\.com\/other/,
      change: /leave spec\.loadBalancerClass out/,
      answers: "no",
    },
  },
];
