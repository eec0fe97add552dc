import { beforeEach, describe, expect, test } from "vitest";
import type { Service } from "../../src/api/core.ts";
import { objectKey } from "../../src/api/object.ts";
import { stripService } from "../../src/api/strip.ts";
import { fenceOffLateWrites } from "../../src/controller/late-writes.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { millis } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const refusal = (status: number): ApiError => new ApiError({ status, reason: "", message: `status ${status}` });

function service(name: string): Service {
  const metadata = { name, namespace: "default", uid: `uid-${name}`, resourceVersion: "1" };
  const stripped = stripService({ metadata, spec: { type: "LoadBalancer" } });
  if (stripped === undefined) throw new Error("no Service");
  return stripped;
}

describe("before a term begins, Services are fenced off from late writes", () => {
  let clock: VirtualClock;
  let written: string[];
  let stop: AbortController;
  beforeEach(() => {
    clock = new VirtualClock();
    written = [];
    stop = new AbortController();
  });

  /** How many seconds it takes, of a minute; undefined when it is not over then. */
  async function secondsUntilOver(
    services: readonly Service[],
    answer: (name: string) => Promise<void>,
  ): Promise<number | undefined> {
    let over = false;
    const ports = {
      ...{ clock, random: () => 0.5, log: silentLog },
      exposed: () => Promise.resolve(services),
      refresh: () => Promise.resolve(),
      patchStatus: async (one: Service) => {
        await answer(one.metadata.name);
        written.push(objectKey(one));
      },
    };
    const fencing = fenceOffLateWrites(ports, stop.signal).then(() => {
      over = true;
    });
    for (let passed = 0; passed <= 60_000; passed += 100) {
      await settle();
      if (over) return passed / 1000;
      clock.advance(millis(100));
    }
    stop.abort();
    await fencing;
    return undefined;
  }

  test("each of them once, and the term begins at once", async () => {
    const services = ["a", "b", "c"].map(service);
    expect(await secondsUntilOver(services, () => Promise.resolve())).toBe(0);
    expect(written.toSorted()).toEqual(["default/a", "default/b", "default/c"]);
    expect(clock.armed).toBe(0);
  });

  test.each([400, 403, 404, 422])(
    "one that the API lets nobody write (%i) costs the others nothing",
    async (status) => {
      const answer = (name: string) => (name === "b" ? Promise.reject(refusal(status)) : Promise.resolve());
      expect(await secondsUntilOver(["a", "b", "c"].map(service), answer)).toBe(0);
      expect(written.toSorted()).toEqual(["default/a", "default/c"]);
    },
  );

  test.each<[string, () => Promise<void>]>([
    ["whose webhook is down", () => Promise.reject(refusal(500))],
    ["that changes all the time", () => Promise.reject(refusal(409))],
    ["for which nobody answers", () => Promise.reject(new ApiUnreachable("no byte"))],
  ])("one %s is tried again, and holds the others up for some seconds only", async (_name, fail) => {
    let tries = 0;
    const answer = (name: string) => {
      if (name !== "b") return Promise.resolve();
      tries += 1;
      return fail();
    };
    const taken = await secondsUntilOver(["a", "b", "c"].map(service), answer);
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(25);
    expect(tries).toBeGreaterThan(4);
  });

  test("a slow API is waited for as long as it goes on", async () => {
    const services = Array.from({ length: 320 }, (_, i) => service(`s-${i}`));
    const slowly = () => new Promise<void>((resolve) => clock.after(millis(4000), resolve));
    expect(await secondsUntilOver(services, slowly)).toBeGreaterThan(36);
    expect(written).toHaveLength(320);
  });
});
