import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { encodeControl } from "../../src/bgp/message/message.ts";
import { encodeUpdate } from "../../src/bgp/message/update.ts";
import { notifications, opens, refreshes, updates } from "../bgp/arbitraries.ts";
import { entries } from "../bgp/corpus.ts";
import { hex } from "../support/hex.ts";

const GOLDEN = join(import.meta.dirname, "../golden/bgp");

const golden = readdirSync(GOLDEN, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".hex"))
  .map((file) => hex(readFileSync(join(GOLDEN, file), "utf8")));

/** Real messages: those of this repository, and the corpus where it lies beside it. */
const REAL_MESSAGES: readonly Uint8Array[] = [...golden, ...entries.map((entry) => hex(entry.hex))];

const INTERNAL = { fourOctetAsn: true, internal: true };

/** Messages that are right, from our own encoders. */
export const ourMessages: fc.Arbitrary<Uint8Array> = fc.oneof(
  opens.map((open) => encodeControl({ type: "open", open })),
  notifications.map((notification) => encodeControl({ type: "notification", notification })),
  refreshes.map((refresh) => encodeControl({ type: "route-refresh", refresh })),
  fc.constant(encodeControl({ type: "keepalive" })),
  updates.map((update) => encodeUpdate(update, INTERNAL)),
);

/** A change to a message; positions are taken modulo its length. */
type Mutation =
  | { readonly type: "flip"; readonly at: number }
  | { readonly type: "set"; readonly at: number; readonly value: number }
  | { readonly type: "cut"; readonly at: number; readonly length: number }
  | { readonly type: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly type: "repeat"; readonly at: number; readonly length: number };

const at = fc.nat({ max: 0xffff });
const length = fc.integer({ min: 1, max: 40 });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ type: fc.constant("flip" as const), at: fc.nat({ max: 0x7ffff }) }),
  fc.record({
    type: fc.constant("set" as const),
    at,
    value: fc.constantFrom(0, 1, 2, 3, 4, 16, 32, 33, 127, 128, 129, 254, 255),
  }),
  fc.record({ type: fc.constant("cut" as const), at, length }),
  fc.record({ type: fc.constant("insert" as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 20 }) }),
  fc.record({ type: fc.constant("repeat" as const), at, length }),
);

function mutate(bytes: Uint8Array, change: Mutation): Uint8Array {
  const where = bytes.length === 0 ? 0 : change.at % bytes.length;
  const front = bytes.subarray(0, where);
  switch (change.type) {
    case "flip": {
      const flipped = bytes.slice();
      const octet = (change.at >> 3) % Math.max(1, flipped.length);
      flipped[octet] = (flipped[octet] ?? 0) ^ (1 << (change.at & 7));
      return flipped;
    }
    case "set": {
      const changed = bytes.slice();
      changed[where] = change.value;
      return changed;
    }
    case "cut":
      return joined([front, bytes.subarray(where + change.length)]);
    case "insert":
      return joined([front, change.bytes, bytes.subarray(where)]);
    case "repeat":
      return joined([front, bytes.subarray(where, where + change.length), bytes.subarray(where)]);
  }
}

/** All of them in one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** Makes the length in the header true again, so that what is behind it is looked at. */
function relabelled(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= 19) new DataView(bytes.buffer, bytes.byteOffset).setUint16(16, Math.min(bytes.length, 0xffff));
  return bytes;
}

/** Messages with a few things wrong, mostly behind a header that is right. */
export const brokenMessages: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.oneof(fc.constantFrom(...REAL_MESSAGES), ourMessages),
    fc.array(mutation, { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 0, max: 9 }),
  )
  .map(([message, mutations, header]) => {
    const broken = mutations.reduce(mutate, message.slice());
    return header === 0 ? broken : relabelled(broken.slice());
  });
