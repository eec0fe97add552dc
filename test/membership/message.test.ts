import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GossipRefused } from "../../src/membership/error.ts";
import { MAX_MESSAGE } from "../../src/membership/iana.ts";
import {
  bareSize,
  decodeMessage,
  encodeMessage,
  formatMessage,
  messageSize,
  type Sender,
} from "../../src/membership/message.ts";
import type { Place } from "../../src/membership/place.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { messages, names } from "./arbitraries.ts";

const place: Place = { address: new IpAddress(4, 0x0a000001n), port: 7946 };
const sender: Sender = { name: "a", incarnation: 1, leaving: false, advertised: undefined };

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    const message = decodeMessage(bytes);
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  } catch (error) {
    expect(error).toBeInstanceOf(GossipRefused);
  }
}

const header = [1, "a".charCodeAt(0), 0, 0, 0, 1];

describe("decodeMessage()", () => {
  test.each<[string, number[]]>([
    ["nothing", []],
    ["an unknown type", [99, 0, ...header, 0]],
    ["an unknown flag", [5, 4, ...header, 0]],
    ["a name of no length", [5, 0, 0, 0, 0, 0, 1, 0]],
    ["a name with a space", [5, 0, 1, 0x20, 0, 0, 0, 1, 0]],
    ["a name with a line feed", [5, 0, 1, 0x0a, 0, 0, 0, 1, 0]],
    ["an incarnation that cannot be outbid", [5, 0, 1, 0x61, 0x80, 0, 0, 0, 0]],
    ["a name that is cut off", [5, 0, 9, 0x61]],
    ["a ping without its number", [1, 0, ...header]],
    ["an update that is announced and not there", [5, 0, ...header, 1]],
    [
      "a dead member with accusers",
      [5, 0, ...header, 1, 2 | (1 << 3), 1, 0x62, 0, 0, 0, 1, 10, 0, 0, 1, 31, 10, 0, 0, 0, 9],
    ],
    ["more accusers than there may be", [5, 0, ...header, 1, 1 | (5 << 3), 1, 0x62, 0, 0, 0, 1, 10, 0, 0, 1, 31, 10]],
    ["port 0", [5, 0, ...header, 1, 0, 1, 0x62, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0]],
    ["an address of a family that is none", [5, 2, ...header, 5, 10, 0, 0, 1, 31, 10, 0]],
    ["octets behind it that are not zero", [5, 0, ...header, 0, 0, 1]],
  ])("refuses %s", (_, octets) => {
    expect(() => decodeMessage(Uint8Array.from(octets))).toThrow(GossipRefused);
  });

  test("reads what encodeMessage() wrote, of the length that was reckoned", () => {
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = encodeMessage(message);
        expect(bytes.length).toBe(messageSize(message));
        expect(decodeMessage(bytes)).toEqual(message);
        expect(formatMessage(message)).toContain(message.body.type);
      }),
    );
  });

  test("throws nothing but GossipRefused, whatever the octets", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrRefuses));
  });

  test("throws nothing but GossipRefused when one octet is another, or the end is missing", () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), (message, where, octet, cut) => {
        const bytes = encodeMessage(message);
        const at = where % bytes.length;
        if (cut) decodesOrRefuses(bytes.subarray(0, at));
        else decodesOrRefuses(bytes.with(at, octet));
      }),
    );
  });
});

describe("amplification", () => {
  test("an answer to a ping is no longer than the ping, whatever the names", () => {
    fc.assert(
      fc.property(names, names, fc.boolean(), (asking, asked, advertises) => {
        const ping = encodeMessage({
          sender: { ...sender, name: asking },
          body: { type: "ping", number: 7, target: asked },
          updates: [],
        });
        const from: Sender = { ...sender, name: asked, advertised: advertises ? place : undefined };
        expect(bareSize(from, { type: "ack", number: 7, ask: 8 })).toBeLessThanOrEqual(ping.length);
      }),
    );
  });

  test("who asks for a page sends as much as a page may have", () => {
    expect(encodeMessage({ sender, body: { type: "sync", number: 1, after: "" }, updates: [] })).toHaveLength(
      MAX_MESSAGE,
    );
  });
});
