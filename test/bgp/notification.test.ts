import { describe, expect, it, test } from "vitest";
import { encodeControl, formatControl } from "../../src/bgp/message/message.ts";
import { cease, decodeNotification, formatNotification } from "../../src/bgp/message/notification.ts";
import { decodeRouteRefresh } from "../../src/bgp/message/route-refresh.ts";
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
    ["07 01", "ROUTE-REFRESH Message Error (7/1)"],
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
    [{ type: "route-refresh", refresh: { afi: 25, safi: 70, subtype: 1 } }, "ROUTE-REFRESH afi 25 safi 70", "00190146"],
    [
      { type: "open", open: { myAs: 1, holdTime: 0, identifier: 1, capabilities: {} } },
      "OPEN AS 1 hold 0 id 0.0.0.1 ()",
      "04 0001 0000 00000001 00",
    ],
  ] as const)("%j", (message, words, body) => {
    expect(formatControl(message)).toBe(words);
    expect([...encodeControl(message).subarray(19)]).toEqual([...hex(body)]);
  });

  it("reads a route refresh with an ORF behind it", () => {
    expect(decodeRouteRefresh(hex("0001 02 01 01 40 0000"))).toEqual({ afi: 1, subtype: 2, safi: 1 });
  });
});
