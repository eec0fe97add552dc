import { describe, expect, test } from "vitest";
import type { RefusalCause } from "../../src/announcement/refusal.ts";
import { nodeName, peerName, serviceKey } from "../../src/api/brands.ts";
import type { Observed } from "../../src/inspection/explain/facts.ts";
import { planItem } from "../../src/inspection/state-view.ts";
import {
  bgp,
  but,
  down,
  explained,
  HAS,
  held,
  lan,
  layer2,
  type Manifest,
  members,
  node,
  observed,
  peer,
  pool,
  route,
  SOUND,
  service,
  session,
  slice,
} from "./explain-scene.ts";

const EXCLUDED = { labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" } };
const DRAINED = { annotations: { "herald.io/drain": "new disk" } };
const PROFILE: Manifest = {
  apiVersion: "metallb.io/v1beta1",
  kind: "BFDProfile",
  metadata: { name: "fast", namespace: "metallb-system" },
  spec: {},
};
const other = (spec: object = {}, annotations: object = {}): Manifest => ({
  ...service({ ...spec }, { name: "other", annotations }, HAS),
});
const WEBHOOK = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "metallb-webhook-configuration" },
  webhooks: [
    {
      failurePolicy: "Fail",
      clientConfig: { caBundle: "eA==", service: { namespace: "metallb-system", name: "metallb-webhook-service" } },
    },
  ],
};
const METALLB: Manifest = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "controller", namespace: "metallb-old" },
  spec: {
    replicas: 1,
    template: { spec: { containers: [{ name: "controller", image: "quay.io/metallb/controller:v0.15.2" }] } },
  },
};

const refusedBy = (cause: RefusalCause, protocol: "bgp" | "layer2"): Observed["plans"] => {
  const key = serviceKey("default", "web");
  const refusals = [{ service: key, ip: "192.0.2.0", protocol, cause }];
  return ["a", "b"].map((one) => planItem(one, { key, bgp: [], layer2: [], refusals }));
};

