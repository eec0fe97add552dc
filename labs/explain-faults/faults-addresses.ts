import type { Fault } from "./fault.ts";
import { metallb, ROUTED, service } from "./objects.ts";
import { all, created, patched } from "./plants.ts";

const POOL = "metallb.io/address-pool";
const ADDRESSES = "metallb.io/loadBalancerIPs";
const SHARED = "metallb.io/allow-shared-ip";
const fromPool = { annotations: { [POOL]: "routed" } };

/** A Service and what it is asked for; every row has one of its own, so that nobody else's address moves. */
const AT_NEW = { object: "Service new", answers: "no" } as const;

/** Why a Service has no address. */
export const ADDRESS_FAULTS: readonly Fault[] = [
  {
    name: "the Service asks for a pool that is not there",
    plant: created(service("new", { annotations: { [POOL]: "nowhere" } })),
    ask: ["new"],
    names: {
      cause: "pool-unknown",
      field: `metadata.annotations[${POOL}]`,
      words: /nowhere/,
      change: /name an IPAddressPool that exists/,
      ...AT_NEW,
    },
  },
  {
    name: "the Service asks for no pool, and all are for those that ask",
    plant: created(service("new")),
    ask: ["new"],
    names: {
      cause: "no-available-addresses",
      field: `metadata.annotations[${POOL}]`,
      change: /spec\.autoAssign/,
      ...AT_NEW,
    },
  },
  {
    name: "the pool is full",
    plant: all(
      created(metallb("IPAddressPool", "small", { addresses: ["203.0.113.30/32"], autoAssign: false })),
      created(
        service("first", { annotations: { [POOL]: "small", [ADDRESSES]: "203.0.113.30" } }),
        service("new", { annotations: { [POOL]: "small" } }),
      ),
    ),
    ask: ["new"],
    names: {
      cause: "no-available-addresses",
      object: "IPAddressPool small",
      field: "spec.addresses",
      words: /small/,
      change: /add addresses to spec\.addresses/,
      answers: "no",
    },
  },
  {
    name: "the pool is for another namespace, and the Service asks for it",
    plant: all(
      created(
        metallb("IPAddressPool", "shop", {
          addresses: ["203.0.113.40/31"],
          serviceAllocation: { namespaces: ["shop"] },
        }),
      ),
      created(service("new", { annotations: { [POOL]: "shop" } })),
    ),
    ask: ["new"],
    names: {
      cause: "pool-not-compatible",
      object: "IPAddressPool shop",
      field: "spec.serviceAllocation",
      words: /shop/,
      change: /let spec\.serviceAllocation of IPAddressPool shop take/,
      answers: "no",
    },
  },
  {
    name: "the only pool that gives to all is for another namespace",
    plant: all(
      created(
        metallb("IPAddressPool", "shop", {
          addresses: ["203.0.113.40/31"],
          serviceAllocation: { namespaces: ["shop"] },
        }),
      ),
      created(service("new")),
    ),
    ask: ["new"],
    names: {
      cause: "no-available-addresses",
      object: "IPAddressPool shop",
      field: "spec.serviceAllocation",
      change: /let spec\.serviceAllocation of IPAddressPool shop take/,
      answers: "no",
    },
  },
  {
    name: "the Service asks for an address that is in no pool",
    plant: created(service("new", { annotations: { [ADDRESSES]: "192.0.2.77" } })),
    ask: ["new"],
    names: {
      cause: "address-outside-pools",
      field: `metadata.annotations[${ADDRESSES}]`,
      words: /192\.0\.2\.77/,
      change: /in spec\.addresses of an IPAddressPool/,
      ...AT_NEW,
    },
  },
  {
    name: "the Service asks for an address of another family",
    plant: created(service("new", { annotations: { [ADDRESSES]: "2001:db8:99::15" } })),
    ask: ["new"],
    names: {
      cause: "request-family-mismatch",
      field: `metadata.annotations[${ADDRESSES}]`,
      change: /spec\.ipFamilies/,
      ...AT_NEW,
    },
  },
  {
    name: "the Service shares an address with another key",
    plant: created(
      service("first", { annotations: { [ADDRESSES]: "203.0.113.15", [SHARED]: "one" } }),
      service("new", {
        annotations: { [ADDRESSES]: "203.0.113.15", [SHARED]: "two" },
        ports: [{ name: "other", port: 81, targetPort: 8080 }],
      }),
    ),
    ask: ["new"],
    names: {
      cause: "sharing-key-conflict",
      field: `metadata.annotations[${SHARED}]`,
      words: /default\/first/,
      change: /same sharing key/,
      ...AT_NEW,
    },
  },
  {
    name: "the Service shares an address, and its port is taken",
    plant: created(
      service("first", { annotations: { [ADDRESSES]: "203.0.113.15", [SHARED]: "one" } }),
      service("new", { annotations: { [ADDRESSES]: "203.0.113.15", [SHARED]: "one" } }),
    ),
    ask: ["new"],
    names: { cause: "port-in-use", field: "spec.ports", change: /use another port/, ...AT_NEW },
  },
  {
    name: "a new pool has addresses of another one",
    plant: all(
      created(metallb("IPAddressPool", "twin", { addresses: ["203.0.113.16-203.0.113.25"] })),
      created(service("new", { annotations: { [POOL]: "twin" } })),
    ),
    ask: ["new"],
    names: {
      cause: "invalid-object",
      object: "IPAddressPool twin",
      field: "spec.addresses[0]",
      words: /routed/,
      change: /mend spec\.addresses\[0\] of IPAddressPool twin/,
      answers: "no",
    },
  },
  {
    name: "a pool in use is given addresses of another one, and goes on as it was",
    plant: patched(ROUTED, { spec: { addresses: ["10.98.0.105-10.98.0.110"] } }),
    ask: ["web"],
    names: {
      cause: "invalid-object",
      object: "IPAddressPool routed",
      field: "spec.addresses[0]",
      change: /mend spec\.addresses\[0\] of IPAddressPool routed/,
      answers: "yes",
    },
  },
  {
    name: "the Service wants both families, and its pool has one",
    plant: created(service("new", { ...fromPool, ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv4", "IPv6"] })),
    ask: ["new"],
    names: {
      cause: "no-available-addresses",
      object: "IPAddressPool routed",
      field: "spec.addresses",
      change: /add addresses/,
      answers: "no",
    },
  },
];
