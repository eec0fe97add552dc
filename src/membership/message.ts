import { ShortReadError } from "../wire/errors.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { GossipRefused } from "./error.ts";
import { FLAG, MAX_MESSAGE, MESSAGE } from "./iana.ts";
import { formatPlace, type Place } from "./place.ts";
import {
  decodeIncarnation,
  decodeName,
  decodePlace,
  decodeUpdate,
  encodeName,
  encodePlace,
  encodeUpdate,
  type Update,
  updateSize,
} from "./update.ts";

/** What every message says of its sender. A higher incarnation than is known refutes what was said of it. */
export interface Sender {
  readonly name: string;
  readonly incarnation: number;
  /** It says goodbye. */
  readonly leaving: boolean;
  /** Where it wants to be reached; undefined is where the packet came from. */
  readonly advertised: Place | undefined;
}

export type Body =
  /** Answered by the member of this name only. */
  | { readonly type: "ping"; readonly number: number; readonly target: string }
  /** `ask`: a number to be sent back, which an old packet that somebody sends again cannot know. */
  | { readonly type: "ack"; readonly number: number; readonly ask?: number }
  /** Ping this member for me; say so when it has not answered after `patience` milliseconds. */
  | { readonly type: "ping-request"; readonly number: number; readonly target: string; readonly patience: number }
  | { readonly type: "nack"; readonly number: number }
  /** The updates are all there is. */
  | { readonly type: "gossip" }
  /** The updates are a page of my members; send me the page of yours after this name. */
  | { readonly type: "sync"; readonly number: number; readonly after: string | undefined }
  | {
      readonly type: "state";
      readonly number: number;
      readonly ask?: number;
      /** Where the question came from. */
      readonly seenAs: Place;
      readonly more: boolean;
    }
  /** You are not let in: another process has your name, and it answers. */
  | { readonly type: "name-taken" };

export interface Message {
  readonly sender: Sender;
  readonly body: Body;
  readonly updates: readonly Update[];
}

/** Ping's spare octets: whatever may answer one is no longer than it. */
const PING_PADDING = 32;

const TYPES = new Map<number, Body["type"]>(
  (["ping", "ack", "ping-request", "nack", "gossip", "sync", "state", "name-taken"] as const).map((type) => [
    MESSAGE[type],
    type,
  ]),
);

/**
 * ```text
 * octets 1      1       1       n      4             (7 or 19)            ...    1                 ...       ...
 *        type | flags | length, name | incarnation | advertised place | body | number of updates | updates | zeros
 * ```
 */
export function encodeMessage({ sender, body, updates }: Message): Uint8Array {
  const w = new Writer();
  const { advertised } = sender;
  w.u8(MESSAGE[body.type]);
  w.u8((sender.leaving ? FLAG.leaving : 0) | (advertised === undefined ? 0 : FLAG.advertised));
  encodeName(w, sender.name);
  w.u32(sender.incarnation);
  if (advertised !== undefined) encodePlace(w, advertised);
  encodeBody(w, body);
  w.u8(updates.length);
  for (const update of updates) encodeUpdate(w, update);
  const padding = paddingOf(body, w.length);
  return w.bytes(new Uint8Array(padding)).finish();
}

/** @throws GossipRefused for octets that are no message */
export function decodeMessage(bytes: Uint8Array): Message {
  try {
    return decodeAll(new Reader(bytes));
  } catch (error) {
    if (error instanceof ShortReadError) throw new GossipRefused("malformed", { cause: error });
    throw error;
  }
}

/** Octets of the message without updates; those that a question is filled up with are not counted. */
export function bareSize(sender: Sender, body: Body): number {
  return 8 + sender.name.length + (sender.advertised === undefined ? 0 : placeSize(sender.advertised)) + bodySize(body);
}

/** Octets of the message as it is sent. */
export function messageSize({ sender, body, updates }: Message): number {
  const size = updates.reduce((sum, update) => sum + updateSize(update), bareSize(sender, body));
  return size + paddingOf(body, size);
}

/** One line for people: logs use this one. */
export function formatMessage({ sender, body, updates }: Message): string {
  const target = "target" in body ? ` ${body.target}` : "";
  const number = "number" in body ? ` ${body.number}` : "";
  const news = updates.map(
    (u) => `${u.name} at ${formatPlace(u.place)} ${u.state} (${u.incarnation}${u.accusers.map(() => "!").join("")})`,
  );
  return `${sender.name} (${sender.incarnation}): ${body.type}${target}${number}${news.length > 0 ? `; ${news.join(", ")}` : ""}`;
}

