import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { mergeFourOctetAs } from "../../src/bgp/attribute/four-octet-merge.ts";
import { formatAttributes } from "../../src/bgp/attribute/registry.ts";
import type { CodecContext } from "../../src/bgp/codec-context.ts";
import {
  type DecodedUpdate,
  decodeUpdate,
  encodeUpdate,
  formatUpdate,
  interpretUpdate,
  type UpdateMessage,
} from "../../src/bgp/message/update.ts";
import { stronger, VERDICTS, type Verdict } from "../../src/bgp/verdict.ts";
import { Writer } from "../../src/wire/writer.ts";
import { hex } from "../support/hex.ts";
import { contexts, familySets, updates, withPathIds } from "./arbitraries.ts";
import { ip, prefix } from "./values.ts";

const EXTERNAL: CodecContext = { fourOctetAsn: true, internal: false };
const INTERNAL: CodecContext = { fourOctetAsn: true, internal: true };
const OLD: CodecContext = { fourOctetAsn: false, internal: false };

const body = (attributes: string, nlri = "20 cb007101", withdrawn = ""): Uint8Array => {
  const w = new Writer();
  w.lengthPrefixed16((field) => field.bytes(hex(withdrawn)));
  w.lengthPrefixed16((field) => field.bytes(hex(attributes)));
  return w.bytes(hex(nlri)).finish();
};

const ORIGIN = "40 01 01 00";
const PATH = "40 02 06 02 01 0000fde8";
const NEXT_HOP = "40 03 04 0a000001";
const MINIMUM = `${ORIGIN} ${PATH} ${NEXT_HOP}`;
const V6 = "20010db8000000000000000000000001";
const MP_REACH = "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8";

