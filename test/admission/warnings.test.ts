import { expect, test } from "vitest";
import type { ClusterObjects, ProposedChange } from "../../src/admission/change.ts";
import type { Secret, Service } from "../../src/api/core.ts";
import type { RawObject } from "../../src/api/object.ts";
import { bgp, l2, node, peer, pool, raw } from "../api/objects.ts";
import { create, remove, update, verdict } from "./cluster.ts";

type Row = readonly [string, ProposedChange, Partial<ClusterObjects>, string | undefined];

const community = (name: string, ...aliases: readonly string[]): RawObject =>
  raw("Community", name, { communities: aliases.map((alias, i) => ({ name: alias, value: `1:${i}` })) });
const bfd = (name: string, spec: object = {}): RawObject => raw("BFDProfile", name, spec);
const labelled = (object: RawObject, labels: Readonly<Record<string, string>>): RawObject => ({
  ...object,
  metadata: { ...object.metadata, labels },
});
const secret = (type: string, password?: string): Secret => ({
  metadata: { name: "s", namespace: "metallb-system" },
  type,
  data: password === undefined ? {} : { password },
});
const service = (name: string, from: string, ...ips: readonly string[]): Service => ({
  metadata: { name, namespace: "default", annotations: { "metallb.io/ip-allocated-from-pool": from } },
  spec: { type: "LoadBalancer" },
  status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
});

const BASIC = "kubernetes.io/basic-auth";
const WITH_SECRET = peer("p", { passwordSecret: { name: "s" } });
const WEB = pool("web", ["10.0.0.0/24"]);
const NODES = [node("n1", { rack: "a" })];
const RACK_B = { nodeSelectors: [{ matchLabels: { rack: "b" } }] };
const ECHO = "echo packets are sent to IPv4 neighbours one hop away, and to no others";
const TWICE = 'BGPPeer "q" has a session with the same router from the same nodes: most routers keep one';
const SERVICES = [
  service("a", "web", "10.0.0.1"),
  service("b", "web", "10.0.0.200"),
  service("c", "web", "10.0.0.201", "2001:db8::1"),
  service("d", "web", "10.0.0.202"),
  service("e", "web", "10.0.0.203"),
  service("f", "db", "10.7.0.200"),
];

