import { describe, expect, it, test } from "vitest";
import { NotificationError } from "../../src/bgp/error.ts";
import type { Open } from "../../src/bgp/message/open.ts";
import { negotiate, ourOpen } from "../../src/bgp/negotiation.ts";
import type { Offer } from "../../src/bgp/negotiation-offer.ts";
import { asn, routerId } from "./values.ts";

const BOTH = [
  { afi: 1, safi: 1 },
  { afi: 2, safi: 1 },
];
const offer: Offer = {
  localAsn: asn(64512),
  peerAsn: asn(65000),
  holdTime: 90,
  keepaliveTime: undefined,
  families: [4, 6],
};
const open: Open = {
  myAs: 65000,
  holdTime: 180,
  identifier: 7,
  capabilities: { families: BOTH, routeRefresh: true, fourOctetAsn: 65000 },
};
const ID = routerId(9);

describe("negotiate() refuses", () => {
  test.each<[string, Partial<Offer>, Partial<Open>, string]>([
    [
      "another AS than configured, with that AS",
      {},
      { myAs: 65001, capabilities: { fourOctetAsn: 65001 } },
      "2/2 253.233",
    ],
    ["AS 0", { peerAsn: "external" }, { myAs: 0, capabilities: {} }, "2/2 0.0"],
    [
      "a four-octet AS, with all four octets",
      {},
      { myAs: 23456, capabilities: { fourOctetAsn: 4_200_000_000 } },
      "2/2 250.86.234.0",
    ],
    ["a field and a capability that contradict each other", {}, { myAs: 65001 }, "2/2 253.233"],
    [
      "our own AS where an external one is wanted",
      { peerAsn: "external" },
      { myAs: 64512, capabilities: {} },
      "2/2 252.0",
    ],
    ["another AS where our own is wanted", { peerAsn: "internal" }, {}, "2/2 253.232"],
    ["identifier 0.0.0.0", {}, { identifier: 0 }, "2/3 "],
    ["our own identifier inside our AS", { peerAsn: "internal", localAsn: asn(65000) }, { identifier: 9 }, "2/3 "],
    ["hold time 1", {}, { holdTime: 1 }, "2/6 "],
    ["hold time 2", {}, { holdTime: 2 }, "2/6 "],
    [
      "no family in common, with those it lacks",
      { families: [6] },
      { capabilities: { families: [{ afi: 1, safi: 1 }] } },
      "2/7 1.4.0.2.0.1",
    ],
    ["no family at all where IPv6 is wanted", { families: [6] }, { capabilities: {} }, "2/7 1.4.0.2.0.1"],
    [
      "the AS before the identifier and the hold time",
      {},
      { myAs: 1, identifier: 0, holdTime: 1, capabilities: {} },
      "2/2 0.1",
    ],
  ])("%s", (_name, ours, theirs, want) => {
    const got = negotiate({ ...offer, ...ours }, ID, { ...open, ...theirs });
    if (!(got instanceof NotificationError)) throw new Error("accepted");
    const { code, subcode, data } = got.notification;
    expect(`${code}/${subcode} ${data.join(".")}`).toBe(want);
  });
});

