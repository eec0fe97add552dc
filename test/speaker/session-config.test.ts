import { describe, expect, test } from "vitest";
import type { Peer } from "../../src/api/config.ts";
import { parseAsn } from "../../src/net/asn.ts";
import { sessionConfigs } from "../../src/speaker/session-config.ts";
import { ip, known, peer } from "../announcement/cluster.ts";

const configOf = (fields: Partial<Peer> & { address?: string }) =>
  known([...sessionConfigs([peer("router", fields)], "node-a").sessions.values()][0]);

describe("sessionConfigs()", () => {
  test("a plain peer leaves everything else to the engine", () => {
    expect(configOf({})).toEqual({
      name: "router",
      localAsn: 64512,
      peerAsn: 64513,
      peerAddress: ip("192.0.2.1"),
      peerPort: 179,
      nodeName: "node-a",
      families: new Set([4]),
    });
  });

  test.each<[string, Partial<Peer> & { address?: string }, object]>([
    ["localASN is the AS shown", { localAsn: known(parseAsn("65000")) }, { localAsn: 65000 }],
    ["dynamicASN internal", { remote: { type: "internal" } }, { peerAsn: "internal" }],
    ["dynamicASN external", { remote: { type: "external" } }, { peerAsn: "external" }],
    [
      "times, hold time 0 too",
      { holdTime: 0, keepaliveTime: 5, connectTime: 7 },
      { holdTime: 0, keepaliveTime: 5, connectTime: 7 },
    ],
    [
      "addresses",
      { sourceAddress: ip("192.0.2.9"), routerId: ip("1.2.3.4") },
      { localAddress: ip("192.0.2.9"), routerId: ip("1.2.3.4") },
    ],
    ["IPv6 transport carries IPv6", { address: "2001:db8::1" }, { families: new Set([6]) }],
    ["dual stack carries both", { address: "2001:db8::1", dualStack: true }, { families: new Set([4, 6]) }],
  ])("%s", (_name, fields, expected) => {
    expect(configOf(fields)).toMatchObject(expected);
  });

  test.each<[string, Partial<Peer>, string, string]>([
    ["unnumbered", { endpoint: { type: "interface", name: "eth0" } }, "spec.interface", "no-session"],
    ["a password", { password: "sesame" }, "spec.password", "no-session"],
    ["a VRF", { vrf: "red" }, "spec.vrf", "no-session"],
    ["BFD", { bfdProfile: "fast" }, "spec.bfdProfile", "ignored"],
    ["graceful restart", { gracefulRestart: true }, "spec.enableGracefulRestart", "ignored"],
  ])("%s is reported; without what protects or carries it there is no session", (_name, fields, field, effect) => {
    const { sessions, unsupported } = sessionConfigs([peer("router", fields), peer("other")], "node-a");
    expect(unsupported).toEqual([{ peer: "router", field, effect }]);
    expect([...sessions.keys()]).toEqual(effect === "ignored" ? ["router", "other"] : ["other"]);
  });
});
