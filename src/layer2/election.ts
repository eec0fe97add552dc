import { sha256 } from "@noble/hashes/sha2.js";
import { BriefSha256 } from "./brief-sha256.ts";

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
  digests = new ElectionDigests<Name>(),
): readonly Candidate<Name>[] {
  return candidates.toSorted((a, b) => b.score - a.score || digests.compare(a.node, b.node, address));
}

/** Beyond these the memo starts again: addresses that are gone must not pile up. */
const MOST_ADDRESSES = 100_000;
/** Of fewer candidates it is as fast to find out again who came and who went as to remember it. */
const FEW = 16;

/** A candidate with its digest for an address, as far as it is kept. */
interface Ranked<Name extends string> extends Candidate<Name> {
  readonly leading: number;
}

/** How an election went last. */
interface Standing<Name extends string> {
  readonly candidates: readonly Candidate<Name>[];
  readonly winner: Ranked<Name> | undefined;
}

/** Who stands now and did not then, or not with this score; and the other way round. */
interface Difference<Name extends string> {
  readonly fresh: readonly Candidate<Name>[];
  readonly gone: ReadonlySet<Candidate<Name>["node"]>;
}

/**
 * Elects, and remembers how it went: when a node comes, it is compared with the winner alone, and when one goes, only what it had
 * is elected anew. So a change of members costs 10,000 addresses on 1,000 nodes ten thousand hashes, not ten million. A memo
 * only: elections are the same with a fresh one.
 */
export class ElectionDigests<Name extends string = string> {
  readonly #digest: typeof electionDigest;
  readonly #brief: BriefSha256 | undefined;
  readonly #standings = new Map<string, Standing<Name>>();
  readonly #differences = new WeakMap<
    readonly Candidate<Name>[],
    WeakMap<readonly Candidate<Name>[], Difference<Name>>
  >();

  /** `digest` takes the place of MetalLB's, for tests of what hardly ever happens. */
  constructor(digest?: typeof electionDigest) {
    this.#digest = digest ?? electionDigest;
    this.#brief = digest === undefined ? new BriefSha256() : undefined;
  }

  /** The first of the order; undefined when nobody stands. A list must not be changed after it was given here. */
  elect(candidates: readonly Candidate<Name>[], address: string): Name | undefined {
    const known = this.#standings.get(address);
    if (known?.candidates === candidates) return known.winner?.node;
    const kept = known && this.#kept(known, candidates);
    const challengers = kept === undefined ? candidates : this.#difference(kept.candidates, candidates).fresh;
    const winner = this.#best(challengers, kept?.winner, address);
    this.#remember(address, { candidates, winner });
    return winner?.node;
  }

  /** How many hashes `elect` would take. */
  effort(candidates: readonly Candidate<Name>[], address: string): number {
    const known = this.#standings.get(address);
    if (known?.candidates === candidates) return 0;
    const kept = known && this.#kept(known, candidates);
    return kept === undefined ? candidates.length : this.#difference(kept.candidates, candidates).fresh.length;
  }

  /** Whether this one of the candidates wins, which takes a handful of hashes where it does not. */
  wins(own: Candidate<Name>, candidates: readonly Candidate<Name>[], address: string): boolean {
    const winner = { ...own, leading: this.#leading(own.node, address) };
    const isAhead = (one: Candidate<Name>): boolean => this.#ifAhead(one, winner, address) !== undefined;
    if (candidates.some((one) => one.node !== own.node && isAhead(one))) return false;
    this.#remember(address, { candidates, winner });
    return true;
  }

  /** Below zero when the first node comes before the second for this address. */
  compare(a: Name, b: Name, address: string): number {
    return this.#leading(a, address) - this.#leading(b, address) || this.#compareWhole(a, b, address);
  }

  /** The last election, if its winner stands again. */
  #kept(known: Standing<Name>, candidates: readonly Candidate<Name>[]): Standing<Name> | undefined {
    if (known.winner === undefined) return undefined;
    return this.#difference(known.candidates, candidates).gone.has(known.winner.node) ? undefined : known;
  }

  #best(
    challengers: readonly Candidate<Name>[],
    champion: Ranked<Name> | undefined,
    address: string,
  ): Ranked<Name> | undefined {
    let best = champion;
    for (const next of challengers) best = this.#ifAhead(next, best, address) ?? best;
    return best;
  }

  /** A candidate with its digest, if it comes before another. */
  #ifAhead(next: Candidate<Name>, other: Ranked<Name> | undefined, address: string): Ranked<Name> | undefined {
    const { node, score } = next;
    if (other !== undefined && score < other.score) return undefined;
    const leading = this.#leading(node, address);
    if (other === undefined || score > other.score) return { node, score, leading };
    const order = leading - other.leading || this.#compareWhole(node, other.node, address);
    return order < 0 ? { node, score, leading } : undefined;
  }

  #remember(address: string, standing: Standing<Name>): void {
    if (this.#standings.size >= MOST_ADDRESSES) this.#standings.clear();
    this.#standings.set(address, standing);
  }

  /** Ten thousand addresses ask for the difference of the same two lists. */
  #difference(before: readonly Candidate<Name>[], now: readonly Candidate<Name>[]): Difference<Name> {
    if (now.length + before.length <= FEW) return differenceOf(before, now);
    const ofNow = this.#differences.get(now) ?? new WeakMap<readonly Candidate<Name>[], Difference<Name>>();
    const difference = ofNow.get(before) ?? differenceOf(before, now);
    this.#differences.set(now, ofNow.set(before, difference));
    return difference;
  }

  #leading(node: Name, address: string): number {
    return this.#brief?.leading(node, address) ?? leadingBits(this.#digest(node, address));
  }

  #compareWhole(a: Name, b: Name, address: string): number {
    const right = this.#digest(b, address);
    const differences = [...this.#digest(a, address)].map((byte, i) => byte - (right[i] ?? 0));
    return differences.find((difference) => difference !== 0) ?? 0;
  }
}

function differenceOf<Name extends string>(
  before: readonly Candidate<Name>[],
  now: readonly Candidate<Name>[],
): Difference<Name> {
  const scores = new Map(before.map(({ node, score }) => [node, score]));
  const fresh = now.filter(({ node, score }) => scores.get(node) !== score);
  const stays = new Map(now.map(({ node, score }) => [node, score]));
  const gone = new Set(before.filter(({ node, score }) => stays.get(node) !== score).map(({ node }) => node));
  return { fresh, gone };
}

/** Six octets as one exact number: enough to order any real set of nodes. */
function leadingBits(digest: Uint8Array): number {
  let bits = 0;
  for (const byte of digest.subarray(0, 6)) bits = bits * 256 + byte;
  return bits;
}
