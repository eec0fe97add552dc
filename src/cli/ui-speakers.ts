import { LineFramer } from "../kubernetes/line-framer.ts";
import type { GlassSpeaker, Roster } from "../looking-glass/speaker-port.ts";
import { PeerError } from "../wire/errors.ts";
import { askOptions, type Reached, type ReachFlags, reachSpeakers } from "./reach.ts";
import { type AskOptions, ask, follow, followLines, type SpeakerLine } from "./transport.ts";

/** A list is not written as speakers write theirs. */
class RowsGarbled extends PeerError {
  readonly code = "ERR_CLI_ROWS_GARBLED";
}

/** Looks for the speakers that the flags name. A socket whose speaker is away is known by the node that it was of. */
export function rosterOf(flags: ReachFlags): (signal: AbortSignal) => Promise<Roster> {
  const names = new Map<string, string>();
  return async (signal) => {
    const { lines, silent } =
      flags.socket.length === 0 ? await reachSpeakers(flags, { signal }) : await sockets(signal);
    return { speakers: lines.map((line) => glassSpeaker(line, askOptions(flags, { signal }))), silent };
  };

  async function sockets(signal: AbortSignal): Promise<Reached> {
    const all = await Promise.all(
      flags.socket.map(async (path): Promise<Reached> => {
        const { lines, silent } = await reachSpeakers({ ...flags, socket: [path] }, { signal });
        for (const { name } of lines) names.set(path, name);
        return { lines, silent: silent.map(({ reason }) => ({ node: names.get(path) ?? path, reason })) };
      }),
    );
    return { lines: all.flatMap(({ lines }) => lines), silent: all.flatMap(({ silent }) => silent) };
  }
}

function glassSpeaker(line: SpeakerLine, options: AskOptions): GlassSpeaker {
  return {
    name: line.name,
    document: (path, signal) => ask(line, path, { ...options, signal }),
    lines: (path, signal) => followLines(line, path, { ...options, signal }),
    rows: (path, signal) => rows(line, path, { ...options, signal }),
  };
}

/** A list has each of its items on a line of its own, so that nobody has to read all of it at once. */
async function* rows<Item>(line: SpeakerLine, path: string, options: AskOptions): AsyncGenerator<Item, void> {
  const framer = new LineFramer();
  for await (const chunk of follow(line, path, options)) {
    for (const text of framer.push(chunk)) {
      if (text.startsWith("{") && !text.endsWith("[")) yield parseRow(text.replace(/,$/, ""), line);
    }
  }
}

function parseRow<Item>(text: string, { name }: SpeakerLine): Item {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RowsGarbled(`${name}: a row of the list is not JSON`, { cause });
  }
}
