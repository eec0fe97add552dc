import { isViewHead, type ListView, type ViewHead } from "../inspection/view.ts";
import { CommandFailed, ExecForbidden } from "../kubernetes/errors.ts";
import { LineFramer } from "../kubernetes/line-framer.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import { CodedError, PeerError, TransientError } from "../wire/errors.ts";

/** A speaker that can be asked, wherever it runs. */
export interface SpeakerLine {
  /** Its node; where that is not known before it has answered, its socket. */
  readonly name: string;
  /** The body of `GET path`. @throws CodedError */
  get(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** One that did not answer, and why: it hides nothing of the others. */
export interface Silent {
  readonly node: string;
  readonly reason: string;
  /** The API server does not let the user ask it. */
  readonly forbidden?: true;
}

/** What several speakers said. */
export interface Answers<View> {
  /** In the order of the nodes' names. */
  readonly views: readonly View[];
  readonly silent: readonly Silent[];
}

export interface AskOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long no octet may come. */
  readonly timeout: Micros;
}

/** A speaker took longer than it may. */
class SpeakerSilent extends TransientError {
  readonly code = "ERR_CLI_SPEAKER_SILENT";
}

/** What answers is no speaker, or one of another version. */
class NotASpeaker extends PeerError {
  readonly code = "ERR_CLI_NOT_A_SPEAKER";
}

/** A speaker that is followed says every ten seconds that it is alive: one that misses three of those is gone. */
const MOST_QUIET = seconds(30);

/** Speakers asked at the same time: all of them at once would be a crowd for one API server. */
const AT_ONCE = 16;

/**
 * Asks every speaker for one document, in parallel. Who answers wrongly, too late or not at all is named beside those who did.
 * The type parameter says what the path gives: the head alone is looked at.
 */
export async function askAll<View extends ViewHead>(
  lines: readonly SpeakerLine[],
  path: string,
  options: AskOptions,
): Promise<Answers<View>> {
  return await askEach(lines, options, (line) => ask<View>(line, path, options));
}

/** Asks every speaker something, a few at a time. */
export async function askEach<View extends { readonly node: string }>(
  lines: readonly SpeakerLine[],
  { signal }: Pick<AskOptions, "signal">,
  question: (line: SpeakerLine) => Promise<View>,
): Promise<Answers<View>> {
  const views: View[] = [];
  const silent: Silent[] = [];
  const waiting = [...lines];
  const work = async (): Promise<void> => {
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
      try {
        views.push(await question(line));
      } catch (error) {
        signal.throwIfAborted();
        silent.push({ node: line.name, reason: reasonOf(error), ...(isForbidden(error) ? { forbidden: true } : {}) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, lines.length) }, work));
  return { views: views.toSorted(byNode), silent: silent.toSorted(byNode) };
}

/**
 * Asks one speaker for several documents in one request, or one after the other where it is of a version that cannot do that. The
 * type parameter says what the paths give, in their order. @throws CodedError
 */
export async function askSeveral<Views extends readonly ViewHead[]>(
  line: SpeakerLine,
  paths: { readonly [At in keyof Views]: string },
  options: AskOptions,
): Promise<Views> {
  // What was asked for comes in the order of the paths.
  return (await documentsOf(line, paths, options)) as readonly ViewHead[] as Views;
}

async function documentsOf(
  line: SpeakerLine,
  paths: readonly string[],
  options: AskOptions,
): Promise<readonly ViewHead[]> {
  const query = new URLSearchParams(paths.map((path): [string, string] => ["path", path]));
  try {
    const { items } = await ask<ListView<ViewHead>>(line, `/v1/several?${query}`, options);
    if (items.length === paths.length && items.every(isViewHead)) return items;
    throw new NotASpeaker(`${line.name}: not the documents that were asked for`);
  } catch (error) {
    if (!(error instanceof PeerError) && !(error instanceof CommandFailed)) throw error;
  }
  const views: ViewHead[] = [];
  for (const path of paths) views.push(await ask<ViewHead>(line, path, options));
  return views;
}

/** Asks one speaker for one document. @throws CodedError */
export async function ask<View extends ViewHead>(line: SpeakerLine, path: string, options: AskOptions): Promise<View> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of patiently(line, path, options, options.timeout)) chunks.push(chunk);
  return parseView<View>(Buffer.concat(chunks).toString("utf8"), line);
}

/** What one speaker sends, as long as it goes on; only its beginning has to come in time. @throws CodedError */
export async function* follow(line: SpeakerLine, path: string, options: AskOptions): AsyncGenerator<Uint8Array, void> {
  yield* patiently(line, path, options, undefined);
}

/** Lines of JSON as values; empty ones only say that the speaker is alive, and have to come. @throws CodedError */
export async function* followLines<T>(line: SpeakerLine, path: string, options: AskOptions): AsyncGenerator<T, void> {
  const framer = new LineFramer();
  for await (const chunk of patiently(line, path, options, MOST_QUIET)) {
    for (const text of framer.push(chunk)) if (text.trim() !== "") yield parseLine<T>(text, line);
  }
}

async function* patiently(
  line: SpeakerLine,
  path: string,
  { clock, signal, timeout }: AskOptions,
  between: Micros | undefined,
): AsyncGenerator<Uint8Array, void> {
  const late = new AbortController();
  const within = (limit: Micros): Timer =>
    clock.after(limit, () => late.abort(new SpeakerSilent(`no answer within ${limit / 1_000_000} s`)));
  let timer = within(timeout);
  try {
    for await (const chunk of line.get(path, AbortSignal.any([signal, late.signal]))) {
      timer.cancel();
      yield chunk;
      if (between !== undefined) timer = within(between);
    }
    late.signal.throwIfAborted();
  } finally {
    timer.cancel();
  }
}

function parseView<View extends ViewHead>(text: string, { name }: SpeakerLine): View {
  const value = parseLine<unknown>(text, { name });
  if (!isViewHead(value)) throw new NotASpeaker(`${name}: what answers is no speaker of this version`);
  // The head says which document it is, and the path which one was asked for.
  return value as View;
}

function parseLine<T>(text: string, { name }: Pick<SpeakerLine, "name">): T {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NotASpeaker(`${name}: the answer is not JSON`, { cause });
  }
}

/** What is said of one that did not answer. */
export function reasonOf(error: unknown): string {
  if (error instanceof CodedError) return error.message;
  throw error;
}

function isForbidden(error: unknown): boolean {
  return error instanceof ExecForbidden;
}

function byNode(a: { readonly node: string }, b: { readonly node: string }): number {
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0;
}
