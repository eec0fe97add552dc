import { describe, expect, it, test } from "vitest";
import type { CodecContext } from "../../src/bgp/codec-context.ts";
import { NotificationError } from "../../src/bgp/error.ts";
import { type Frame, Framer } from "../../src/bgp/framer.ts";
import { decodeNotification, formatNotification } from "../../src/bgp/message/notification.ts";
import { decodeOpen, formatOpen } from "../../src/bgp/message/open.ts";
import { decodeRouteRefresh, formatRouteRefresh } from "../../src/bgp/message/route-refresh.ts";
import {
  decodeUpdate,
  encodeUpdate,
  formatUpdate,
  interpretUpdate,
  type UpdateMessage,
} from "../../src/bgp/message/update.ts";
import { formatRouterId } from "../../src/bgp/router-id.ts";
import type { Verdict } from "../../src/bgp/verdict.ts";
import { Reader } from "../../src/wire/reader.ts";
import { hex } from "../support/hex.ts";
import { decodings, type Encoding, encodings, entries, type GobgpBody, type GobgpView, present } from "./corpus.ts";
import {
  exabgpWords,
  gobgpCapabilities,
  gobgpWords,
  ourCapabilities,
  ourPlainWords,
  ourRouteWords,
  ourWords,
  tsharkWords,
} from "./corpus-words.ts";

test.runIf(!present)("the corpus is not beside this checkout: nothing of it was tried", () => {
  expect(process.env["CI"]).not.toBe("true");
});

const EXTERNAL: CodecContext = { fourOctetAsn: true, internal: false };
const INTERNAL: CodecContext = { fourOctetAsn: true, internal: true };
const OLD: CodecContext = { fourOctetAsn: false, internal: true };
const PATHS: CodecContext = { ...EXTERNAL, addPathReceive: [4, 6], addPathSend: [4, 6], enhancedRouteRefresh: true };

function read(frame: Frame, cx: CodecContext): string {
  switch (frame.kind) {
    case "open":
      return formatOpen(decodeOpen(frame.body));
    case "notification":
      return formatNotification(decodeNotification(frame.body));
    case "routeRefresh":
      return formatRouteRefresh(decodeRouteRefresh(frame.body, cx));
    case "keepalive":
      return "KEEPALIVE";
    case "update": {
      const update = decodeUpdate(frame.body, cx);
      interpretUpdate(update);
      return formatUpdate(update);
    }
  }
}

/** True when the stream was read to its end; a refusal must be a coded one. How long it takes is the fuzz run's question. */
function survives(bytes: Uint8Array, cx: CodecContext): boolean {
  try {
    for (const frame of new Framer().push(bytes)) read(frame, cx);
    return true;
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    return false;
  }
}

describe.runIf(present)("1,122 messages of other implementations", () => {
  const messages = entries.map(({ hex: text }) => hex(text));

  it("are all there", () => {
    expect([entries.length, encodings.length, decodings.length]).toEqual([1122, 166, 22]);
  });

  it("are read or refused by name", () => {
    const read = messages.filter((bytes) => survives(bytes, EXTERNAL)).length;
    for (const bytes of messages) for (const cx of [OLD, PATHS]) survives(bytes, cx);
    expect(read).toBeGreaterThan(1000);
  });

  it("are read or refused by name, cut anywhere", () => {
    for (const bytes of messages) {
      for (let length = 19; length < bytes.length; length += 1 + (bytes.length >> 9)) {
        // A cut message is a message that says it is shorter.
        const cut = bytes.slice(0, length);
        new DataView(cut.buffer).setUint16(16, length);
        survives(cut, EXTERNAL);
      }
    }
  }, 60_000);

  it("are read or refused by name, with bits flipped", () => {
    messages.forEach((bytes, i) => {
      // Some bits, others in each message: the fuzz run has them all.
      for (let bit = i % 37; bit < bytes.length * 8; bit += 37) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        survives(flipped, INTERNAL);
      }
    });
  }, 60_000);

  it("read the same again after our encoder wrote them", () => {
    let compared = 0;
    for (const bytes of messages) {
      if (bytes[18] !== 2) continue;
      const first = decodeUpdate(bytes.subarray(19), INTERNAL);
      if (first.verdict !== "accept") continue;
      expect(decodeUpdate(encodeUpdate(first, INTERNAL).subarray(19), INTERNAL)).toEqual(first);
      compared++;
    }
    expect(compared).toBeGreaterThan(700);
  });
});

