import { expect, it } from "vitest";
import type { BfdReport } from "../../src/speaker/bfd-messages.ts";
import { startThread } from "../../src/speaker/bfd-thread.ts";

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
