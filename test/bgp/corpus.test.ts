import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, test } from "vitest";
import type { Attributes } from "../../src/bgp/attribute/registry.ts";
import type { CodecContext } from "../../src/bgp/codec-context.ts";
import { NotificationError } from "../../src/bgp/error.ts";
import { type Frame, Framer } from "../../src/bgp/framer.ts";
import { decodeNotification, formatNotification } from "../../src/bgp/message/notification.ts";
import { decodeOpen, formatOpen } from "../../src/bgp/message/open.ts";
import { decodeRouteRefresh, formatRouteRefresh } from "../../src/bgp/message/route-refresh.ts";
import { decodeUpdate, encodeUpdate, formatUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import { formatRouterId } from "../../src/bgp/router-id.ts";
import { formatCommunity, formatLargeCommunity } from "../../src/net/community.ts";
import { hex } from "../support/hex.ts";

// Messages of a dozen implementations, whose licences keep them out of this repository.
const FOLDER = join(import.meta.dirname, "../../../shared/corpus");
const present = existsSync(join(FOLDER, "messages.jsonl.gz"));

test.runIf(!present)("the corpus is not beside this checkout: nothing of it was tried", () => {
  expect(process.env["CI"]).not.toBe("true");
});

interface Entry {
  readonly hex: string;
  readonly gobgp_as4?: {
    readonly decoded?: {
      readonly Body?: {
        readonly PathAttributes?: readonly GobgpAttribute[];
        readonly NLRI?: readonly GobgpNlri[] | null;
        readonly WithdrawnRoutes?: readonly GobgpNlri[] | null;
      } | null;
    };
    readonly error?: unknown;
  };
}
interface GobgpNlri {
  readonly NLRI?: { readonly prefix: string };
}
interface GobgpAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[] | null;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly communities?: readonly number[];
}

const entries: readonly Entry[] = present
  ? gunzipSync(readFileSync(join(FOLDER, "messages.jsonl.gz")))
      .toString("utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
  : [];

const EXTERNAL: CodecContext = { fourOctetAsn: true, internal: false };
const INTERNAL: CodecContext = { fourOctetAsn: true, internal: true };

function read(frame: Frame, cx: CodecContext): string {
  switch (frame.kind) {
    case "open":
      return formatOpen(decodeOpen(frame.body));
    case "notification":
      return formatNotification(decodeNotification(frame.body));
    case "routeRefresh":
      return formatRouteRefresh(decodeRouteRefresh(frame.body));
    case "keepalive":
      return "KEEPALIVE";
    case "update": {
      const update = decodeUpdate(frame.body, cx);
      interpretUpdate(update);
      return formatUpdate(update);
    }
  }
}

/** True when the stream was read to its end; a refusal must be a coded one. */
function survives(bytes: Uint8Array, cx: CodecContext): boolean {
  try {
    for (const frame of new Framer().push(bytes)) expect(read(frame, cx).length).toBeGreaterThan(0);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(NotificationError);
    return false;
  }
}

describe.runIf(present)("1,122 messages of other implementations", () => {
  it("are all there", () => {
    expect(entries.length).toBeGreaterThanOrEqual(1122);
  });

  it("decode or are refused by name, whole and cut anywhere", () => {
    let read = 0;
    for (const { hex: text } of entries) {
      const bytes = hex(text);
      if (survives(bytes, EXTERNAL)) read++;
      survives(bytes, { fourOctetAsn: false, internal: true });
      // A cut message is a message that says it is shorter.
      for (let length = 19; length < Math.min(bytes.length, 400); length += 1 + (bytes.length >> 6)) {
        const cut = bytes.slice(0, length);
        new DataView(cut.buffer).setUint16(16, length);
        survives(cut, EXTERNAL);
      }
    }
    expect(read).toBeGreaterThan(1000);
  });

  it("decode or are refused by name with a bit flipped", () => {
    for (const { hex: text } of entries) {
      const bytes = hex(text);
      const stride = 1 + ((bytes.length * 8) >> 5);
      for (let bit = 0; bit < bytes.length * 8; bit += stride) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        survives(flipped, INTERNAL);
      }
    }
  });

  it("say the same to us as to GoBGP, where both accept", () => {
    let compared = 0;
    const differ: string[] = [];
    for (const { hex: text, gobgp_as4 } of entries) {
      const theirs = gobgp_as4?.decoded?.Body;
      if (gobgp_as4?.error !== undefined || theirs?.PathAttributes === undefined) continue;
      const ours = decodeUpdate(hex(text).subarray(19), INTERNAL);
      if (ours.verdict !== "accept") continue;
      compared++;
      const want = [
        ...theirs.PathAttributes.flatMap(gobgpWords),
        `nlri ${prefixes(theirs.NLRI)}`,
        `gone ${prefixes(theirs.WithdrawnRoutes)}`,
      ];
      const got = [...ourWords(ours.attributes), `nlri ${ours.nlri.join()}`, `gone ${ours.withdrawn.join()}`];
      if (got.sort().join("; ") !== want.sort().join("; "))
        differ.push(`${text}\n  ours ${got.join("; ")}\n  want ${want.join("; ")}`);
    }
    expect(differ).toEqual([]);
    expect(compared).toBeGreaterThan(400);
  });

  it("read the same again after our encoder wrote them", () => {
    let compared = 0;
    for (const { hex: text } of entries) {
      const bytes = hex(text);
      if (bytes[18] !== 2) continue;
      const first = decodeUpdate(bytes.subarray(19), INTERNAL);
      if (first.verdict !== "accept") continue;
      expect(decodeUpdate(encodeUpdate(first, INTERNAL).subarray(19), INTERNAL)).toEqual(first);
      compared++;
    }
    expect(compared).toBeGreaterThan(400);
  });
});

