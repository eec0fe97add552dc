import { AS_TRANS } from "../../net/asn.ts";
import { type AsPath, type AsPathSegment, isConfederation } from "./as-path.ts";
import type { Attributes } from "./registry.ts";

/**
 * RFC 6793 section 4.2.3: puts back what a peer with two-octet AS numbers could only say beside AS_PATH and AGGREGATOR. The
 * attributes that carried it are gone afterwards.
 */
export function mergeFourOctetAs(attributes: Attributes): Attributes {
  const { as4Path, as4Aggregator, ...rest } = attributes;
  if (as4Path === undefined && as4Aggregator === undefined) return attributes;
  const { asPath, aggregator } = rest;
  // An aggregate made by someone who could not know: what is beside it is older than the aggregate.
  if (as4Aggregator !== undefined && aggregator !== undefined && aggregator.asn !== AS_TRANS) return rest;
  return {
    ...rest,
    ...(asPath === undefined || as4Path === undefined ? {} : { asPath: mergePaths(asPath, as4Path) }),
    ...(aggregator === undefined || as4Aggregator === undefined ? {} : { aggregator: as4Aggregator }),
  };
}

/** As much of the short path's front as the long one lacks, then the long one; the short one alone when it is the shorter. */
function mergePaths(short: AsPath, long: AsPath): AsPath {
  const lacking = countOf(short) - countOf(long);
  return lacking < 0 ? short : joined([...leading(short, lacking), ...long]);
}

/** RFC 4271 section 9.1.2.2: a set counts as one; RFC 5065 section 5.3: what is inside a confederation not at all. */
function countOf(path: AsPath): number {
  return path.reduce((sum, segment) => sum + weightOf(segment), 0);
}

function weightOf(segment: AsPathSegment): number {
  if (isConfederation(segment)) return 0;
  return segment.type === "set" ? 1 : segment.asns.length;
}

/** The first segments that count for `wanted`, with the confederation's where they lead or stand beside one that is taken. */
function leading(path: AsPath, wanted: number): AsPath {
  const taken: AsPathSegment[] = [];
  let left = wanted;
  for (const segment of path) {
    const weight = weightOf(segment);
    if (left === 0 && weight > 0) break;
    if (weight <= left) taken.push(segment);
    else taken.push({ type: segment.type, asns: segment.asns.slice(0, left) });
    left -= Math.min(weight, left);
  }
  return taken;
}

/** The longest a segment can be on the wire. */
const MAX_SEGMENT = 255;

/** Two sequences that meet are one. */
function joined(path: AsPath): AsPath {
  const segments: AsPathSegment[] = [];
  for (const segment of path) {
    const last = segments.at(-1);
    const fits = last?.type === "sequence" && segment.type === "sequence";
    if (fits && last.asns.length + segment.asns.length <= MAX_SEGMENT) {
      segments[segments.length - 1] = { type: "sequence", asns: [...last.asns, ...segment.asns] };
    } else segments.push(segment);
  }
  return segments;
}