describe("a fault, and the cause that is named first", () => {
  test.each<
    [
      fault: string,
      cause: string,
      object: string,
      field: string | undefined,
      objects: readonly object[],
      lbClass?: string,
    ]
  >([
    [
      "wrong class",
      "wrong-class",
      "web",
      "spec.loadBalancerClass",
      but(["Service"], service({ loadBalancerClass: "x/y" })),
    ],
    ["a class where Herald has one", "wrong-class", "web", "spec.loadBalancerClass", SOUND, "herald.io/lb"],
    ["no LoadBalancer", "not-load-balancer", "web", "spec.type", but(["Service"], service({ type: "ClusterIP" }))],
    ["no pool", "no-pools", "", undefined, but(["IPAddressPool"])],
    [
      "an invalid pool",
      "invalid-object",
      "main",
      "spec.addresses[0]",
      but(["IPAddressPool"], pool({ addresses: ["x"] })),
    ],
    [
      "pool exhausted",
      "no-available-addresses",
      "main",
      "spec.addresses",
      but(["IPAddressPool", "Service"], pool({ addresses: ["192.0.2.0/32"] }), other(), service()),
    ],
    [
      "spec.loadBalancerIP outside of the pools",
      "address-outside-pools",
      "web",
      "spec.loadBalancerIP",
      but(["Service"], service({ loadBalancerIP: "198.51.100.1" })),
    ],
    [
      "a pool that is not there",
      "pool-unknown",
      "web",
      "metadata.annotations[metallb.io/address-pool]",
      but(["Service"], service({}, { annotations: { "metallb.io/address-pool": "none" } })),
    ],
    [
      "sharing key mismatch",
      "sharing-key-conflict",
      "web",
      "metadata.annotations[metallb.io/allow-shared-ip]",
      but(
        ["Service"],
        other({ ports: [{ port: 81 }] }, { "metallb.io/allow-shared-ip": "one" }),
        service({ loadBalancerIP: "192.0.2.0" }, { annotations: { "metallb.io/allow-shared-ip": "two" } }),
      ),
    ],
    [
      "a port that is taken on a shared address",
      "port-in-use",
      "web",
      "spec.ports",
      but(
        ["Service"],
        other({}, { "metallb.io/allow-shared-ip": "one" }),
        service({ loadBalancerIP: "192.0.2.0" }, { annotations: { "metallb.io/allow-shared-ip": "one" } }),
      ),
    ],
    ["no endpoint", "no-endpoint", "web", "spec.selector", but(["EndpointSlice"], slice([]))],
    [
      "Local without a local endpoint",
      "no-local-endpoint",
      "web",
      "spec.externalTrafficPolicy",
      but(["Service", "EndpointSlice"], service({ externalTrafficPolicy: "Local" }, {}, HAS), slice(["c"])),
    ],
    ["no advertisement", "no-matching-advertisement", "main", undefined, but(["BGPAdvertisement"])],
    [
      "pool not selected",
      "no-matching-advertisement",
      "all",
      "spec.ipAddressPools",
      but(["BGPAdvertisement"], bgp({ ipAddressPools: ["other"] })),
    ],
    [
      "labels of the Service not selected",
      "no-matching-advertisement",
      "all",
      "spec.serviceSelectors",
      but(["BGPAdvertisement"], bgp({ serviceSelectors: [{ matchLabels: { app: "no" } }] })),
    ],
    [
      "nodes not selected",
      "node-not-selected",
      "all",
      "spec.nodeSelectors",
      but(["BGPAdvertisement"], bgp({ nodeSelectors: [{ matchLabels: { rack: "1" } }] })),
    ],
    [
      "missing community alias",
      "reference-missing",
      "all",
      "spec.communities[0]",
      but(["BGPAdvertisement"], bgp({ communities: ["blackhole"] })),
    ],
    ["all nodes excluded", "node-excluded", "a", "metadata.labels", but(["Node"], node("a", EXCLUDED))],
    ["all nodes drained", "node-drained", "a", "metadata.annotations", but(["Node"], node("a", DRAINED))],
    ["no peer", "no-matching-peer", "all", "spec.peers", but(["BGPPeer"])],
    [
      "a peer that no node has",
      "no-matching-peer",
      "tor",
      "spec.nodeSelectors",
      but(["BGPPeer"], peer({ nodeSelectors: [{ matchLabels: { rack: "1" } }] })),
    ],
    [
      "a missing BFD profile",
      "reference-missing",
      "tor",
      "spec.bfdProfile",
      but(["BGPPeer"], peer({ bfdProfile: "fast" })),
    ],
    [
      "a missing Secret",
      "reference-missing",
      "tor",
      "spec.passwordSecret",
      but(["BGPPeer"], peer({ passwordSecret: { name: "tor" } })),
    ],
    [
      "family not carried",
      "family-not-carried",
      "tor",
      "spec.dualStackAddressFamily",
      but(["BGPPeer"], peer({ peerAddress: "2001:db8::1" })),
    ],
  ])("%s is %s", (_, cause, object, field, objects, lbClass) => {
    const { answers, causes, change } = explained(objects, lbClass === undefined ? {} : { lbClass });
    const [first] = causes;
    expect([first?.name, first?.object?.name ?? "", first?.field, answers]).toEqual([cause, object, field, "no"]);
    expect(first?.verdict).toBe("no");
    expect(change).toBe(first?.change);
  });
});

