import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { flapReason } from "../../src/bgp/flap-reason.ts";
import type { FsmEvent } from "../../src/bgp/fsm-values.ts";
import { CEASE, ERROR_CODE, UPDATE_ERROR } from "../../src/bgp/iana.ts";
import { cease } from "../../src/bgp/message/notification.ts";

const fault = (notification: ReturnType<typeof cease>): FsmEvent => ({ type: "fault-found", notification, reason: "" });

describe("why a session ended, in one word", () => {
  test.each<readonly [FsmEvent, string]>([
    [{ type: "timer-expired", timer: "hold", epoch: 1 }, "hold-timer"],
    [{ type: "timer-expired", timer: "send-hold", epoch: 1 }, "send-hold-timer"],
    [{ type: "closed", reason: "ECONNRESET" }, "connection-lost"],
    [{ type: "stopped", goodbye: "removed" }, "stopped"],
    [{ type: "superseded" }, "peer-restarted"],
    [{ type: "collision-lost" }, "collision"],
    [fault(cease(CEASE.bfdDown)), "bfd-down"],
    [fault(cease(CEASE.administrativeReset, "by hand")), "sent-cease-administrative-reset"],
    [
      fault({ code: ERROR_CODE.updateMessage, subcode: UPDATE_ERROR.malformedAttributeList, data: [] }),
      "sent-update-message-error-malformed-attribute-list",
    ],
    [
      { type: "notification-received", notification: cease(CEASE.administrativeShutdown, "maintenance") },
      "received-cease-administrative-shutdown",
    ],
    [
      { type: "notification-received", notification: { code: ERROR_CODE.holdTimerExpired, subcode: 0, data: [] } },
      "received-hold-timer-expired",
    ],
    [{ type: "notification-received", notification: { code: 77, subcode: 1, data: [] } }, "received-unknown-error"],
    [{ type: "notification-received", notification: { code: 6, subcode: 99, data: [] } }, "received-cease"],
    [{ type: "keepalive-received" }, "unexpected-message"],
  ])("%j is %s", (event, reason) => expect(flapReason(event)).toBe(reason));

  test("whatever a peer says, there are not more than eighty words: each is a time series", () => {
    const words = new Set<string>();
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, (code, subcode) => {
        const word = flapReason({ type: "notification-received", notification: { code, subcode, data: [] } });
        words.add(word);
        expect(word).toMatch(/^[a-z0-9-]+$/);
      }),
      { numRuns: 5_000 },
    );
    expect(words.size).toBeLessThan(80);
  });
});