/** What we make of one message whose bytes may not even be one. */
interface Outcome {
  readonly verdict: Verdict | "incomplete";
  readonly why: string;
}

function judge(bytes: Uint8Array, cx: CodecContext): Outcome {
  try {
    const [frame] = [...new Framer({ extendedMessages: true }).push(bytes)];
    if (frame === undefined) return { verdict: "incomplete", why: "" };
    if (frame.kind !== "update") return { verdict: "accept", why: read(frame, cx) };
    const { verdict, problems, reset } = decodeUpdate(frame.body, cx);
    return { verdict, why: reset?.message ?? problems.map(({ message }) => message).join("; ") };
  } catch (error) {
    if (!(error instanceof NotificationError)) return { verdict: "reset-session", why: String(error) };
    return { verdict: "reset-session", why: error.message };
  }
}

const HANDLING: Readonly<Record<string, string>> = {
  "session-reset": "reset-session",
  "attribute-discard": "discard-attribute",
  "treat-as-withdraw": "treat-as-withdraw",
  "afi-safi-disable": "afi-safi-disable",
};

interface Difference extends Outcome {
  readonly theirs: string;
  readonly message: string;
}

/** Why we differ from GoBGP, first match first: what we say, what GoBGP says, and the rule that decides. */
const REASONS: readonly (readonly [string, (difference: Difference) => boolean])[] = [
  ["RFC 4271 6.1: what is no whole message yet is no error", ({ verdict }) => verdict === "incomplete"],
  ["RFC 4271 6.1: GoBGP's decoder looks at no marker", ({ why }) => why.includes("marker")],
  ["RFC 4271 6.1: a KEEPALIVE is 19 octets", ({ why }) => why === "a message of 20 octets"],
  ["RFC 4271 6.2: version 4 alone; GoBGP looks at it elsewhere", ({ why }) => why === "BGP version 8"],
  ["RFC 4271 6.3: an unknown well-known attribute is 3/2", ({ why }) => why.startsWith("unknown well-known")],
  ["RFC 7606 3(d): missing attributes; GoBGP looks for them elsewhere", ({ why }) => /^[\w; ]+ is missing$/.test(why)],
  ["RFC 7607 2: AS 0 withdraws", ({ why }) => why.startsWith("asPath: AS 0")],
  ["RFC 7606 5.2: without a route there is nothing to withdraw", ({ why }) => why.startsWith("no routes, and")],
  ["RFC 7606 5.3: every prefix has to be read before any is withdrawn", ({ why }) => why.startsWith("an IPv4 prefix")],
  [
    "RFC 7606 7.11: of disabling the family and resetting the session we do the second",
    ({ theirs, verdict, why }) =>
      verdict === "reset-session" && theirs === "afi-safi-disable" && /^mp(Un)?[rR]each/.test(why),
  ],
  [
    "RFC 8950 3: IPv4 routes may have an IPv6 next hop, not the other way round",
    ({ why }) => why === "mpReach: a next hop of 4 octets",
  ],
  [
    "RFC 4760 6: a family we do not carry is kept unread",
    ({ verdict, theirs }) => verdict === "accept" && theirs === "afi-safi-disable",
  ],
  [
    "RFC 4271 4.3: the low four bits of the flags are ignored",
    ({ message }) => message.startsWith("flags are invalid"),
  ],
  [
    "RFC 5492 3: a capability that does not matter is kept unread",
    ({ message, verdict }) => message.includes("CapabilityExtendedNexthop") && verdict === "accept",
  ],
  [
    "RFC 9072 2: extended parameters, which GoBGP does not know",
    ({ message, verdict }) => message.includes("Open message bytes") && verdict === "accept",
  ],
  [
    "RFC 8669 6: what is inside a TLV we do not use is kept unread",
    ({ message, verdict }) => message.includes("Prefix SID") && verdict === "accept",
  ],
];

function differenceOf(bytes: Uint8Array, view: GobgpView, cx: CodecContext): Difference | undefined {
  const ours = judge(bytes, cx);
  const theirs = view.error === undefined ? "accept" : (HANDLING[view.error.handling ?? ""] ?? "error");
  return ours.verdict === theirs ? undefined : { ...ours, theirs, message: view.error?.message ?? "" };
}

