import { describe, expect, test } from "vitest";
import { type ControllerParts, controllerHealth } from "../../src/controller/controller-health.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { answerHealth } from "../../src/system/health.ts";

const well: ControllerParts = { caches: { unsynced: () => [] }, lease: () => ({ unchangedFor: seconds(1) }) };
const ready = (parts: ControllerParts): string => answerHealth("readyz", controllerHealth(parts).readyz, false).text;

describe("a controller is ready", () => {
  test("when its caches are complete and the Lease is seen to be renewed, by whom ever", () =>
    expect(ready(well)).toBe("ok\n"));

  test.each<readonly [string, Partial<ControllerParts>, string]>([
    ["a list is missing", { caches: { unsynced: () => ["services"] } }, "[-]informers failed: waiting for services"],
    ["the Lease was not read", { lease: () => ({ unchangedFor: undefined }) }, "the Lease has not been read"],
    [
      "nobody renews the Lease and this one cannot take it",
      { lease: () => ({ unchangedFor: seconds(15) }) },
      "[-]lease failed: the Lease has not been seen to change for 15 s",
    ],
    [
      "the webhook would not answer",
      { webhook: { waiting: () => ["the webhook's certificate"] } },
      "[-]webhook failed: waiting for the webhook's certificate",
    ],
  ])("but not while %s", (_name, parts, text) => expect(ready({ ...well, ...parts })).toContain(text));

  test("also in the moments of a fail-over", () =>
    expect(ready({ ...well, lease: () => ({ unchangedFor: millis(14_999) }) })).toBe("ok\n"));

  test("and alive whatever is away: to start anew would only lose what it knows", () =>
    expect(controllerHealth({ ...well, caches: { unsynced: () => ["services"] } }).healthz).toEqual([]));
});
