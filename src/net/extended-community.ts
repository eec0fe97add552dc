import { AS_TRANS } from "./asn.ts";
import { IpAddress, parseIpAddress } from "./ip-address.ts";

/** An extended community (RFC 4360) as it is on the wire: eight octets, the type in the highest two. */
export interface ExtendedCommunity {
  readonly high: number;
  readonly low: number;
}

/** The link bandwidth community (RFC 10005): how much traffic a path can take, for unequal sharing among several. */
export interface LinkBandwidth {
  /** The AS that adds it; AS_TRANS for one of four octets. */
  readonly asn: number;
  /** Kept by the wire as a single-precision number. */
  readonly bytesPerSecond: number;
  /** Whether it may leave the AS. */
  readonly transitive: boolean;
}

const NON_TRANSITIVE = 0x40;
const TYPE = { twoOctetAs: 0, ipv4: 1, fourOctetAs: 2, opaque: 3 } as const;
const SUBTYPE = { target: 2, origin: 3, linkBandwidth: 4, color: 0x0b, encapsulation: 0x0c } as const;

/** The words in front of the numbers, as FRR, BIRD and ExaBGP have them. */
const ROLES = { target: SUBTYPE.target, rt: SUBTYPE.target, origin: SUBTYPE.origin, soo: SUBTYPE.origin } as const;
const OPAQUE = { color: SUBTYPE.color, encapsulation: SUBTYPE.encapsulation } as const;
const BANDWIDTH = { "link-bandwidth": true, "link-bandwidth-non-transitive": false } as const;

/** The community for a bandwidth; undefined for what is no finite number from zero up (NaN, negative, infinite). */
export function linkBandwidth({ asn, bytesPerSecond, transitive }: LinkBandwidth): ExtendedCommunity | undefined {
  const low = singleBits(bytesPerSecond);
  if (low === undefined) return undefined;
  return wireOf(transitive ? TYPE.twoOctetAs : NON_TRANSITIVE, SUBTYPE.linkBandwidth, [
    asn > 0xffff ? AS_TRANS : asn,
    low,
  ]);
}

/** What a link bandwidth community says; undefined for any other community and for values that are no bandwidth. */
export function readLinkBandwidth(community: ExtendedCommunity): LinkBandwidth | undefined {
  const { type, subtype, middle } = partsOf(community);
  if ((type & ~NON_TRANSITIVE) !== TYPE.twoOctetAs || subtype !== SUBTYPE.linkBandwidth) return undefined;
  const bytesPerSecond = single(community.low);
  if (!isBandwidth(bytesPerSecond)) return undefined;
  return { asn: middle, bytesPerSecond, transitive: (type & NON_TRANSITIVE) === 0 };
}

/** RFC 10005: of several on one route the lowest counts, zero included, transitive or not. */
export function lowestLinkBandwidth(communities: readonly ExtendedCommunity[]): number | undefined {
  const values = communities.flatMap((one) => readLinkBandwidth(one)?.bytesPerSecond ?? []);
  return values.length === 0 ? undefined : Math.min(...values);
}

/**
 * Parses `target:AS:n`, `origin:AS:n` (`rt` and `soo` are other words for them; AS may be a number, one with an L behind it to
 * have it in four octets, or an IPv4 address), `link-bandwidth:AS:bytes`, `color:n` and `0x` with sixteen hex digits.
 */
export function parseExtendedCommunity(text: string): ExtendedCommunity | undefined {
  if (/^0x[0-9a-f]{16}$/i.test(text)) return { high: hexNumber(text.slice(2, 10)), low: hexNumber(text.slice(10)) };
  const [word = "", administrator, value] = text.split(":");
  if (text.split(":").length > 3 || administrator === undefined) return undefined;
  if (value === undefined) return parseOpaque(word, administrator);
  if (Object.hasOwn(BANDWIDTH, word)) return parseBandwidth(word, administrator, value);
  const subtype = entryOf(ROLES, word);
  return subtype === undefined ? undefined : parseAdministered(subtype, administrator, value);
}

/** The text `parseExtendedCommunity` takes; those without a word of their own as hex digits. */
export function formatExtendedCommunity(community: ExtendedCommunity): string {
  return formatBandwidth(community) ?? formatAdministered(community) ?? formatOpaque(community) ?? formatHex(community);
}

/** The order they are sent and shown in. */
export function compareExtendedCommunities(a: ExtendedCommunity, b: ExtendedCommunity): number {
  return a.high - b.high || a.low - b.low;
}

interface Parts {
  readonly type: number;
  readonly subtype: number;
  /** The third and fourth octet. */
  readonly middle: number;
}

