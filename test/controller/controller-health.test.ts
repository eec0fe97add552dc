import { describe, expect, test } from "vitest";
import { type ControllerParts, controllerHealth } from "../../src/controller/controller-health.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { answerHealth } from "../../src/system/health.ts";

const well: ControllerParts = {
  caches: { unsynced: () => [] },
  watches: () => [],
  lease: () => ({ unchangedFor: seconds(1), duration: seconds(4) }),
};
const ready = (parts: ControllerParts): string => answerHealth("readyz", controllerHealth(parts).readyz, false).text;

describe("a controller is ready", () => {
  test("when its caches are complete and the Lease is seen to be renewed, by whom ever", () =>
    expect(ready(well)).toBe("ok\n"));

  test.each<readonly [string, Partial<ControllerParts>, string]>([
    ["a list is missing", { caches: { unsynced: () => ["services"] } }, "[-]informers failed: waiting for services"],
    [
      "the Lease was not read",
      { lease: () => ({ unchangedFor: undefined, duration: seconds(4) }) },
      "the Lease has not been read",
    ],
    [
      "nobody renews the Lease and this one cannot take it",
      { lease: () => ({ unchangedFor: seconds(15), duration: seconds(4) }) },
      "[-]lease failed: the Lease has not been seen to change for 15 s",
    ],
    [
      "the webhook would not answer",
      { webhook: { waiting: () => ["the webhook's certificate"] } },
      "[-]webhook failed: waiting for the webhook's certificate",
    ],
  ])("but not while %s", (_name, parts, text) => expect(ready({ ...well, ...parts })).toContain(text));

  describe("with peers that are stored in another version, which the API server lists when a replica that is ready converts them", () => {
    const lastError =
      'conversion webhook for metallb.io/v1beta1, Kind=BGPPeer failed: no endpoints available for service "w"';
    const stuck: ControllerParts = {
      ...well,
      caches: { unsynced: () => ["bgppeers"] },
      watches: () => [{ resource: "bgppeers", lastError }],
      webhook: { waiting: () => [] },
    };

    test("as soon as it converts: nobody else would", () => expect(ready(stuck)).toBe("ok\n"));

    test.each<readonly [string, Partial<ControllerParts>, string]>([
      ["it does not convert yet", { webhook: { waiting: () => ["webhook certificate"] } }, "webhook certificate"],
      ["it never converts", { webhook: undefined }, "waiting for bgppeers"],
      ["another list is missing", { caches: { unsynced: () => ["bgppeers", "services"] } }, "waiting for services"],
      ["the list fails for another reason", { watches: () => [{ resource: "bgppeers", lastError: "no" }] }, "bgppeers"],
      ["the list has not failed", { watches: () => [{ resource: "bgppeers", lastError: undefined }] }, "bgppeers"],
    ])("but not while %s", (_name, parts, text) => expect(ready({ ...stuck, ...parts })).toContain(text));
  });

  test("also in the moments of a fail-over", () =>
    expect(ready({ ...well, lease: () => ({ unchangedFor: millis(14_999), duration: seconds(4) }) })).toBe("ok\n"));

  test("also when these take longer, because the Lease lasts longer", () =>
    expect(ready({ ...well, lease: () => ({ unchangedFor: seconds(17), duration: seconds(15) }) })).toBe("ok\n"));

  test("and alive whatever is away: to start anew would only lose what it knows", () =>
    expect(controllerHealth({ ...well, caches: { unsynced: () => ["services"] } }).healthz).toEqual([]));
});
