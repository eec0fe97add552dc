import type { Brand } from "./brand.ts";

/** A standard community (RFC 1997): the AS number in the upper 16 bits, the value in the lower. */
export type Community = Brand<number, "Community">;

/** A large community (RFC 8092): three whole 32-bit numbers. */
export interface LargeCommunity {
  readonly global: number;
  readonly local1: number;
  readonly local2: number;
}

/** Any 32-bit number is a community; what is outside is undefined. */
export function communityFromNumber(n: number): Community | undefined {
  return isUint(n, 32) ? (n as Community) : undefined;
}

/** Parses `a:b`, both 0..65535. Leading zeros are allowed, as MetalLB allows them; signs and blanks are not. */
export function parseCommunity(text: string): Community | undefined {
  const parts = parseNumbers(text, 2, 16);
  const [high, low] = parts ?? [];
  return high === undefined || low === undefined ? undefined : communityFromNumber(high * 0x10000 + low);
}

/** Parses `large:a:b:c`, each 0..4294967295. */
export function parseLargeCommunity(text: string): LargeCommunity | undefined {
  if (!text.startsWith("large:")) return undefined;
  const [global, local1, local2] = parseNumbers(text.slice("large:".length), 3, 32) ?? [];
  if (global === undefined || local1 === undefined || local2 === undefined) return undefined;
  return { global, local1, local2 };
}

/** `a:b`. */
export function formatCommunity(community: Community): string {
  return `${community >>> 16}:${community & 0xffff}`;
}

/** `a:b:c`, without the word `large`. */
export function formatLargeCommunity(community: LargeCommunity): string {
  return `${community.global}:${community.local1}:${community.local2}`;
}

/** The order communities are sent and shown in. */
export function compareCommunities(a: Community, b: Community): number {
  return a - b;
}

/** By global, then local1, then local2. */
export function compareLargeCommunities(a: LargeCommunity, b: LargeCommunity): number {
  return a.global - b.global || a.local1 - b.local1 || a.local2 - b.local2;
}

function parseNumbers(text: string, count: number, bits: number): readonly number[] | undefined {
  const parts = text.split(":");
  if (parts.length !== count || !parts.every((part) => /^\d+$/.test(part))) return undefined;
  const numbers = parts.map(Number);
  return numbers.every((n) => isUint(n, bits)) ? numbers : undefined;
}

function isUint(n: number, bits: number): boolean {
  return Number.isInteger(n) && n >= 0 && n < 2 ** bits;
}
