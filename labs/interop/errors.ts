import { SystemError } from "../../src/wire/errors.ts";

/** The suite or its driver cannot go on: a wrong request, an answer that makes no sense. */
export class InteropError extends SystemError {
  readonly code = "ERR_INTEROP";
}
