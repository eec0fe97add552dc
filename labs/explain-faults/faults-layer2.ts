import type { Fault } from "./fault.ts";
import { L2_ADVERTISEMENT, metallb, PEER, service, serviceRef, slice } from "./objects.ts";
import { all, created, deleted, patched } from "./plants.ts";

const LAN = ["lan"];
const AT_ADVERTISEMENT = { object: "L2Advertisement lan", answers: "no" } as const;

/** Addresses of the LAN. */
export const LAYER2_FAULTS: readonly Fault[] = [
  {
    name: "no L2Advertisement, and no router either",
    plant: all(deleted(L2_ADVERTISEMENT), deleted(PEER)),
    ask: LAN,
    names: {
      cause: "no-matching-advertisement",
      object: "IPAddressPool lan",
      change: /create an L2Advertisement that selects IPAddressPool lan/,
      answers: "no",
    },
  },
  {
    name: "the L2Advertisement selects another pool",
    plant: patched(L2_ADVERTISEMENT, { spec: { ipAddressPools: ["other"] } }),
    ask: LAN,
    names: {
      cause: "no-matching-advertisement",
      field: "spec.ipAddressPools",
      change: /add lan to spec\.ipAddressPools of L2Advertisement lan/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "the L2Advertisement selects no node",
    plant: patched(L2_ADVERTISEMENT, { spec: { nodeSelectors: [{ matchLabels: { rack: "none" } }] } }),
    ask: LAN,
    names: {
      cause: "node-not-selected",
      field: "spec.nodeSelectors",
      change: /spec\.nodeSelectors of L2Advertisement lan/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "the L2Advertisement names an interface that no node has",
    plant: patched(L2_ADVERTISEMENT, { spec: { interfaces: ["eth9"] } }),
    ask: LAN,
    names: {
      cause: "interface-missing",
      field: "spec.interfaces",
      words: /eth9/,
      change: /name an interface that the node has/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "the L2Advertisement names an interface where no client is",
    plant: patched(L2_ADVERTISEMENT, { spec: { interfaces: ["eth0"] } }),
    ask: LAN,
    names: {
      cause: "never-asked",
      object: "L2Advertisement lan",
      field: "spec.interfaces",
      words: /on eth0 of Node/,
      change: /see that the clients, or their router, are on the LAN of eth0/,
      answers: "yes",
    },
  },
  {
    name: "a stranger uses the address that the Service asks for",
    plant: all(
      created(service("wanted", { annotations: { "metallb.io/loadBalancerIPs": "10.98.0.109" } })),
      created(slice("wanted", { nodeName: "n1" })),
    ),
    ask: ["wanted"],
    names: {
      cause: "address-conflict",
      object: "Service wanted",
      field: "status.conditions",
      words: /10\.98\.0\.109 is in use by [0-9a-f:]{17}/,
      change: /take 10\.98\.0\.109 off the machine/,
      answers: "no",
    },
  },
  {
    name: "a shared address and serviceSelectors, which exclude each other",
    plant: all(
      patched(L2_ADVERTISEMENT, {
        spec: { serviceSelectors: [{ matchExpressions: [{ key: "x", operator: "DoesNotExist" }] }] },
      }),
      patched(serviceRef("lan"), { metadata: { annotations: { "metallb.io/allow-shared-ip": "one" } } }),
    ),
    ask: LAN,
    names: {
      cause: "shared-ip-with-service-selector",
      field: "spec.serviceSelectors",
      change: /take spec\.serviceSelectors off the L2Advertisement/,
      ...AT_ADVERTISEMENT,
    },
  },
  {
    name: "an advertisement of the wrong kind: the pool of the LAN is announced by BGP alone",
    plant: all(
      patched(L2_ADVERTISEMENT, { spec: { ipAddressPools: ["other"] } }),
      created(metallb("BGPAdvertisement", "lan", { ipAddressPools: ["lan"], peers: ["r1"] })),
    ),
    ask: LAN,
    names: {
      cause: "router-not-seen",
      object: "BGPPeer r1",
      change: /ask router 10\.98\.0\.1 for 10\.98\.0\.100\/32/,
      answers: "yes",
    },
  },
];