describe("a fault that only speakers see", () => {
  const both = (make: (on: string) => ReturnType<typeof session>): Observed =>
    observed({ sessions: [make("a"), make("b")], routes: [] });
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "tor", namespace: "metallb-system" },
    type: "kubernetes.io/basic-auth",
    data: { password: "aGVyYWxk" },
  };

  test.each<[fault: string, cause: string, field: string | undefined, seen: Observed, objects?: readonly object[]]>([
    ["the router's ASN", "wrong-asn", "spec.peerASN", both((on) => down(on, "AS", { direction: "out", subcode: 2 }))],
    ["our ASN", "wrong-asn", "spec.myASN", both((on) => down(on, "AS", { direction: "in", subcode: 2 }))],
    ["hold time", "hold-time-refused", "spec.holdTime", both((on) => down(on, "hold", { subcode: 6 }))],
    ["router ID", "bad-router-id", "spec.routerID", both((on) => down(on, "id", { subcode: 3 }))],
    ["BGP role", "role-mismatch", "spec.role", both((on) => down(on, "role", { subcode: 11 }))],
    ["router's limit", "max-prefixes", "spec.maxPrefixes", both((on) => down(on, "cease", { code: 6, subcode: 1 }))],
    [
      "unknown to the router",
      "not-configured-on-router",
      "spec.peerAddress",
      both((on) => down(on, "no", { code: 6, subcode: 5 })),
    ],
    [
      "nobody listens",
      "connection-refused",
      "spec.peerAddress",
      both((on) => down(on, "connect ECONNREFUSED 10.0.0.254:179")),
    ],
    [
      "wrong password",
      "wrong-password",
      "spec.passwordSecret",
      both((on) => down(on, "connect ETIMEDOUT")),
      but(["BGPPeer"], peer({ passwordSecret: { name: "tor" } }), secret),
    ],
    [
      "TTL too low",
      "ttl-too-low",
      "spec.ttlSecurity.hops",
      both((on) => down(on, "connect ETIMEDOUT")),
      but(["BGPPeer"], peer({ ttlSecurity: { hops: 1 } })),
    ],
    [
      "a router that is not where it is said to be",
      "router-unreachable",
      "spec.peerAddress",
      both((on) => down(on, "connect EHOSTUNREACH")),
    ],
    [
      "wrong interface of an unnumbered peer",
      "no-router-on-interface",
      "spec.interface",
      both((on) => {
        const { address: _, ...rest } = down(on, "no router has been heard on eth9 yet");
        return { ...rest, interface: "eth9" };
      }),
      but(["BGPPeer"], peer({ peerAddress: "", interface: "eth9" })),
    ],
    [
      "BFD down",
      "bfd-down",
      "spec.bfdProfile",
      both((on) => ({ ...down(on, "BFD"), flaps: 1, bfd: { state: "down" } })),
      but(["BGPPeer"], peer({ bfdProfile: "fast" }), PROFILE),
    ],
    [
      "family not negotiated",
      "family-not-negotiated",
      "spec.dualStackAddressFamily",
      observed({ routes: [route("a", "family-not-carried"), route("b", "family-not-carried")] }),
    ],
    [
      "no next hop",
      "no-next-hop",
      "spec.sourceAddress",
      observed({ routes: [route("a", "no-next-hop"), route("b", "no-next-hop")] }),
    ],
    ["a speaker that lags behind", "speaker-behind", undefined, observed({ plans: [], sessions: [], routes: [] })],
    ["no speaker", "no-speaker", undefined, observed({ answered: new Set(), plans: [] })],
    [
      "an option that the node lacks",
      "peer-not-supported",
      "spec.vrf",
      observed({
        plans: refusedBy(
          { reason: "peer-not-supported", node: nodeName("a"), peers: [{ name: peerName("tor"), field: "spec.vrf" }] },
          "bgp",
        ),
      }),
    ],
    [
      "a controller that does nothing",
      "controller-silent",
      "status.loadBalancer.ingress",
      observed(),
      but(["Service"], service()),
    ],
  ])("%s is %s", (_, cause, field, seen, objects = SOUND) => {
    const { answers, causes } = explained(objects, { seen });
    expect([causes[0]?.name, causes[0]?.field, answers]).toEqual([cause, field, "no"]);
    expect(causes[0]?.verdict).toBe("no");
  });
});

