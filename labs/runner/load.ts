import { join } from "node:path";
import { LabCheckError } from "./errors.ts";
import { at, listOf, objectOf, parseJson } from "./json.ts";
import type { Lab } from "./lab.ts";

/** What came of a steady stream of requests. */
export interface Load {
  readonly sent: number;
  readonly answered: number;
  /** Asked a second time, because the connection was reset. */
  readonly again: number;
  readonly lost: number;
  /** Milliseconds between two answers, at most. */
  readonly longestGap: number;
  /** Times without any answer that were longer than 50 ms, on the monotonic clock. */
  readonly gaps: readonly Gap[];
  readonly pods: ReadonlyMap<string, number>;
  /** Why requests were lost. */
  readonly reasons: string;
}

/** A time without an answer, on the monotonic clock. */
interface Gap {
  readonly from: number;
  readonly to: number;
}

/** A load that is under way. */
export interface RunningLoad {
  /** The first answer came, or it is over. */
  readonly underWay: Promise<void>;
  /** How it went, when it is over. */
  readonly done: Promise<Load>;
  /** Ends it early. */
  stop(): void;
}

export interface LoadGoal {
  readonly url: string;
  readonly perSecond: number;
  readonly seconds: number;
}

/** Starts `steady-load.mjs` on a node. */
export function startLoad(lab: Lab, node: string, { url, perSecond, seconds }: LoadGoal): RunningLoad {
  const script = join(lab.paths.root, "labs/runner/steady-load.mjs");
  const argv = [process.execPath, script, url, String(perSecond), String(seconds), "tell"];
  let result: Load | undefined;
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const onLine = (line: string): void => {
    begin();
    if (at(parseJson(line), "begun") === undefined) result = parseLoad(line);
  };
  const program = lab.start({ node, name: "load", argv, onLine, task: true });
  const over = async (): Promise<Load> => {
    await program.closed;
    if (result === undefined)
      throw new LabCheckError(`the load on ${node} ended without a word, see ${program.logFile}`);
    return result;
  };
  const done = over();
  // A failure before it is awaited must not end the run: it is thrown where it is.
  done.catch(() => {});
  return { underWay: Promise.race([begun, program.closed]), done, stop: () => program.signal("SIGTERM") };
}

/** Reads what `steady-load.mjs` printed. */
export function parseLoad(text: string): Load {
  const result = parseJson(text);
  const number = (key: string): number => Number(at(result, key));
  return {
    sent: number("sent"),
    answered: number("answered"),
    again: number("again"),
    lost: number("lost"),
    longestGap: number("longestGap"),
    gaps: listOf(at(result, "gaps")).map((pair) => {
      const [from, to] = listOf(pair);
      return { from: Number(from), to: Number(to) };
    }),
    pods: new Map(Object.entries(objectOf(at(result, "pods"))).map(([pod, n]) => [pod, Number(n)])),
    reasons: JSON.stringify(at(result, "reasons")),
  };
}

/** A busy machine takes its time to do what a moment stands for. */
const LATE = 2000;

/**
 * The time without an answer that a moment began: milliseconds to the next answer, from the moment or from the last answer
 * after it; 0 when it was not noticed.
 */
export function outageAfter(load: Load, moment: number): number {
  const gap = load.gaps.find(({ from, to }) => to > moment && from <= moment + LATE);
  return gap === undefined ? 0 : gap.to - Math.max(moment, gap.from);
}

/** A load in words. */
export function loadText({ sent, answered, again, lost, longestGap, reasons }: Load): string {
  const why = lost > 0 ? ` ${reasons}` : "";
  return `${answered} of ${sent} answered, ${again} asked again, ${lost} lost${why}, longest gap ${Math.round(longestGap)} ms`;
}
