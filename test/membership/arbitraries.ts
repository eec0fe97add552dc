import fc from "fast-check";
import { MAX_INCARNATION } from "../../src/membership/iana.ts";
import type { Body, Message } from "../../src/membership/message.ts";
import type { Update } from "../../src/membership/update.ts";
import { IpAddress } from "../../src/net/ip-address.ts";

export const names = fc.stringMatching(/^[a-z0-9.-]{1,63}$/);
const numbers = fc.nat({ max: 2 ** 48 - 1 });
const asks = numbers.map((ask) => (ask === 0 ? {} : { ask }));
const places = fc.oneof(
  fc.tuple(fc.bigInt(0n, 2n ** 32n - 1n), fc.integer({ min: 1, max: 65535 })).map(([a, port]) => ({
    address: new IpAddress(4, a),
    port,
  })),
  fc.tuple(fc.bigInt(0n, 2n ** 128n - 1n), fc.integer({ min: 1, max: 65535 })).map(([a, port]) => ({
    address: new IpAddress(6, a),
    port,
  })),
);
const incarnations = fc.nat({ max: MAX_INCARNATION });
const updates: fc.Arbitrary<Update> = fc
  .record({
    name: names,
    state: fc.constantFrom("alive", "suspect", "dead", "left"),
    incarnation: incarnations,
    place: places,
    accusers: fc.array(fc.nat({ max: 2 ** 32 - 1 }), { maxLength: 4 }),
  })
  .map((update) => (update.state === "suspect" ? update : { ...update, accusers: [] }));
const bodies: fc.Arbitrary<Body> = fc.oneof(
  fc.record({ type: fc.constant("ping" as const), number: numbers, target: names }),
  fc.tuple(numbers, asks).map(([number, ask]) => ({ type: "ack" as const, number, ...ask })),
  fc.record({
    type: fc.constant("ping-request" as const),
    number: numbers,
    target: names,
    patience: fc.nat({ max: 65535 }),
  }),
  fc.record({ type: fc.constant("nack" as const), number: numbers }),
  fc.constantFrom({ type: "gossip" as const }, { type: "name-taken" as const }),
  fc.record({
    type: fc.constant("sync" as const),
    number: numbers,
    after: fc.oneof(fc.constant(undefined), fc.constant(""), names),
  }),
  fc
    .tuple(numbers, asks, places, fc.boolean())
    .map(([number, ask, seenAs, more]) => ({ type: "state" as const, number, seenAs, more, ...ask })),
);
export const messages: fc.Arbitrary<Message> = fc.record({
  sender: fc.record({
    name: names,
    incarnation: incarnations,
    leaving: fc.boolean(),
    advertised: fc.oneof(fc.constant(undefined), places),
  }),
  body: bodies,
  updates: fc.array(updates, { maxLength: 8 }),
});
