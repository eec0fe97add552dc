import { readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { systemSockets } from "../../src/system/native/socket.ts";
import { makeThreadRealTime } from "../../src/system/thread-priority.ts";

const allowed = process.getuid?.() === 0 && systemSockets.available;

describe("makeThreadRealTime()", () => {
  it("asks for SCHED_RR at the lowest priority, not to be inherited", () => {
    const asked: (readonly number[])[] = [];
    const schedule = (...words: readonly [number, number]): number => {
      asked.push(words);
      return 0;
    };
    makeThreadRealTime(() => ({ schedule }));
    expect(asked).toEqual([[0x4000_0002, 1]]);
  });

  it("goes on where it may not", () => {
    const before = getPriority();
    expect(() => makeThreadRealTime(() => ({ schedule: () => -1 }))).not.toThrow();
    expect(getPriority()).toBeLessThanOrEqual(before);
    setPriority(before);
  });

  it.skipIf(!allowed)("makes one thread real-time by the kernel's word, and no other (needs root)", async () => {
    const loader = import.meta.resolve("tsx/esm/api");
    const module = new URL("../../src/system/thread-priority.ts", import.meta.url);
    const worker = new Worker(
      `import("${loader}").then(({ register }) => { register(); return import("${module}"); }).then(({ makeThreadRealTime }) => {
        makeThreadRealTime();
        const stat = require("node:fs").readFileSync("/proc/thread-self/stat", "utf8");
        require("node:worker_threads").parentPort.postMessage(stat);
      });`,
      { eval: true },
    );
    const said = await new Promise<unknown>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    await worker.terminate();
    expect(schedulingOf(`${said}`)).toEqual({ priority: 1, policy: 2 });
    expect(schedulingOf(readFileSync("/proc/self/stat", "utf8"))).toEqual({ priority: 0, policy: 0 });
  });
});

/** The fields rt_priority and policy of proc(5), which are the 40th and the 41st. */
function schedulingOf(stat: string): { readonly priority: number; readonly policy: number } {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { priority: Number(fields[37]), policy: Number(fields[38]) };
}
