import type { Community, LargeCommunity } from "../../net/community.ts";
import type { ExtendedCommunity } from "../../net/extended-community.ts";
import type { IpAddress } from "../../net/ip-address.ts";
import { CodedError, ShortReadError } from "../../wire/errors.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import type { CodecContext } from "../codec-context.ts";
import {
  MalformedAttributeError,
  MalformedAttributeListError,
  type NotificationError,
  OptionalAttributeError,
  UnrecognizedWellKnownAttributeError,
} from "../error.ts";
import { ATTRIBUTE_FLAG, ATTRIBUTE_TYPE } from "../iana.ts";
import { hexDigits } from "../octets.ts";
import { stronger, type Verdict } from "../verdict.ts";
import { type Aggregator, aggregator, as4Aggregator } from "./aggregator.ts";
import { type AsPath, as4Path, asPath } from "./as-path.ts";
import { atomicAggregate } from "./atomic-aggregate.ts";
import { clusterList } from "./cluster-list.ts";
import {
  communities,
  extendedCommunities,
  type Ipv6ExtendedCommunity,
  ipv6ExtendedCommunities,
  largeCommunities,
} from "./communities.ts";
import { type MpReach, mpReach } from "./mp-reach.ts";
import { type MpUnreach, mpUnreach } from "./mp-unreach.ts";
import { nextHop } from "./next-hop.ts";
import { localPref, med, onlyToCustomer, originatorId } from "./number.ts";
import { type Origin, origin } from "./origin.ts";
import type { AttributeSpec } from "./spec.ts";
import { aigp, prefixSid, type Tlv } from "./tlv.ts";

/** The attributes we understand. Adding a key here without a row below does not compile. */
interface KnownAttributes {
  readonly mpReach?: MpReach;
  readonly mpUnreach?: MpUnreach;
  readonly origin?: Origin;
  readonly asPath?: AsPath;
  readonly nextHop?: IpAddress;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate?: true;
  readonly aggregator?: Aggregator;
  readonly communities?: readonly Community[];
  readonly originatorId?: number;
  readonly clusterList?: readonly number[];
  readonly extendedCommunities?: readonly ExtendedCommunity[];
  readonly as4Path?: AsPath;
  readonly as4Aggregator?: Aggregator;
  readonly ipv6ExtendedCommunities?: readonly Ipv6ExtendedCommunity[];
  readonly aigp?: readonly Tlv[];
  readonly largeCommunities?: readonly LargeCommunity[];
  readonly onlyToCustomer?: number;
  readonly prefixSid?: readonly Tlv[];
}

/** An attribute we do not understand: kept, so that it can be shown. */
interface UnknownAttribute {
  readonly flags: number;
  readonly type: number;
  readonly value: Uint8Array;
}

export interface Attributes extends KnownAttributes {
  readonly unknown?: readonly UnknownAttribute[];
}

/** The order is the order of sending: RFC 7606 section 5.1 wants the multiprotocol ones first, the rest ascends. */
const ATTRIBUTES: { readonly [K in keyof KnownAttributes]-?: AttributeSpec<NonNullable<KnownAttributes[K]>> } = {
  mpReach,
  mpUnreach,
  origin,
  asPath,
  nextHop,
  med,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  ipv6ExtendedCommunities,
  aigp,
  largeCommunities,
  onlyToCustomer,
  prefixSid,
};

type AnySpec = AttributeSpec<never> & { decode(r: Reader, cx: CodecContext): unknown };
const ROWS = Object.entries(ATTRIBUTES) as [keyof KnownAttributes, AnySpec][];
const BY_TYPE = new Map(ROWS.map(([key, spec]) => [spec.type, [key, spec] as const]));
const MULTIPROTOCOL: readonly number[] = [ATTRIBUTE_TYPE.mpReach, ATTRIBUTE_TYPE.mpUnreach];

/** One thing that was wrong, and what it asks for. */
export interface Problem {
  readonly verdict: Verdict;
  readonly message: string;
}

export interface DecodedAttributes {
  readonly attributes: Attributes;
  /** The strongest of the problems' verdicts. */
  readonly verdict: Verdict;
  readonly problems: readonly Problem[];
  /** What to tell the peer, when the verdict is to reset the session. */
  readonly reset: NotificationError | undefined;
}

interface Head {
  readonly flags: number;
  readonly type: number;
  readonly value: Uint8Array;
}

/** Collects what one attribute block gives. */
class Findings {
  readonly attributes: Record<string, unknown> = {};
  readonly problems: Problem[] = [];
  readonly seen = new Set<number>();
  verdict: Verdict = "accept";
  reset: NotificationError | undefined;

  report(verdict: Verdict, message: string): void {
    this.verdict = stronger(this.verdict, verdict);
    this.problems.push({ verdict, message });
  }

  fail(error: NotificationError): void {
    this.report("reset-session", error.message);
    this.reset ??= error;
  }
}

/** Decodes one UPDATE's attribute block. Never throws: what is wrong comes back as a verdict. */
export function decodeAttributes(block: Uint8Array, cx: CodecContext): DecodedAttributes {
  const found = new Findings();
  const unknown: UnknownAttribute[] = [];
  const r = new Reader(block);
  while (r.remaining > 0) {
    const head = readHead(r);
    if (head === undefined) {
      // RFC 7606 section 4: the enclosing length wins, and nothing behind this point can be trusted.
      found.report("treat-as-withdraw", "the attributes end inside an attribute");
      break;
    }
    if (found.seen.has(head.type)) reportRepeated(found, head.type);
    else decodeAttribute(found, unknown, head, cx);
    found.seen.add(head.type);
  }
  const { attributes, verdict, problems, reset } = found;
  return { attributes: unknown.length > 0 ? { ...attributes, unknown } : attributes, verdict, problems, reset };
}

