import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
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
import { community, ip, prefix } from "./values.ts";

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
    expect(formatUpdate(update)).toContain("afi 1 safi 128 (kept, not read)");
    expect(formatUpdate(update)).toContain("afi 25 safi 70");
  });
});

test("formatAttributes() has words for every attribute", () => {
  const everything = `${ORIGIN} 40 02 18 0201 0000fde8 0101 00000001 0301 00000002 0401 00000003 ${NEXT_HOP} 80 04 04 00000005
    40 05 04 00000064 40 06 00 c0 07 08 0000fde8 0a000001 c0 08 08 00010002 ffffff01 80 09 04 0a000009 80 0a 08 0a00000a 0a00000b
    ${MP_REACH} 80 0f 03 0002 01 c0 10 08 0002fde8 00000007 c0 20 0c 00000001 00000002 00000003 c0 63 02 aabb`;
  const { attributes, verdict } = decodeUpdate(body(everything), INTERNAL);
  expect(verdict).toBe("accept");
  expect(formatAttributes(attributes)).toEqual({
    mpReach: "ipv6-unicast next hop 2001:db8::1",
    mpUnreach: "ipv6-unicast",
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
    extendedCommunities: "0x0002fde800000007",
    largeCommunities: "1:2:3",
    "attribute 99": "2 octet(s)",
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

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const segment = fc.record({
  type: fc.constantFrom("set" as const, "sequence" as const),
  asns: fc.array(fc.integer({ min: 1, max: 0xffffffff }), { minLength: 1, maxLength: 255 }),
});
const v4 = fc
  .tuple(u32, fc.integer({ min: 0, max: 32 }))
  .map(([value, length]) =>
    prefix(`${[value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".")}/${length}`),
  );
const v6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([text, length]) => {
  const address = ip(text);
  return address.family === 6 ? prefix(`${address}/${length}`) : prefix("2001:db8::/32");
});
const list = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 40 });
const updates = fc.record({
  withdrawn: fc.array(v4, { maxLength: 20 }),
  nlri: list(v4),
  attributes: fc.record(
    {
      mpReach: fc.record({
        family: fc.constant(6 as const),
        nextHop: fc.record({
          address: fc.constant(ip("2001:db8::1")),
          linkLocal: fc.constantFrom(undefined, ip("fe80::1")),
        }),
        prefixes: fc.array(v6, { maxLength: 20 }),
      }),
      mpUnreach: fc.record({ family: fc.constantFrom(4 as const, 6 as const), prefixes: fc.constant([]) }),
      origin: fc.constantFrom("igp" as const, "egp" as const, "incomplete" as const),
      asPath: fc.array(segment, { maxLength: 3 }),
      nextHop: fc.constant(ip("192.0.2.1")),
      med: u32,
      localPref: u32,
      atomicAggregate: fc.constant(true as const),
      aggregator: fc.record({ asn: fc.integer({ min: 1, max: 0xffffffff }), address: fc.constant(ip("192.0.2.7")) }),
      communities: list(fc.constantFrom(community("1:2"), community("65535:65281"))),
      originatorId: u32,
      clusterList: list(u32),
      extendedCommunities: list(fc.record({ high: u32, low: u32 })),
      largeCommunities: list(fc.record({ global: u32, local1: u32, local2: u32 })),
      unknown: fc.uniqueArray(
        fc.record({
          flags: fc.constantFrom(0x80, 0xc0, 0xe0),
          type: fc.integer({ min: 100, max: 255 }),
          value: fc.uint8Array({ maxLength: 300 }),
        }),
        { minLength: 1, maxLength: 4, selector: ({ type }) => type },
      ),
    },
    { requiredKeys: ["origin", "asPath", "nextHop"] },
  ),
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

  it("never throws, on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.boolean(), (bytes, fourOctetAsn, internal) => {
        interpretUpdate(decodeUpdate(bytes, { fourOctetAsn, internal }));
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
