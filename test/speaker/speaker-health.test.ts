import { describe, expect, test } from "vitest";
import { speakerHealth } from "../../src/speaker/speaker-health.ts";
import type { ThreadReading } from "../../src/speaker/thread-watch.ts";
import { answerHealth } from "../../src/system/health.ts";

interface State {
  readonly unsynced?: readonly string[];
  readonly unready?: readonly string[];
  readonly trouble?: string;
}

function answers({ unsynced = [], unready = [], trouble }: State): Record<"healthz" | "readyz", string> {
  const threads: readonly ThreadReading[] = [
    { name: "bfd", losses: 0, trouble: undefined },
    { name: "lan", losses: 3, trouble },
  ];
  const speaker = { unsynced: () => unsynced, unready: () => unready };
  const checks = speakerHealth(speaker, { readings: () => threads });
  return {
    healthz: answerHealth("healthz", checks.healthz, false).text,
    readyz: answerHealth("readyz", checks.readyz, false).text,
  };
}

describe("a speaker", () => {
  test("that has all it needs is ready and alive, also after threads that were lost", () =>
    expect(answers({})).toEqual({ healthz: "ok\n", readyz: "ok\n" }));

  test("without its lists, as while the API is away at the start, is not ready, and is not started anew for it", () => {
    const { healthz, readyz } = answers({ unsynced: ["services", "nodes"] });
    expect(healthz).toBe("ok\n");
    expect(readyz).toContain("[-]informers failed: waiting for services, nodes");
  });

  test("that cannot hear the others, or has no engine, is not ready, and works at it by itself", () => {
    const { healthz, readyz } = answers({ unready: ["the layer 2 engine does not run", "the gossip socket failed"] });
    expect(healthz).toBe("ok\n");
    expect(readyz).toContain("[-]announcers failed: the layer 2 engine does not run; the gossip socket failed");
  });

  test("with a thread that stands still is neither: only a new process mends that", () => {
    const { healthz, readyz } = answers({ trouble: "has not moved for 20 s" });
    expect(healthz).toContain("[-]threads failed: lan has not moved for 20 s");
    expect(readyz).toContain("[-]threads failed: lan has not moved for 20 s");
  });
});
