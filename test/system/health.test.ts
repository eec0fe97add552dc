import { afterEach, describe, expect, test } from "vitest";
import { answerHealth, type HealthCheck } from "../../src/system/health.ts";
import { HealthServer } from "../../src/system/health-server.ts";

const well: HealthCheck = { name: "informers", trouble: () => undefined };
const ill: HealthCheck = { name: "lease", trouble: () => "the Lease has not been read" };
const broken: HealthCheck = {
  name: "webhook",
  trouble() {
    throw new Error("nobody to ask");
  },
};

describe("answerHealth()", () => {
  test.each([
    ["all is well: two letters", [well], false, 200, "ok\n"],
    ["nothing to look at", [], false, 200, "ok\n"],
    ["all is well, asked by a person", [well], true, 200, "[+]ping ok\n[+]informers ok\nreadyz check passed\n"],
    [
      "one fails: every check and the reason, asked for or not",
      [well, ill],
      false,
      503,
      "[+]ping ok\n[+]informers ok\n[-]lease failed: the Lease has not been read\nreadyz check failed\n",
    ],
    [
      "a check that throws has failed",
      [broken],
      false,
      503,
      "[+]ping ok\n[-]webhook failed: nobody to ask\nreadyz check failed\n",
    ],
  ] as const)("%s", (_name, checks, verbose, status, text) =>
    expect(answerHealth("readyz", checks, verbose)).toEqual({ status, text }),
  );
});

describe("the server", () => {
  let server: HealthServer | undefined;
  afterEach(() => server?.close());

  async function ask(path: string, method = "GET"): Promise<readonly [status: number, text: string]> {
    server = new HealthServer({ healthz: [well], readyz: [ill] });
    await server.listen(0, "127.0.0.1");
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [answer.status, await answer.text()];
  }

  test.each([
    ["/healthz", 200, "ok\n"],
    ["/healthz?verbose", 200, "[+]ping ok\n[+]informers ok\nhealthz check passed\n"],
    ["/livez", 404, "not found\n"],
    ["/", 404, "not found\n"],
  ])("GET %s is answered with %s", async (path, status, text) => expect(await ask(path)).toEqual([status, text]));

  test("readyz may fail while healthz does not: the kubelet takes traffic away and starts nothing anew", async () => {
    expect((await ask("/readyz"))[0]).toBe(503);
    expect((await fetch(`http://127.0.0.1:${server?.port}/healthz`)).status).toBe(200);
  });

  test("other methods change nothing, and are told so", async () =>
    expect((await ask("/healthz", "POST"))[0]).toBe(405));
});
