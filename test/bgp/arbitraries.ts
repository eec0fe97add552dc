import fc from "fast-check";
import type { Capabilities } from "../../src/bgp/capability.ts";
import type { CodecContext } from "../../src/bgp/codec-context.ts";
import type { Notification } from "../../src/bgp/error.ts";
import { CAPABILITY } from "../../src/bgp/iana.ts";
import type { Open } from "../../src/bgp/message/open.ts";
import type { RouteRefresh } from "../../src/bgp/message/route-refresh.ts";
import type { UpdateMessage } from "../../src/bgp/message/update.ts";
import type { Family } from "../../src/net/ip-address.ts";
import type { IpPrefix } from "../../src/net/ip-prefix.ts";
import { community, ip, prefix } from "./values.ts";

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const yes = fc.constant(true as const);
const list = <T>(one: fc.Arbitrary<T>, maxLength = 40) => fc.array(one, { minLength: 1, maxLength });
const wire = { afi: u16, safi: u8 };
const wireFamilies = <T extends { afi: number; safi: number }>(one: fc.Arbitrary<T>, maxLength = 5) =>
  fc.uniqueArray(one, { maxLength, selector: ({ afi, safi }) => `${afi}/${safi}` });

const KNOWN = new Set<number>(Object.values(CAPABILITY));

const capabilities: fc.Arbitrary<Capabilities> = fc.record(
  {
    families: wireFamilies(fc.record(wire)).filter((families) => families.length > 0),
    routeRefresh: yes,
    outboundRouteFilter: list(
      fc.record({ ...wire, filters: fc.array(fc.record({ type: u8, ways: u8 }), { maxLength: 4 }) }),
      3,
    ),
    extendedNextHop: list(fc.record({ afi: u16, safi: u16, nextHopAfi: u16 }), 50),
    extendedMessage: yes,
    role: u8,
    gracefulRestart: fc.record({
      restarted: fc.boolean(),
      notification: fc.boolean(),
      restartTime: fc.integer({ min: 0, max: 4095 }),
      families: fc.array(fc.record({ ...wire, preserved: fc.boolean() }), { maxLength: 63 }),
    }),
    fourOctetAsn: u32,
    addPath: wireFamilies(
      fc
        .record({ ...wire, ways: fc.integer({ min: 1, max: 3 }) })
        .map(({ afi, safi, ways }) => ({ afi, safi, receive: (ways & 1) !== 0, send: (ways & 2) !== 0 })),
      80,
    ),
    enhancedRouteRefresh: yes,
    longLivedGracefulRestart: fc.array(
      fc.record({ ...wire, preserved: fc.boolean(), staleTime: fc.integer({ min: 0, max: 0xffffff }) }),
      { maxLength: 36 },
    ),
    hostName: fc.record({
      host: fc.string({ maxLength: 4, unit: "grapheme" }),
      domain: fc.string({ maxLength: 4, unit: "grapheme" }),
    }),
    softwareVersion: fc.string({ maxLength: 60 }),
    linkLocalNextHop: yes,
    unknown: list(
      fc.record({ code: u8.filter((code) => !KNOWN.has(code)), value: fc.array(u8, { maxLength: 30 }) }),
      5,
    ),
  },
  { requiredKeys: [] },
);

export const opens: fc.Arbitrary<Open> = fc.record({ myAs: u16, holdTime: u16, identifier: u32, capabilities });

export const notifications: fc.Arbitrary<Notification> = fc.record({
  code: fc.oneof(fc.integer({ min: 1, max: 8 }), u8),
  subcode: fc.oneof(fc.integer({ min: 0, max: 11 }), u8),
  data: fc.array(u8, { maxLength: 300 }),
});

export const refreshes: fc.Arbitrary<RouteRefresh> = fc.record({ ...wire, subtype: u8 });

const FAMILY_SETS: readonly (readonly Family[])[] = [[], [4], [6], [4, 6]];
export const familySets: fc.Arbitrary<readonly Family[]> = fc.constantFrom(...FAMILY_SETS);

