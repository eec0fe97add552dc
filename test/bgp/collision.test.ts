import { expect, test } from "vitest";
import { resolveCollision } from "../../src/bgp/collision.ts";

test.each([
  ["the higher identifier's own connection stays", 2, 1, 65000, 65000, "outgoing"],
  ["the lower identifier's does not", 1, 2, 65000, 65000, "incoming"],
  ["identifiers are unsigned", 0xffffffff, 1, 1, 1, "outgoing"],
  ["equal identifiers: the higher AS decides (RFC 6286 section 2.3)", 7, 7, 65001, 65000, "outgoing"],
  ["and the lower AS gives way", 7, 7, 64999, 65000, "incoming"],
] as const)("%s", (_name, ours, theirs, ourAsn, theirAsn, want) => {
  const local = { identifier: ours, asn: ourAsn };
  const remote = { identifier: theirs, asn: theirAsn };
  expect(resolveCollision(local, remote)).toBe(want);
  // The other end, asked the same, must mean the same connection.
  expect(resolveCollision(remote, local)).toBe(want === "outgoing" ? "incoming" : "outgoing");
});
