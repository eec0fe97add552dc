import { pause } from "../kubernetes/backoff.ts";
import { millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";

export interface FollowPorts {
  readonly clock: Clock;
  /** Calls back at every change, as far as the system tells of it. */
  readonly watch: (changed: () => void) => { close(): void };
  /** Reads everything and takes it, or does not. */
  readonly look: () => void;
}

/** Links out of the folder and network file systems tell of nothing. */
const LOOK_AGAIN = seconds(30);
/** Editors and copies write in several steps. */
const QUIET = millis(200);
/** Somebody who never stops writing is read all the same. */
const MOST_STEPS = 25;

/** Looks at a folder now, and again whenever it has changed and is quiet, until the signal is aborted. */
export async function followFolder({ clock, watch, look }: FollowPorts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let rung = new AbortController();
    // Anew each time: folders come and go, and a name may stand for another folder than before. And before reading, so that
    // what changes meanwhile is noticed.
    const watcher = watch(() => rung.abort());
    look();
    await pause(clock, LOOK_AGAIN, AbortSignal.any([rung.signal, signal]));
    for (let n = 0; n < MOST_STEPS && rung.signal.aborted && !signal.aborted; n++) {
      rung = new AbortController();
      await pause(clock, QUIET, signal);
    }
    watcher.close();
  }
}
