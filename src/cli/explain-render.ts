import { escapeControls } from "../api/raw-object.ts";
import type { Explanation, RankedCause } from "../inspection/explain/explain.ts";
import { type Finding, formatObject, type Verdict } from "../inspection/explain/finding.ts";
import { painted, type Tone } from "./table.ts";

const MARKS: Record<Verdict, readonly [mark: string, tone: Tone]> = {
  yes: ["✓", "good"],
  no: ["✗", "bad"],
  doubt: ["!", "doubtful"],
  unknown: ["?", "doubtful"],
  quiet: ["-", "quiet"],
};

const ANSWERS: Record<Explanation["answers"], string> = {
  yes: "is announced",
  partly: "is announced, but not everywhere it should be",
  no: "is not announced",
  unknown: "may be announced: who would know does not answer",
};

/** The explanation as a tree, and what to change first beneath it. */
export function renderExplanation(explanation: Explanation, colours: boolean): string {
  const { service, node, peer, answers, observed, findings } = explanation;
  const where = `${node === undefined ? "" : ` from Node ${node}`}${peer === undefined ? "" : ` to BGPPeer ${peer}`}`;
  const basis = observed ? "" : " (by the objects alone: nobody was asked what really happens)";
  return [
    `Service ${service} ${ANSWERS[answers]}${where}${basis}.\n\n`,
    ...findings.map((finding) => branch(finding, 0, colours)),
    ...conclusion(explanation, colours),
  ].join("");
}

function branch(finding: Finding, depth: number, colours: boolean): string {
  const { step, verdict, basis, object, field, words, below } = finding;
  const [mark, tone] = MARKS[verdict];
  const paint = (text: string, as: Tone): string => (colours ? painted(text, as) : text);
  const named = [object === undefined || object.name === "" ? undefined : formatObject(object), field];
  const source = named.filter((part) => part !== undefined).join(" ");
  const seen = basis === "observed" ? "seen: " : "";
  const what = `${paint(mark, tone)} ${step.padEnd(13 - Math.min(depth, 2))} ${seen}${escapeControls(words)}`;
  const tail = source === "" ? "" : `  ${paint(`[${escapeControls(source)}]`, "quiet")}`;
  return `${"  ".repeat(depth)}${what}${tail}\n${below.map((one) => branch(one, depth + 1, colours)).join("")}`;
}

function conclusion({ causes, change, answers }: Explanation, colours: boolean): readonly string[] {
  const [first, ...others] = causes;
  if (first === undefined) return [];
  const title = answers === "yes" ? "If nothing answers all the same" : "Change";
  const head = `\n${colours ? painted(title, answers === "yes" ? "quiet" : "bad") : title}: ${escapeControls(change ?? first.change)}\n`;
  return [head, `  ${sourceOf(first)}${escapeControls(first.words)}\n`, ...also(others)];
}

function also(causes: readonly RankedCause[]): readonly string[] {
  if (causes.length === 0) return [];
  const lines = causes.map(({ words, change }) => `  ${escapeControls(words)}\n    ${escapeControls(change)}\n`);
  return ["\nThen:\n", ...lines];
}

function sourceOf({ object, field }: RankedCause): string {
  if (object === undefined || object.name === "") return "";
  return `${escapeControls(formatObject(object))}${field === undefined ? "" : ` ${escapeControls(field)}`}: `;
}