describe("RFC 7606 verdicts", () => {
  // section and what is wrong, attributes, verdict, first problem
  test.each<[string, string, Verdict, string | undefined, CodecContext?]>([
    ["nothing wrong", MINIMUM, "accept", undefined],
    ["extended length for a short value", `50 01 0001 00 ${PATH} ${NEXT_HOP}`, "accept", undefined],
    ["attributes in any order", `${NEXT_HOP} ${PATH} ${ORIGIN}`, "accept", undefined],
    ["the low flag bits do not matter", `5f 01 0001 00 ${PATH} ${NEXT_HOP}`, "accept", undefined],
    [
      "3(c) ORIGIN flagged optional",
      `c0 01 01 00 ${PATH} ${NEXT_HOP}`,
      "treat-as-withdraw",
      "origin: conflicting flags",
    ],
    ["3(c) MED flagged transitive", `${MINIMUM} c0 04 04 00000001`, "treat-as-withdraw", "med: conflicting flags"],
    ["3(d) ORIGIN missing", `${PATH} ${NEXT_HOP}`, "treat-as-withdraw", "origin is missing"],
    ["3(d) AS_PATH missing", `${ORIGIN} ${NEXT_HOP}`, "treat-as-withdraw", "asPath is missing"],
    ["3(d) NEXT_HOP missing", `${ORIGIN} ${PATH}`, "treat-as-withdraw", "nextHop is missing"],
    ["3(g) MED twice", `${MINIMUM} 80 04 04 00000001 80 04 04 00000002`, "discard-attribute", "attribute 4 repeated"],
    ["3(g) an unknown one twice", `${MINIMUM} c0 63 00 c0 63 00`, "discard-attribute", "attribute 99 repeated"],
    ["3(g) MP_REACH twice", `${MINIMUM} ${MP_REACH} ${MP_REACH}`, "reset-session", "attribute 14 repeated"],
    [
      "3(h) the strongest wins",
      `${MINIMUM} 40 06 01 00 40 05 03 000001`,
      "treat-as-withdraw",
      "atomicAggregate: 1 octet(s) left over",
      INTERNAL,
    ],
    [
      "4 a length past the block",
      `${MINIMUM} 80 04 09 00`,
      "treat-as-withdraw",
      "the attributes end inside an attribute",
    ],
    ["4 two octets left", `${MINIMUM} 80 04`, "treat-as-withdraw", "the attributes end inside an attribute"],
    [
      "4 three octets left, extended length",
      `${MINIMUM} 90 04 00`,
      "treat-as-withdraw",
      "the attributes end inside an attribute",
    ],
    ["7.1 ORIGIN 3", `40 01 01 03 ${PATH} ${NEXT_HOP}`, "treat-as-withdraw", "origin: not 0, 1 or 2"],
    [
      "7.1 ORIGIN of two octets",
      `40 01 02 0000 ${PATH} ${NEXT_HOP}`,
      "treat-as-withdraw",
      "origin: 1 octet(s) left over",
    ],
    [
      "7.1 ORIGIN of none",
      `40 01 00 ${PATH} ${NEXT_HOP}`,
      "treat-as-withdraw",
      "origin: need 1 byte(s) at offset 0, 0 left",
    ],
    [
      "7.2 AS_PATH segment of type 5",
      `${ORIGIN} 40 02 06 05 01 00000001 ${NEXT_HOP}`,
      "treat-as-withdraw",
      "asPath: unknown segment type",
    ],
    [
      "7.2 AS_PATH segment of no AS",
      `${ORIGIN} 40 02 02 02 00 ${NEXT_HOP}`,
      "treat-as-withdraw",
      "asPath: empty segment",
    ],
    [
      "7.2 AS_PATH segment past its end",
      `${ORIGIN} 40 02 06 02 02 00000001 ${NEXT_HOP}`,
      "treat-as-withdraw",
      "asPath: need 4 byte(s) at offset 6, 0 left",
    ],
    [
      "7.2 AS_PATH with one octet left",
      `${ORIGIN} 40 02 07 02 01 00000001 02 ${NEXT_HOP}`,
      "treat-as-withdraw",
      "asPath: need 1 byte(s) at offset 7, 0 left",
    ],
    [
      "7.2 AS_PATH with two octets per AS",
      `${ORIGIN} 40 02 04 02 01 fde8 ${NEXT_HOP}`,
      "treat-as-withdraw",
      "asPath: need 4 byte(s) at offset 2, 2 left",
    ],
    ["RFC 7607 AS 0 in AS_PATH", `${ORIGIN} 40 02 06 02 01 00000000 ${NEXT_HOP}`, "treat-as-withdraw", "asPath: AS 0"],
    [
      "RFC 5065 confederation from outside",
      `${ORIGIN} 40 02 06 03 01 00000001 ${NEXT_HOP}`,
      "treat-as-withdraw",
      "asPath: confederation segment",
    ],
    ["RFC 5065 confederation inside", `${ORIGIN} 40 02 06 03 01 00000001 ${NEXT_HOP}`, "accept", undefined, INTERNAL],
    [
      "7.3 NEXT_HOP of three octets",
      `${ORIGIN} ${PATH} 40 03 03 0a0000`,
      "treat-as-withdraw",
      "nextHop: need 4 byte(s) at offset 0, 3 left",
    ],
    [
      "7.3 NEXT_HOP of sixteen octets",
      `${ORIGIN} ${PATH} 40 03 10 ${"00".repeat(16)}`,
      "treat-as-withdraw",
      "nextHop: 12 octet(s) left over",
    ],
    [
      "7.4 MED of three octets",
      `${MINIMUM} 80 04 03 000001`,
      "treat-as-withdraw",
      "med: need 4 byte(s) at offset 0, 3 left",
    ],
    [
      "7.5 LOCAL_PREF from outside",
      `${MINIMUM} 40 05 04 00000064`,
      "discard-attribute",
      "localPref: from an external peer",
    ],
    [
      "7.5 bad LOCAL_PREF from outside",
      `${MINIMUM} 40 05 03 000064`,
      "discard-attribute",
      "localPref: from an external peer",
    ],
    [
      "7.5 bad LOCAL_PREF inside",
      `${MINIMUM} 40 05 03 000064`,
      "treat-as-withdraw",
      "localPref: need 4 byte(s) at offset 0, 3 left",
      INTERNAL,
    ],
    [
      "7.6 ATOMIC_AGGREGATE with a value",
      `${MINIMUM} 40 06 01 00`,
      "discard-attribute",
      "atomicAggregate: 1 octet(s) left over",
    ],
    [
      "7.7 AGGREGATOR of six octets",
      `${MINIMUM} c0 07 06 fde8 0a000001`,
      "discard-attribute",
      "aggregator: need 4 byte(s) at offset 4, 2 left",
    ],
    [
      "7.7 AGGREGATOR of eight octets from a two-octet peer",
      `${ORIGIN} 40 02 04 02 01 fde8 ${NEXT_HOP} c0 07 08 0000fde8 0a000001`,
      "discard-attribute",
      "aggregator: AS 0",
      OLD,
    ],
    ["RFC 7607 AS 0 in AGGREGATOR", `${MINIMUM} c0 07 08 00000000 0a000001`, "discard-attribute", "aggregator: AS 0"],
    ["7.8 no community", `${MINIMUM} c0 08 00`, "treat-as-withdraw", "communities: empty"],
    [
      "7.8 a community and a half",
      `${MINIMUM} c0 08 06 00010002 0003`,
      "treat-as-withdraw",
      "communities: need 4 byte(s) at offset 4, 2 left",
    ],
    [
      "7.9 ORIGINATOR_ID from outside",
      `${MINIMUM} 80 09 04 0a000001`,
      "discard-attribute",
      "originatorId: from an external peer",
    ],
    [
      "7.9 bad ORIGINATOR_ID inside",
      `${MINIMUM} 80 09 05 0a00000100`,
      "treat-as-withdraw",
      "originatorId: 1 octet(s) left over",
      INTERNAL,
    ],
    [
      "7.10 CLUSTER_LIST from outside",
      `${MINIMUM} 80 0a 04 0a000001`,
      "discard-attribute",
      "clusterList: from an external peer",
    ],
    [
      "7.10 bad CLUSTER_LIST inside",
      `${MINIMUM} 80 0a 05 0a00000100`,
      "treat-as-withdraw",
      "clusterList: need 4 byte(s) at offset 4, 1 left",
      INTERNAL,
    ],
    [
      "7.11 IPv6 next hop of 4",
      `${MINIMUM} 80 0e 0e 0002 01 04 0a000001 00 20 20010db8`,
      "reset-session",
      "mpReach: a next hop of 4 octets",
    ],
    [
      "7.11 IPv6 next hop of 24",
      `${MINIMUM} 80 0e 1d 0002 01 18 ${"00".repeat(24)} 00`,
      "reset-session",
      "mpReach: a next hop of 24 octets",
    ],
    [
      "7.11 next hop past the attribute",
      `${MINIMUM} 80 0e 06 0002 01 10 0000`,
      "reset-session",
      "mpReach: need 16 byte(s) at offset 4, 2 left",
    ],
    [
      "5.3 IPv6 prefix of 129 bits",
      `${MINIMUM} 80 0f 05 0002 01 81 20`,
      "reset-session",
      "mpUnreach: an IPv6 prefix of 129 bits",
    ],
    [
      "5.3 IPv6 prefix past the attribute",
      `${MINIMUM} 80 0f 05 0002 01 40 20`,
      "reset-session",
      "mpUnreach: need 8 byte(s) at offset 4, 1 left",
    ],
    ["7.14 no extended community", `${MINIMUM} c0 10 00`, "treat-as-withdraw", "extendedCommunities: empty"],
    [
      "7.14 half an extended community",
      `${MINIMUM} c0 10 04 00020001`,
      "treat-as-withdraw",
      "extendedCommunities: need 4 byte(s) at offset 4, 0 left",
    ],
    ["RFC 8092 no large community", `${MINIMUM} c0 20 00`, "treat-as-withdraw", "largeCommunities: empty"],
    [
      "RFC 8092 8 octets of one",
      `${MINIMUM} c0 20 08 0000000100000002`,
      "treat-as-withdraw",
      "largeCommunities: need 4 byte(s) at offset 8, 0 left",
    ],
    [
      "RFC 6793 AS4_PATH from a four-octet peer",
      `${MINIMUM} c0 11 06 02 01 00000001`,
      "discard-attribute",
      "as4Path: from a four-octet speaker",
    ],
    [
      "RFC 6793 AS4_AGGREGATOR from a four-octet peer",
      `${MINIMUM} c0 12 08 00000001 0a000001`,
      "discard-attribute",
      "as4Aggregator: from a four-octet speaker",
    ],
    [
      "RFC 6793 empty AS4_PATH",
      `${ORIGIN} 40 02 04 02 01 fde8 ${NEXT_HOP} c0 11 00`,
      "discard-attribute",
      "as4Path: empty",
      OLD,
    ],
    ["7.15 no IPv6 extended community", `${MINIMUM} c0 19 00`, "treat-as-withdraw", "ipv6ExtendedCommunities: empty"],
    [
      "7.15 an IPv6 extended community of 19 octets",
      `${MINIMUM} c0 19 13 ${"00".repeat(19)}`,
      "treat-as-withdraw",
      "ipv6ExtendedCommunities: need 2 byte(s) at offset 18, 1 left",
    ],
    ["RFC 7311 an AIGP of nothing", `${MINIMUM} 80 1a 00`, "discard-attribute", "aigp: empty"],
    [
      "RFC 7311 a metric of four octets",
      `${MINIMUM} 80 1a 07 01 0007 00000001`,
      "discard-attribute",
      "aigp: a metric of 4 octets",
    ],
    ["RFC 7311 a length of two", `${MINIMUM} 80 1a 03 01 0002`, "discard-attribute", "aigp: a value of length 2"],
    [
      "RFC 7311 a value past the attribute",
      `${MINIMUM} 80 1a 04 02 0008 00`,
      "discard-attribute",
      "aigp: need 5 byte(s) at offset 3, 1 left",
    ],
    [
      "RFC 7311 AIGP flagged transitive is malformed",
      `${MINIMUM} c0 1a 0b 01 000b 0000000000000007`,
      "discard-attribute",
      "aigp: conflicting flags",
    ],
    ["RFC 7311 AIGP", `${MINIMUM} 80 1a 0b 01 000b 0000000000000007`, "accept", undefined],
    [
      "RFC 9234 6 OTC of three octets",
      `${MINIMUM} c0 23 03 000001`,
      "treat-as-withdraw",
      "onlyToCustomer: need 4 byte(s) at offset 0, 3 left",
    ],
    [
      "RFC 9234 6 OTC of five octets",
      `${MINIMUM} c0 23 05 0000000100`,
      "treat-as-withdraw",
      "onlyToCustomer: 1 octet(s) left over",
    ],
    [
      "RFC 9234 OTC flagged non-transitive",
      `${MINIMUM} 80 23 04 0000fde8`,
      "treat-as-withdraw",
      "onlyToCustomer: conflicting flags",
    ],
    ["RFC 9234 OTC", `${MINIMUM} c0 23 04 0000fde8`, "accept", undefined],
    [
      "RFC 8669 PREFIX_SID past its end",
      `${MINIMUM} c0 28 04 01 0007 00`,
      "discard-attribute",
      "prefixSid: need 7 byte(s) at offset 3, 1 left",
      INTERNAL,
    ],
    [
      "RFC 8669 PREFIX_SID from outside",
      `${MINIMUM} c0 28 0a 01 0007 00 0000 00000001`,
      "discard-attribute",
      "prefixSid: from an external peer",
    ],
    ["RFC 8669 PREFIX_SID inside", `${MINIMUM} c0 28 0a 01 0007 00 0000 00000001`, "accept", undefined, INTERNAL],
    [
      "6793 6 AS4_PATH past its end",
      `${ORIGIN} 40 02 04 02 01 fde8 ${NEXT_HOP} c0 11 06 02 02 00000001`,
      "discard-attribute",
      "as4Path: need 4 byte(s) at offset 6, 0 left",
      OLD,
    ],
    [
      "6793 6 AS4_AGGREGATOR of six octets",
      `${ORIGIN} 40 02 04 02 01 fde8 ${NEXT_HOP} c0 12 06 fde8 0a000001`,
      "discard-attribute",
      "as4Aggregator: need 4 byte(s) at offset 4, 2 left",
      OLD,
    ],
    ["8950 IPv4 over an IPv6 next hop", `${MINIMUM} 80 0e 17 0001 01 10 ${V6} 00 08 0a`, "accept", undefined],
    ["8950 IPv4 over two", `${MINIMUM} 80 0e 27 0001 01 20 ${V6} ${V6} 00 08 0a`, "accept", undefined],
    [
      "7.11 IPv4 over a next hop of 12",
      `${MINIMUM} 80 0e 13 0001 01 0c ${"00".repeat(12)} 00 08 0a`,
      "reset-session",
      "mpReach: a next hop of 12 octets",
    ],
    ["128 a whole attribute set is kept", `${MINIMUM} c0 80 08 0000fde9 40010102`, "accept", undefined],
    ["unknown and optional", `${MINIMUM} c0 63 02 aabb`, "accept", undefined],
    ["4271 6.3 unknown and well-known", `${MINIMUM} 40 63 02 aabb`, "reset-session", "unknown well-known attribute 99"],
  ])("%s", (_name, attributes, verdict, problem, cx = EXTERNAL) => {
    const got = decodeUpdate(body(attributes), cx);
    expect([got.verdict, got.problems[0]?.message]).toEqual([verdict, problem]);
    expect(got.reset === undefined).toBe(verdict !== "reset-session");
  });

  // what is wrong, whole body, code/subcode
  test.each<[string, string, string]>([
    ["withdrawn routes past the message", "0009 0000", "3/1"],
    ["attributes past the message", "0000 0009 400101", "3/1"],
    ["a body of one octet", "00", "3/1"],
    ["5.3 an IPv4 prefix of 33 bits", "0000 0000 21 0a00000000", "3/10"],
    ["5.3 an IPv4 prefix past the message", "0000 0000 18 0a00", "3/10"],
    ["5.3 a withdrawn prefix past its field", "0002 18 0a 0000", "3/10"],
    ["5.2 an error and no route to withdraw", "0000 0004 40010103", "3/1"],
    ["unknown well-known", "0000 0005 406302aabb", "3/2"],
    ["multiprotocol", "0000 0007 800f0400020181", "3/9"],
    ["multiprotocol twice", "0000 000c 800f03000201 800f03000201", "3/1"],
  ])("resets for %s", (_name, bytes, want) => {
    const { verdict, reset } = decodeUpdate(hex(bytes), EXTERNAL);
    expect([verdict, `${reset?.notification.code}/${reset?.notification.subcode}`]).toEqual(["reset-session", want]);
  });

  it("tells the peer which attribute it was, as far as a NOTIFICATION can hold it", () => {
    const bad = `80 0e 0e 0002 01 04 0a000001 00 20 20010db8`;
    expect(decodeUpdate(body(`${MINIMUM} ${bad}`), EXTERNAL).reset?.notification.data).toEqual([...hex(bad)]);
    const long = `90 0e 1f40 0002 01 04 ${"00".repeat(8000 - 4)}`;
    expect(decodeUpdate(body(`${MINIMUM} ${long}`), EXTERNAL).reset?.notification.data).toHaveLength(4075);
  });

  it("tells the peer which well-known attribute it was", () => {
    const { reset } = decodeUpdate(body(`${MINIMUM} 40 63 02 aabb`), EXTERNAL);
    expect(reset?.notification.data).toEqual([...hex("40 63 02 aabb")]);
  });
});

