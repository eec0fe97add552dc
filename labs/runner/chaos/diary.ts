import { appendFileSync } from "node:fs";
import type { Moment } from "./moments.ts";
import { momentText } from "./words.ts";

/** Lines of a failure's history: before the last fault began there was another one, perhaps. */
const TOLD = 40;

/** What is worth telling of all that was seen: faults, losses, and changes of everything else. It lies in a file, line by line. */
export class Diary {
  readonly #file: string;
  readonly #begin: number;
  readonly #moments: Moment[] = [];
  readonly #last = new Map<string, string>();

  constructor(file: string, begin: number) {
    this.#file = file;
    this.#begin = begin;
  }

  note(moment: Moment): void {
    if (!this.#isNew(moment)) return;
    this.#moments.push(moment);
    appendFileSync(this.#file, `${JSON.stringify({ ...moment, at: Math.round(moment.at - this.#begin) })}\n`);
  }

  get moments(): readonly Moment[] {
    return this.#moments;
  }

  /** The last things before a moment, in words, oldest first. */
  before(at: number): readonly string[] {
    const known = this.#moments.filter((moment) => moment.at <= at).toSorted((a, b) => a.at - b.at);
    return known
      .slice(-TOLD)
      .map((moment) => `${((moment.at - this.#begin) / 1000).toFixed(2)} s  ${momentText(moment)}`);
  }

  #isNew(moment: Moment): boolean {
    if (moment.type === "requests") return moment.lost > 0;
    if (moment.type !== "answered" && moment.type !== "routed") return true;
    const key = moment.type === "routed" ? `${moment.router} ${moment.address}` : moment.address;
    const nodes = moment.nodes.join();
    const isNew = this.#last.get(key) !== nodes;
    this.#last.set(key, nodes);
    return isNew;
  }
}