const ROWS: readonly Row[] = [
  [
    "profile-missing",
    create(peer("p", { bfdProfile: "b" })),
    {},
    'spec.bfdProfile: there is no BFDProfile "b": until there is, the peer is left out',
  ],
  ["profile-missing: it is there", create(peer("p", { bfdProfile: "b" })), { bfdProfiles: [bfd("b")] }, undefined],
  [
    "secret-unusable: none",
    create(WITH_SECRET),
    { secrets: [] },
    'spec.passwordSecret: there is no Secret "s" in namespace metallb-system: so far the peer is left out',
  ],
  [
    "secret-unusable: of another type, which MetalLB accepts as well",
    create(WITH_SECRET),
    { secrets: [secret("Opaque", "eA==")] },
    'spec.passwordSecret: secret type mismatch on "s": want kubernetes.io/basic-auth, not "Opaque": so far the peer is left out',
  ],
  [
    "secret-unusable: no password",
    create(WITH_SECRET),
    { secrets: [secret(BASIC)] },
    'spec.passwordSecret: password not specified in the secret "s": so far the peer is left out',
  ],
  ["secret-unusable: sound", create(WITH_SECRET), { secrets: [secret(BASIC, "eA==")] }, undefined],
  ["secret-unusable: nobody has looked", create(WITH_SECRET), {}, undefined],
  ["no-node: of a peer", create(peer("p", RACK_B)), { nodes: NODES }, "spec.nodeSelectors: no node has these labels"],
  [
    "no-node: of a BGPAdvertisement",
    create(bgp("a", RACK_B)),
    { nodes: NODES },
    "spec.nodeSelectors: no node has these labels",
  ],
  [
    "no-node: of an L2Advertisement",
    create(l2("l", RACK_B)),
    { nodes: NODES },
    "spec.nodeSelectors: no node has these labels",
  ],
  ["no-node: nobody knows any node", create(peer("p", RACK_B)), {}, undefined],
  ["no-node: one matches", create(peer("p", RACK_B)), { nodes: [...NODES, node("n2", { rack: "b" })] }, undefined],
  ["router-twice", create(peer("p")), { peers: [peer("q", { holdTime: "30s" })] }, `spec.peerAddress: ${TWICE}`],
  [
    "router-twice: by interface",
    create(peer("p", { peerAddress: "", interface: "eth0" })),
    { peers: [peer("q", { peerAddress: "", interface: "eth0", holdTime: "30s" })] },
    `spec.interface: ${TWICE}`,
  ],
  [
    "router-twice: from other nodes",
    create(peer("p", RACK_B)),
    {
      peers: [peer("q", { nodeSelectors: [{ matchLabels: { rack: "a" } }] })],
      nodes: [...NODES, node("n2", { rack: "b" })],
    },
    undefined,
  ],
  ["router-twice: in another VRF", create(peer("p")), { peers: [peer("q", { vrf: "red" })] }, undefined],
  [
    "router-twice: from another address",
    create(peer("p")),
    { peers: [peer("q", { sourceAddress: "10.1.1.1" })] },
    undefined,
  ],
  ["router-twice: the other one is broken", create(peer("p")), { peers: [peer("q", { myASN: 0 })] }, undefined],
  [
    "echo-without-effect: an IPv6 neighbour",
    create(peer("p", { peerAddress: "2001:db8::1", bfdProfile: "b" })),
    { bfdProfiles: [bfd("b", { echoMode: true })] },
    `spec.bfdProfile: BFDProfile "b" has echoMode: ${ECHO}`,
  ],
  [
    "echo-without-effect: several hops",
    create(peer("p", { ebgpMultiHop: true, bfdProfile: "b" })),
    { bfdProfiles: [bfd("b", { echoMode: true })] },
    `spec.bfdProfile: BFDProfile "b" has echoMode: ${ECHO}`,
  ],
  [
    "echo-without-effect: IPv4",
    create(peer("p", { bfdProfile: "b" })),
    { bfdProfiles: [bfd("b", { echoMode: true })] },
    undefined,
  ],
  [
    "echo-without-effect: from the side of the profile",
    update(bfd("b"), bfd("b", { echoMode: true })),
    { peers: [peer("p", { peerAddress: "2001:db8::1", bfdProfile: "b" }), peer("q", { bfdProfile: "b" })] },
    `spec.echoMode: without effect for BGPPeer "p": ${ECHO}`,
  ],
  [
    "disable-mp-without-effect",
    create(peer("p", { disableMP: true })),
    {},
    "spec.disableMP: deprecated, and without effect: see dualStackAddressFamily",
  ],
  [
    "pool-missing: by name",
    create(bgp("a", { ipAddressPools: ["web", "db"] })),
    { pools: [WEB] },
    'spec.ipAddressPools[1]: there is no IPAddressPool "db"',
  ],
  [
    "pool-missing: a broken one is there",
    create(l2("l", { ipAddressPools: ["web"] })),
    { pools: [pool("web", [])] },
    undefined,
  ],
  [
    "pool-missing: by label",
    create(l2("l", { ipAddressPoolSelectors: [{ matchLabels: { tier: "db" } }] })),
    { pools: [labelled(WEB, { tier: "web" })] },
    "spec.ipAddressPoolSelectors: no IPAddressPool has these labels",
  ],
  ["pool-missing: all of none is no mistake", create(l2("l", {})), {}, undefined],
  [
    "peer-missing",
    create(bgp("a", { peers: ["p", "q"] })),
    { peers: [peer("p")] },
    'spec.peers[1]: there is no BGPPeer "q"',
  ],
  [
    "alias-missing",
    create(bgp("a", { communities: ["1:1", "vip"] })),
    {},
    'spec.communities[1]: no Community defines "vip": until one does, the advertisement is left out',
  ],
  [
    "alias-missing: it is there",
    create(bgp("a", { communities: ["vip"] })),
    { communities: [community("c", "vip")] },
    undefined,
  ],
  [
    "alias-in-use: taken out",
    update(community("c", "vip", "x"), community("c", "x")),
    { bgpAdvertisements: [bgp("a", { communities: ["vip", "x"] }), bgp("b", { communities: ["x"] })] },
    'spec.communities: nothing defines "vip" then, used by BGPAdvertisement "a"',
  ],
  [
    "alias-in-use: the Community goes",
    remove(community("c", "vip")),
    { bgpAdvertisements: [bgp("a", { communities: ["vip"] })], communities: [community("c", "vip")] },
    'spec.communities: nothing defines "vip" then, used by BGPAdvertisement "a"',
  ],
  ["alias-in-use: nobody uses it", remove(community("c", "vip")), { bgpAdvertisements: [bgp("a")] }, undefined],
  [
    "alias-in-use: another one defines it",
    update(community("c", "vip"), community("c", "x")),
    { bgpAdvertisements: [bgp("a", { communities: ["vip"] })], communities: [community("d", "vip")] },
    undefined,
  ],
  [
    "addresses-in-use: a narrower pool",
    update(WEB, pool("web", ["10.0.0.0/25"])),
    { services: SERVICES },
    "spec.addresses: 4 Services have addresses that would be in no pool: default/b, default/c, default/d and 1 more",
  ],
  [
    "addresses-in-use: the pool goes",
    remove(pool("db", ["10.7.0.0/24"])),
    { services: SERVICES },
    "spec.addresses: 1 Service has an address that would be in no pool: default/f",
  ],
  [
    "addresses-in-use: a wider pool",
    update(WEB, pool("web", ["10.0.0.0/23", "2001:db8::/64"])),
    { services: SERVICES },
    undefined,
  ],
  [
    "addresses-in-use: Services without an address lose none",
    remove(WEB),
    {
      services: [
        { ...service("g", "web"), status: {} },
        { ...service("h", "web"), status: { loadBalancer: { ingress: [{ hostname: "x" }, { ip: "none" }] } } },
      ],
    },
    undefined,
  ],
  ["addresses-in-use: nobody has looked", remove(WEB), {}, undefined],
  [
    "pool-abandoned: the last advertisement goes",
    remove(l2("l", { ipAddressPools: ["web"] })),
    { pools: [WEB], l2Advertisements: [l2("l")] },
    'spec.ipAddressPools: nothing advertises IPAddressPool "web" then',
  ],
  [
    "pool-abandoned: what was broken advertised nothing",
    remove(l2("l", { interfaces: [5] })),
    { pools: [WEB] },
    undefined,
  ],
  [
    "pool-abandoned: the last one looks elsewhere",
    update(bgp("a"), bgp("a", { ipAddressPools: ["db"] })),
    { pools: [WEB, pool("db", ["10.7.0.0/24"])] },
    'spec.ipAddressPools: nothing advertises IPAddressPool "web" then',
  ],
  [
    "pool-abandoned: another protocol goes on",
    remove(l2("l")),
    { pools: [WEB], bgpAdvertisements: [bgp("a")] },
    undefined,
  ],
];

test("every rule has rows", () => {
  expect(new Set(ROWS.map(([name]) => name.split(":")[0])).size).toBe(12);
});

test.each(ROWS)("%s", (_, change, objects, want) => {
  expect(verdict(change, objects)).toEqual(["allowed", ...(want === undefined ? [] : [`Warning: ${want}`])]);
});

test("no more than ten, and how many more", () => {
  const names = Array.from({ length: 25 }, (_, i) => `pool-${i}`);
  const lines = verdict(create(bgp("a", { ipAddressPools: names })));
  expect(lines).toHaveLength(12);
  expect(lines.at(-1)).toBe("Warning: and 15 more warnings");
});

test("warnings stay within the 256 letters that the API server shows", () => {
  const lines = ROWS.flatMap(([, change, objects]) => verdict(change, objects));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(256);
});