test("the strongest verdict wins, in either order", () => {
  for (const a of VERDICTS) for (const b of VERDICTS) expect(stronger(a, b)).toBe(stronger(b, a));
  expect(stronger("accept", "reset-session")).toBe("reset-session");
});

describe("interpretUpdate()", () => {
  const changes = (update: DecodedUpdate) => {
    const { withdrawn, announced, endOfRib } = interpretUpdate(update);
    return {
      withdrawn: withdrawn.map(String),
      announced: announced.flatMap(({ prefixes, nextHop }) => prefixes.map((one) => `${one} via ${nextHop}`)),
      endOfRib,
    };
  };
  const read = (bytes: Uint8Array) => changes(decodeUpdate(bytes, EXTERNAL));

  it("announces both families of one message, each over its own next hop", () => {
    expect(read(body(`${MINIMUM} ${MP_REACH}`))).toEqual({
      withdrawn: [],
      announced: ["203.0.113.1/32 via 10.0.0.1", "2001:db8::/32 via 2001:db8::1"],
      endOfRib: undefined,
    });
  });

  it("withdraws every route of a message that is treated as withdrawn", () => {
    expect(read(body(`${ORIGIN} ${PATH} ${MP_REACH}`, "20 cb007101", "18 0a0102"))).toEqual({
      withdrawn: ["10.1.2.0/24", "203.0.113.1/32", "2001:db8::/32"],
      announced: [],
      endOfRib: undefined,
    });
  });

  it("withdraws IPv6", () => {
    expect(read(body("80 0f 08 0002 01 20 20010db8", "")).withdrawn).toEqual(["2001:db8::/32"]);
  });

  it("masks the bits behind a prefix", () => {
    expect(read(body(MINIMUM, "19 0affffff")).announced).toEqual(["10.255.255.128/25 via 10.0.0.1"]);
    expect(read(body(MINIMUM, "00")).announced).toEqual(["0.0.0.0/0 via 10.0.0.1"]);
  });

  it.each([
    ["of IPv4", body("", ""), 4],
    ["of IPv6", body("80 0f 03 0002 01", ""), 6],
    ["of IPv6 with an extended length", body("90 0f 0003 0002 01", ""), 6],
    ["of a family we do not know", body("80 0f 03 0019 46", ""), undefined],
    ["but only when nothing was wrong", body("40 06 01 00", ""), undefined],
    ["and not with a route in it", body("80 0f 08 0002 01 20 20010db8", ""), undefined],
    ["and not with another attribute", body(`80 0f 03 0002 01 ${ORIGIN}`, ""), undefined],
  ])("sees an End-of-RIB %s", (_name, bytes, family) => {
    expect(interpretUpdate(decodeUpdate(bytes, EXTERNAL)).endOfRib).toBe(family);
  });

  it("ignores a family it does not know, and keeps it", () => {
    const opaque = body(`${MINIMUM} 80 0e 0b 0001 80 04 0a000001 00 aabb 80 0f 04 0019 46 cc`, "");
    const update = decodeUpdate(opaque, EXTERNAL);
    expect(changes(update)).toEqual({ withdrawn: [], announced: [], endOfRib: undefined });
    expect([...encodeUpdate(update, EXTERNAL).subarray(19)].sort()).toEqual([...opaque].sort());
    expect(formatUpdate(update)).toContain("afi 1 safi 128 next hop 0x0a000001 0xaabb (kept, not read)");
    expect(formatUpdate(update)).toContain("afi 25 safi 70 0xcc (kept, not read)");
  });
});

