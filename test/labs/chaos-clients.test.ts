import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { afterEach, expect, test } from "vitest";
import { parseRequests } from "../../labs/runner/chaos/observers.ts";
import { until } from "../support/until.ts";

const CLIENTS = new URL("../../labs/runner/chaos/clients.mjs", import.meta.url).pathname;
const PER_SECOND = 20;

const started: { readonly servers: Server[]; readonly children: ChildProcess[] } = { servers: [], children: [] };
afterEach(() => {
  for (const child of started.children.splice(0)) child.kill("SIGKILL");
  for (const server of started.servers.splice(0)) server.close().closeAllConnections();
});

async function listen(answer: string | undefined): Promise<string> {
  const server = createServer((request, response) => {
    if (answer === undefined) request.socket.resetAndDestroy();
    else response.end(answer);
  });
  started.servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
}

/** What the clients said of a whole second of each URL. */
async function secondOf(urls: readonly string[]): Promise<readonly ReturnType<typeof parseRequests>[]> {
  const child = spawn(process.execPath, [CLIENTS, String(PER_SECOND), ...urls], { stdio: ["pipe", "pipe", "inherit"] });
  started.children.push(child);
  const said: ReturnType<typeof parseRequests>[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(parseRequests(line)));
  const wholeOf = (url: string) => said.filter((one) => one.url === url)[1];
  await until("a second of each", () => urls.every((url) => wholeOf(url) !== undefined));
  child.stdin.end();
  await new Promise((resolve) => child.once("exit", resolve));
  return urls.flatMap((url) => wholeOf(url) ?? []);
}

test("clients.mjs counts what a pod answered, what another one said, what was reset, and what nobody took", async () => {
  const urls = [
    await listen("pod=p1 client=x\n"),
    await listen("not a pod"),
    await listen(undefined),
    "http://127.0.0.1:1/",
  ];
  const [well, other, reset, refused] = await secondOf(urls);
  for (const one of [well, other, reset, refused]) expect(one?.sent).toBeGreaterThan(PER_SECOND / 2);
  expect(well).toMatchObject({ lost: 0, again: 0 });
  expect(other).toMatchObject({ lost: other?.sent, again: 0 });
  expect(reset).toMatchObject({ lost: reset?.sent, again: reset?.sent });
  expect(refused).toMatchObject({ lost: refused?.sent, again: 0 });
});
