import { seconds } from "../report.ts";
import { type Bounds, type FaultKind, faultText, type PlannedFault } from "./fault.ts";
import { causesAt, type Figures } from "./invariants.ts";
import type { Moment } from "./moments.ts";
import type { Span } from "./spans.ts";

/** A moment in words. */
export function momentText(moment: Moment): string {
  switch (moment.type) {
    case "fault-began":
      return `fault ${moment.fault.number} begins: ${faultText(moment.fault.fault)}`;
    case "fault-ended":
      return `fault ${moment.number} is over`;
    case "requests":
      return `${moment.client} lost ${moment.lost} of ${moment.sent} requests to ${moment.address}${moment.late ? " (and stood still)" : ""}`;
    case "answered":
      return `${moment.address} is answered by ${moment.nodes.join(" and ") || "nobody"}`;
    case "routed":
      return `${moment.router} sends ${moment.address} to ${moment.nodes.join(", ") || "nobody"}`;
    case "endpoints":
      return `ready endpoints of ${moment.service}: ${moment.nodes.join(", ") || "none"}`;
  }
}

/** What a chaos came to, for its figures to be printed. */
export interface Told {
  readonly figures: Figures;
  readonly bounds: Bounds;
  /** The faults that were done. */
  readonly faults: readonly PlannedFault[];
  readonly moments: readonly Moment[];
  readonly seed: number;
  readonly took: number;
  readonly isOnLan: boolean;
}

/** The figures of a chaos, line by line. */
export function figuresText({ figures, bounds, faults, moments, seed, took, isOnLan }: Told): readonly string[] {
  const { sent, lost, again, outages, avoidable, doubles, strays, recovery } = figures;
  const where = (span: Span): string => `, ${span.key}, ${causesAt(moments, span.from, span.to)}`;
  const listed = (spans: readonly Span[]): string =>
    `${spans.length}${spans.length === 0 ? "" : `, longest ${longestText(spans, where)}`}`;
  const told = (spans: readonly Span[], bound: number): string => `${listed(spans)} (bound ${time(bound)})`;
  const share = sent === 0 ? 0 : (100 * lost) / sent;
  const rows: readonly (readonly [string, string])[] = [
    ["seed", `${seed}, for ${time(took)}`],
    ["faults", `${faults.length}: ${countsText(faults)}`],
    ["requests", `${sent} sent, ${lost} lost (${share.toFixed(2)} %), ${again} asked again after a reset`],
    ["outages", listed(outages)],
    ["with another way", `${listed(avoidable)} (bound ${time(bounds.reach)})`],
    ["recovery", `at most ${time(recovery)} after a fault's end (bound ${time(bounds.reach)})`],
    [
      "answered by two",
      isOnLan ? told(doubles, bounds.double) : "does not apply: routers spread connections over nodes",
    ],
    ["without endpoint", told(strays, bounds.stray)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(17)} ${text}`);
}

function longestText(spans: readonly Span[], where: (span: Span) => string): string {
  const [first] = spans.toSorted((a, b) => b.to - b.from - (a.to - a.from));
  return first === undefined ? "none" : `${time(first.to - first.from)}${where(first)}`;
}

function countsText(faults: readonly PlannedFault[]): string {
  const counts = new Map<FaultKind, number>();
  for (const { fault } of faults) counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
  return [...counts].map(([kind, n]) => `${n} ${kind}`).join(", ");
}

function time(ms: number): string {
  return seconds(ms).trim();
}
