import { ApiError } from "../apiserver/status.ts";

/** Writes to the embedded API; what it says when it does not take it. */
export function attempt(write: () => unknown): ApiError | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error;
  }
}
