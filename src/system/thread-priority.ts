import { constants, setPriority } from "node:os";

/** Puts the thread that calls before others: on Linux a priority is the thread's own. Without CAP_SYS_NICE things stay as they are. */
export function raiseThreadPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_SYSTEM_ERROR")) throw error;
  }
}