describe("layer 2", () => {
  const SITE = but(["BGPAdvertisement", "BGPPeer"], lan());
  const winner = explained(SITE).findings.flatMap((finding) =>
    finding.step === "layer2" ? finding.below.filter(({ verdict }) => verdict === "yes") : [],
  )[0]?.object?.name;
  const on = winner ?? "";
  const seen = (fields: Partial<Observed>): Observed => observed({ sessions: [], routes: [], ...fields });

  test.each<[fault: string, cause: string, answers: string, seen: Observed]>([
    ["the one who is asked", "", "yes", seen({ layer2: [layer2(on, held(on))] })],
    [
      "nobody has asked: another VLAN, perhaps",
      "never-asked",
      "yes",
      seen({ layer2: [layer2(on, held(on, { requests: 0 }))] }),
    ],
    [
      "address taken by a stranger",
      "address-conflict",
      "no",
      seen({
        plans: refusedBy(
          { reason: "address-conflict", node: nodeName(on), address: "192.0.2.0", mac: "02::1", interface: "eth0" },
          "layer2",
        ),
      }),
    ],
    ["quarantined", "address-conflict", "no", seen({ layer2: [layer2(on, held(on, { state: "quarantined" }))] })],
    [
      "wrong interface",
      "interface-missing",
      "no",
      seen({ plans: refusedBy({ reason: "interface-missing", node: nodeName(on), interfaces: ["eth9"] }, "layer2") }),
    ],
    [
      "fenced",
      "fenced",
      "no",
      seen({ plans: refusedBy({ reason: "fenced", node: nodeName(on), why: "no API" }, "layer2") }),
    ],
    [
      "two nodes answer",
      "two-nodes-answer",
      "partly",
      seen({ layer2: [layer2("a", held("a")), layer2("b", held("b"))] }),
    ],
    [
      "gossip without the right key",
      "gossip-split",
      "yes",
      seen({ layer2: [layer2(on, held(on))], members: [members("a", "a"), members("b", "b")] }),
    ],
  ])("%s: %s", (_, cause, answers, what) => {
    const explanation = explained(SITE, { seen: what });
    expect([explanation.causes[0]?.name ?? "", explanation.answers]).toEqual([cause, answers]);
  });
});

