import type { ServerResponse } from "node:http";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";

/** A body as it is made: pieces of text or octets, pulled only when there is room for them. */
export type Body = AsyncIterable<string | Uint8Array>;

/** Rows that are made in one go: a millisecond or two. */
const ROWS = 100;
/** What a row costs that is only looked at. */
const LOOKED_AT = 0.2;
/** How long a reader may take nothing before it is cut off. */
const STALLED = seconds(30);
/** How often what is followed is looked at, and how often a reader hears that there is nothing new. */
const LOOK = millis(100);
const SIGN_OF_LIFE = seconds(10);

/**
 * A document whose `items` come one by one: the loop has a turn of its own after every hundred. Undefined stands for one that was
 * looked at and not wanted.
 */
export async function* listBody(clock: Clock, head: object, items: Iterable<unknown>): Body & AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"items":[`;
  let separator = "\n";
  let piece = "";
  let work = 0;
  for (const item of items) {
    work += item === undefined ? LOOKED_AT : 1;
    if (item !== undefined) {
      piece += `${separator}${JSON.stringify(item)}`;
      separator = ",\n";
    }
    if (work < ROWS) continue;
    yield piece;
    piece = "";
    work = 0;
    await turn(clock);
  }
  yield `${piece}\n]}\n`;
}

/** A document whose `items` are documents, one after the other. */
export async function* documentsBody(
  head: object,
  documents: readonly Body[],
): Body & AsyncGenerator<string | Uint8Array> {
  yield `${JSON.stringify(head).slice(0, -1)},"items":[\n`;
  for (const [i, document] of documents.entries()) {
    if (i > 0) yield ",";
    yield* document;
  }
  yield "]}\n";
}

/** A document that is there at once. */
export async function* textBody(document: object): Body & AsyncGenerator<string> {
  yield `${JSON.stringify(document)}\n`;
}

/**
 * What is new, looked at again and again; `quiet` is what a reader hears where there is nothing at first, or for long. An empty piece
 * stands for no news: only where it yields can a generator be ended.
 */
export async function* followBody(
  clock: Clock,
  look: () => string | Uint8Array,
  { every = LOOK, quiet = "" }: { readonly every?: Micros; readonly quiet?: string } = {},
): Body & AsyncGenerator<string | Uint8Array> {
  let told: Micros | undefined;
  for (;;) {
    const news = look();
    const isLate = told === undefined || clock.now() - told >= SIGN_OF_LIFE;
    if (news.length > 0 || isLate) told = clock.now();
    yield news.length === 0 && isLate ? quiet : news;
    await turn(clock, every);
  }
}

/**
 * Writes a body as fast as the reader takes it, and no faster; who takes nothing for half a minute is cut off. Nothing that lasts as long
 * as the reader may be raced with a piece: it would keep them all.
 */
export async function send(clock: Clock, response: ServerResponse, body: Body): Promise<void> {
  try {
    for await (const piece of body) {
      if (response.destroyed) return;
      if (piece.length > 0 && !response.write(piece)) await room(clock, response);
    }
  } finally {
    response.end();
  }
}

function room(clock: Clock, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const stalled = clock.after(STALLED, () => response.destroy());
    const done = (): void => {
      stalled.cancel();
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.once("drain", done).once("close", done);
  });
}

function turn(clock: Clock, delay: Micros = micros(0)): Promise<void> {
  return new Promise((resolve) => void clock.after(delay, resolve));
}
