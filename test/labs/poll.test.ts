import { expect, test } from "vitest";
import { CommandError, InterruptedError, LabCheckError } from "../../labs/runner/errors.ts";
import { type Look, until } from "../../labs/runner/poll.ts";

function looks(...answers: readonly (Look<string> | Error)[]): () => Promise<Look<string>> {
  let next = 0;
  return () => {
    const answer = answers[Math.min(next++, answers.length - 1)];
    if (answer === undefined || answer instanceof Error) return Promise.reject(answer ?? new Error("no answers"));
    return Promise.resolve(answer);
  };
}

test("until looks again until it sees what it wants", async () => {
  const met = await until("x", { within: 10_000, every: 1 }, looks({ seen: "a" }, { seen: "b" }, { value: "c" }));
  expect(met.value).toBe("c");
});

test("a look that fails as programs do counts as not yet", async () => {
  const met = await until("x", { within: 10_000, every: 1 }, looks(new CommandError("exit 1"), { value: "c" }));
  expect(met.value).toBe("c");
});

test("a bug in a look is no waiting matter", async () => {
  await expect(until("x", { within: 10_000, every: 1 }, looks(new TypeError("bug")))).rejects.toThrow(TypeError);
});

test("too late: the message has what was wanted and what was seen last", async () => {
  const late = until("three next hops", { within: 0, every: 1 }, looks({ seen: "via n1" }, { seen: "via n1, n2" }));
  await expect(late).rejects.toThrow(LabCheckError);
  await expect(late).rejects.toThrow(/^three next hops: not within 0\.0 s; last seen: via n1/);
});

test("a program that died ends the waiting", async () => {
  const patience = { within: 10_000, hopeless: () => "n2 speaker ended by itself" };
  await expect(until("x", patience, looks({ seen: "a" }))).rejects.toThrow(/given up, n2 speaker ended.*last seen: a/);
});

test("an interrupt ends the waiting, also when looks fail", async () => {
  const ending = new AbortController();
  ending.abort();
  await expect(until("x", { within: 10_000, signal: ending.signal }, looks({ seen: "a" }))).rejects.toThrow(
    InterruptedError,
  );
  const interrupted = looks(new InterruptedError("interrupted"));
  await expect(until("x", { within: 10_000 }, interrupted)).rejects.toThrow(InterruptedError);
});
