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
  partly: "is announced, but not all is as it should be",
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
  const [first, ...others] = together(causes);
  if (first === undefined) return [];
  const title = titleOf(answers, first);
  const head = `\n${colours ? painted(title, answers === "yes" ? "quiet" : "bad") : title}: ${escapeControls(change ?? first.change)}\n`;
  const places = first.places.map((place) => escapeControls(place)).join(", ");
  return [head, `  ${places === "" ? "" : `${places}: `}${escapeControls(first.words)}\n`, ...also(others)];
}

function titleOf(answers: Explanation["answers"], { verdict }: CommonCause): string {
  if (answers !== "yes") return "Change";
  return verdict === "unknown" ? "If nothing answers all the same" : "Worth a look";
}

function also(causes: readonly CommonCause[]): readonly string[] {
  if (causes.length === 0) return [];
  const lines = causes.map(({ words, change }) => `  ${escapeControls(words)}\n    ${escapeControls(change)}\n`);
  return ["\nThen:\n", ...lines];
}

/** A cause that several objects have, in the same words. */
interface CommonCause {
  readonly words: string;
  readonly change: string;
  readonly verdict: RankedCause["verdict"];
  readonly places: readonly string[];
}

/** What would be said twice is said once, of all it is true of. */
function together(causes: readonly RankedCause[]): readonly CommonCause[] {
  const common = new Map<string, CommonCause>();
  for (const { words, change, verdict, object, field } of causes) {
    const before = common.get(`${words}\n${change}`);
    const place = object === undefined || object.name === "" ? [] : [`${formatObject(object)} ${field ?? ""}`.trim()];
    const places = [...(before?.places ?? []), ...place];
    common.set(`${words}\n${change}`, { words, change, verdict: before?.verdict ?? verdict, places });
  }
  return [...common.values()];
}
