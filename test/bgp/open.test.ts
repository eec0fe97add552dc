import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { formatCapabilities } from "../../src/bgp/capability.ts";
import { NotificationError } from "../../src/bgp/error.ts";
import { decodeOpen, encodeOpen, formatOpen } from "../../src/bgp/message/open.ts";
import { ourOpen } from "../../src/bgp/negotiation.ts";
import { routerIdFromNumber } from "../../src/bgp/router-id.ts";
import { hex } from "../support/hex.ts";
import { asn, routerId } from "./values.ts";

const refusal = (
  body: string,
): { readonly code: number; readonly subcode: number; readonly data: readonly number[] } => {
  try {
    decodeOpen(hex(body));
  } catch (error) {
    if (error instanceof NotificationError) return error.notification;
    throw error;
  }
  throw new Error("accepted");
};

describe("decodeOpen() refuses", () => {
  test.each<[string, string, number, readonly number[]]>([
    ["version 3, and says which it wants", "03 fc00 005a 0a000001 00", 1, [0, 4]],
    ["version 5", "05 fc00 005a 0a000001 00", 1, [0, 4]],
    ["an authentication parameter", "04 fc00 005a 0a000001 02 01 00", 4, []],
    ["parameters past the message", "04 fc00 005a 0a000001 08 02 02 0200", 0, []],
    ["a parameter past the parameters", "04 fc00 005a 0a000001 04 02 06 0200", 0, []],
    ["a capability past its parameter", "04 fc00 005a 0a000001 04 02 02 0104", 0, []],
    ["a four-octet AS of two octets", "04 fc00 005a 0a000001 06 02 04 4102fc00", 0, []],
    ["octets behind the parameters", "04 fc00 005a 0a000001 00 00", 0, []],
    ["extended parameters past the message", "04 fc00 005a 0a000001 ff ff 0009 02 0002 0200", 0, []],
    ["an empty body", "", 0, []],
  ])("%s", (_name, body, subcode, data) => {
    expect(refusal(body)).toEqual({ code: 2, subcode, data });
  });
});

describe("decodeOpen() accepts", () => {
  test.each<[string, string, object]>([
    ["no parameters", "00", {}],
    [
      "one capability per parameter",
      "08 02 02 0200 02 02 0600",
      { routeRefresh: true, unknown: [{ code: 6, value: [] }] },
    ],
    [
      "two families in one parameter",
      "0e 02 0c 010400010001 010400020001",
      {
        families: [
          { afi: 1, safi: 1 },
          { afi: 2, safi: 1 },
        ],
      },
    ],
    ["the same family twice, once", "0e 02 0c 010400010001 010400010001", { families: [{ afi: 1, safi: 1 }] }],
    ["a family nobody has heard of", "08 02 06 0104400400ff", { families: [{ afi: 0x4004, safi: 255 }] }],
    ["RFC 9072 with length 255", "ff ff 0005 02 0002 0200", { routeRefresh: true }],
    ["RFC 9072 with a length that lies", "01 ff 0005 02 0002 0200", { routeRefresh: true }],
  ])("%s", (_name, parameters, capabilities) => {
    const body = hex(`04 fc00 005a 0a000001 ${parameters}`);
    expect(decodeOpen(body).capabilities).toEqual(capabilities);
  });
});

describe("ourOpen()", () => {
  it("says AS_TRANS and the real number for four octets", () => {
    const open = ourOpen({ ...offer, localAsn: asn(4_200_000_000) }, routerId(1));
    expect([open.myAs, open.capabilities.fourOctetAsn]).toEqual([23456, 4_200_000_000]);
  });

  it("says a two-octet number itself", () => {
    expect(ourOpen({ ...offer, localAsn: asn(65535) }, routerId(1)).myAs).toBe(65535);
  });

  const offer = {
    localAsn: asn(64512),
    peerAsn: "external",
    holdTime: 90,
    keepaliveTime: undefined,
    families: [4, 6],
  } as const;
});

const u16 = fc.integer({ min: 0, max: 0xffff });
const capability = fc.record({
  code: fc.integer({ min: 0, max: 255 }).filter((code) => ![1, 2, 65].includes(code)),
  value: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 8 }),
});
const opens = fc.record({
  myAs: u16,
  holdTime: u16,
  identifier: fc.integer({ min: 0, max: 0xffffffff }),
  capabilities: fc.record(
    {
      families: fc.uniqueArray(fc.record({ afi: u16, safi: fc.integer({ min: 0, max: 255 }) }), {
        minLength: 1,
        maxLength: 5,
        selector: ({ afi, safi }) => `${afi}/${safi}`,
      }),
      routeRefresh: fc.constant(true as const),
      fourOctetAsn: fc.integer({ min: 0, max: 0xffffffff }),
      unknown: fc.array(capability, { minLength: 1, maxLength: 5 }),
    },
    { requiredKeys: [] },
  ),
});

describe("properties", () => {
  it("decodes what it encodes, and has words for it", () => {
    fc.assert(
      fc.property(opens, (open) => {
        expect(decodeOpen(encodeOpen(open).subarray(19))).toEqual(open);
        expect(formatOpen(open)).toContain(`AS ${open.myAs} `);
        expect(formatCapabilities(open.capabilities).every((words) => words.length > 0)).toBe(true);
      }),
    );
  });

  it("throws nothing but notifications, on any bytes and on a valid OPEN with one octet changed", () => {
    const attempt = (body: Uint8Array): void => {
      try {
        decodeOpen(body);
      } catch (error) {
        expect(error).toBeInstanceOf(NotificationError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), attempt), { numRuns: 3000 });
    fc.assert(
      fc.property(opens, fc.nat(), fc.integer({ min: 0, max: 255 }), (open, at, value) => {
        const body = encodeOpen(open).slice(19);
        body[at % body.length] = value;
        attempt(body);
      }),
      { numRuns: 2000 },
    );
  });
});

test("numbers that are no identifier", () => {
  expect([0, -1, 1.5, 2 ** 32].map(routerIdFromNumber)).toEqual([undefined, undefined, undefined, undefined]);
});
