import { sha256 } from "@noble/hashes/sha2.js";

/** A node that may answer for an address, and how much its advertisements prefer it. */
export interface Candidate<Name extends string> {
  readonly node: Name;
  readonly score: number;
}

/** MetalLB's tie-break: SHA-256 of `node#address`, the address in canonical text. Mixed clusters elect alike because of it. */
export function electionDigest(node: string, address: string): Uint8Array {
  return sha256(new TextEncoder().encode(`${node}#${address}`));
}

/** The total order of an election: higher score first, then lower digest. Equal names are the only ties. */
export function rankCandidates<Name extends string>(
  candidates: readonly Candidate<Name>[],
  address: string,
  digests: ElectionDigests = new ElectionDigests(),
): readonly Candidate<Name>[] {
  return candidates.toSorted((a, b) => b.score - a.score || digests.compare(a.node, b.node, address));
}

/** The first of the order, found in one pass; undefined when nobody stands. */
export function elect<Name extends string>(
  candidates: readonly Candidate<Name>[],
  address: string,
  digests: ElectionDigests = new ElectionDigests(),
): Name | undefined {
  let best: Candidate<Name> | undefined;
  for (const next of candidates) {
    if (best === undefined || next.score > best.score) best = next;
    else if (next.score === best.score && digests.compare(next.node, best.node, address) < 0) best = next;
  }
  return best?.node;
}

/** Beyond these the memo starts again: names of nodes and addresses that are gone must not pile up. */
const MOST_ADDRESSES = 100_000;
const MOST_NODES = 10_000;
const UNKNOWN = -1;

/**
 * Remembers the leading 48 bits of digests, so that a change of members re-elects 10,000 addresses on 100 nodes without
 * a million hashes. A memo only: elections are the same with a fresh one.
 */
export class ElectionDigests {
  readonly #digest: typeof electionDigest;
  readonly #columns = new Map<string, number>();
  readonly #rows = new Map<string, number[]>();

  constructor(digest: typeof electionDigest = electionDigest) {
    this.#digest = digest;
  }

  /** Below zero when the first node comes before the second for this address. */
  compare(a: string, b: string, address: string): number {
    return this.#leading(a, address) - this.#leading(b, address) || this.#compareWhole(a, b, address);
  }

  #leading(node: string, address: string): number {
    const column = this.#column(node);
    const row = this.#row(address);
    const known = row[column] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    while (row.length < column) row.push(UNKNOWN);
    const leading = leadingBits(this.#digest(node, address));
    row[column] = leading;
    return leading;
  }

  #column(node: string): number {
    const known = this.#columns.get(node);
    if (known !== undefined) return known;
    if (this.#columns.size >= MOST_NODES) {
      this.#columns.clear();
      this.#rows.clear();
    }
    const column = this.#columns.size;
    this.#columns.set(node, column);
    return column;
  }

  #row(address: string): number[] {
    const known = this.#rows.get(address);
    if (known !== undefined) return known;
    if (this.#rows.size >= MOST_ADDRESSES) this.#rows.clear();
    const row: number[] = [];
    this.#rows.set(address, row);
    return row;
  }

  #compareWhole(a: string, b: string, address: string): number {
    const right = this.#digest(b, address);
    const differences = [...this.#digest(a, address)].map((byte, i) => byte - (right[i] ?? 0));
    return differences.find((difference) => difference !== 0) ?? 0;
  }
}

/** Six octets as one exact number: enough to order any real set of nodes. */
function leadingBits(digest: Uint8Array): number {
  let bits = 0;
  for (const byte of digest.subarray(0, 6)) bits = bits * 256 + byte;
  return bits;
}
