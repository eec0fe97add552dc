import { expect, test } from "vitest";
import { followLines, type SpeakerLine } from "../../src/cli/transport.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A speaker that says so many signs of life, ten seconds apart, and is gone then without a word. */
function speaker(clock: VirtualClock, signs: number): SpeakerLine {
  return {
    name: "n1",
    async *get(_path, signal) {
      for (let i = 0; i < signs; i++) {
        yield Buffer.from(i === 0 ? '{"n":1}\n' : "\n");
        if (i < signs - 1) await new Promise<void>((resolve) => void clock.after(seconds(10), resolve));
      }
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  };
}

test("a speaker that is followed and vanishes is missed after thirty seconds, however long it was there", async () => {
  const clock = new VirtualClock();
  const told: unknown[] = [];
  let ended: unknown;
  void (async () => {
    const options = { clock, signal: new AbortController().signal, timeout: seconds(5) };
    for await (const value of followLines(speaker(clock, 10), "/v1/moves?watch=1", options)) told.push(value);
  })().catch((error: unknown) => {
    ended = error;
  });
  const pass = async (s: number): Promise<void> => {
    for (let i = 0; i < s * 2; i++) {
      await turn();
      clock.advance(millis(500));
    }
    await turn();
  };
  await pass(118);
  expect([told, ended]).toEqual([[{ n: 1 }], undefined]);
  await pass(4);
  expect(ended).toMatchObject({ code: "ERR_CLI_SPEAKER_SILENT" });
});
