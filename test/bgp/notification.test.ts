import { describe, expect, it, test } from "vitest";
import { NotificationError } from "../../src/bgp/error.ts";
import { encodeControl, formatControl } from "../../src/bgp/message/message.ts";
import { cease, decodeNotification, formatNotification } from "../../src/bgp/message/notification.ts";
import { decodeRouteRefresh, refreshMeaning } from "../../src/bgp/message/route-refresh.ts";
import { hex } from "../support/hex.ts";

describe("formatNotification()", () => {
  test.each<[string, string]>([
    ["01 01", "Message Header Error/Connection Not Synchronized (1/1)"],
    ["01 02 0014", "Message Header Error/Bad Message Length (1/2)"],
    ["02 02 fde9", "OPEN Message Error/Bad Peer AS (2/2)"],
    ["02 07 010400010001", "OPEN Message Error/Unsupported Capability (2/7)"],
    ["03 0a", "UPDATE Message Error/Invalid Network Field (3/10)"],
    ["04 00", "Hold Timer Expired (4/0)"],
    ["05 02 02", "Finite State Machine Error/Unexpected Message in OpenConfirm (5/2)"],
    ["06 05", "Cease/Connection Rejected (6/5)"],
    ["06 0a", "Cease/BFD Down (6/10)"],
    ["02 05", "OPEN Message Error/Authentication Failure (2/5)"],
    ["02 0b", "OPEN Message Error/Role Mismatch (2/11)"],
    ["03 07", "UPDATE Message Error/AS Routing Loop (3/7)"],
    ["05 00", "Finite State Machine Error/Unspecified Error (5/0)"],
    ["05 01 02", "Finite State Machine Error/Unexpected Message in OpenSent (5/1)"],
    ["05 03 01", "Finite State Machine Error/Unexpected Message in Established (5/3)"],
    ["06 09", "Cease/Hard Reset (6/9)"],
    ["06 09 06", "Cease/Hard Reset (6/9)"],
    ["06 09 0604", "Cease/Hard Reset (6/9): Cease/Administrative Reset (6/4)"],
    ["06 09 0602 03 6f6666", 'Cease/Hard Reset (6/9): Cease/Administrative Shutdown (6/2): "off"'],
    ["06 09 0609 0609 0602", "Cease/Hard Reset (6/9): Cease/Hard Reset (6/9)"],
    ["06 02 04 ff00", "Cease/Administrative Shutdown (6/2)"],
    ["06 02 02 ff41", 'Cease/Administrative Shutdown (6/2): "\ufffdA"'],
    ["07 01", "ROUTE-REFRESH Message Error/Invalid Message Length (7/1)"],
    ["08 00", "Send Hold Timer Expired (8/0)"],
    ["06 63", "Cease (6/99)"],
    ["63 01", "Unknown Error (99/1)"],
    ["06 02 05 68656c6c6f", 'Cease/Administrative Shutdown (6/2): "hello"'],
    ["06 04 02 c3a9", 'Cease/Administrative Reset (6/4): "é"'],
    ["06 02 06 68656c6c6f", "Cease/Administrative Shutdown (6/2)"],
    ["06 02 00", "Cease/Administrative Shutdown (6/2)"],
    ["06 02 02 0a22", 'Cease/Administrative Shutdown (6/2): "\\n\\""'],
    ["06 03 05 68656c6c6f", "Cease/Peer De-configured (6/3)"],
  ])("%s is %s", (body, words) => {
    expect(formatNotification(decodeNotification(hex(body)))).toBe(words);
  });
});

describe("cease()", () => {
  it("carries its reason as RFC 9003 has it", () => {
    expect(cease(2, "off").data).toEqual([3, 111, 102, 102]);
    expect(cease(2).data).toEqual([]);
    expect(cease(7, "no room for words here").data).toEqual([]);
  });

  it("cuts a reason that is too long between two characters", () => {
    const { data } = cease(2, "é".repeat(200));
    expect(data[0]).toBe(254);
    expect(formatNotification({ code: 6, subcode: 2, data })).toContain(`"${"é".repeat(127)}"`);
  });
});

describe("control messages", () => {
  test.each([
    [{ type: "keepalive" }, "KEEPALIVE", ""],
    [
      { type: "notification", notification: { code: 6, subcode: 7, data: [] } },
      "NOTIFICATION Cease/Connection Collision Resolution (6/7)",
      "0607",
    ],
    [{ type: "route-refresh", refresh: { afi: 2, safi: 1, subtype: 0 } }, "ROUTE-REFRESH ipv6-unicast", "00020001"],
    [
      { type: "route-refresh", refresh: { afi: 1, safi: 1, subtype: 2 } },
      "ROUTE-REFRESH end of ipv4-unicast",
      "00010201",
    ],
    [
      { type: "route-refresh", refresh: { afi: 25, safi: 70, subtype: 1 } },
      "ROUTE-REFRESH begin of afi 25 safi 70",
      "00190146",
    ],
    [
      { type: "open", open: { myAs: 1, holdTime: 0, identifier: 1, capabilities: {} } },
      "OPEN AS 1 hold 0 id 0.0.0.1 ()",
      "04 0001 0000 00000001 00",
    ],
  ] as const)("%j", (message, words, body) => {
    expect(formatControl(message)).toBe(words);
    expect([...encodeControl(message).subarray(19)]).toEqual([...hex(body)]);
  });

  it("RFC 7313 5 refuses a mark with octets behind it, with the whole message, and only where it is negotiated", () => {
    const body = hex("0001 01 01 00");
    const refused = (() => {
      try {
        return decodeRouteRefresh(body, { enhancedRouteRefresh: true });
      } catch (error) {
        return error;
      }
    })();
    expect(refused).toBeInstanceOf(NotificationError);
    const data = [...hex(`${"ff".repeat(16)} 0018 05 0001010100`)];
    expect(refused).toMatchObject({ notification: { code: 7, subcode: 1, data } });
    expect(decodeRouteRefresh(body)).toEqual({ afi: 1, subtype: 1, safi: 1 });
    expect(decodeRouteRefresh(hex("0001 00 01 0102"), { enhancedRouteRefresh: true }).subtype).toBe(0);
    expect(() => decodeRouteRefresh(hex("0001 02 01 00"), { enhancedRouteRefresh: true })).toThrow(NotificationError);
  });

  it("cuts what it sends back of a mark to what fits a message", () => {
    try {
      decodeRouteRefresh(Uint8Array.of(0, 1, 2, 1, ...new Uint8Array(5000)), { enhancedRouteRefresh: true });
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof NotificationError)) throw error;
      expect(encodeControl({ type: "notification", notification: error.notification }).length).toBe(4096);
    }
  });

  test.each([
    [0, true, "request"],
    [1, true, "begin"],
    [2, true, "end"],
    [3, true, "ignored"],
    [1, false, "request"],
    [3, false, "request"],
  ] as const)("RFC 7313 4 subtype %d, negotiated: %s, is %s", (subtype, enhancedRouteRefresh, meaning) => {
    expect(refreshMeaning({ afi: 1, safi: 1, subtype }, { enhancedRouteRefresh })).toBe(meaning);
  });

  it("reads a route refresh with an ORF behind it", () => {
    expect(decodeRouteRefresh(hex("0001 02 01 01 40 0000"))).toEqual({ afi: 1, subtype: 2, safi: 1 });
  });
});