/** Sessions of every kind; what is sent and what is received have the same path identifiers, so that both ends can be one. */
export const contexts: fc.Arbitrary<CodecContext> = fc
  .record({
    fourOctetAsn: fc.boolean(),
    internal: fc.boolean(),
    families: familySets,
    paths: familySets,
    extendedMessages: fc.boolean(),
    enhancedRouteRefresh: fc.boolean(),
  })
  .map(({ paths, ...rest }) => ({ ...rest, addPathReceive: paths, addPathSend: paths }));

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
const v6Address = fc.constantFrom(ip("2001:db8::1"), ip("fe80::1"), ip("::"));
const tlv = fc.record({ type: fc.integer({ min: 2, max: 255 }), value: fc.uint8Array({ maxLength: 40 }) });
const metric = fc.record({ type: fc.constant(1), value: fc.uint8Array({ minLength: 8, maxLength: 8 }) });

/** Everything that an internal session with four-octet AS numbers and without path identifiers can carry. */
export const updates: fc.Arbitrary<UpdateMessage> = fc.record({
  withdrawn: fc.array(v4, { maxLength: 20 }),
  nlri: list(v4),
  attributes: fc.record(
    {
      mpReach: fc.oneof(
        fc.record({
          family: fc.constant(6 as const),
          nextHop: fc.record({ address: v6Address, linkLocal: fc.constantFrom(undefined, ip("fe80::1")) }),
          prefixes: fc.array(v6, { maxLength: 20 }),
        }),
        fc.record({
          family: fc.constant(4 as const),
          nextHop: fc.record({
            address: fc.constantFrom(ip("192.0.2.1"), ip("fe80::1")),
            linkLocal: fc.constant(undefined),
          }),
          prefixes: fc.array(v4, { maxLength: 20 }),
        }),
        fc.record({
          family: fc.constant(undefined),
          afi: fc.integer({ min: 3, max: 0xffff }),
          safi: u8,
          nextHop: fc.uint8Array({ maxLength: 24 }),
          nlri: fc.uint8Array({ maxLength: 60 }),
        }),
      ),
      mpUnreach: fc.oneof(
        fc.record({ family: fc.constant(4 as const), prefixes: fc.array(v4, { maxLength: 20 }) }),
        fc.record({ family: fc.constant(6 as const), prefixes: fc.array(v6, { maxLength: 20 }) }),
      ),
      origin: fc.constantFrom("igp" as const, "egp" as const, "incomplete" as const),
      asPath: fc.array(segment, { maxLength: 3 }),
      nextHop: fc.constant(ip("192.0.2.1")),
      med: u32,
      localPref: u32,
      atomicAggregate: yes,
      aggregator: fc.record({ asn: fc.integer({ min: 1, max: 0xffffffff }), address: fc.constant(ip("192.0.2.7")) }),
      communities: list(fc.constantFrom(community("1:2"), community("65535:65281"))),
      originatorId: u32,
      clusterList: list(u32),
      extendedCommunities: list(fc.record({ high: u32, low: u32 })),
      ipv6ExtendedCommunities: list(fc.record({ type: u8, subtype: u8, address: v6Address, local: u16 }), 5),
      aigp: list(fc.oneof(metric, tlv), 3),
      largeCommunities: fc.uniqueArray(fc.record({ global: u32, local1: u32, local2: u32 }), {
        minLength: 1,
        maxLength: 40,
        selector: ({ global, local1, local2 }) => `${global}:${local1}:${local2}`,
      }),
      onlyToCustomer: u32,
      prefixSid: list(tlv, 3),
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

/** The same message with an identifier before each prefix of these families. */
export function withPathIds(update: UpdateMessage, families: readonly Family[], first: number): UpdateMessage {
  const ids = (prefixes: readonly IpPrefix[]) => prefixes.map((_, i) => (first + i) % 2 ** 32);
  const { mpReach, mpUnreach } = update.attributes;
  const has = (family: Family | undefined): family is Family => family !== undefined && families.includes(family);
  return {
    ...update,
    ...(has(4) ? { withdrawnPathIds: ids(update.withdrawn), nlriPathIds: ids(update.nlri) } : {}),
    attributes: {
      ...update.attributes,
      ...(mpReach?.family !== undefined && has(mpReach.family)
        ? { mpReach: { ...mpReach, pathIds: ids(mpReach.prefixes) } }
        : {}),
      ...(mpUnreach?.family !== undefined && has(mpUnreach.family)
        ? { mpUnreach: { ...mpUnreach, pathIds: ids(mpUnreach.prefixes) } }
        : {}),
    },
  };
}
