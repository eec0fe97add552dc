import { describe, expect, test } from "vitest";
import { resolveCollision } from "../../src/bgp/collision.ts";
import { chooseRouterId, formatRouterId } from "../../src/bgp/router-id.ts";
import { ip } from "./values.ts";

describe("chooseRouterId()", () => {
  test.each([
    ["the configured one goes first", "192.0.2.9", "10.0.0.1", "node1", "192.0.2.9"],
    ["then the local IPv4 address", undefined, "10.0.0.1", "node1", "10.0.0.1"],
    ["then the checksum of the node's name", undefined, "2001:db8::1", "kind-worker", "192.61.154.117"],
    ["the same of another node", undefined, "2001:db8::1", "node1", "64.37.239.133"],
    ["an IPv6 address cannot be configured", "2001:db8::9", "10.0.0.1", "node1", "10.0.0.1"],
    ["0.0.0.0 is no identifier", "0.0.0.0", "10.0.0.1", "node1", "10.0.0.1"],
    ["a name whose checksum is zero still has one", undefined, "::1", "", "0.0.0.1"],
  ])("%s", (_name, configured, local, nodeName, want) => {
    const id = chooseRouterId({
      configured: configured === undefined ? undefined : ip(configured),
      localAddress: ip(local),
      nodeName,
    });
    expect(formatRouterId(id)).toBe(want);
  });
});

describe("resolveCollision()", () => {
  test.each([
    ["ours is higher", [2, 1], [1, 9], "outgoing"],
    ["theirs is higher", [1, 9], [2, 1], "incoming"],
    ["identifiers are unsigned", [0x80000000, 1], [1, 1], "outgoing"],
    ["equal identifiers: our AS is higher", [7, 4_200_000_000], [7, 1], "outgoing"],
    ["equal identifiers: their AS is higher", [7, 1], [7, 2], "incoming"],
  ] as const)("%s", (_name, [identifier, asn], [peerIdentifier, peerAsn], want) => {
    expect(resolveCollision({ identifier, asn }, { identifier: peerIdentifier, asn: peerAsn })).toBe(want);
  });

  test("both sides keep the same connection", () => {
    const a = { identifier: 5, asn: 1 };
    const b = { identifier: 6, asn: 1 };
    expect([resolveCollision(a, b), resolveCollision(b, a)]).toEqual(["incoming", "outgoing"]);
  });
});
