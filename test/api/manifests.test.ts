import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sortManifests } from "../../src/api/manifests.ts";
import { parseConfig } from "../../src/api/parse-config.ts";
import {
  stripEndpointSlice,
  stripNamespace,
  stripNode,
  stripRawObject,
  stripSecret,
  stripService,
} from "../../src/api/strip.ts";

const doc = (apiVersion: string, kind: string, name: string, more: object = {}): object => ({
  apiVersion,
  kind,
  metadata: { name },
  ...more,
});
const inNs = (name: string, namespace: string): object => ({
  ...doc("v1", "Service", name),
  metadata: { name, namespace },
});
const invalid = (documents: readonly unknown[]): readonly string[] =>
  sortManifests(documents).invalid.map(({ kind, name, message }) => `${kind} ${name}: ${message}`);

describe("sortManifests()", () => {
  test("every kind goes to its list", () => {
    const m = sortManifests([
      doc("v1", "Service", "s"),
      doc("discovery.k8s.io/v1", "EndpointSlice", "e"),
      doc("v1", "Node", "n"),
      doc("v1", "Namespace", "ns"),
      doc("v1", "Secret", "x"),
      doc("metallb.io/v1beta1", "IPAddressPool", "p"),
      doc("metallb.io/v1beta1", "BGPPeer", "old"),
      doc("metallb.io/v1beta2", "BGPPeer", "new"),
      doc("metallb.io/v1beta1", "BGPAdvertisement", "b"),
      doc("metallb.io/v1beta1", "L2Advertisement", "l"),
      doc("metallb.io/v1beta1", "Community", "c"),
      doc("metallb.io/v1beta1", "BFDProfile", "f"),
      doc("metallb.io/v1beta1", "ServiceL2Status", "status"),
      doc("apps/v1", "Deployment", "d"),
      doc("serving.knative.dev/v1", "Service", "other-group"),
      doc("v1", "Pod", "pod"),
    ]);
    const names = (list: readonly { metadata: { name: string } }[]): string =>
      list.map(({ metadata }) => metadata.name).join();
    expect(
      [
        m.services,
        m.endpointSlices,
        m.nodes,
        m.namespaces,
        m.secrets,
        m.pools,
        m.peers,
        m.bgpAdvertisements,
        m.l2Advertisements,
        m.communities,
        m.bfdProfiles,
      ].map(names),
    ).toEqual(["s", "e", "n", "ns", "x", "p", "old,new", "b", "l", "c", "f"]);
    expect(m.ignored.map(({ name }) => name)).toEqual(["status", "d", "other-group", "pod"]);
    expect(m.invalid).toEqual([]);
  });

  test("lists are taken apart, nested ones too; items of a typed list may leave out their kind", () => {
    const m = sortManifests([
      {
        apiVersion: "v1",
        kind: "List",
        items: [doc("v1", "Node", "a"), { apiVersion: "v1", kind: "NodeList", items: [{ metadata: { name: "b" } }] }],
      },
      { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPoolList", items: [{ metadata: { name: "p" }, spec: {} }] },
      { apiVersion: "v1", kind: "List", items: [] },
      null,
      undefined,
    ]);
    expect([m.nodes.map(({ metadata }) => metadata.name), m.pools.map(({ kind }) => kind), m.invalid]).toEqual([
      ["a", "b"],
      ["IPAddressPool"],
      [],
    ]);
  });

  test.each([
    ["a number", 5, "unknown document 1: must be an object, not 5"],
    ["a text", "x", 'unknown document 1: must be an object, not "x"'],
    ["a list", [], "unknown document 1: must be an object, not a list"],
    [
      "nothing but braces",
      {},
      "unknown document 1: apiVersion: must be set; kind: must be set; metadata.name: must be set",
    ],
    ["no name", { apiVersion: "v1", kind: "Node" }, "Node document 1: metadata.name: must be set"],
    [
      "metadata that are a text",
      { apiVersion: "v1", kind: "Node", metadata: "n" },
      'Node document 1: metadata: must be an object, not "n"; metadata.name: must be set',
    ],
    [
      "a hole in a list",
      { apiVersion: "v1", kind: "List", items: [null] },
      'unknown document 1, items[0]: must be an object, not "null"',
    ],
    ["a list without items", { apiVersion: "v1", kind: "List" }, "List document 1: items: must be a list"],
    [
      "a typed list whose items are a text",
      { apiVersion: "v1", kind: "NodeList", items: "x" },
      "NodeList document 1: items: must be a list",
    ],
    [
      "a List whose items are an object",
      { apiVersion: "v1", kind: "List", items: {} },
      "List document 1: items: must be a list",
    ],
    [
      "a name that every plain object has",
      doc("metallb.io/v1beta1", "IPAddressPool", "__proto__"),
      'IPAddressPool __proto__: metadata.name: must be at most 253 of a-z, 0-9, "-" and ".", and begin and end with a letter or digit between dots, not "__proto__"',
    ],
    [
      "a name with an empty part",
      doc("metallb.io/v1beta1", "Community", "a..b"),
      "Community a..b: metadata.name: must be",
    ],
    ["a name in capitals", doc("v1", "Node", "N1"), "Node N1: metadata.name: must be"],
    [
      "a Service's name with a dot",
      doc("v1", "Service", "a.b"),
      'Service a.b: metadata.name: must be at most 63 of a-z, 0-9 and "-", and begin and end with a letter or digit, not "a.b"',
    ],
    ["a label that is too long", doc("v1", "Namespace", "a".repeat(64)), "metadata.name: must be at most 63"],
    ["a subdomain that is too long", doc("v1", "Node", "a.".repeat(127)), "metadata.name: must be at most 253"],
    [
      "a namespace that ends with a hyphen",
      { ...doc("v1", "Service", "s"), metadata: { name: "s", namespace: "n-" } },
      "Service s: metadata.namespace: must be at most 63",
    ],
    [
      "a long value: cut",
      doc("v1", "Service", "s", { spec: { externalTrafficPolicy: "x".repeat(5000) } }),
      `Service s: spec.externalTrafficPolicy: must be one of Cluster, Local, not "${"x".repeat(60)}…"`,
    ],
    [
      "control characters: written as digits",
      doc("v1", "Service", "s", { status: "a\u001b[2J\nb\u202e" }),
      'Service s: status: must be an object, not "a\\u001b[2J\\u000ab\\u202e"',
    ],
    [
      "a kind that is a number",
      { apiVersion: "v1", kind: 5, metadata: { name: "x" } },
      "unknown x: kind: must be a string, not 5",
    ],
    [
      "a version that is not there",
      doc("metallb.io/v1", "IPAddressPool", "p"),
      'IPAddressPool p: apiVersion: must be metallb.io/v1beta1 for kind IPAddressPool, not "metallb.io/v1"',
    ],
    [
      "a slip of the pen",
      doc("metallb.io/v1beta1", "IPAdressPool", "p"),
      'IPAdressPool p: kind: metallb.io has no kind "IPAdressPool"',
    ],
    [
      "a status that is a text",
      doc("v1", "Service", "s", { status: "x" }),
      'Service s: status: must be an object, not "x"',
    ],
    [
      "an ingress that is an object",
      doc("v1", "Service", "s", { status: { loadBalancer: { ingress: {} } } }),
      "Service s: status.loadBalancer.ingress: must be a list, not an object",
    ],
    [
      "an address that is a number",
      doc("v1", "Service", "s", { status: { loadBalancer: { ingress: [{ ip: 1 }] } } }),
      "Service s: status.loadBalancer.ingress[0].ip: must be a string, not 1",
    ],
    [
      "an unknown policy",
      doc("v1", "Service", "s", { spec: { externalTrafficPolicy: "local" } }),
      'Service s: spec.externalTrafficPolicy: must be one of Cluster, Local, not "local"',
    ],
    [
      "a port that is a text",
      doc("v1", "Service", "s", { spec: { ports: [{ port: "80" }] } }),
      'Service s: spec.ports[0].port: must be a whole number, not "80"',
    ],
    [
      "a port out of range",
      doc("v1", "Service", "s", { spec: { ports: [{ port: 65536 }] } }),
      "Service s: spec.ports[0].port: must be between 0 and 65535, not 65536",
    ],
    [
      "a half-written slice",
      doc("discovery.k8s.io/v1", "EndpointSlice", "e", { endpoints: [{ conditions: { ready: "yes" } }] }),
      'EndpointSlice e: endpoints[0].conditions.ready: must be true or false, not "yes"',
    ],
  ])("%s is left out and reported", (_, document, want) => {
    const m = sortManifests([document]);
    expect(invalid([document]).join("\n")).toContain(want);
    expect([...m.services, ...m.nodes, ...m.pools, ...m.endpointSlices, ...m.ignored]).toEqual([]);
  });

  test("an object twice is reported; the same name in another namespace is another object", () => {
    const other = { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "x" } };
    expect(invalid([doc("v1", "Service", "s"), other, doc("v1", "Service", "s")])).toEqual([
      'Service s: metadata.name: duplicate definition of Service "s"',
    ]);
  });

  test.each<[string, object, object, number, readonly string[]]>([
    ["itself", doc("v1", "Node", "a"), doc("v1", "Node", "a"), 1, ["a"]],
    ["another name", doc("v1", "Node", "a"), doc("v1", "Node", "b"), 0, ["a", "b"]],
    [
      "another version of it",
      doc("metallb.io/v1beta1", "BGPPeer", "a"),
      doc("metallb.io/v1beta2", "BGPPeer", "a"),
      1,
      ["a"],
    ],
    ["the default namespace, named or not", doc("v1", "Service", "a"), inNs("a", "default"), 1, ["a"]],
    ["another namespace", doc("v1", "Service", "a"), inNs("a", "x"), 0, ["a", "a"]],
    ["a valid one for an invalid one", doc("v1", "Node", "a", { status: 1 }), doc("v1", "Node", "a"), 1, ["a"]],
    [
      "a list's item",
      { apiVersion: "v1", kind: "List", items: [doc("v1", "Node", "a")] },
      doc("v1", "Node", "a"),
      1,
      ["a"],
    ],
  ])("an object of a later set replaces the same one of an earlier set: %s", (_, before, after, replaced, names) => {
    const m = sortManifests([before], [after]);
    expect([m.replaced, m.invalid]).toEqual([replaced, []]);
    expect([...m.nodes, ...m.peers, ...m.services].map(({ metadata }) => metadata.name)).toEqual(names);
    expect(sortManifests([after], [before]).replaced).toBe(replaced);
  });

  test("a replaced object is gone, twice in one set is a duplicate still", () => {
    const pool = (addresses: string): object =>
      doc("metallb.io/v1beta1", "IPAddressPool", "p", { spec: { addresses } });
    const m = sortManifests([pool("old")], [pool("new"), pool("twice")]);
    expect([m.replaced, m.pools.map(({ spec }) => spec)]).toEqual([1, [{ addresses: "new" }]]);
    expect(m.invalid.map(({ message }) => message)).toEqual([
      'metadata.name: duplicate definition of IPAddressPool "p"',
    ]);
  });

  test("objects without a namespace go to default", () => {
    expect(sortManifests([doc("v1", "Service", "s")]).services[0]?.metadata.namespace).toBe("default");
  });

  test("no document whatever makes it throw, nor what comes of it", () => {
    const keys = fc.constantFrom(
      "apiVersion",
      "kind",
      "metadata",
      "name",
      "spec",
      "status",
      "items",
      "labels",
      "loadBalancer",
      "ingress",
      "endpoints",
      "conditions",
      "ports",
    );
    const leaf = fc.constantFrom<unknown>(
      null,
      1,
      "v1",
      "Service",
      "List",
      "metallb.io/v1beta1",
      "IPAddressPool",
      "EndpointSlice",
      "discovery.k8s.io/v1",
      "a",
      true,
    );
    const any = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(keys, tie("any"), { maxKeys: 5 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.array(any, { maxLength: 4 }), (documents) => {
        parseConfig(sortManifests(documents), { nodes: [] });
      }),
    );
  });
});

