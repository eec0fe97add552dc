import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { isObject } from "../runner/json.ts";
import { messageOf } from "../runner/report.ts";
import { EngineHost } from "./engine-host.ts";
import { engineFeatures } from "./features.ts";
import type { Request } from "./protocol.ts";

/**
 * The real engine behind a scripted control channel: one request per line on stdin, one answer per line on stdout, in order.
 * The log goes to stderr. With `--features` it says what this build can do, and ends.
 */
function main(): void {
  const { values } = parseArgs({ options: { features: { type: "boolean" }, "state-dir": { type: "string" } } });
  if (values.features === true) {
    process.stdout.write(`${JSON.stringify(engineFeatures())}\n`);
    return;
  }
  const host = new EngineHost(values["state-dir"]);
  let last: Promise<void> = Promise.resolve();
  createInterface({ input: process.stdin }).on("line", (line) => {
    last = last.then(() => answer(host, line));
  });
  process.on("SIGTERM", () => {
    void host.stopAll("suite is stopping").then(() => process.exit(0));
  });
}

async function answer(host: EngineHost, line: string): Promise<void> {
  let reply: unknown;
  try {
    reply = { value: (await host.perform(parseRequest(line))) ?? true };
  } catch (error) {
    reply = { error: messageOf(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}

/** The suite alone writes here: what it says is taken at its word. */
function parseRequest(line: string): Request {
  const value: unknown = JSON.parse(line);
  if (!isObject(value)) throw new SyntaxError("not a request");
  return value as unknown as Request;
}

main();
