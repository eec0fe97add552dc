import { ConfigError, SystemError } from "../../src/wire/errors.ts";

/** A lab file or command line that cannot be used: every problem, one per line. */
export class LabConfigError extends ConfigError {
  readonly code = "ERR_LAB_CONFIG";
  readonly problems: readonly string[];

  constructor(subject: string, reason: { readonly problems: readonly string[]; readonly cause?: unknown }) {
    super(`${subject}:\n${reason.problems.map((problem) => `  ${problem}`).join("\n")}`, reason);
    this.problems = reason.problems;
  }
}

/** What a lab promised did not come true. */
export class LabCheckError extends SystemError {
  readonly code = "ERR_LAB_CHECK";
}

/** A program of the lab could not be run, or said no. */
export class CommandError extends SystemError {
  readonly code = "ERR_LAB_COMMAND";
}

/** The lab was told to end before it was done. */
export class InterruptedError extends SystemError {
  readonly code = "ERR_LAB_INTERRUPTED";
}