/** A sync is as long as the longest answer: nobody can have others sent more than he sends himself. */
function paddingOf({ type }: Body, length: number): number {
  if (type === "sync") return Math.max(0, MAX_MESSAGE - length);
  return type === "ping" ? Math.min(PING_PADDING, Math.max(0, MAX_MESSAGE - length)) : 0;
}

function placeSize({ address }: Place): number {
  return 3 + (address.family === 4 ? 4 : 16);
}

const NUMBER_SIZE = 6;

function bodySize(body: Body): number {
  switch (body.type) {
    case "ping":
      return NUMBER_SIZE + 1 + body.target.length;
    case "ack":
      return 2 * NUMBER_SIZE;
    case "ping-request":
      return NUMBER_SIZE + 1 + body.target.length + 2;
    case "nack":
      return NUMBER_SIZE;
    case "gossip":
    case "name-taken":
      return 0;
    case "sync":
      return NUMBER_SIZE + 1 + (body.after?.length ?? 0) + 1;
    case "state":
      return 2 * NUMBER_SIZE + placeSize(body.seenAs) + 1;
  }
}

function encodeBody(w: Writer, body: Body): void {
  switch (body.type) {
    case "ping":
      encodeNumber(w, body.number);
      encodeName(w, body.target);
      return;
    case "ack":
      encodeNumber(w, body.number);
      encodeNumber(w, body.ask ?? 0);
      return;
    case "ping-request":
      encodeNumber(w, body.number);
      encodeName(w, body.target);
      w.u16(Math.min(body.patience, 0xffff));
      return;
    case "nack":
      encodeNumber(w, body.number);
      return;
    case "gossip":
    case "name-taken":
      return;
    case "sync":
      encodeNumber(w, body.number);
      w.u8(body.after === undefined ? 0 : 1);
      encodeName(w, body.after ?? "");
      return;
    case "state":
      encodeNumber(w, body.number);
      encodeNumber(w, body.ask ?? 0);
      encodePlace(w, body.seenAs);
      w.u8(body.more ? 1 : 0);
  }
}

function decodeAll(r: Reader): Message {
  const type = TYPES.get(r.u8());
  const flags = r.u8();
  if (type === undefined || (flags & ~(FLAG.leaving | FLAG.advertised)) !== 0) throw new GossipRefused("malformed");
  const name = decodeName(r);
  const incarnation = decodeIncarnation(r);
  const advertised = (flags & FLAG.advertised) === 0 ? undefined : decodePlace(r);
  const sender: Sender = { name, incarnation, leaving: (flags & FLAG.leaving) !== 0, advertised };
  const body = decodeBody(r, type);
  const updates = Array.from({ length: r.u8() }, () => decodeUpdate(r));
  if (!r.rest().every((octet) => octet === 0)) throw new GossipRefused("malformed");
  return { sender, body, updates };
}

function decodeBody(r: Reader, type: Body["type"]): Body {
  switch (type) {
    case "ping":
      return { type, number: decodeNumber(r), target: decodeName(r) };
    case "ack":
      return { type, number: decodeNumber(r), ...decodeAsk(r) };
    case "ping-request":
      return { type, number: decodeNumber(r), target: decodeName(r), patience: r.u16() };
    case "nack":
      return { type, number: decodeNumber(r) };
    case "gossip":
    case "name-taken":
      return { type };
    case "sync":
      return { type, number: decodeNumber(r), after: decodeCursor(r) };
    case "state":
      return { type, number: decodeNumber(r), ...decodeAsk(r), seenAs: decodePlace(r), more: r.u8() !== 0 };
  }
}

/** Nothing asked for, the beginning, or what comes after a name. */
function decodeCursor(r: Reader): string | undefined {
  const wanted = r.u8() !== 0;
  const length = r.u8();
  const after = length === 0 ? "" : String.fromCharCode(...r.bytes(length));
  return wanted ? after : undefined;
}

function decodeAsk(r: Reader): { readonly ask?: number } {
  const ask = decodeNumber(r);
  return ask === 0 ? {} : { ask };
}

function encodeNumber(w: Writer, number: number): void {
  w.u16(Math.floor(number / 2 ** 32)).u32(number % 2 ** 32);
}

function decodeNumber(r: Reader): number {
  return r.u16() * 2 ** 32 + r.u32();
}