test("formatAttributes() has words for every attribute", () => {
  const everything = `${ORIGIN} 40 02 18 0201 0000fde8 0101 00000001 0301 00000002 0401 00000003 ${NEXT_HOP} 80 04 04 00000005
    40 05 04 00000064 40 06 00 c0 07 08 0000fde8 0a000001 c0 08 08 00010002 ffffff01 80 09 04 0a000009 80 0a 08 0a00000a 0a00000b
    ${MP_REACH} 80 0f 03 0002 01 c0 10 18 0002fde8 00000007 4004fde9 4e9502f9 0605000000000001
    c0 19 28 0002 ${V6} 0007 4001 ${V6} 0008 80 1a 0f 01 000b 0000000000000007 02 0004 aa
    c0 23 04 0000fde8 c0 28 0a 01 0007 00 0000 00000001 c0 20 0c 00000001 00000002 00000003 c0 63 02 aabb
    c0 80 02 aabb`;
  const { attributes, verdict } = decodeUpdate(body(everything), INTERNAL);
  expect(verdict).toBe("accept");
  expect(formatAttributes(attributes)).toEqual({
    mpReach: "ipv6-unicast next hop 2001:db8::1, 1 announced",
    mpUnreach: "ipv6-unicast, 0 withdrawn",
    origin: "igp",
    asPath: "65000 {1} (2) [3]",
    nextHop: "10.0.0.1",
    med: "5",
    localPref: "100",
    atomicAggregate: "yes",
    aggregator: "65000 10.0.0.1",
    communities: "1:2 65535:65281",
    originatorId: "10.0.0.9",
    clusterList: "10.0.0.10 10.0.0.11",
    extendedCommunities: "target:65000:7 link-bandwidth-non-transitive:65001:1250000000 0x0605000000000001",
    ipv6ExtendedCommunities: "target:[2001:db8::1]:7 0x4001:[2001:db8::1]:8",
    aigp: "7 2:0xaa",
    onlyToCustomer: "65000",
    prefixSid: "1:0x00000000000001",
    largeCommunities: "1:2:3",
    "attribute 99": "0xaabb",
    "attribute 128 (ATTR_SET)": "0xaabb",
  });
});

