import { expect, it } from "vitest";
import { machineClock } from "../../src/speaker/bfd-clock.ts";
import type { BfdReport } from "../../src/speaker/bfd-messages.ts";
import { startThread } from "../../src/speaker/bfd-thread.ts";
import { type Pulse, ThreadWatch } from "../../src/speaker/thread-watch.ts";
import { until } from "../support/until.ts";

it("an engine answers from a thread of its own, run from source, and is not missed when it is closed", async () => {
  const lost: string[] = [];
  let answer: (report: BfdReport) => void = () => {};
  const answered = new Promise<BfdReport>((resolve) => {
    answer = resolve;
  });
  const channel = startThread({ report: (report) => answer(report), lost: (reason) => lost.push(reason) });
  channel.post({ type: "inspect", request: 3 });
  expect(await answered).toEqual({
    type: "inspected",
    request: 3,
    inspection: { sessions: {}, refused: {}, worstLateness: 0 },
  });
  await channel.close();
  expect(lost).toEqual([]);
});

it("a thread that is watched lets its owner see that it moves, without being asked", async () => {
  const watch = new ThreadWatch(machineClock);
  let pulse: Pulse = new BigInt64Array(1);
  const channel = startThread(
    { report: () => {}, lost: () => {} },
    {
      started(name, given) {
        pulse = given;
        watch.started(name, given);
      },
      lost: (name, reason) => watch.lost(name, reason),
      closed: (name) => watch.closed(name),
    },
  );
  const begun = Atomics.load(pulse, 0);
  await until("two beats", () => Atomics.load(pulse, 0) - begun > 1_000_000n);
  expect(watch.readings()).toEqual([{ name: "bfd", losses: 0, trouble: undefined }]);
  await channel.close();
});

it("an engine that throws is reported as lost, once", async () => {
  let lose: (reason: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    lose = resolve;
  });
  const channel = startThread({ report: () => {}, lost: (reason) => lose(reason) });
  const parameters = { desiredMinTx: 0, requiredMinRx: 0, requiredMinEchoRx: 0, multiplier: 3, passive: true };
  channel.post(
    JSON.parse(
      JSON.stringify({ type: "add", id: 1, path: { peer: "nowhere", multihop: false, minimumTtl: 254 }, parameters }),
    ),
  );
  expect(await lost).toContain("nowhere");
  await channel.close();
});
