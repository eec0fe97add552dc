import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { decodeEcho, encodeEcho } from "../../src/bfd/echo-packet.ts";
import { PacketRefused } from "../../src/bfd/error.ts";
import { deadline, initialSession, step } from "../../src/bfd/fsm.ts";
import { type ControlPacket, decodePacket, encodePacket, formatPacket } from "../../src/bfd/packet.ts";
import type { Session, SessionEvent } from "../../src/bfd/session.ts";
import { micros, millis } from "../../src/net/micros.ts";
import { anyPacket, OURS, packet, parameters } from "../bfd/values.ts";
import { busyMillis } from "../support/busy-time.ts";
import { propertySubject } from "./decoders.ts";
import { expectNoStall } from "./subject.ts";

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function decoded(bytes: Uint8Array): ControlPacket | undefined {
  try {
    return decodePacket(bytes);
  } catch (error) {
    if (error instanceof PacketRefused) return undefined;
    throw error;
  }
}

/** What is accepted has words, and reads the same after it was written again. */
function readPacket(bytes: Uint8Array): void {
  const echo = decodeEcho(bytes);
  must(echo === undefined || isDeepStrictEqual(decodeEcho(encodeEcho(echo)), echo), "an echo reads differently");
  const read = decoded(bytes);
  if (read === undefined) return;
  must(formatPacket(read).length > 0, "no words");
  if (read.authenticated) return;
  must(isDeepStrictEqual(decoded(encodePacket(read)), read), "reads differently after it was written");
}

const changed = fc
  .tuple(
    anyPacket,
    fc.array(fc.tuple(fc.nat({ max: 23 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    fc.nat({ max: 30 }),
  )
  .map(([right, changes, length]) => {
    const bytes = encodePacket(right);
    for (const [at, value] of changes) bytes[at] = value;
    return length < 24 ? bytes.subarray(0, length) : bytes;
  });

/** Any octets read as a control packet and as an echo packet. */
export const bfdPackets = propertySubject(
  "bfd-packets",
  fc.oneof(fc.uint8Array({ maxLength: 60 }), changed),
  (bytes) => {
    expectNoStall(
      () => busyMillis(() => readPacket(bytes)),
      () => Buffer.from(bytes).toString("hex"),
    );
  },
);

const TUNED = parameters({ requiredMinEchoRx: millis(50), desiredMinEchoTx: millis(50) });
const happening: fc.Arbitrary<{ readonly event: SessionEvent; readonly after: number }> = fc.record({
  event: fc.oneof(
    { weight: 8, arbitrary: anyPacket.map((heard) => ({ type: "received", packet: heard }) as const) },
    { weight: 4, arbitrary: fc.constant({ type: "time-passed" } as const) },
    { weight: 2, arbitrary: fc.nat({ max: 9 }).map((sequence) => ({ type: "echo-returned", sequence }) as const) },
    { weight: 1, arbitrary: fc.constantFrom({ type: "admin-down" } as const, { type: "admin-up" } as const) },
    { weight: 1, arbitrary: fc.constant({ type: "parameters-changed", parameters: TUNED } as const) },
  ),
  after: fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 10_000_000 })),
});

/** A session under a peer that says what it likes; it must still come up with one that behaves. */
export const bfdSession = propertySubject("bfd-session", fc.array(happening, { maxLength: 40 }), (happenings) => {
  let session = step(initialSession(OURS, TUNED), { type: "started" }, { now: micros(0), chance: 0.5 }).session;
  let now = 0;
  const play = (event: SessionEvent): void => {
    session = step(session, event, { now: micros(now), chance: 0.5 }).session;
    check(session);
  };
  for (const { event, after } of happenings) {
    now += after;
    play(event);
  }
  play({ type: "admin-up" });
  // A peer that the session remembers is forgotten first, however long its detection time is.
  now += 2 ** 42;
  play({ type: "time-passed" });
  for (const state of ["down", "init", "up"] as const)
    play({ type: "received", packet: packet({ state, yourDiscriminator: OURS, desiredMinTx: millis(100) }) });
  must(session.state === "up", `still ${session.state}`);
});

function check(session: Session): void {
  const due = deadline(session);
  must(due === undefined || Number.isSafeInteger(Math.ceil(due)), `deadline ${due}`);
  must(session.txInUse >= 0 && session.rxInUse >= 0, "an interval below zero");
}
