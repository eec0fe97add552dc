import { pause } from "../kubernetes/backoff.ts";
import { seconds } from "../net/micros.ts";
import { type AskOptions, followLines, reasonOf, type SpeakerLine } from "./transport.ts";

/** Who takes what is streamed. */
export interface StreamOptions<T> extends AskOptions {
  readonly line: (node: string, value: T) => void;
  /** Says to the user what happens to a stream. */
  readonly note: (node: string, text: string) => void;
  /** What to ask for when a stream was lost and is tried again; the same as at first when absent. */
  readonly again?: string;
}

/** Streams at once: each is a connection through the API server and a process in a pod. */
export const MOST_FOLLOWED = 100;
const AGAIN_AFTER = seconds(2);

/** Follows all speakers at once until the signal is aborted. One that is lost is tried again, and the others go on. */
export async function followAll<T>(
  lines: readonly SpeakerLine[],
  path: string,
  options: StreamOptions<T>,
): Promise<void> {
  await Promise.all(lines.map((line) => followOne(line, path, options)));
}

async function followOne<T>(line: SpeakerLine, path: string, options: StreamOptions<T>): Promise<void> {
  const { signal, clock, note } = options;
  let target = path;
  while (!signal.aborted) {
    try {
      for await (const value of followLines<T>(line, target, options)) options.line(line.name, value);
      note(line.name, "the speaker ended the stream");
    } catch (error) {
      if (signal.aborted) return;
      note(line.name, `the stream is lost: ${reasonOf(error)}`);
    }
    target = options.again ?? path;
    await pause(clock, AGAIN_AFTER, signal);
  }
}