describe("what is not certain is said as such", () => {
  test("a route that was sent: BGP acknowledges nothing, so the router is to be asked", () => {
    const { answers, causes, change } = explained(SOUND, { seen: observed() });
    expect(answers).toBe("yes");
    expect(causes.map(({ name, verdict }) => [name, verdict])).toEqual([["router-not-seen", "unknown"]]);
    expect(causes[0]?.change).toContain("RFC 8212");
    expect(change).toBeUndefined();
  });

  test("nodes that do not answer: nobody knows, and what their BGPSessionStates say was so before", () => {
    const silent = new Map([
      ["a", "no answer within 5 s"],
      ["b", "no answer within 5 s"],
    ]);
    const dark = observed({ answered: new Set(), silent, plans: [], sessions: [], routes: [] });
    expect(explained(SOUND, { seen: dark })).toMatchObject({
      answers: "unknown",
      causes: [{ name: "speaker-silent" }, {}],
    });
    const state = { name: "x", peer: "tor", state: "Idle", lastError: "the peer says AS 1" };
    const told = observed({ ...dark, sessionStates: ["a", "b"].map((one) => ({ ...state, node: one })) });
    const { answers, causes, findings } = explained(SOUND, { seen: told });
    expect([answers, causes.map(({ name }) => name)]).toEqual(["unknown", ["speaker-silent", "speaker-silent"]]);
    expect(JSON.stringify(findings)).toContain("is Idle, says BGPSessionState x: the peer says AS 1");
  });

  test("one session of two is down: it is announced, and what is wrong is named with its node", () => {
    const seen = observed({
      sessions: [session("a"), down("b", "AS", { direction: "out", subcode: 2 })],
      routes: [route("a")],
    });
    const { answers, causes } = explained(SOUND, { seen });
    expect(answers).toBe("partly");
    expect(causes[0]).toMatchObject({ name: "wrong-asn", verdict: "no", at: ["Node b"] });
    expect(explained(SOUND, { seen, node: "a" }).answers).toBe("yes");
    expect(explained(SOUND, { seen, node: "b" }).answers).toBe("no");
  });

  test.each([
    ["the webhook is down", "webhook-down", [...SOUND, WEBHOOK]],
    ["a second controller", "second-controller", [...SOUND, METALLB]],
    [
      "a stranger that a condition names",
      "address-conflict",
      but(
        ["Service"],
        service(
          {},
          {},
          {
            ...HAS,
            conditions: [
              {
                type: "herald.io/AddressConflict",
                status: "True",
                message: "192.0.2.0 is in use by 02:00:00:00:00:09 on interface eth0 of Node a",
              },
            ],
          },
        ),
      ),
    ],
    ["an object of no use here", "invalid-object", [...SOUND, pool({ addresses: ["x"] }, "bad")]],
  ])("%s is in doubt, and what is announced goes on", (_, cause, objects) => {
    const { answers, causes } = explained(objects);
    expect(answers).toBe("yes");
    expect(causes).toContainEqual(expect.objectContaining({ name: cause, verdict: "doubt" }));
  });

  test("a webhook with a ready pod behind it is no cause", () => {
    const pod = {
      ...slice(),
      metadata: {
        namespace: "metallb-system",
        name: "hook",
        labels: { "kubernetes.io/service-name": "metallb-webhook-service" },
      },
    };
    expect(explained([...SOUND, WEBHOOK, pod]).causes).toEqual([]);
  });
});

describe("questions about one node and one peer", () => {
  test("a node that is left out on purpose is no fault, unless it is asked about", () => {
    const objects = but(["Node"], node("a"), node("b", EXCLUDED));
    expect(explained(objects)).toMatchObject({ answers: "yes", causes: [] });
    expect(explained(objects, { node: "b" })).toMatchObject({ answers: "no", causes: [{ name: "node-excluded" }] });
  });

  test.each<[string, string, readonly object[]]>([
    ["there is none of that name", "peer-unknown", SOUND],
    [
      "it runs on other nodes",
      "peer-not-on-node",
      [...SOUND, peer({ nodeSelectors: [{ matchLabels: { rack: "1" } }], peerAddress: "10.0.0.253" }, "two")],
    ],
    [
      "no advertisement names it",
      "peer-not-named",
      [...but(["BGPAdvertisement"], bgp({ peers: ["tor"] })), peer({ peerAddress: "10.0.0.253" }, "two")],
    ],
    ["it is invalid", "invalid-object", [...SOUND, peer({ peerASN: -1, peerAddress: "10.0.0.253" }, "two")]],
  ])("to a peer: %s", (_, cause, objects) => {
    const { answers, causes } = explained(objects, { peer: "two" });
    expect([answers, causes[0]?.name]).toEqual(["no", cause]);
  });
});

test("the sound cluster has no cause and is announced from both nodes", () => {
  const { answers, causes, findings } = explained(SOUND);
  expect([answers, causes]).toEqual(["yes", []]);
  expect(findings.find(({ step }) => step === "bgp")?.below.map(({ verdict }) => verdict)).toEqual(["yes", "yes"]);
});

test("no password is in any explanation", () => {
  const objects = but(["BGPPeer"], peer({ password: "swordfish" }));
  const seen = observed({ sessions: [down("a", "connect ETIMEDOUT"), down("b", "connect ETIMEDOUT")] });
  expect(JSON.stringify(explained(objects, { seen }))).not.toContain("swordfish");
});
