import { describe, expect, test } from "vitest";
import { askSeveral, followLines, type SpeakerLine } from "../../src/cli/transport.ts";
import { CommandFailed } from "../../src/kubernetes/errors.ts";
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

describe("askSeveral()", () => {
  const PATHS = ["/v1/plan", "/v1/members"] as const;
  const view = (name: string): object => ({ view: name, version: 1, node: "n1", at: "", items: [] });
  const askOf = async (answer: (path: string) => object) => {
    const asked: string[] = [];
    const line: SpeakerLine = {
      name: "n1",
      async *get(path) {
        asked.push(path);
        yield Buffer.from(JSON.stringify(answer(path)));
      },
    };
    const options = { clock: new VirtualClock(), signal: new AbortController().signal, timeout: seconds(5) };
    const given = await askSeveral(line, PATHS, options).catch((error: unknown) => error);
    return { asked, given };
  };
  const documents = [view("plan"), view("members")];

  test("asks once", async () => {
    const { asked, given } = await askOf(() => ({ ...view("several"), items: documents }));
    expect([asked, given]).toEqual([["/v1/several?path=%2Fv1%2Fplan&path=%2Fv1%2Fmembers"], documents]);
  });

  const separately = ["/v1/several?path=%2Fv1%2Fplan&path=%2Fv1%2Fmembers", ...PATHS];
  test.each<[string, () => object]>([
    [
      "does not know the path",
      () => {
        throw new CommandFailed("pod n1: there is nothing at this path");
      },
    ],
    ["gives fewer documents", () => ({ ...view("several"), items: documents.slice(1) })],
    ["gives something else", () => ({ ...view("several"), items: [1, 2] })],
  ])("asks for one after the other where the speaker %s", async (_, several) => {
    const { asked, given } = await askOf((path) =>
      path.startsWith("/v1/several") ? several() : view(path.replace("/v1/", "")),
    );
    expect([asked, given]).toEqual([separately, documents]);
  });

  test("a speaker that refuses that as well is one that does not answer", async () => {
    const { given } = await askOf(() => {
      throw new CommandFailed("pod n1: no such command");
    });
    expect(given).toMatchObject({ code: "ERR_API_COMMAND_FAILED" });
  });
});
