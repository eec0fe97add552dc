import type { Peer } from "./config.ts";
import { parseDuration, SECOND } from "./duration.ts";
import type { FieldReader } from "./read-object.ts";

/** The hold time is a 16-bit field on the wire (RFC 4271 section 4.2). */
const MAX_SECONDS = 65535n;
const MIN_HOLD = 3n;

/**
 * Reads holdTime and keepaliveTime: a lone hold time means keepalives at a third of it, a lone keepalive time a hold
 * time of three times that. Both are cut to whole seconds after they have been compared.
 */
export function readTimers(spec: FieldReader): Pick<Peer, "holdTime" | "keepaliveTime"> {
  const hold = readDuration(spec, "holdTime");
  const keepalive = readDuration(spec, "keepaliveTime");
  const [field, wanted] = hold === undefined ? ["keepaliveTime", times3(keepalive)] : ["holdTime", hold];
  const seconds = wanted === undefined ? 0n : wanted / SECOND;
  const text = spec.raw(field);
  if (seconds !== 0n && seconds < MIN_HOLD)
    spec.problems.add(spec.pathOf(field), `invalid hold time "${text}": must be 0 or >=3s`);
  if (seconds > MAX_SECONDS)
    spec.problems.add(spec.pathOf(field), `invalid hold time "${text}": must not be above ${MAX_SECONDS}s`);
  if (hold !== undefined && keepalive !== undefined && keepalive > hold) {
    const message = `invalid keepaliveTime "${spec.raw("keepaliveTime")}": must be lower than holdTime "${spec.raw("holdTime")}"`;
    spec.problems.add("spec.keepaliveTime", message);
  }
  if (wanted === undefined) return { holdTime: undefined, keepaliveTime: undefined };
  return { holdTime: Number(seconds), keepaliveTime: Number((keepalive ?? wanted / 3n) / SECOND) };
}

/** Reads connectTime: whole seconds, 1 to 65535. */
export function readConnectTime(spec: FieldReader): number | undefined {
  const time = readDuration(spec, "connectTime");
  if (time === undefined) return undefined;
  if (time < SECOND || time > MAX_SECONDS * SECOND) {
    spec.problems.add("spec.connectTime", "connect time should be between 1 seconds to 65535");
  }
  if (time % SECOND !== 0n)
    spec.problems.add("spec.connectTime", "connect time should contain a whole number of seconds");
  return Number(time / SECOND);
}

function times3(time: bigint | undefined): bigint | undefined {
  return time === undefined ? undefined : time * 3n;
}

function readDuration(spec: FieldReader, key: string): bigint | undefined {
  const text = spec.string(key);
  if (text === undefined) return undefined;
  const duration = parseDuration(text);
  if (duration === undefined) spec.problems.add(spec.pathOf(key), `invalid duration "${text}"`);
  if (duration !== undefined && duration < 0n) spec.problems.add(spec.pathOf(key), `must not be negative: "${text}"`);
  return duration;
}