describe("a two-octet peer (RFC 6793)", () => {
  const attributes = `${ORIGIN} 40 02 04 02 01 5ba0 ${NEXT_HOP} c0 07 06 5ba0 0a000009
    c0 11 0c 02 01 fa56ea00 03 01 00000001 c0 12 08 fa56ea00 0a000009`;

  it("says in four octets what it cannot say in two, and confederation segments of that are dropped", () => {
    const update = decodeUpdate(body(attributes), OLD);
    expect([update.verdict, formatAttributes(update.attributes)]).toEqual([
      "accept",
      {
        origin: "igp",
        asPath: "23456",
        nextHop: "10.0.0.1",
        aggregator: "23456 10.0.0.9",
        as4Path: "4200000000",
        as4Aggregator: "4200000000 10.0.0.9",
      },
    ]);
    expect(decodeUpdate(encodeUpdate(update, OLD).subarray(19), OLD)).toEqual(update);
  });

  it("is sent AS_TRANS where a number does not fit", () => {
    const big = { asn: 4_200_000_000, address: ip("10.0.0.9") };
    const path = [{ type: "sequence", asns: [4_200_000_000, 65000] }] as const;
    const message = { withdrawn: [], nlri: [], attributes: { origin: "igp", asPath: path, aggregator: big } } as const;
    const { attributes: read } = decodeUpdate(
      encodeUpdate({ ...message, nlri: [prefix("10.0.0.0/8")] }, OLD).subarray(19),
      OLD,
    );
    expect([read.asPath?.[0]?.asns, read.aggregator?.asn]).toEqual([[23456, 65000], 23456]);
  });

  it("is sent small numbers as they are", () => {
    const small = { asn: 65000, address: ip("10.0.0.9") };
    const message = { withdrawn: [], nlri: [], attributes: { aggregator: small } };
    expect(decodeUpdate(encodeUpdate(message, OLD).subarray(19), OLD).attributes).toEqual({ aggregator: small });
  });
});

