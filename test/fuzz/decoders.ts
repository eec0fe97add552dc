import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { CodecContext } from "../../src/bgp/codec-context.ts";
import { NotificationError } from "../../src/bgp/error.ts";
import { type Frame, Framer } from "../../src/bgp/framer.ts";
import { encodeControl, formatControl } from "../../src/bgp/message/message.ts";
import { decodeNotification } from "../../src/bgp/message/notification.ts";
import { decodeOpen } from "../../src/bgp/message/open.ts";
import { decodeRouteRefresh } from "../../src/bgp/message/route-refresh.ts";
import {
  type DecodedUpdate,
  decodeUpdate,
  encodeUpdate,
  formatUpdate,
  interpretUpdate,
} from "../../src/bgp/message/update.ts";
import { VERDICTS } from "../../src/bgp/verdict.ts";
import { contexts } from "../bgp/arbitraries.ts";
import { busyMillis } from "../support/busy-time.ts";
import { brokenMessages, ourMessages } from "./seeds.ts";
import { expectNoStall, type Subject, type SubjectResult } from "./subject.ts";

/** A property as a subject: fast-check shrinks what it finds. */
export function propertySubject<T>(name: string, input: fc.Arbitrary<T>, holds: (value: T) => void): Subject {
  return {
    name,
    run(seed, millis): SubjectResult {
      const details = fc.check(fc.property(input, holds), {
        seed,
        numRuns: Number.MAX_SAFE_INTEGER,
        interruptAfterTimeLimit: millis,
        markInterruptAsFailure: false,
      });
      const finding = details.failed ? `${fc.defaultReportMessage(details)}\n${details.errorInstance}` : undefined;
      return { runs: details.numRuns, finding };
    },
  };
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Reads a body as each kind of message there is; what is accepted has words, and reads the same after it was written again. */
function readEverything(body: Uint8Array, cx: CodecContext): void {
  readControl(
    () => ({ type: "open", open: decodeOpen(body) }) as const,
    (bytes) => decodeOpen(bytes),
  );
  readControl(
    () => ({ type: "notification", notification: decodeNotification(body) }) as const,
    (bytes) => decodeNotification(bytes),
  );
  readControl(
    () => ({ type: "route-refresh", refresh: decodeRouteRefresh(body, cx) }) as const,
    (bytes) => decodeRouteRefresh(bytes, cx),
  );
  readUpdate(body, cx);
}

type Control = Parameters<typeof encodeControl>[0];

function readControl(decode: () => Control, again: (body: Uint8Array) => unknown): void {
  let message: Control;
  try {
    message = decode();
  } catch (error) {
    refuseUncoded(error);
    return;
  }
  must(formatControl(message).length > 0, "no words");
  const value = "open" in message ? message.open : "notification" in message ? message.notification : undefined;
  if (value === undefined) return;
  must(isDeepStrictEqual(again(encodeControl(message).subarray(19)), value), "reads differently after it was written");
}

function readUpdate(body: Uint8Array, cx: CodecContext): void {
  const update = decodeUpdate(body, cx);
  must(VERDICTS.includes(update.verdict), "no verdict");
  must((update.reset !== undefined) === (update.verdict === "reset-session"), "a reset without its NOTIFICATION");
  must(update.problems.length > 0 || update.verdict === "accept", "a verdict without a problem");
  const change = interpretUpdate(update);
  must(update.verdict !== "treat-as-withdraw" || change.announced.length === 0, "announces what is to be withdrawn");
  must(formatUpdate(update).length > 0, "no words");
  if (update.verdict === "accept") readAgain(update, cx);
}

function readAgain(update: DecodedUpdate, cx: CodecContext): void {
  must(
    isDeepStrictEqual(decodeUpdate(encodeUpdate(update, cx).subarray(19), cx), update),
    "reads differently after it was written",
  );
}

/** Only faults with a NOTIFICATION, or a read past the end, may come out of a decoder. */
function refuseUncoded(error: unknown): void {
  const coded = error instanceof NotificationError || (error instanceof Error && error.name === "ShortReadError");
  if (!coded) throw error;
}

const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  brokenMessages.map((bytes) => bytes.subarray(19)),
  ourMessages.map((bytes) => bytes.subarray(19)),
);

/** Any octets read as any message in any session. */
export const decoders = propertySubject("decoders", fc.tuple(bodies, contexts), ([body, cx]) => {
  expectNoStall(
    () => busyMillis(() => readEverything(body, cx)),
    () => Buffer.from(body).toString("hex"),
  );
});

/** What a stream gives in these chunks: kinds and bodies, then perhaps the end of it. */
function frames(stream: Uint8Array, size: number, extendedMessages: boolean): readonly string[] {
  const framer = new Framer({ extendedMessages });
  const said: string[] = [];
  const note = ({ kind, body }: Frame): void => void said.push(`${kind} ${Buffer.from(body).toString("hex")}`);
  try {
    for (let i = 0; i < stream.length; i += size) {
      for (const frame of framer.push(stream.subarray(i, i + size))) note(frame);
    }
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    said.push(`${error.code} ${error.notification.data.join(".")}`);
  }
  return said;
}

const streams = fc
  .array(fc.oneof(brokenMessages, ourMessages, ourMessages, fc.uint8Array({ maxLength: 40 })), { maxLength: 6 })
  .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

/** A stream says the same whatever its chunks are. */
export const framing = propertySubject(
  "framing",
  fc.tuple(streams, fc.integer({ min: 1, max: 500 }), fc.boolean()),
  ([stream, size, extended]) => {
    const whole = frames(stream, Math.max(1, stream.length), extended);
    must(isDeepStrictEqual(frames(stream, size, extended), whole), `differs in chunks of ${size}`);
    must(isDeepStrictEqual(frames(stream, 1, extended), whole), "differs octet by octet");
  },
);
