import { constants, setPriority } from "node:os";
import { type Binding, loadBinding, NativeMissing } from "./native/binding.ts";
import { SCHED } from "./native/linux.ts";

/** The lowest there is: before every thread that is not real-time, and behind those of the kernel that are. */
const PRIORITY = 1;

/** Puts the thread that calls before others: on Linux a priority is the thread's own. Without CAP_SYS_NICE things stay as they are. */
export function raiseThreadPriority(): void {
  try {
    setPriority(constants.priority.PRIORITY_HIGH);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_SYSTEM_ERROR")) throw error;
  }
}

/**
 * Makes the thread that calls a real-time one (SCHED_RR), so that no load of the machine holds it up; one that does little and sleeps
 * much. Without the addon, or where it may not be (CAP_SYS_NICE), its priority is raised.
 */
export function makeThreadRealTime(load: () => Pick<Binding, "schedule"> = loadBinding): void {
  try {
    if (load().schedule(SCHED.roundRobin | SCHED.resetOnFork, PRIORITY) === 0) return;
  } catch (error) {
    if (!(error instanceof NativeMissing)) throw error;
  }
  raiseThreadPriority();
}
