import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  type Capabilities,
  capabilityBytes,
  decodeCapabilities,
  formatCapabilities,
} from "../../src/bgp/capability.ts";
import { NotificationError } from "../../src/bgp/error.ts";
import { decodeOpen, encodeOpen, formatOpen } from "../../src/bgp/message/open.ts";
import { ourOpen } from "../../src/bgp/negotiation.ts";
import { routerIdFromNumber } from "../../src/bgp/router-id.ts";
import { Reader } from "../../src/wire/reader.ts";
import { hex } from "../support/hex.ts";
import { opens } from "./arbitraries.ts";
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
    ["a family of three octets", "04 fc00 005a 0a000001 07 02 05 0103000100", 0, []],
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
    ["one capability per parameter", "08 02 02 0200 02 02 0600", { routeRefresh: true, extendedMessage: true }],
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

const parameters = (capabilities: Capabilities): readonly number[] => [
  ...encodeOpen({ myAs: 1, holdTime: 0, identifier: 1, capabilities }).subarray(28),
];

describe("encodeOpen()", () => {
  const filler = (length: number): Capabilities => ({
    unknown: [{ code: 200, value: Array.from({ length }, () => 7) }],
  });

  it("writes no parameter where there is no capability", () => {
    expect(parameters({})).toEqual([0]);
  });

  it("keeps to lengths of one octet up to 255 octets of parameters", () => {
    expect(parameters(filler(251)).slice(0, 5)).toEqual([255, 2, 253, 200, 251]);
  });

  it("RFC 9072 2 takes lengths of two octets above, with the length of 255 that FRR 8.4 wants", () => {
    expect(parameters(filler(252)).slice(0, 9)).toEqual([255, 255, 1, 1, 2, 0, 254, 200, 252]);
  });
});