function partsOf({ high }: ExtendedCommunity): Parts {
  return { type: high >>> 24, subtype: (high >>> 16) & 0xff, middle: high & 0xffff };
}

function wireOf(type: number, subtype: number, [middle, low]: readonly [number, number]): ExtendedCommunity {
  return { high: ((type << 24) | (subtype << 16) | middle) >>> 0, low };
}

function parseOpaque(word: string, text: string): ExtendedCommunity | undefined {
  const subtype = entryOf(OPAQUE, word);
  const value = parseUint(text, 32);
  return subtype === undefined || value === undefined ? undefined : wireOf(TYPE.opaque, subtype, [0, value]);
}

function parseBandwidth(word: string, administrator: string, value: string): ExtendedCommunity | undefined {
  const asn = parseUint(administrator, 16);
  if (asn === undefined || !/^\d+(\.\d+)?(e[+-]\d+)?$/.test(value)) return undefined;
  return linkBandwidth({ asn, bytesPerSecond: Number(value), transitive: entryOf(BANDWIDTH, word) === true });
}

function parseAdministered(subtype: number, administrator: string, value: string): ExtendedCommunity | undefined {
  const address = parseIpAddress(administrator);
  if (address !== undefined) {
    return address.family === 4 ? wide(TYPE.ipv4, subtype, [Number(address.value), value]) : undefined;
  }
  const forced = administrator.endsWith("L");
  const asn = parseUint(forced ? administrator.slice(0, -1) : administrator, 32);
  if (asn === undefined) return undefined;
  if (forced || asn > 0xffff) return wide(TYPE.fourOctetAs, subtype, [asn, value]);
  const low = parseUint(value, 32);
  return low === undefined ? undefined : wireOf(TYPE.twoOctetAs, subtype, [asn, low]);
}

/** Four octets of administrator, two of value. */
function wide(
  type: number,
  subtype: number,
  [administrator, text]: readonly [number, string],
): ExtendedCommunity | undefined {
  const value = parseUint(text, 16);
  if (value === undefined) return undefined;
  return wireOf(type, subtype, [administrator >>> 16, (((administrator & 0xffff) << 16) | value) >>> 0]);
}

function formatBandwidth(community: ExtendedCommunity): string | undefined {
  const bandwidth = readLinkBandwidth(community);
  if (bandwidth === undefined) return undefined;
  const word = bandwidth.transitive ? "link-bandwidth" : "link-bandwidth-non-transitive";
  return `${word}:${bandwidth.asn}:${bandwidth.bytesPerSecond}`;
}

function formatAdministered(community: ExtendedCommunity): string | undefined {
  const { type, subtype, middle } = partsOf(community);
  const word = subtype === SUBTYPE.target ? "target" : subtype === SUBTYPE.origin ? "origin" : undefined;
  if (word === undefined) return undefined;
  if (type === TYPE.twoOctetAs) return `${word}:${middle}:${community.low}`;
  const administrator = ((middle << 16) | (community.low >>> 16)) >>> 0;
  const value = community.low & 0xffff;
  if (type === TYPE.ipv4) return `${word}:${new IpAddress(4, BigInt(administrator))}:${value}`;
  if (type === TYPE.fourOctetAs) return `${word}:${administrator}${administrator > 0xffff ? "" : "L"}:${value}`;
  return undefined;
}

function formatOpaque(community: ExtendedCommunity): string | undefined {
  const { type, subtype, middle } = partsOf(community);
  if (type !== TYPE.opaque || middle !== 0) return undefined;
  if (subtype === SUBTYPE.color) return `color:${community.low}`;
  return subtype === SUBTYPE.encapsulation ? `encapsulation:${community.low}` : undefined;
}

function formatHex({ high, low }: ExtendedCommunity): string {
  return `0x${hex32(high)}${hex32(low)}`;
}

function hex32(n: number): string {
  return n.toString(16).padStart(8, "0");
}

function hexNumber(digits: string): number {
  return Number.parseInt(digits, 16);
}

function isBandwidth(value: number): boolean {
  return Number.isFinite(value) && value >= 0 && !Object.is(value, -0);
}

/** The octets of a single-precision number; undefined when it is no bandwidth or too large to be one. */
function singleBits(value: number): number | undefined {
  const rounded = Math.fround(value);
  if (!isBandwidth(rounded)) return undefined;
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, rounded);
  return view.getUint32(0);
}

function single(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function parseUint(text: string, bits: number): number | undefined {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value < 2 ** bits ? value : undefined;
}

function entryOf<T extends object>(table: T, word: string): T[keyof T] | undefined {
  return Object.hasOwn(table, word) ? table[word as keyof T] : undefined;
}
