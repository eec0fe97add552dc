import { describe, expect, it, test } from "vitest";
import { parseBgpPeer } from "../../src/api/bgp-peer.ts";
import type { Peer } from "../../src/api/config.ts";
import { seconds } from "../../src/net/micros.ts";
import { peersWithoutSession, type SessionFacts, sessionConfigs } from "../../src/speaker/session-config.ts";
import { ip } from "../bgp/values.ts";

const FACTS: SessionFacts = {
  nodeName: "node1",
  native: true,
  neighbours: true,
  bfd: true,
  forwardingPreserved: true,
};
const BARE: SessionFacts = { ...FACTS, native: false, neighbours: false, bfd: false };

function peer(spec: Record<string, unknown>, name = "router"): Peer {
  const base = {
    myASN: 64512,
    peerASN: 65000,
    ...(spec["interface"] === undefined ? { peerAddress: "10.0.0.1" } : {}),
  };
  const result = parseBgpPeer({
    apiVersion: "metallb.io/v1beta2",
    kind: "BGPPeer",
    metadata: { name, namespace: "metallb-system" },
    spec: { ...base, ...spec },
  });
  if (result.value === undefined) throw new Error(JSON.stringify(result.problems));
  return result.value;
}

const only = (spec: Record<string, unknown>, facts: SessionFacts = FACTS) => {
  const { sessions, unsupported } = sessionConfigs([peer(spec)], facts);
  return { config: [...sessions.values()][0], unsupported };
};

describe("a BGPPeer becomes a session", () => {
  test.each<[string, Record<string, unknown>, object]>([
    ["eBGP over IPv4", {}, { localAsn: 64512, peerAsn: 65000, peerAddress: ip("10.0.0.1"), families: new Set([4]) }],
    ["IPv6 transport carries IPv6", { peerAddress: "2001:db8::1" }, { families: new Set([6]) }],
    ["dual families on one session", { dualStackAddressFamily: true }, { families: new Set([4, 6]) }],
    ["iBGP", { peerASN: 64512 }, { peerAsn: 64512 }],
    ["dynamicASN", { peerASN: undefined, dynamicASN: "external" }, { peerAsn: "external" }],
    ["localASN in front of myASN", { localASN: 64600 }, { localAsn: 64600 }],
    [
      "source address, router ID and port",
      { sourceAddress: "10.0.0.9", routerID: "1.2.3.4", peerPort: 1790 },
      { localAddress: ip("10.0.0.9"), routerId: ip("1.2.3.4"), peerPort: 1790 },
    ],
    [
      "timers",
      { holdTime: "30s", keepaliveTime: "5s", connectTime: "7s" },
      { holdTime: 30, keepaliveTime: 5, connectTime: 7, userTimeout: seconds(30) },
    ],
    ["a peer that says nothing is given 20 s", {}, { openTimeout: 20 }],
    ["a password", { password: "secret" }, { password: "secret" }],
    ["a VRF", { vrf: "red" }, { vrf: "red" }],
    ["TTL security of a neighbour", { ttlSecurity: {} }, { minTtl: 255 }],
    ["TTL security over three hops", { ttlSecurity: { hops: 3 } }, { minTtl: 253 }],
    ["an unnumbered peer is dual-stack", { interface: "eth1" }, { interface: "eth1", families: new Set([4, 6]) }],
    [
      "graceful restart for the families it carries",
      { enableGracefulRestart: true },
      { gracefulRestart: { restartTime: 120, preserved: [4] } },
    ],
    [
      "the long-lived kind",
      { enableGracefulRestart: true, longLivedGracefulRestart: { staleTime: "1h" } },
      { gracefulRestart: { restartTime: 120, preserved: [4], staleTime: 3600 } },
    ],
    [
      "a role",
      { role: { name: "RouteServerClient", strict: true } },
      { role: { role: "routeServerClient", strict: true } },
    ],
    ["path identifiers", { addPaths: "Receive" }, { addPaths: { send: false, receive: true } }],
    [
      "a limit on prefixes",
      { maxPrefixes: { limit: 5, action: "Reset" } },
      { maxPrefixes: { limit: 5, action: "reset" } },
    ],
  ])("%s", (_name, spec, want) => {
    const { config, unsupported } = only(spec);
    expect(config).toMatchObject(want);
    expect(unsupported).toEqual([]);
  });

  it("asks for nothing that was not asked for", () => {
    expect(Object.keys(only({}, BARE).config ?? {}).sort()).toEqual(
      ["families", "localAsn", "name", "nodeName", "openTimeout", "peerAddress", "peerAsn", "peerPort"].sort(),
    );
  });

  it("hold time 0 has no time limit in the kernel either", () => {
    expect(only({ holdTime: "0s" }).config).not.toHaveProperty("userTimeout");
  });

  it("says that forwarding was not preserved when the node itself has restarted", () => {
    const { config } = only({ enableGracefulRestart: true }, { ...FACTS, forwardingPreserved: false });
    expect(config?.gracefulRestart).toEqual({ restartTime: 120, preserved: [] });
  });

  it("several peers may have one address, also with different ASNs of ours", () => {
    const { sessions } = sessionConfigs([peer({}, "a"), peer({ myASN: 64513 }, "b")], FACTS);
    expect([...sessions.values()].map(({ name, localAsn }) => [name, localAsn])).toEqual([
      ["a", 64512],
      ["b", 64513],
    ]);
  });
});

describe("what a node cannot do", () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    ["a password", { password: "secret" }, "spec.password", "needs-native-layer"],
    ["a VRF", { vrf: "red" }, "spec.vrf", "needs-native-layer"],
    ["TTL security", { ttlSecurity: {} }, "spec.ttlSecurity", "needs-native-layer"],
    ["an interface", { interface: "eth1" }, "spec.interface", "needs-neighbour-discovery"],
  ])("%s: there is no session, and the field is named", (_name, spec, field, reason) => {
    const { config, unsupported } = only(spec, BARE);
    expect(config).toBeUndefined();
    expect(unsupported).toEqual([{ peer: "router", field, effect: "no-session", reason }]);
    expect([...peersWithoutSession([peer(spec), peer({}, "plain")], BARE)]).toEqual([["router", field]]);
  });

  it("BFD: the session runs without", () => {
    const { config, unsupported } = only({ bfdProfile: "fast" }, BARE);
    expect(config?.name).toBe("router");
    expect(peersWithoutSession([peer({ bfdProfile: "fast" })], BARE).size).toBe(0);
    expect(unsupported).toMatchObject([{ field: "spec.bfdProfile", effect: "ignored" }]);
  });

  it("BFD in a VRF: the session runs without, and that is said", () => {
    const { config, unsupported } = only({ bfdProfile: "fast", vrf: "red" });
    expect(config?.vrf).toBe("red");
    expect(unsupported).toEqual([
      { peer: "router", field: "spec.bfdProfile", effect: "ignored", reason: "not-in-a-vrf" },
    ]);
  });
});
