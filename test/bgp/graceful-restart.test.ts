import { describe, expect, it, test } from "vitest";
import {
  farewell,
  type Goodbye,
  hardReset,
  restartCapabilities,
  restartTerms,
} from "../../src/bgp/graceful-restart.ts";
import { cease } from "../../src/bgp/message/notification.ts";

const NONE = { gracefulRestart: false, survivesNotification: false };
const PLAIN = { gracefulRestart: true, survivesNotification: false };
const NOTIFIED = { gracefulRestart: true, survivesNotification: true };

describe("farewell()", () => {
  // goodbye, what was negotiated, last message: a NOTIFICATION ends graceful restart unless the N bit says otherwise
  test.each<[Goodbye, typeof NONE | undefined, string]>([
    ["restarting", undefined, "6.2"],
    ["restarting", NONE, "6.2"],
    ["restarting", PLAIN, "silence"],
    ["restarting", NOTIFIED, "silence"],
    ["changed", NONE, "6.6"],
    ["changed", PLAIN, "silence"],
    ["changed", NOTIFIED, "silence"],
    ["shutdown", NONE, "6.2"],
    ["shutdown", PLAIN, "6.2"],
    ["shutdown", NOTIFIED, "6.9.6.2"],
    ["removed", NONE, "6.3"],
    ["removed", PLAIN, "6.3"],
    ["removed", NOTIFIED, "6.9.6.3"],
    ["reset", undefined, "6.4"],
    ["reset", NOTIFIED, "6.9.6.4"],
  ])("%s with %j is %s", (goodbye, terms, want) => {
    const last = farewell(goodbye, terms);
    expect(last === undefined ? "silence" : [last.code, last.subcode, ...last.data].join(".")).toBe(want);
  });

  it("carries the reason for the peer's operator, also inside a Hard Reset", () => {
    expect(farewell("shutdown", NONE, "ab")).toEqual({ code: 6, subcode: 2, data: [2, 97, 98] });
    expect(farewell("shutdown", NOTIFIED, "ab")).toEqual({ code: 6, subcode: 9, data: [6, 2, 2, 97, 98] });
    expect(hardReset(cease(4))).toEqual({ code: 6, subcode: 9, data: [6, 4] });
  });
});

describe("restartCapabilities()", () => {
  it("says for every family of the session whether its packets are forwarded on", () => {
    expect(restartCapabilities({ restartTime: 120, preserved: [6] }, [4, 6], true)).toEqual({
      gracefulRestart: {
        restarted: true,
        notification: true,
        restartTime: 120,
        families: [
          { afi: 1, safi: 1, preserved: false },
          { afi: 2, safi: 1, preserved: true },
        ],
      },
    });
  });

  it("adds the long-lived kind only when it is asked for", () => {
    const { longLivedGracefulRestart } = restartCapabilities(
      { restartTime: 120, preserved: [4], staleTime: 600 },
      [4],
      false,
    );
    expect(longLivedGracefulRestart).toEqual([{ afi: 1, safi: 1, preserved: true, staleTime: 600 }]);
  });
});

describe("restartTerms()", () => {
  const ours = restartCapabilities({ restartTime: 120, preserved: [4] }, [4], false);
  const theirs = (notification: boolean) => ({
    gracefulRestart: { restarted: false, notification, restartTime: 0, families: [] },
  });
  test.each([
    ["neither says anything", {}, {}, NONE],
    ["only we do", ours, {}, NONE],
    ["only the peer does", {}, theirs(true), NONE],
    ["both do, the peer as a helper without families", ours, theirs(false), PLAIN],
    ["both do with the N bit", ours, theirs(true), NOTIFIED],
  ])("%s", (_name, a, b, want) => {
    expect(restartTerms(a, b)).toEqual(want);
  });
});