describe("negotiate() agrees on", () => {
  test.each<[string, Partial<Offer>, Partial<Open>, object]>([
    ["the smaller hold time and a third of it", {}, {}, { holdTime: 90, keepaliveTime: 30 }],
    ["the peer's hold time when it is smaller", {}, { holdTime: 10 }, { holdTime: 10, keepaliveTime: 3 }],
    ["a keepalive every second with hold time 3", {}, { holdTime: 3 }, { holdTime: 3, keepaliveTime: 1 }],
    ["no timers when the peer wants none", {}, { holdTime: 0 }, { holdTime: 0, keepaliveTime: 0 }],
    ["no timers when we want none", { holdTime: 0 }, {}, { holdTime: 0, keepaliveTime: 0 }],
    ["a keepalive time of our own", { keepaliveTime: 5 }, {}, { holdTime: 90, keepaliveTime: 5 }],
    ["but never more than a third", { keepaliveTime: 60 }, {}, { holdTime: 90, keepaliveTime: 30 }],
    ["the common families", { families: [6] }, {}, { families: [6] }],
    [
      "IPv4 when the peer names no family",
      {},
      { capabilities: {} },
      { families: [4], fourOctetAsn: false, routeRefresh: false },
    ],
    ["the same identifier in another AS", {}, { identifier: 9 }, { peerIdentifier: 9 }],
    [
      "AS_TRANS with the real number",
      { peerAsn: asn(4_200_000_000) },
      { myAs: 23456, capabilities: { fourOctetAsn: 4_200_000_000 } },
      { peerAsn: 4_200_000_000, internal: false },
    ],
    ["AS_TRANS with a number that two octets could say", {}, { myAs: 23456 }, { peerAsn: 65000 }],
    ["any external AS", { peerAsn: "external" }, {}, { peerAsn: 65000, internal: false }],
    ["our own AS", { peerAsn: "internal", localAsn: asn(65000) }, {}, { internal: true }],
    ["our own AS by its number", { localAsn: asn(65000) }, {}, { internal: true }],
  ])("%s", (_name, ours, theirs, want) => {
    expect(negotiate({ ...offer, ...ours }, ID, { ...open, ...theirs })).toMatchObject(want);
  });
});

describe("negotiate() of restarts, roles and next hops", () => {
  const restart = { restartTime: 120, preserved: [4] } as const;
  const peerRestart = { restarted: false, notification: true, restartTime: 90, families: [] };
  const extended = [{ afi: 1, safi: 1, nextHopAfi: 2 }];
  test.each<[string, Partial<Offer>, object, object]>([
    [
      "graceful restart of both, with the N bit",
      { gracefulRestart: restart },
      { gracefulRestart: peerRestart },
      { gracefulRestart: true, survivesNotification: true },
    ],
    [
      "none when only the peer has it",
      {},
      { gracefulRestart: peerRestart },
      { gracefulRestart: false, survivesNotification: false },
    ],
    [
      "none when our OPEN did not say so",
      { gracefulRestart: restart, courtesy: "basic" },
      { gracefulRestart: peerRestart },
      { gracefulRestart: false },
    ],
    ["long messages when the peer takes them", {}, { extendedMessage: true }, { extendedMessages: true }],
    ["short messages otherwise", {}, {}, { extendedMessages: false }],
    [
      "short ones when we did not say it",
      { courtesy: "basic" },
      { extendedMessage: true },
      { extendedMessages: false },
    ],
    [
      "IPv6 next hops for IPv4 when both say so",
      { extendedNextHop: true },
      { extendedNextHop: extended },
      { extendedNextHop: true },
    ],
    [
      "not when the peer means something else",
      { extendedNextHop: true },
      { extendedNextHop: [{ afi: 1, safi: 128, nextHopAfi: 2 }] },
      { extendedNextHop: false },
    ],
    ["not when the peer says nothing of it", { extendedNextHop: true }, {}, { extendedNextHop: false }],
    ["not when we did not offer it", {}, { extendedNextHop: extended }, { extendedNextHop: false }],
    ["the role that goes with ours", { role: { role: "customer", strict: true } }, { role: 0 }, { peerAsn: 65000 }],
    ["no role of the peer, unless we insist", { role: { role: "peer", strict: false } }, {}, { peerAsn: 65000 }],
    ["any role when we say none", {}, { role: 4 }, { peerAsn: 65000 }],
    [
      "two octets when our OPEN was bare",
      { courtesy: "bare" },
      {},
      { fourOctetAsn: false, families: [4], routeRefresh: false },
    ],
    ["two octets when the peer must not be sent more", { denied: ["fourOctetAsn"] }, {}, { fourOctetAsn: false }],
  ])("%s", (_name, ours, theirs, want) => {
    const capabilities = { ...open.capabilities, ...theirs };
    expect(negotiate({ ...offer, ...ours }, ID, { ...open, capabilities })).toMatchObject(want);
  });

  test.each<[string, NonNullable<Offer["role"]>, number | undefined, Offer["courtesy"]?]>([
    ["a provider meets a provider", { role: "provider", strict: false }, 0],
    ["a customer meets a peer", { role: "customer", strict: false }, 4],
    ["a route server meets a customer", { role: "routeServer", strict: false }, 3],
    ["a role nobody has assigned", { role: "peer", strict: false }, 9],
    ["no role where we insist on one", { role: "customer", strict: true }, undefined],
    [
      "no role where we insist on one, after our own was refused",
      { role: "customer", strict: true },
      undefined,
      "basic",
    ],
  ])("refuses with 2/11 when %s", (_name, role, theirs, courtesy = "full") => {
    const capabilities = { ...open.capabilities, ...(theirs === undefined ? {} : { role: theirs }) };
    const got = negotiate({ ...offer, role, courtesy }, ID, { ...open, capabilities });
    expect(got instanceof NotificationError ? got.notification : "accepted").toEqual({
      code: 2,
      subcode: 11,
      data: [],
    });
  });
});