describe("capabilities", () => {
  // name, code and value of one capability, what it means, and the words for it
  test.each<[string, string, Capabilities, string]>([
    ["RFC 4760 IPv6 unicast", "01 04 00020001", { families: [{ afi: 2, safi: 1 }] }, "ipv6-unicast"],
    ["RFC 2918", "02 00", { routeRefresh: true }, "route-refresh"],
    [
      "RFC 5291 with two filters",
      "03 09 00010001 02 4003 4002",
      {
        outboundRouteFilter: [
          {
            afi: 1,
            safi: 1,
            filters: [
              { type: 64, ways: 3 },
              { type: 64, ways: 2 },
            ],
          },
        ],
      },
      "outbound-route-filter ipv4-unicast",
    ],
    [
      "RFC 8950 IPv4 over IPv6",
      "05 06 000100010002",
      { extendedNextHop: [{ afi: 1, safi: 1, nextHopAfi: 2 }] },
      "extended-next-hop ipv4-unicast:ipv6",
    ],
    [
      "RFC 8950 with other families",
      "05 0c 000100800001 000200010063",
      {
        extendedNextHop: [
          { afi: 1, safi: 128, nextHopAfi: 1 },
          { afi: 2, safi: 1, nextHopAfi: 99 },
        ],
      },
      "extended-next-hop afi 1 safi 128:ipv4 ipv6-unicast:afi 99",
    ],
    ["RFC 8654", "06 00", { extendedMessage: true }, "extended-message"],
    ["RFC 9234 provider", "09 01 00", { role: 0 }, "role provider"],
    ["RFC 9234 customer", "09 01 03", { role: 3 }, "role customer"],
    ["RFC 9234 a role nobody has", "09 01 09", { role: 9 }, "role 9"],
    ["RFC 9234 the same role twice", "09 01 04 09 01 04", { role: 4 }, "role peer"],
    [
      "RFC 4724 with R and F, RFC 8538 with N",
      "40 0a c078 00010180 00020100",
      {
        gracefulRestart: {
          restarted: true,
          notification: true,
          restartTime: 120,
          families: [
            { afi: 1, safi: 1, preserved: true },
            { afi: 2, safi: 1, preserved: false },
          ],
        },
      },
      "graceful-restart 120 s restarted notification ipv4-unicast:preserved ipv6-unicast",
    ],
    [
      "RFC 4724 of a helper that restarts nothing",
      "40 02 0000",
      { gracefulRestart: { restarted: false, notification: false, restartTime: 0, families: [] } },
      "graceful-restart 0 s",
    ],
    ["RFC 6793", "41 04 fa56ea00", { fourOctetAsn: 4_200_000_000 }, "four-octet-as 4200000000"],
    [
      "RFC 7911 both ways, and one",
      "45 08 00010103 00020101",
      {
        addPath: [
          { afi: 1, safi: 1, receive: true, send: true },
          { afi: 2, safi: 1, receive: true, send: false },
        ],
      },
      "add-path ipv4-unicast:receive+send ipv6-unicast:receive",
    ],
    [
      "RFC 7911 the last of a family counts",
      "45 04 00010103 45 04 00010102",
      { addPath: [{ afi: 1, safi: 1, receive: false, send: true }] },
      "add-path ipv4-unicast:send",
    ],
    ["RFC 7313", "46 00", { enhancedRouteRefresh: true }, "enhanced-route-refresh"],
    [
      "RFC 9494",
      "47 07 00010180 015180",
      { longLivedGracefulRestart: [{ afi: 1, safi: 1, preserved: true, staleTime: 86400 }] },
      "long-lived-graceful-restart ipv4-unicast:preserved 86400 s",
    ],
    ["a host name of FRR", "49 04 02766d00", { hostName: { host: "vm", domain: "" } }, 'host "vm"'],
    ["a host name with a domain", "49 06 02766d 02c3a9", { hostName: { host: "vm", domain: "é" } }, 'host "vm.é"'],
    ["a software version", "4b 04 03 462f31", { softwareVersion: "F/1" }, 'software "F/1"'],
    ["a link-local next hop", "4d 00", { linkLocalNextHop: true }, "link-local-next-hop"],
    ["one nobody knows", "c8 02 aabb", { unknown: [{ code: 200, value: [0xaa, 0xbb] }] }, "capability 200 0xaabb"],
    ["an empty one nobody knows", "80 00", { unknown: [{ code: 128, value: [] }] }, "capability 128"],
  ])("%s", (_name, text, want, words) => {
    const octets = hex(text);
    const got = decodeCapabilities(new Reader(octets));
    expect(got).toEqual(want);
    expect(formatCapabilities(got)).toEqual([words]);
    expect(decodeCapabilities(new Reader(capabilityBytes(got)))).toEqual(want);
  });

  test.each([
    ["graceful restart of one octet", "40 01 00"],
    ["graceful restart with half a family", "40 04 00780001"],
    ["a way of RFC 7911 that is none", "45 04 00010104"],
    ["no way of RFC 7911", "45 04 00010100"],
    ["half a family of RFC 8950", "05 03 000100"],
    ["a role of two octets", "09 02 0303"],
    ["a role of none", "09 00"],
    ["route refresh with a value", "02 01 00"],
    ["a host name past its end", "49 03 09766d"],
    ["a host name that is not UTF-8", "49 03 01ff00"],
    ["a version with octets behind it", "4b 03 01 41 42"],
    ["filters past their end", "03 06 00010001 02 40"],
  ])("%s is kept unread, as if we did not know it", (_name, text) => {
    const octets = hex(text);
    expect(decodeCapabilities(new Reader(octets))).toEqual({
      unknown: [{ code: octets[0], value: [...octets.subarray(2)] }],
    });
  });

  it("RFC 9234 4.2 refuses two roles that differ", () => {
    expect(refusal("04 fc00 005a 0a000001 08 02 06 090103 090104")).toEqual({ code: 2, subcode: 11, data: [] });
  });

  it("a role of four octets beside a role is no second one, whichever comes first", () => {
    const want = { role: 1, unknown: [{ code: 9, value: [0, 0, 0, 1] }] };
    for (const text of ["09 01 01 09 04 00 00 00 01", "09 04 00 00 00 01 09 01 01"])
      expect(decodeCapabilities(new Reader(hex(text)))).toEqual(want);
  });

  it("splits a list that one capability cannot hold", () => {
    const addPath = Array.from({ length: 70 }, (_, i) => ({ afi: i, safi: 1, receive: true, send: false }));
    const octets = capabilityBytes({ addPath });
    expect([octets[1], octets[255]]).toEqual([252, 28]);
    expect(decodeCapabilities(new Reader(octets))).toEqual({ addPath });
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