describe("RFC 6793 4.2.3 what a two-octet peer could not say is put back", () => {
  const path = (text: string) =>
    text.split(" ").map((word) => {
      const [, open = "", numbers = ""] = /^([{(]?)([\d,]+)[})]?$/.exec(word) ?? [];
      const type = open === "{" ? "set" : open === "(" ? "confedSequence" : "sequence";
      return { type, asns: numbers.split(",").map(Number) } as const;
    });

  // AS_PATH, AS4_PATH, what comes of it
  test.each([
    ["23456,65001", "4200000000,65001", "4200000000,65001"],
    ["65009,23456,65001", "4200000000,65001", "65009,4200000000,65001"],
    ["65009,65008,23456", "4200000000", "65009,65008,4200000000"],
    ["23456", "4200000000,65001", "23456"],
    ["65009 {1,2} 23456", "4200000000", "65009 {1,2} 4200000000"],
    ["65009,23456 {1,2}", "4200000000 {1,2,3}", "65009,4200000000 {1,2,3}"],
    ["(64512,64513) 65009,23456", "4200000000", "(64512,64513) 65009,4200000000"],
    ["(64512) 23456", "4200000000", "(64512) 4200000000"],
    ["65009 (64512) 23456", "4200000000", "65009 (64512) 4200000000"],
    ["65009 23456 (64512)", "4200000000", "65009,4200000000"],
  ])("%s and %s are %s", (asPath, as4Path, want) => {
    expect(mergeFourOctetAs({ asPath: path(asPath), as4Path: path(as4Path) })).toEqual({ asPath: path(want) });
  });

  it("keeps every sequence short enough for the wire", () => {
    const asPath = [{ type: "sequence", asns: Array.from({ length: 200 }, () => 1) }] as const;
    const as4Path = [{ type: "sequence", asns: Array.from({ length: 100 }, () => 70_000) }] as const;
    const long = [...asPath, ...asPath];
    expect(mergeFourOctetAs({ asPath: long, as4Path }).asPath?.map(({ asns }) => asns.length)).toEqual([200, 200]);
  });

  const trans = { asn: 23456, address: ip("10.0.0.9") };
  const small = { asn: 65000, address: ip("10.0.0.9") };
  const real = { asn: 4_200_000_000, address: ip("10.0.0.9") };
  const short = path("23456");
  const long = path("4200000000");

  test.each([
    ["an AGGREGATOR of AS_TRANS is replaced", { aggregator: trans, as4Aggregator: real }, { aggregator: real }],
    [
      "an AGGREGATOR of a real number makes all that is beside it void",
      { asPath: short, as4Path: long, aggregator: small, as4Aggregator: real },
      { asPath: short, aggregator: small },
    ],
    [
      "the path is put back with AS_TRANS",
      { asPath: short, as4Path: long, aggregator: trans, as4Aggregator: real },
      { asPath: long, aggregator: real },
    ],
    ["a lone AS4_AGGREGATOR means nothing", { as4Aggregator: real }, {}],
    ["a lone AS4_PATH means nothing", { as4Path: long }, {}],
    [
      "an AGGREGATOR without another one leaves the path alone",
      { asPath: short, as4Path: long, aggregator: small },
      { asPath: long, aggregator: small },
    ],
  ])("%s", (_name, attributes, want) => {
    expect(mergeFourOctetAs(attributes)).toEqual(want);
  });

  it("is done to the routes that are kept", () => {
    const attributes = `${ORIGIN} 40 02 04 02 01 5ba0 ${NEXT_HOP} c0 11 06 02 01 fa56ea00`;
    expect(formatAttributes(interpretUpdate(decodeUpdate(body(attributes), OLD)).attributes)).toEqual({
      origin: "igp",
      asPath: "4200000000",
      nextHop: "10.0.0.1",
    });
  });
});

