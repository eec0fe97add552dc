import type { Fault } from "./fault.ts";
import { metallb, PEER, service, slice } from "./objects.ts";
import { all, created, filtered, onNeighbours, onRouter, patched } from "./plants.ts";

const WEB = ["web"];
const AT_PEER = { object: "BGPPeer r1", answers: "no" } as const;

/** FRR counts a prefix before it has it: the third is one too many where one is allowed. */
const MORE_ROUTES = all(
  ...["second", "third"].map((name) =>
    created(service(name, { annotations: { "metallb.io/address-pool": "routed" } }), slice(name, { nodeName: "n1" })),
  ),
);

/** Sessions that do not come up, or do not carry what they should. */
export const SESSION_FAULTS: readonly Fault[] = [
  {
    name: "the BGPPeer has a wrong AS of the router",
    plant: patched(PEER, { spec: { peerASN: 64999 } }),
    ask: WEB,
    names: { cause: "wrong-asn", field: "spec.peerASN", words: /64513/, change: /set spec\.peerASN/, ...AT_PEER },
  },
  {
    name: "the BGPPeer has a wrong AS of ours",
    plant: patched(PEER, { spec: { myASN: 64999 } }),
    ask: WEB,
    names: { cause: "wrong-asn", field: "spec.myASN", change: /set spec\.myASN/, ...AT_PEER },
  },
  {
    name: "the router has another password",
    plant: all(onNeighbours("password open-sesame"), patched(PEER, { spec: { password: "open-barley" } })),
    ask: WEB,
    names: { cause: "wrong-password", field: "spec.password", change: /compare the password/, ...AT_PEER },
  },
  {
    name: "the BGPPeer has a password, the router none",
    // Another hold time makes the session anew; as it is it would take the password over, and be lost when the hold time is over.
    plant: patched(PEER, { spec: { password: "open-barley", holdTime: "9s", keepaliveTime: "3s" } }),
    ask: WEB,
    names: { cause: "wrong-password", field: "spec.password", change: /compare the password/, ...AT_PEER },
  },
  {
    name: "the router has a password, the BGPPeer none",
    plant: onNeighbours("password open-sesame"),
    ask: WEB,
    names: { cause: "no-answer", field: "spec.passwordSecret", change: /password/, ...AT_PEER },
  },
  {
    name: "a firewall drops TCP 179 at the router",
    plant: all(filtered("r1", "tcp dport 179 drop"), onRouter([], [])),
    ask: WEB,
    names: { cause: "no-answer", field: "spec.passwordSecret", change: /filters TCP 179/, ...AT_PEER },
  },
  {
    name: "nobody listens at the router's port 179",
    plant: filtered("r1", "tcp dport 179 reject with tcp reset"),
    ask: WEB,
    names: { cause: "connection-refused", field: "spec.peerAddress", change: /start BGP on the router/, ...AT_PEER },
  },
  {
    name: "the BGPPeer has a wrong port",
    plant: patched(PEER, { spec: { peerPort: 1790 } }),
    ask: WEB,
    names: { cause: "connection-refused", field: "spec.peerPort", change: /1790/, ...AT_PEER },
  },
  {
    name: "the BGPPeer has an address that nobody has",
    plant: patched(PEER, { spec: { peerAddress: "10.98.0.77" } }),
    ask: WEB,
    names: { cause: "router-unreachable", field: "spec.peerAddress", change: /address is right/, ...AT_PEER },
  },
  {
    name: "the BGPPeer has a source address that no node has",
    plant: patched(PEER, { spec: { sourceAddress: "10.98.0.99" } }),
    ask: WEB,
    names: { cause: "no-source-address", field: "spec.sourceAddress", change: /spec\.sourceAddress/, ...AT_PEER },
  },
  {
    name: "the BGPPeer has a VRF that no node has",
    plant: patched(PEER, { spec: { vrf: "red" } }),
    ask: WEB,
    names: { cause: "no-vrf", field: "spec.vrf", change: /spec\.vrf/, ...AT_PEER },
  },
  {
    name: "the router does not know the node",
    plant: onRouter(
      ["no bgp listen range 10.98.0.0/24 peer-group NODES"],
      ["bgp listen range 10.98.0.0/24 peer-group NODES"],
    ),
    ask: WEB,
    names: {
      cause: "not-configured-on-router",
      field: "spec.peerAddress",
      change: /configure this node's address as a neighbour/,
      ...AT_PEER,
    },
  },
  {
    name: "the neighbour is shut down on the router",
    plant: onRouter(["neighbor NODES shutdown"], ["no neighbor NODES shutdown"]),
    ask: WEB,
    names: { cause: "shut-down", field: "spec.peerAddress", change: /end the shutdown/, ...AT_PEER },
  },
  {
    name: "the router takes longer hold times only",
    plant: onRouter(["bgp minimum-holdtime 60"], ["no bgp minimum-holdtime"]),
    ask: WEB,
    names: { cause: "hold-time-refused", field: "spec.holdTime", change: /set spec\.holdTime/, ...AT_PEER },
  },
  {
    name: "TTL security at the node, not at the router",
    plant: all(onNeighbours("ebgp-multihop 64"), patched(PEER, { spec: { ttlSecurity: { hops: 1 } } })),
    ask: WEB,
    names: { cause: "ttl-too-low", field: "spec.ttlSecurity.hops", change: /number of hops/, ...AT_PEER },
  },
  {
    name: "TTL security at the router, not at the node",
    plant: all(onNeighbours("ttl-security hops 1"), patched(PEER, { spec: { holdTime: "3s", keepaliveTime: "1s" } })),
    ask: WEB,
    names: {
      cause: "not-heard-by-router",
      field: "spec.ttlSecurity",
      change: /set spec\.ttlSecurity\.hops/,
      ...AT_PEER,
      // It is up for as long as the hold time, again and again.
      answers: "partly",
    },
  },
  {
    name: "both ends have the same BGP role",
    plant: all(onNeighbours("local-role customer"), patched(PEER, { spec: { role: { name: "Customer" } } })),
    ask: WEB,
    names: { cause: "role-mismatch", field: "spec.role", change: /counterpart/, ...AT_PEER },
  },
  {
    name: "more routes than the router takes",
    plant: all(MORE_ROUTES, onNeighbours("maximum-prefix 1")),
    ask: WEB,
    names: { cause: "max-prefixes", field: "spec.maxPrefixes", change: /maximum-prefix/, ...AT_PEER },
  },
  {
    name: "the router announces more than spec.maxPrefixes",
    plant: all(
      onRouter(
        ["address-family ipv4 unicast", "network 192.0.2.0/25", "network 192.0.2.128/25"],
        ["address-family ipv4 unicast", "no network 192.0.2.0/25", "no network 192.0.2.128/25"],
      ),
      patched(PEER, { spec: { maxPrefixes: { limit: 1, action: "Reset" } } }),
    ),
    ask: WEB,
    names: {
      cause: "max-prefixes",
      field: "spec.maxPrefixes",
      change: /raise spec\.maxPrefixes\.limit/,
      ...AT_PEER,
    },
  },
  {
    name: "nobody answers BFD at the router",
    plant: all(created(metallb("BFDProfile", "fast", {})), patched(PEER, { spec: { bfdProfile: "fast" } })),
    ask: WEB,
    names: {
      cause: "bfd-down",
      object: "BGPPeer r1",
      field: "spec.bfdProfile",
      change: /BFD on at the router/,
      answers: "partly",
    },
  },
  {
    name: "the router has IPv6 unicast off on the session",
    plant: onRouter(
      ["address-family ipv6 unicast", "no neighbor NODES activate"],
      ["address-family ipv6 unicast", "neighbor NODES activate"],
    ),
    ask: ["six"],
    names: {
      cause: "family-not-negotiated",
      field: "spec.dualStackAddressFamily",
      words: /is up and carries ipv4-unicast alone/,
      change: /activate IPv6 unicast/,
      ...AT_PEER,
    },
  },
  {
    name: "a route map of the router refuses everything",
    plant: onRouter(
      ["address-family ipv4 unicast", "neighbor NODES route-map NONE in"],
      ["address-family ipv4 unicast", "no neighbor NODES route-map NONE in"],
    ),
    ask: WEB,
    names: {
      cause: "router-not-seen",
      object: "BGPPeer r1",
      words: /cannot be seen from here: BGP acknowledges no routes/,
      change: /ask router 10\.98\.0\.1 for 203\.0\.113\.10\/32: if it has not got it, its import policy refuses it/,
      answers: "yes",
    },
  },
  {
    name: "a BGPPeer that nothing is announced to has a wrong AS",
    plant: created(
      metallb("BGPPeer", "spare", { myASN: 64512, peerASN: 64999, peerAddress: "fd98::1", connectTime: "1s" }),
    ),
    sessions: "spare",
    says: /64513/,
    change: /^BGPPeer spare spec\.peerASN: set spec\.peerASN/,
  },
];