function prefixes(list: readonly GobgpNlri[] | null | undefined): string {
  return (list ?? []).map(({ NLRI }) => NLRI?.prefix).join();
}

/** The attributes GoBGP prints without its own names for things. */
function gobgpWords({ type, value, as_paths, nexthop, metric, communities }: GobgpAttribute): readonly string[] {
  switch (type) {
    case 1:
      return [`origin ${["igp", "egp", "incomplete"][Number(value)]}`];
    case 2:
      return [`path ${(as_paths ?? []).map(({ asns }) => asns.join(" ")).join("|")}`];
    case 3:
      return [`next hop ${nexthop}`];
    case 4:
      return [`med ${metric}`];
    case 5:
      return [`preference ${value}`];
    case 8:
      return [`communities ${(communities ?? []).map((n) => `${n >>> 16}:${n & 0xffff}`).join(" ")}`];
    case 9:
      return [`originator ${value}`];
    case 10:
      return [`clusters ${value}`];
    case 32:
      return [
        `large ${isList(value) ? value.map(({ ASN, LocalData1, LocalData2 }) => `${ASN}:${LocalData1}:${LocalData2}`) : ""}`,
      ];
    default:
      return [];
  }
}

function isList(value: unknown): value is readonly Readonly<Record<string, number>>[] {
  return Array.isArray(value);
}

function ourWords(attributes: Attributes): readonly string[] {
  const { origin, asPath, nextHop, med, localPref, communities } = attributes;
  const { originatorId, clusterList, largeCommunities } = attributes;
  return [
    origin === undefined ? [] : [`origin ${origin}`],
    asPath === undefined ? [] : [`path ${asPath.map(({ asns }) => asns.join(" ")).join("|")}`],
    nextHop === undefined ? [] : [`next hop ${nextHop}`],
    med === undefined ? [] : [`med ${med}`],
    localPref === undefined ? [] : [`preference ${localPref}`],
    communities === undefined ? [] : [`communities ${communities.map(formatCommunity).join(" ")}`],
    originatorId === undefined ? [] : [`originator ${formatRouterId(originatorId)}`],
    clusterList === undefined ? [] : [`clusters ${clusterList.map(formatRouterId)}`],
    largeCommunities === undefined ? [] : [`large ${largeCommunities.map(formatLargeCommunity)}`],
  ].flat();
}
