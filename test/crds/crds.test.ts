import { describe, expect, test } from "vitest";
import { CRD_FILES, crdVersion, schemaAt } from "./crd-files.ts";

const KINDS = [
  ["IPAddressPool", "ipaddresspools", "metallb.io", ["v1beta1"]],
  ["BGPPeer", "bgppeers", "metallb.io", ["v1beta1", "v1beta2"]],
  ["BGPAdvertisement", "bgpadvertisements", "metallb.io", ["v1beta1"]],
  ["L2Advertisement", "l2advertisements", "metallb.io", ["v1beta1"]],
  ["Community", "communities", "metallb.io", ["v1beta1"]],
  ["BFDProfile", "bfdprofiles", "metallb.io", ["v1beta1"]],
  ["ServiceL2Status", "servicel2statuses", "metallb.io", ["v1beta1"]],
  ["ServiceBGPStatus", "servicebgpstatuses", "metallb.io", ["v1beta1"]],
  ["ConfigurationState", "configurationstates", "metallb.io", ["v1beta1"]],
  ["BGPSessionState", "bgpsessionstates", "frrk8s.metallb.io", ["v1beta1"]],
] as const;

test("there is one file per kind, named after group and plural", () => {
  expect([...CRD_FILES.keys()]).toEqual(KINDS.map(([, plural, group]) => `${group}_${plural}.yaml`).sort());
});

describe.each(KINDS)("%s", (kind, plural, group, versions) => {
  const crd = CRD_FILES.get(`${group}_${plural}.yaml`);

  test("has the names, scope and versions of section 1: no short names, no categories", () => {
    expect(crd?.metadata.name).toBe(`${plural}.${group}`);
    expect(crd?.spec).toMatchObject({ group, scope: "Namespaced" });
    expect(crd?.spec.names).toEqual({ kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() });
    expect(crd?.spec.versions.map(({ name }) => name)).toEqual(versions);
  });

  test("every version is served with a status subresource, and the last one is stored", () => {
    for (const version of crd?.spec.versions ?? []) {
      expect(version.served).toBe(true);
      expect(version.subresources).toEqual({ status: {} });
      expect(version.storage).toBe(version.name === versions.at(-1));
    }
  });
});

test("BGPPeer v1beta1 is deprecated with a warning", () => {
  expect(crdVersion("BGPPeer", "v1beta1")).toMatchObject({
    deprecated: true,
    deprecationWarning: "v1beta1 is deprecated, please use v1beta2",
  });
});

const PEER_COLUMNS =
  "Address string .spec.peerAddress|ASN string .spec.peerASN|BFD Profile string .spec.bfdProfile|Multi Hops string .spec.ebgpMultiHop";

test.each([
  [
    "IPAddressPool",
    "v1beta1",
    "Auto Assign boolean .spec.autoAssign|Avoid Buggy IPs boolean .spec.avoidBuggyIPs|Addresses string .spec.addresses",
  ],
  ["BGPPeer", "v1beta1", PEER_COLUMNS],
  ["BGPPeer", "v1beta2", PEER_COLUMNS],
  [
    "BGPAdvertisement",
    "v1beta1",
    "IPAddressPools string .spec.ipAddressPools|IPAddressPool Selectors string .spec.ipAddressPoolSelectors|Peers string .spec.peers|Node Selectors string .spec.nodeSelectors 10",
  ],
  [
    "L2Advertisement",
    "v1beta1",
    "IPAddressPools string .spec.ipAddressPools|IPAddressPool Selectors string .spec.ipAddressPoolSelectors|Interfaces string .spec.interfaces|Node Selectors string .spec.nodeSelectors 10",
  ],
  ["Community", "v1beta1", ""],
  [
    "BFDProfile",
    "v1beta1",
    "Passive Mode boolean .spec.passiveMode|Transmit Interval integer .spec.transmitInterval|Receive Interval integer .spec.receiveInterval|Multiplier integer .spec.detectMultiplier",
  ],
  [
    "ServiceL2Status",
    "v1beta1",
    "Allocated Node string .status.node|Service Name string .status.serviceName|Service Namespace string .status.serviceNamespace",
  ],
  [
    "ServiceBGPStatus",
    "v1beta1",
    "Node string .status.node|Service Name string .status.serviceName|Service Namespace string .status.serviceNamespace",
  ],
  [
    "ConfigurationState",
    "v1beta1",
    "Result string .status.result|ErrorSummary string .status.errorSummary|Age date .metadata.creationTimestamp",
  ],
  [
    "BGPSessionState",
    "v1beta1",
    "Node string .status.node|Peer string .status.peer|VRF string .status.vrf|BGP string .status.bgpStatus|BFD string .status.bfdStatus|" +
      "Since date .status.since|Prefixes integer .status.prefixesSent|Flaps integer .status.flaps|BGPPeer string .status.bgpPeer 1|" +
      "Received integer .status.prefixesReceived 1|Last Error string .status.lastError 1",
  ],
])("kubectl get %s (%s) shows the columns of section 1", (kind, version, want) => {
  const columns = (crdVersion(kind, version).additionalPrinterColumns ?? []).map(({ name, type, jsonPath, priority }) =>
    [name, type, jsonPath, ...(priority === undefined ? [] : [priority])].join(" "),
  );
  expect(columns.join("|")).toBe(want);
});