describe("negotiate() of path identifiers (RFC 7911 section 4)", () => {
  const both = { send: true, receive: true };
  const family = (afi: number, ways: object, safi = 1) => ({ afi, safi, send: false, receive: false, ...ways });
  test.each<[string, Partial<Offer>, object, readonly number[], readonly number[]]>([
    ["none when we offer none", {}, { addPath: [family(1, both), family(2, both)] }, [], []],
    ["none when the peer offers none", { addPaths: both }, {}, [], []],
    [
      "none when both only send",
      { addPaths: { send: true, receive: false } },
      { addPath: [family(1, { send: true })] },
      [],
      [],
    ],
    [
      "none when both only receive",
      { addPaths: { send: false, receive: true } },
      { addPath: [family(1, { receive: true })] },
      [],
      [],
    ],
    ["ours where the peer takes them", { addPaths: both }, { addPath: [family(1, { receive: true })] }, [4], []],
    ["the peer's where it sends them", { addPaths: both }, { addPath: [family(1, { send: true })] }, [], [4]],
    [
      "each family by itself",
      { addPaths: both },
      { addPath: [family(1, { send: true }), family(2, { receive: true })] },
      [6],
      [4],
    ],
    ["both ways in both families", { addPaths: both }, { addPath: [family(1, both), family(2, both)] }, [4, 6], [4, 6]],
    [
      "not in a family the session does not carry",
      { addPaths: both, families: [4] },
      { addPath: [family(2, both)] },
      [],
      [],
    ],
    ["not in labelled unicast", { addPaths: both }, { addPath: [family(1, both, 4)] }, [], []],
    [
      "none when our OPEN had to be modest",
      { addPaths: both, courtesy: "basic" },
      { addPath: [family(1, both)] },
      [],
      [],
    ],
    [
      "none where the peer must not be told",
      { addPaths: both, denied: ["addPath"] },
      { addPath: [family(1, both)] },
      [],
      [],
    ],
  ])("%s", (_name, ours, theirs, send, receive) => {
    const capabilities = { ...open.capabilities, ...theirs };
    const got = negotiate({ ...offer, ...ours }, ID, { ...open, capabilities });
    expect(got).toMatchObject({ addPathSend: send, addPathReceive: receive });
  });

  it("are offered in one capability for all families, and only where the peer is asked for them", () => {
    const addPaths = { send: true, receive: false };
    expect(ourOpen({ ...offer, addPaths }, ID).capabilities.addPath).toEqual([
      { afi: 1, safi: 1, send: true, receive: false },
      { afi: 2, safi: 1, send: true, receive: false },
    ]);
    expect(ourOpen(offer, ID).capabilities).not.toHaveProperty("addPath");
  });
});

it("every refusal is documented by a code of its own", () => {
  const refusals = [
    negotiate(offer, ID, { ...open, myAs: 1 }),
    negotiate(offer, ID, { ...open, identifier: 0 }),
    negotiate(offer, ID, { ...open, holdTime: 1 }),
    negotiate({ ...offer, families: [6] }, ID, { ...open, capabilities: {}, myAs: 65000 }),
  ];
  const codes = refusals.map((one) => (one instanceof NotificationError ? one.code : "accepted"));
  expect(new Set(codes)).toEqual(
    new Set([
      "ERR_BGP_BAD_PEER_AS",
      "ERR_BGP_BAD_IDENTIFIER",
      "ERR_BGP_UNACCEPTABLE_HOLD_TIME",
      "ERR_BGP_UNSUPPORTED_CAPABILITY",
    ]),
  );
});