describe("families that were not agreed on", () => {
  const only = (...families: readonly (4 | 6)[]): CodecContext => ({ ...EXTERNAL, families });

  it("RFC 4760 6 an IPv6 attribute is kept unread on a session of IPv4 alone", () => {
    const update = decodeUpdate(body(`${MINIMUM} ${MP_REACH} 80 0f 05 0002 01 99 20`), only(4));
    expect(update.verdict).toBe("accept");
    const { announced, withdrawn } = interpretUpdate(update);
    expect([announced.map(({ family }) => family), withdrawn]).toEqual([[4], []]);
    expect(decodeUpdate(encodeUpdate(update, only(4)).subarray(19), only(4))).toEqual(update);
  });

  it("IPv4 in the fields of the message is dropped on a session of IPv6 alone, and said so", () => {
    const update = decodeUpdate(body(`${ORIGIN} ${PATH} ${MP_REACH}`, "20 cb007101", "18 0a0102"), only(6));
    expect([update.verdict, update.problems.map(({ message }) => message)]).toEqual([
      "discard-attribute",
      ["2 IPv4 route(s), a family not agreed on"],
    ]);
    const { announced, withdrawn } = interpretUpdate(update);
    expect([announced.map(({ family }) => family), withdrawn]).toEqual([[6], []]);
  });

  it("an attribute that is wrong withdraws nothing there, and resets nothing", () => {
    const update = decodeUpdate(body("40 01 01 03"), only(6));
    expect([update.verdict, update.reset]).toEqual(["treat-as-withdraw", undefined]);
  });

  it("an empty UPDATE says nothing wrong", () => {
    expect(decodeUpdate(body("", ""), only(6)).verdict).toBe("accept");
  });
});