/** RFC 7606 section 3 (g): the first one counts, unless it says which routes are meant. */
function reportRepeated(found: Findings, type: number): void {
  const message = `attribute ${type} repeated`;
  if (MULTIPROTOCOL.includes(type)) found.fail(new MalformedAttributeListError(message));
  else found.report("discard-attribute", message);
}

function decodeAttribute(found: Findings, unknown: UnknownAttribute[], head: Head, cx: CodecContext): void {
  const row = BY_TYPE.get(head.type);
  if (row === undefined) keepUnknown(found, unknown, head);
  else decodeKnown(found, row[0], row[1], { head, cx });
}

function keepUnknown(found: Findings, unknown: UnknownAttribute[], head: Head): void {
  if ((head.flags & ATTRIBUTE_FLAG.optional) !== 0) {
    unknown.push({ flags: head.flags & ~ATTRIBUTE_FLAG.extendedLength, type: head.type, value: head.value.slice() });
  } else {
    found.fail(new UnrecognizedWellKnownAttributeError(head.type, attributeOctets(head)));
  }
}

function decodeKnown(
  found: Findings,
  key: keyof KnownAttributes,
  spec: AnySpec,
  { head, cx }: { readonly head: Head; readonly cx: CodecContext },
): void {
  const refusal = spec.refuse?.(cx);
  if (refusal !== undefined) {
    found.report("discard-attribute", `${key}: ${refusal}`);
    return;
  }
  const significant = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive;
  // RFC 7606 section 3 (c). The value is read all the same: its routes have to be withdrawn.
  if (((head.flags ^ spec.flags) & significant) !== 0) {
    found.report(spec.onFlags ?? "treat-as-withdraw", `${key}: conflicting flags`);
    if (spec.onFlags !== undefined) return;
  }
  try {
    const r = new Reader(head.value);
    const value = spec.decode(r, cx);
    if (r.remaining > 0) throw new MalformedAttributeError(`${r.remaining} octet(s) left over`);
    found.attributes[key] = value;
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const message = `${key}: ${error.message}`;
    if (spec.onMalformed !== "reset-session") found.report(spec.onMalformed, message);
    else found.fail(new OptionalAttributeError(message, attributeOctets(head), { cause: error }));
  }
}

/** Room for the header of the message and the two octets of its code, in the shortest of longest messages. */
const MOST_DATA = 4096 - 21;

/** RFC 4271 section 6.3: type, length and value of what was wrong, as far as a NOTIFICATION can take it. */
function attributeOctets(head: Head): readonly number[] {
  const w = new Writer();
  writeAttribute(w, head);
  return [...w.finish().subarray(0, MOST_DATA)];
}

function readHead(r: Reader): Head | undefined {
  try {
    const flags = r.u8();
    const type = r.u8();
    const length = (flags & ATTRIBUTE_FLAG.extendedLength) === 0 ? r.u8() : r.u16();
    return { flags, type, value: r.bytes(length) };
  } catch (error) {
    if (error instanceof ShortReadError) return undefined;
    throw error;
  }
}

/** Encodes in the table's order, then what was kept unread. */
export function encodeAttributes(w: Writer, attributes: Attributes, cx: CodecContext): void {
  const body = new Writer();
  for (const row of ROWS) {
    const value = attributes[row[0]];
    if (value === undefined) continue;
    const spec = row[1];
    spec.encode(body.clear(), value as never, cx);
    writeAttribute(w, { flags: spec.flags, type: spec.type, value: body.written });
  }
  for (const attribute of attributes.unknown ?? []) writeAttribute(w, attribute);
}

function writeAttribute(w: Writer, { flags, type, value }: Head): void {
  const extended = value.length > 0xff;
  w.u8(extended ? flags | ATTRIBUTE_FLAG.extendedLength : flags & ~ATTRIBUTE_FLAG.extendedLength).u8(type);
  if (extended) w.lengthPrefixed16((body) => body.bytes(value));
  else w.u8(value.length).bytes(value);
}

/** Every attribute present in words, by our name of it. */
export function formatAttributes(attributes: Attributes): Readonly<Record<string, string>> {
  const words: Record<string, string> = {};
  for (const [key, spec] of ROWS) {
    const value = attributes[key];
    if (value !== undefined) words[key] = spec.format(value as never);
  }
  for (const { type, value } of attributes.unknown ?? []) words[nameOf(type)] = hexDigits(value);
  return words;
}

/** Attributes of other families and uses: kept unread, but with the name that the registry has for them. */
const NAMES = new Map([
  [22, "PMSI_TUNNEL"],
  [23, "Tunnel Encapsulation"],
  [24, "Traffic Engineering"],
  [27, "PE Distinguisher Labels"],
  [29, "BGP-LS"],
  [33, "BGPsec_Path"],
  [36, "Domain Path"],
  [37, "SFP"],
  [38, "BFD Discriminator"],
  [128, "ATTR_SET"],
]);

function nameOf(type: number): string {
  const name = NAMES.get(type);
  return name === undefined ? `attribute ${type}` : `attribute ${type} (${name})`;
}