const ASN = { type: "integer", format: "int64", minimum: 0, maximum: 4294967295 };
const MILLISECONDS = { type: "integer", format: "int32", minimum: 10, maximum: 60000 };

describe("fields", () => {
  test.each([
    ["IPAddressPool", "v1beta1", "spec", { required: ["addresses"] }],
    ["IPAddressPool", "v1beta1", "spec.addresses", { type: "array" }],
    ["IPAddressPool", "v1beta1", "spec.addresses[]", { type: "string" }],
    ["IPAddressPool", "v1beta1", "spec.autoAssign", { type: "boolean", default: true }],
    ["IPAddressPool", "v1beta1", "spec.avoidBuggyIPs", { type: "boolean", default: false }],
    ["IPAddressPool", "v1beta1", "spec.serviceAllocation.priority", { type: "integer" }],
    ["IPAddressPool", "v1beta1", "spec.serviceAllocation.namespaces[]", { type: "string" }],
    [
      "IPAddressPool",
      "v1beta1",
      "spec.serviceAllocation.namespaceSelectors[].matchExpressions[]",
      { required: ["key", "operator"] },
    ],
    [
      "IPAddressPool",
      "v1beta1",
      "spec.serviceAllocation.serviceSelectors[].matchLabels",
      { additionalProperties: { type: "string" } },
    ],
    [
      "IPAddressPool",
      "v1beta1",
      "status",
      { required: ["assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6"] },
    ],
    ["IPAddressPool", "v1beta1", "status.assignedIPv4", { type: "integer", format: "int64" }],
    ["BGPPeer", "v1beta2", "spec", { required: ["myASN"] }],
    ["BGPPeer", "v1beta2", "spec.myASN", ASN],
    ["BGPPeer", "v1beta2", "spec.peerASN", ASN],
    ["BGPPeer", "v1beta2", "spec.localASN", { ...ASN, minimum: 1 }],
    ["BGPPeer", "v1beta2", "spec.dynamicASN", { type: "string", enum: ["internal", "external"] }],
    ["BGPPeer", "v1beta2", "spec.peerAddress", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.interface", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.sourceAddress", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.peerPort", { type: "integer", default: 179, minimum: 1, maximum: 16384 }],
    ["BGPPeer", "v1beta2", "spec.holdTime", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.keepaliveTime", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.connectTime", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.routerID", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.nodeSelectors[].matchExpressions[].values[]", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.password", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.passwordSecret.name", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.passwordSecret.namespace", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.bfdProfile", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.enableGracefulRestart", { type: "boolean" }],
    ["BGPPeer", "v1beta2", "spec.ebgpMultiHop", { type: "boolean" }],
    ["BGPPeer", "v1beta2", "spec.vrf", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.disableMP", { type: "boolean", default: false }],
    ["BGPPeer", "v1beta2", "spec.dualStackAddressFamily", { type: "boolean", default: false }],
    ["BGPPeer", "v1beta2", "spec.linkBandwidthTransitivity", { enum: ["Transitive", "NonTransitive", "Both"] }],
    ["BGPPeer", "v1beta2", "spec.ttlSecurity.hops", { type: "integer", default: 1, minimum: 1, maximum: 254 }],
    ["BGPPeer", "v1beta2", "spec.maxPrefixes", { required: ["limit"] }],
    ["BGPPeer", "v1beta2", "spec.maxPrefixes.action", { enum: ["Warn", "Reset"], default: "Warn" }],
    ["BGPPeer", "v1beta2", "spec.longLivedGracefulRestart.staleTime", { type: "string" }],
    ["BGPPeer", "v1beta2", "spec.role", { required: ["name"] }],
    ["BGPPeer", "v1beta2", "spec.role.strict", { type: "boolean", default: false }],
    ["BGPPeer", "v1beta2", "spec.addPaths", { enum: ["None", "Send", "Receive", "Both"] }],
    ["BGPPeer", "v1beta1", "spec", { required: ["myASN", "peerASN", "peerAddress"] }],
    ["BGPPeer", "v1beta1", "spec.peerPort", { type: "integer", minimum: 0, maximum: 16384 }],
    ["BGPPeer", "v1beta1", "spec.nodeSelectors[].matchExpressions[]", { required: ["key", "operator", "values"] }],
    ["BGPPeer", "v1beta1", "spec.nodeSelectors[].matchExpressions[].values", { minItems: 1 }],
    [
      "BGPAdvertisement",
      "v1beta1",
      "spec.aggregationLength",
      { type: "integer", format: "int32", default: 32, minimum: 1 },
    ],
    ["BGPAdvertisement", "v1beta1", "spec.aggregationLengthV6", { type: "integer", format: "int32", default: 128 }],
    ["BGPAdvertisement", "v1beta1", "spec.localPref", { type: "integer", format: "int32" }],
    ["BGPAdvertisement", "v1beta1", "spec.med", { type: "integer", format: "int64", maximum: 4294967295 }],
    ["BGPAdvertisement", "v1beta1", "spec.asPathPrepend", { type: "integer", minimum: 0, maximum: 16 }],
    ["BGPAdvertisement", "v1beta1", "spec.linkBandwidth", { type: "string", enum: ["Endpoints"] }],
    ["BGPAdvertisement", "v1beta1", "spec.communities[]", { type: "string" }],
    ["BGPAdvertisement", "v1beta1", "spec.ipAddressPools[]", { type: "string" }],
    ["BGPAdvertisement", "v1beta1", "spec.ipAddressPoolSelectors[]", { type: "object" }],
    ["BGPAdvertisement", "v1beta1", "spec.nodeSelectors[]", { type: "object" }],
    ["BGPAdvertisement", "v1beta1", "spec.peers[]", { type: "string" }],
    ["BGPAdvertisement", "v1beta1", "spec.serviceSelectors[]", { type: "object" }],
    ["L2Advertisement", "v1beta1", "spec.ipAddressPools[]", { type: "string" }],
    ["L2Advertisement", "v1beta1", "spec.interfaces[]", { type: "string" }],
    ["L2Advertisement", "v1beta1", "spec.preferredNodeSelectors[]", { required: ["weight", "preference"] }],
    [
      "L2Advertisement",
      "v1beta1",
      "spec.preferredNodeSelectors[].weight",
      { type: "integer", format: "int32", minimum: 1, maximum: 100 },
    ],
    ["L2Advertisement", "v1beta1", "spec.preferredNodeSelectors[].preference", { type: "object" }],
    ["Community", "v1beta1", "spec.communities[].name", { type: "string" }],
    ["Community", "v1beta1", "spec.communities[].value", { type: "string" }],
    ["BFDProfile", "v1beta1", "spec.receiveInterval", MILLISECONDS],
    ["BFDProfile", "v1beta1", "spec.transmitInterval", MILLISECONDS],
    ["BFDProfile", "v1beta1", "spec.echoInterval", MILLISECONDS],
    ["BFDProfile", "v1beta1", "spec.detectMultiplier", { type: "integer", minimum: 2, maximum: 255 }],
    ["BFDProfile", "v1beta1", "spec.echoMode", { type: "boolean" }],
    ["BFDProfile", "v1beta1", "spec.passiveMode", { type: "boolean" }],
    ["BFDProfile", "v1beta1", "spec.minimumTtl", { type: "integer", minimum: 1, maximum: 254 }],
    ["ServiceL2Status", "v1beta1", "status.interfaces[].name", { type: "string" }],
    ["ServiceBGPStatus", "v1beta1", "status.peers[]", { type: "string" }],
    ["ConfigurationState", "v1beta1", "status.result", { enum: ["Valid", "Invalid", "Unknown"] }],
    ["ConfigurationState", "v1beta1", "status.errorSummary", { type: "string" }],
    [
      "ConfigurationState",
      "v1beta1",
      "status.conditions",
      { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] },
    ],
    ["ConfigurationState", "v1beta1", "status.conditions[].status", { enum: ["True", "False", "Unknown"] }],
    ["BGPSessionState", "v1beta1", "status.bgpStatus", { type: "string" }],
    ["BGPSessionState", "v1beta1", "status.vrf", { type: "string" }],
  ])("%s %s %s", (kind, version, path, want) => {
    expect(schemaAt(kind, version, path)).toMatchObject(want);
  });

  test("fields without a default have none", () => {
    expect(schemaAt("BGPPeer", "v1beta1", "spec.peerPort").default).toBeUndefined();
    expect(schemaAt("BGPPeer", "v1beta2", "spec.holdTime").default).toBeUndefined();
    expect(schemaAt("BFDProfile", "v1beta1", "spec.echoMode").default).toBeUndefined();
  });

  test("only ConfigurationState has no spec", () => {
    const without = KINDS.filter(([kind, , , versions]) => {
      const version = crdVersion(kind, versions[versions.length - 1] ?? "");
      return version.schema.openAPIV3Schema.properties?.["spec"] === undefined;
    });
    expect(without.map(([kind]) => kind)).toEqual(["ConfigurationState"]);
  });

  test("a BGPPeer v1beta1 has no field that only v1beta2 knows", () => {
    const fields = Object.keys(schemaAt("BGPPeer", "v1beta1", "spec").properties ?? {});
    expect(fields.sort()).toEqual(
      "bfdProfile ebgpMultiHop holdTime keepaliveTime myASN nodeSelectors password peerASN peerAddress peerPort routerID sourceAddress".split(
        " ",
      ),
    );
  });
});