describe("strip functions keep what is read", () => {
  const metadata = {
    name: "s",
    namespace: "n",
    uid: "u",
    resourceVersion: "7",
    generation: 2,
    creationTimestamp: "2026-01-01T00:00:00Z",
    deletionTimestamp: "2026-01-02T00:00:00Z",
    labels: { a: "b" },
  };
  const noise = {
    managedFields: [{}],
    ownerReferences: [],
    finalizers: ["x"],
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
  };

  test("of a Service", () => {
    const spec = {
      type: "LoadBalancer",
      clusterIP: "10.0.0.1",
      clusterIPs: ["10.0.0.1"],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      loadBalancerIP: "1.1.1.1",
      loadBalancerClass: "c",
      externalTrafficPolicy: "Local",
      selector: { a: "b" },
      ports: [{ name: "http", protocol: "TCP", port: 80 }],
    };
    const status = {
      loadBalancer: { ingress: [{ ip: "1.1.1.1", hostname: "h", ipMode: "VIP", ports: [{ port: 1 }] }] },
    };
    const annotations = { ...noise.annotations, "metallb.io/address-pool": "p", "metallb.universe.tf/x": "y" };
    const raw = {
      metadata: { ...metadata, ...noise, annotations },
      spec: { ...spec, sessionAffinity: "None", ports: [{ ...spec.ports[0], nodePort: 30000 }] },
      status: { ...status, conditions: [] },
    };
    expect(stripService(raw)).toEqual({
      metadata: { ...metadata, annotations: { "metallb.io/address-pool": "p", "metallb.universe.tf/x": "y" } },
      spec,
      status,
    });
  });

  test("of a Service without anything", () => {
    expect(stripService({ metadata: { name: "s" } })).toEqual({ metadata: { name: "s" }, spec: {} });
  });

  test("of the others", () => {
    const slice = {
      addressType: "IPv4",
      endpoints: [
        { addresses: ["10.0.0.1"], nodeName: "n", conditions: { ready: true, serving: true, terminating: false } },
        { addresses: [] },
      ],
    };
    const conditions = [{ type: "Ready", status: "True" }];
    const raw = { metadata: { ...metadata, ...noise } };
    expect(stripEndpointSlice({ ...raw, ...slice, ports: [] })).toEqual({ metadata, ...slice });
    expect(
      stripNode({
        ...raw,
        spec: {},
        status: { conditions: [{ ...conditions[0], reason: "x" }, { type: "half" }], images: [] },
      }),
    ).toEqual({ metadata, status: { conditions } });
    expect(stripNamespace({ ...raw, status: { phase: "Active" } })).toEqual({ metadata });
    expect(stripSecret({ ...raw, type: "t", data: { password: "eA==", other: "eA==" } })).toEqual({
      metadata,
      type: "t",
      data: { password: "eA==" },
    });
    expect(stripSecret({ ...raw, stringData: { password: "pä" } })).toEqual({ metadata, data: { password: "cMOk" } });
    expect(stripRawObject({ ...raw, apiVersion: "v", kind: "k", spec: { x: 1 }, status: [1] })).toEqual({
      metadata,
      apiVersion: "v",
      kind: "k",
      spec: { x: 1 },
      status: [1],
    });
  });

  test.each([stripService, stripEndpointSlice, stripNode, stripNamespace, stripSecret, stripRawObject])(
    "%o gives nothing for what has no name",
    (strip) => {
      for (const raw of [
        null,
        undefined,
        5,
        "x",
        [],
        {},
        { metadata: null },
        { metadata: { name: "" } },
        { metadata: { name: 5 } },
      ]) {
        expect(strip(raw)).toBeUndefined();
      }
    },
  );

  test("garbage in a field reads as absent", () => {
    expect(
      stripService({
        metadata: { name: "s", labels: 5, generation: "1" },
        spec: { type: 5, ports: [{}], clusterIPs: "x" },
        status: { loadBalancer: { ingress: [5] } },
      }),
    ).toEqual({
      metadata: { name: "s", labels: {} },
      spec: { ports: [], clusterIPs: [] },
      status: { loadBalancer: { ingress: [] } },
    });
  });
});