describe.runIf(present)("beside GoBGP", () => {
  test.each([
    ["four-octet AS numbers", "gobgp_as4", INTERNAL, 900],
    ["two-octet AS numbers", "gobgp_as2", OLD, 300],
  ] as const)("%s: the same verdict, or a rule that decides", (_name, key, cx, floor) => {
    const unexplained: string[] = [];
    const used = new Set<string>();
    let same = 0;
    for (const entry of entries) {
      const view = entry[key];
      const difference = view === undefined ? undefined : differenceOf(hex(entry.hex), view, cx);
      if (difference === undefined) same++;
      else {
        const reason = REASONS.find(([, applies]) => applies(difference))?.[0];
        if (reason === undefined) unexplained.push(`${entry.hex} ${JSON.stringify(difference)}`);
        else used.add(reason);
      }
    }
    expect(unexplained).toEqual([]);
    expect(same).toBeGreaterThan(floor);
    if (key === "gobgp_as4") expect(used.size).toBe(REASONS.length - 1);
  });

  test.each([
    ["four-octet AS numbers", "gobgp_as4", INTERNAL, 700],
    ["two-octet AS numbers", "gobgp_as2", OLD, 250],
  ] as const)("%s: the same attributes and routes, where both accept", (_name, key, cx, floor) => {
    let compared = 0;
    const differ: string[] = [];
    for (const { hex: text, [key]: view } of entries) {
      const theirs = view?.decoded?.Body;
      if (view?.error !== undefined || theirs?.PathAttributes === undefined) continue;
      const ours = decodeUpdate(hex(text).subarray(19), cx);
      if (ours.verdict !== "accept") continue;
      compared++;
      const want = gobgpWords(theirs).join("; ");
      const got = ourWords(ours).join("; ");
      if (got !== want) differ.push(`${text}\n  ours ${got}\n  want ${want}`);
    }
    expect(differ).toEqual([]);
    expect(compared).toBeGreaterThan(floor);
  });

  it("the same OPENs, NOTIFICATIONs and ROUTE-REFRESHes", () => {
    let compared = 0;
    for (const { hex: text, gobgp_as4 } of entries) {
      const theirs = gobgp_as4?.error === undefined ? gobgp_as4?.decoded?.Body : undefined;
      if (judge(hex(text), INTERNAL).verdict !== "accept" || !theirs) continue;
      if (expectSameControl(hex(text).subarray(19), theirs)) compared++;
    }
    expect(compared).toBeGreaterThan(90);
  });

  it("the same bytes again, where it writes them again: but for the order of attributes and the form of lengths", () => {
    let compared = 0;
    for (const entry of entries) {
      const bytes = hex(entry.hex);
      if (entry.gobgp_as4?.roundtrip !== true || bytes[18] !== 2) continue;
      const update = decodeUpdate(bytes.subarray(19), INTERNAL);
      if (update.verdict !== "accept") continue;
      expect(canonical(encodeUpdate(update, INTERNAL))).toEqual(canonical(bytes));
      compared++;
    }
    expect(compared).toBeGreaterThan(700);
  });
});

/** False for what is none of the three. */
function expectSameControl(body: Uint8Array, theirs: GobgpBody): boolean {
  if (theirs.MyAS !== undefined) {
    const { myAs, holdTime, identifier, capabilities } = decodeOpen(body);
    expect([myAs, holdTime, formatRouterId(identifier)]).toEqual([theirs.MyAS, theirs.HoldTime, theirs.ID]);
    expect([...new Set(ourCapabilities(capabilities))]).toEqual([...new Set(gobgpCapabilities(theirs))]);
  } else if (theirs.ErrorCode !== undefined) {
    const { code, subcode, data } = decodeNotification(body);
    const got = [code, subcode, Buffer.from(data).toString("base64")];
    expect(got).toEqual([theirs.ErrorCode, theirs.ErrorSubcode, theirs.Data ?? ""]);
  } else if (theirs.AFI !== undefined) {
    expect(decodeRouteRefresh(body)).toEqual({ afi: theirs.AFI, subtype: theirs.Demarcation, safi: theirs.SAFI });
  } else return false;
  return true;
}

