/** Progress for people, on stderr: one line per step with the time it took. */
export class Report {
  readonly #write: (line: string) => void;
  readonly #told = new Set<unknown>();

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  line(text: string): void {
    this.#write(text);
  }

  ok(title: string, took: number, detail?: string): void {
    this.#write(`  ok    ${title.padEnd(74)} ${seconds(took)}${detail === undefined ? "" : `   ${detail}`}`);
  }

  /** Says once what went wrong; {@link wasTold} then knows it. */
  failed(title: string, took: number, error: unknown): void {
    this.#told.add(error);
    this.#write(`  FAIL  ${title.padEnd(74)} ${seconds(took)}\n        ${messageOf(error)}`);
  }

  wasTold(error: unknown): boolean {
    return this.#told.has(error);
  }
}

/** An error in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Milliseconds as the short time a person reads: "38 ms", "7.42 s". */
export function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms`.padStart(8) : `${(ms / 1000).toFixed(2)} s`.padStart(8);
}