describe("RFC 7911 path identifiers", () => {
  const PATHS: CodecContext = { ...EXTERNAL, addPathReceive: [4], addPathSend: [4] };

  it("stand before each prefix of the families that have them, and of no other", () => {
    const bytes = body(`${MINIMUM} ${MP_REACH}`, "00000007 20 cb007101 00000008 20 cb007101", "00000009 18 0a0102");
    const update = decodeUpdate(bytes, PATHS);
    expect(update).toMatchObject({ verdict: "accept", nlriPathIds: [7, 8], withdrawnPathIds: [9] });
    expect([...encodeUpdate(update, PATHS).subarray(19)].sort()).toEqual([...bytes].sort());
    const { announced, withdrawnPathIds } = interpretUpdate(update);
    expect([announced.map(({ pathIds }) => pathIds), withdrawnPathIds]).toEqual([[[7, 8], undefined], [9]]);
  });

  it("are 0 among withdrawals for a family that has none", () => {
    const bytes = body("80 0f 08 0002 01 20 20010db8", "", "00000009 18 0a0102");
    expect(interpretUpdate(decodeUpdate(bytes, PATHS)).withdrawnPathIds).toEqual([9, 0]);
  });

  it("stay with what is treated as withdrawn", () => {
    const six: CodecContext = { ...EXTERNAL, addPathReceive: [4, 6] };
    const reach = `80 0e 1e 0002 01 10 ${V6} 00 00000005 20 20010db8`;
    const update = decodeUpdate(body(`${ORIGIN} ${PATH} ${reach}`, "00000007 20 cb007101"), six);
    const { withdrawn, withdrawnPathIds } = interpretUpdate(update);
    expect([update.verdict, withdrawn.map(String), withdrawnPathIds]).toEqual([
      "treat-as-withdraw",
      ["203.0.113.1/32", "2001:db8::/32"],
      [7, 5],
    ]);
  });

  it("are the same for all routes that were given none", () => {
    const message = { withdrawn: [], nlri: [prefix("10.0.0.0/8"), prefix("11.0.0.0/8")], attributes: {} };
    const six = { ...message, attributes: { mpUnreach: { family: 6, prefixes: [prefix("2001:db8::/32")] } } } as const;
    expect(decodeUpdate(encodeUpdate(message, PATHS).subarray(19), PATHS).nlriPathIds).toEqual([1, 1]);
    expect([...encodeUpdate(six, { ...EXTERNAL, addPathSend: [6] })].slice(23, 38)).toEqual([
      ...hex("80 0f 0c 0002 01 00000001 20 20010db8"),
    ]);
  });

  it("cut off inside one resets the session", () => {
    const { reset } = decodeUpdate(body(MINIMUM, "000000"), PATHS);
    expect(reset?.notification).toMatchObject({ code: 3, subcode: 10 });
  });
});

test("RFC 8092 5 a large community that comes twice is kept once", () => {
  const { attributes } = decodeUpdate(
    body(`${MINIMUM} c0 20 24 ${"000000010000000200000003".repeat(2)} 000000010000000200000004`),
    EXTERNAL,
  );
  expect(attributes.largeCommunities).toHaveLength(2);
});

describe("properties", () => {
  it("decodes what it encodes, without a problem", () => {
    fc.assert(
      fc.property(updates, (update: UpdateMessage) => {
        const decoded = decodeUpdate(encodeUpdate(update, INTERNAL).subarray(19), INTERNAL);
        expect(JSON.stringify(decoded)).toBe(
          JSON.stringify({
            withdrawn: update.withdrawn,
            nlri: update.nlri,
            attributes: decoded.attributes,
            verdict: "accept",
            problems: [],
          }),
        );
        expect(decoded.attributes).toEqual(update.attributes);
      }),
      { numRuns: 200 },
    );
  });

  it("decodes what it encodes with path identifiers", () => {
    fc.assert(
      fc.property(updates, familySets, fc.nat(), (plain, paths, first) => {
        const cx = { ...INTERNAL, addPathReceive: paths, addPathSend: paths };
        const update = withPathIds(plain, paths, first);
        const { verdict, problems, reset, ...decoded } = decodeUpdate(encodeUpdate(update, cx).subarray(19), cx);
        expect([verdict, problems, reset]).toEqual(["accept", [], undefined]);
        expect(decoded).toEqual(update);
      }),
      { numRuns: 100 },
    );
  });

  it("never throws, on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), contexts, (bytes, cx) => {
        interpretUpdate(decodeUpdate(bytes, cx));
      }),
      { numRuns: 5000 },
    );
  });

  it("gives a verdict on a valid UPDATE with one octet changed, and what it accepts it can write and read again", () => {
    fc.assert(
      fc.property(updates, fc.nat(), fc.integer({ min: 0, max: 255 }), (update, at, value) => {
        const bytes = encodeUpdate(update, INTERNAL).slice(19);
        bytes[at % bytes.length] = value;
        const first = decodeUpdate(bytes, INTERNAL);
        interpretUpdate(first);
        if (first.verdict !== "accept") return;
        const again = decodeUpdate(encodeUpdate(first, INTERNAL).subarray(19), INTERNAL);
        expect(again).toEqual(first);
      }),
      { numRuns: 1500 },
    );
  });
});