/** The fields of an UPDATE and each attribute without the flags that say nothing, sorted. */
function canonical(bytes: Uint8Array): readonly string[] {
  const text = (octets: Uint8Array) => Buffer.from(octets).toString("hex");
  const r = new Reader(bytes.subarray(19));
  const parts = [`withdrawn ${text(r.bytes(r.u16()))}`];
  const attributes = r.window(r.u16());
  while (attributes.remaining > 0) {
    const flags = attributes.u8();
    const type = attributes.u8();
    const value = attributes.bytes((flags & 0x10) === 0 ? attributes.u8() : attributes.u16());
    parts.push(`${flags & 0xc0} ${type} ${comparable(type, text(value))}`);
  }
  parts.push(`nlri ${text(r.rest())}`);
  return parts.sort();
}

function comparable(type: number, value: string): string {
  // RFC 8092 section 5: a large community that comes twice is kept once.
  if (type === 32) return [...new Set(value.match(/.{24}/g) ?? [])].join("");
  if (type !== 14) return value;
  // RFC 4760 section 3: the octet behind a next hop is reserved, to be sent as 0 and ignored.
  const at = 8 + Number.parseInt(value.slice(6, 8), 16) * 2;
  return `${value.slice(0, at)}00${value.slice(at + 2)}`;
}

/** Why tshark's plain fields cannot be ours. */
function notComparable({ attributes }: UpdateMessage, ids: boolean): boolean {
  // RFC 6368: tshark looks into an ATTR_SET, for us it is one value.
  if (attributes.unknown?.some(({ type }) => type === 128) === true) return true;
  // It guesses at path identifiers in families that we keep unread.
  const opaque = [attributes.mpReach, attributes.mpUnreach].some(
    (one) => one !== undefined && one.family === undefined,
  );
  return ids && opaque;
}

describe.runIf(present)("beside tshark", () => {
  const readable = entries.flatMap(({ hex: text, tshark, tshark_malformed }) =>
    tshark && tshark_malformed !== true && text.slice(36, 38) === "02" ? [{ bytes: hex(text), tshark }] : [],
  );

  it("the same plain fields, where it finds nothing malformed and we accept", () => {
    let compared = 0;
    let withIds = 0;
    for (const { bytes, tshark } of readable) {
      const want = tsharkWords(tshark);
      const ids = want.some((word) => word.startsWith("path id"));
      const ours = decodeUpdate(bytes.subarray(19), ids ? { ...INTERNAL, addPathReceive: [4] } : INTERNAL);
      if (ours.verdict !== "accept" || notComparable(ours, ids)) continue;
      expect(ourPlainWords(ours), Buffer.from(bytes).toString("hex")).toEqual(want);
      compared++;
      if (ids) withIds++;
    }
    expect([compared > 700, withIds > 10]).toEqual([true, true]);
  });
});

const sessionOf = ({ session }: Encoding): CodecContext => {
  const paths = session.add_path === false ? [] : ([4, 6] as const);
  return {
    fourOctetAsn: session.asn4,
    internal: session.local_as === session.peer_as,
    addPathReceive: paths,
    addPathSend: paths,
  };
};

describe.runIf(present)("beside ExaBGP", () => {
  it("the same routes, and the same bytes again, in the session each message was meant for", () => {
    let compared = 0;
    for (const entry of encodings) {
      const bytes = hex(entry.hex);
      if (bytes[18] !== 2) continue;
      const cx = sessionOf(entry);
      const update = decodeUpdate(bytes.subarray(19), cx);
      const theirs = entry.expect?.neighbor?.message?.update;
      if (update.verdict !== "accept") continue;
      expect(canonical(encodeUpdate(update, cx)), entry.cmd ?? "").toEqual(canonical(bytes));
      if (theirs === undefined) continue;
      expect(ourRouteWords(update), entry.hex).toEqual(exabgpWords(theirs));
      compared++;
    }
    expect(compared).toBeGreaterThan(90);
  });

  it("families we do not speak are kept without an error, and change nothing", () => {
    for (const { kind, header, hex: text } of decodings) {
      const bytes = hex(text);
      if (header === "open") expect(read({ kind: "open", body: bytes.subarray(19) }, INTERNAL)).toContain("OPEN AS");
      if (!header.startsWith("update")) continue;
      const body = kind === "message" ? bytes.subarray(19) : bytes;
      const update = decodeUpdate(body, INTERNAL);
      expect(update.reset?.message, text).toBeUndefined();
      if (header.includes("unicast") || header === "update") continue;
      const { announced, withdrawn } = interpretUpdate(update);
      expect([announced, withdrawn]).toEqual([[], []]);
    }
  });
});
