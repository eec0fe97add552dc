import { describe, expect, it, test } from "vitest";
import { type Arrival, type BfdPath, Demultiplexer } from "../../src/bfd/demultiplexer.ts";
import { PacketRefused } from "../../src/bfd/error.ts";
import type { ControlPacket } from "../../src/bfd/packet.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { known, packet } from "./values.ts";

function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
}

function path(peer: string, fields: Partial<BfdPath> = {}): BfdPath {
  return { peer: ip(peer), multihop: false, minimumTtl: 254, ...fields };
}

const table = new Demultiplexer<string>();
table.add(known(1), path("10.0.0.1"), "plain");
table.add(known(2), path("10.0.0.2", { local: ip("10.0.0.99") }), "from one address");
table.add(known(3), path("fe80::1", { interface: "eth0" }), "on eth0");
table.add(known(4), path("fe80::1", { interface: "eth1" }), "on eth1");
table.add(known(5), path("10.0.0.1", { multihop: true, minimumTtl: 250 }), "far");

function find(fields: Partial<ControlPacket>, arrival: Partial<Arrival>): string {
  const nothing = { from: ip("10.0.0.1"), to: undefined, interface: undefined, ttl: 255, multihop: false };
  try {
    return table.find(packet(fields), { ...nothing, ...arrival });
  } catch (error) {
    if (error instanceof PacketRefused) return `refused: ${error.refusal}`;
    throw error;
  }
}

describe("a packet finds its session", () => {
  test.each<[string, Partial<ControlPacket>, Partial<Arrival>, string]>([
    ["its discriminator is nobody's", { yourDiscriminator: known(77) }, {}, "refused: unknown-discriminator"],
    [
      "5880 6.8.6 a discriminator decides, whatever the address",
      { yourDiscriminator: known(2) },
      {},
      "from one address",
    ],
    ["a stranger without a discriminator", {}, { from: ip("10.0.0.77") }, "refused: no-session"],
    ["the first packet of a neighbour", {}, {}, "plain"],
    ["5883 the same neighbour on the multihop port", {}, { multihop: true }, "far"],
    [
      "to an address that the session does not use",
      {},
      { from: ip("10.0.0.2"), to: ip("10.0.0.98") },
      "refused: no-session",
    ],
    ["to the address that it uses", {}, { from: ip("10.0.0.2"), to: ip("10.0.0.99") }, "from one address"],
    ["to an address that the socket cannot tell", {}, { from: ip("10.0.0.2") }, "from one address"],
    ["5881 a link-local neighbour, by interface", {}, { from: ip("fe80::1"), interface: "eth1" }, "on eth1"],
    ["on an interface without a session", {}, { from: ip("fe80::1"), interface: "eth2" }, "refused: no-session"],
    ["an authenticated packet where there are no keys", { authenticated: true }, {}, "refused: authentication"],
    ["5881 section 5: TTL 254 over a single hop", {}, { ttl: 254 }, "refused: hops"],
    ["a TTL that the kernel has checked", {}, { ttl: undefined }, "plain"],
    ["a multihop packet from just near enough", {}, { multihop: true, ttl: 250 }, "far"],
    ["a multihop packet from too far", {}, { multihop: true, ttl: 249 }, "refused: hops"],
    [
      "a single-hop session reached by the multihop port",
      { yourDiscriminator: known(1) },
      { multihop: true },
      "refused: wrong-port",
    ],
    ["a multihop session reached by the single-hop port", { yourDiscriminator: known(5) }, {}, "refused: wrong-port"],
  ])("%s", (_name, fields, arrival, want) => {
    expect(find(fields, arrival)).toBe(want);
  });

  it("forgets a session", () => {
    const two = new Demultiplexer<string>();
    two.add(known(1), path("10.0.0.1"), "one");
    expect(two.has(known(1))).toBe(true);
    two.remove(known(1));
    expect(two.has(known(1))).toBe(false);
  });
});
