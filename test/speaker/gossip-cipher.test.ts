import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type GossipRefusal, GossipRefused } from "../../src/membership/error.ts";
import { GossipCipher } from "../../src/speaker/gossip-cipher.ts";

const text = (value: string) => new TextEncoder().encode(value);
const cipher = (keys: readonly string[], cluster = "lab") => new GossipCipher(keys.map(text), cluster, randomBytes);
const message = text("hello");
const read = (reader: GossipCipher, packet: Uint8Array) => new TextDecoder().decode(reader.open(packet).message);

function refusal(open: () => unknown): GossipRefusal | undefined {
  try {
    open();
    return undefined;
  } catch (error) {
    if (error instanceof GossipRefused) return error.refusal;
    throw error;
  }
}

describe("open()", () => {
  const ours = cipher(["secret"]);
  const sealed = ours.seal(message);

  test.each<[string, GossipCipher, Uint8Array, GossipRefusal]>([
    ["another key", cipher(["other"]), sealed, "not-authentic"],
    ["another cluster", cipher(["secret"], "other"), sealed, "not-authentic"],
    ["plain text where there are keys", cipher(["secret"]), cipher([]).seal(message), "not-authentic"],
    ["sealed where there are no keys", cipher([]), sealed, "not-authentic"],
    ["another version", cipher(["secret"]), sealed.with(0, 1), "other-version"],
    ["a tag that is cut off", cipher(["secret"]), sealed.subarray(0, 30), "not-authentic"],
    ["a nonce that is cut off", cipher(["secret"]), sealed.subarray(0, 17), "malformed"],
    ["more than a packet", cipher(["secret"]), new Uint8Array(1401), "malformed"],
  ])("refuses %s", (_, reader, packet, expected) => {
    expect(refusal(() => reader.open(packet))).toBe(expected);
  });

  test("refuses a packet of which any octet was changed", () => {
    fc.assert(
      fc.property(fc.nat({ max: sealed.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = sealed.with(at, (sealed[at] ?? 0) ^ change);
        expect(refusal(() => cipher(["secret"]).open(changed))).toBe(at === 0 ? "other-version" : "not-authentic");
      }),
    );
  });

  test("says whose life it is of, and counts", () => {
    expect(cipher(["secret"]).open(sealed)).toMatchObject({ session: ours.session, sequence: 1 });
    expect(cipher(["secret"]).open(ours.seal(message)).sequence).toBe(2);
  });

  test("takes plain text where nobody has a key", () => {
    expect(read(cipher([]), cipher([]).seal(message))).toBe("hello");
  });
});

test("a key is changed without a packet lost: received with first, then sent with, then the old one goes", () => {
  const a = cipher(["old"]);
  const b = cipher(["old"]);
  const understood = () => {
    expect(read(a, b.seal(message))).toBe("hello");
    expect(read(b, a.seal(message))).toBe("hello");
  };
  const steps = [["old", "new"], ["new", "old"], ["new"]];
  for (const keys of steps)
    for (const each of [a, b]) {
      each.setKeys(keys.map(text));
      understood();
    }
  expect(refusal(() => a.open(cipher(["old"]).seal(message)))).toBe("not-authentic");
});

test("two lives never use one nonce, nor does one use it twice", () => {
  const nonces = [cipher(["s"]), cipher(["s"])].flatMap((each) =>
    Array.from({ length: 50 }, () => each.seal(message).subarray(6, 18).join()),
  );
  expect(new Set(nonces).size).toBe(100);
});

test("where the numbers of a life are used up, another life begins: no nonce comes twice", () => {
  const each = new GossipCipher([text("s")], "lab", randomBytes, 10);
  const packets = Array.from({ length: 100 }, () => each.seal(message));
  expect(new Set(packets.map((packet) => packet.subarray(6, 18).join())).size).toBe(100);
  expect(packets.map((packet) => read(cipher(["s"]), packet))).toEqual(packets.map(() => "hello"));
});

test("what was sealed does not show what it says", () => {
  expect(Buffer.from(cipher(["secret"]).seal(message)).includes("hello")).toBe(false);
});
