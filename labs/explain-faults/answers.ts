import { LabCheckError } from "../runner/errors.ts";
import { at, listOf, parseJson, textOf } from "../runner/json.ts";

const ANSWERS = ["yes", "partly", "no", "unknown"] as const;

/** What `herald explain -o json` says, as far as a program would look at it. */
export interface Explanation {
  readonly answers: (typeof ANSWERS)[number];
  readonly causes: readonly CauseLine[];
}

/** One cause; `object` is `Kind name`, empty where none is named. */
interface CauseLine {
  readonly name: string;
  readonly verdict: string;
  readonly object: string;
  readonly field: string;
  readonly words: string;
  readonly change: string;
}

/** One session of `herald sessions -o json`. */
export interface SessionLine {
  readonly node: string;
  readonly peer: string;
  readonly state: string;
  readonly said: string;
}

/** @throws LabCheckError when it is something else. */
export function parseExplanation(text: string): Explanation {
  const document = jsonOf(text);
  const answers = ANSWERS.find((one) => one === at(document, "answers"));
  if (answers === undefined) throw new LabCheckError(`no explanation: ${text.slice(0, 200)}`);
  return { answers, causes: listOf(at(document, "causes")).map(causeOf) };
}

function causeOf(cause: unknown): CauseLine {
  const field = (key: string): string => textOf(at(cause, key));
  const object = `${textOf(at(cause, "object", "kind"))} ${textOf(at(cause, "object", "name"))}`.trim();
  return {
    name: field("name"),
    verdict: field("verdict"),
    object,
    field: field("field"),
    words: field("words"),
    change: field("change"),
  };
}

/** @throws LabCheckError when it is something else. */
export function parseSessions(text: string): readonly SessionLine[] {
  return listOf(at(jsonOf(text), "items")).map((item) => {
    const field = (...keys: readonly string[]): string => textOf(at(item, ...keys));
    const said = [field("lastError"), field("lastNotification", "words"), field("lastDown", "reason")].filter(Boolean);
    return { node: field("node"), peer: field("peer"), state: field("state"), said: said.join("; ") };
  });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw new LabCheckError(`no JSON: ${text.slice(0, 200)}`, { cause: error });
    throw error;
  }
}

/** What the text for people says is the one thing to change; empty when it says nothing. */
export function changeInText(text: string): string {
  return /^(?:Change|Worth a look|If nothing answers all the same): (.*)$/m.exec(text)?.[1] ?? "";
}
