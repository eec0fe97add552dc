import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { NotificationError } from "../../src/bgp/error.ts";
import { Framer } from "../../src/bgp/framer.ts";
import { encodeMessage } from "../../src/bgp/message/header.ts";
import { encodeKeepalive } from "../../src/bgp/message/keepalive.ts";
import { hex } from "../support/hex.ts";

const ONES = "ff".repeat(16);

/** What a stream gives, cut into these chunks: messages, then perhaps the end of it. */
function frames(chunks: Iterable<Uint8Array>, extendedMessages = false): readonly string[] {
  const framer = new Framer({ extendedMessages });
  const said: string[] = [];
  try {
    for (const chunk of chunks) {
      for (const { kind, body } of framer.push(chunk)) said.push(`${kind} ${[...body].join(".")}`);
    }
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    const { code, subcode, data } = error.notification;
    said.push(`${code}/${subcode} ${data.join(".")}`);
  }
  return said;
}

describe("Framer refuses at once", () => {
  test.each<[string, string, string]>([
    ["a zero in the first octet of the marker", "00", "1/1 "],
    ["a zero in the last octet of the marker", `${"ff".repeat(15)}00`, "1/1 "],
    ["a length of 18", `${ONES}0012`, "1/2 0.18"],
    ["a length of 0", `${ONES}0000`, "1/2 0.0"],
    ["a length of 4097 before its body", `${ONES}1001`, "1/2 16.1"],
    ["a length of 65535", `${ONES}ffff`, "1/2 255.255"],
    ["type 0", `${ONES}001300`, "1/3 0"],
    ["type 6", `${ONES}001306`, "1/3 6"],
    ["type 255", `${ONES}0013ff`, "1/3 255"],
    ["a KEEPALIVE of 20", `${ONES}001404`, "1/2 0.20"],
    ["an OPEN of 28", `${ONES}001c01`, "1/2 0.28"],
    ["an UPDATE of 22", `${ONES}001602`, "1/2 0.22"],
    ["a NOTIFICATION of 20", `${ONES}001403`, "1/2 0.20"],
    ["a ROUTE-REFRESH of 22", `${ONES}001605`, "1/2 0.22"],
  ])("%s", (_name, bytes, want) => {
    expect(frames([hex(bytes)])).toEqual([want]);
    expect(frames([...hex(bytes)].map((octet) => Uint8Array.of(octet)))).toEqual([want]);
  });
});

test("the longest message passes", () => {
  const bytes = encodeMessage(2, (w) => w.bytes(new Uint8Array(4096 - 19)));
  expect(frames([bytes, encodeKeepalive()]).map((said) => said.split(" ")[0])).toEqual(["update", "keepalive"]);
});

describe("RFC 8654 messages of up to 65,535 octets", () => {
  const long = encodeMessage(2, (w) => w.bytes(new Uint8Array(65535 - 19)));

  it("pass where we offered them, in one piece or in many", () => {
    const chunks = Array.from({ length: 66 }, (_, i) => long.subarray(i * 1000, (i + 1) * 1000));
    for (const pieces of [
      [long, encodeKeepalive()],
      [...chunks, encodeKeepalive()],
    ]) {
      expect(frames(pieces, true).map((said) => said.split(" ")[0])).toEqual(["update", "keepalive"]);
    }
  });

  it("are refused where we did not", () => {
    expect(frames([long.subarray(0, 19)])).toEqual(["1/2 255.255"]);
  });

  test.each([
    ["a NOTIFICATION may be long", 3, "notification"],
    ["a ROUTE-REFRESH may be long", 5, "routeRefresh"],
    ["an OPEN may not", 1, "1/2"],
    ["a KEEPALIVE may not", 4, "1/2"],
  ])("%s", (_name, type, want) => {
    const bytes = encodeMessage(type, (w) => w.bytes(new Uint8Array(4097 - 19)));
    expect(frames([bytes], true).map((said) => said.split(" ")[0])).toEqual([want]);
  });
});

test("an incomplete message says nothing", () => {
  expect(frames([hex(`${ONES}00`)])).toEqual([]);
  expect(frames([hex(`${ONES}001d0104`)])).toEqual([]);
});

const message = fc.oneof(
  fc.constant(encodeKeepalive()),
  fc
    .tuple(fc.constantFrom(1, 2, 3, 5), fc.uint8Array({ minLength: 10, maxLength: 300 }))
    .map(([type, body]) => encodeMessage(type, (w) => w.bytes(body))),
  fc
    .tuple(fc.constantFrom(0, 2, 4, 9), fc.uint8Array({ maxLength: 6 }))
    .map(([type, body]) => encodeMessage(type, (w) => w.bytes(body))),
  fc.uint8Array({ maxLength: 40 }),
);

describe("properties", () => {
  it("chunking a stream anywhere gives the same messages and the same refusal", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(400)), (messages, cuts) => {
        const stream = Uint8Array.from(messages.flatMap((one) => [...one]));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(stream.subarray(at, at + cut));
          at = Math.min(at + cut, stream.length);
        }
        chunks.push(stream.subarray(at));
        expect(frames(chunks)).toEqual(frames([stream]));
        expect(frames([...stream].map((octet) => Uint8Array.of(octet)))).toEqual(frames([stream]));
      }),
      { numRuns: 300 },
    );
  });
});
