import { connect, createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { HostReport } from "../../src/standalone/host-report.ts";
import { ReportExchange } from "../../src/standalone/report-exchange.ts";
import { systemClock } from "../../src/system/clock.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

const stop: AbortController[] = [];
const servers: Server[] = [];
afterEach(() => {
  for (const one of stop.splice(0)) one.abort();
  for (const server of servers.splice(0)) server.close();
});

const secret = (text: string): Uint8Array => new TextEncoder().encode(text);

class Host {
  readonly heard: HostReport[] = [];
  readonly warnings: string[] = [];
  readonly #exchange: ReportExchange;
  readonly #stop = new AbortController();
  ready: readonly string[] = [];

  constructor(node: string, keys: readonly string[] = []) {
    const log = {
      ...silentLog,
      warn: (_msg: string, fields?: { readonly reason?: unknown }) => this.warnings.push(String(fields?.reason)),
      child: () => log,
    };
    this.#exchange = new ReportExchange({
      clock: systemClock,
      log,
      keys: () => keys.map(secret),
      report: () => ({ node, labels: {}, ready: this.ready }),
      heard: (report) => this.heard.push(report),
    });
    stop.push(this.#stop);
  }

  async start(...others: readonly number[]): Promise<number> {
    const places = others.map((port) => ({ address: "127.0.0.1", port }));
    await this.#exchange.start({ address: "127.0.0.1", port: 0 }, places, this.#stop.signal);
    return this.#exchange.port;
  }

  say(...ready: readonly string[]): void {
    this.ready = ready;
    this.#exchange.changed();
  }

  end(): void {
    this.#stop.abort();
  }

  get last(): string | undefined {
    return this.heard.at(-1)?.ready.join();
  }
}

describe.each([
  ["in plain text", [], []],
  ["sealed with one key", ["a"], ["a"]],
  ["while keys change: the new one first here, behind the old one there", ["new", "old"], ["old", "new"]],
])("%s", (_name, keys, others) => {
  test("a host hears what works on another one, and every change", async () => {
    const [one, two] = [new Host("h1", keys), new Host("h2", others)];
    one.ready = ["default/web"];
    await two.start(await one.start());
    await until("the first report", () => two.last === "default/web");
    one.say();
    await until("the change", () => two.last === "");
  });
});

describe("nothing is heard by whoever", () => {
  test.each([
    ["has another key", ["a"], ["b"]],
    ["has no key", ["a"], []],
    ["has one where nobody has", [], ["a"]],
  ])("%s, and the log says that once", async (_name, keys, others) => {
    const [one, two] = [new Host("h1", keys), new Host("h2", others)];
    await two.start(await one.start());
    await until("a warning", () => two.warnings.length > 0);
    expect([two.heard, two.warnings.length]).toEqual([[], 1]);
  });
});

test("a host that ends is called again until it is back", async () => {
  const port = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
  const two = new Host("h2");
  await two.start(port);
  await until("a warning", () => two.warnings.length > 0);
  const server = createServer((socket) => socket.end('{"version":1,"node":"h1","labels":{},"ready":["a/b"]}\n'));
  servers.push(server.listen(port, "127.0.0.1"));
  await until("its report", () => two.last === "a/b");
});

test.each([
  ["no report", "hello\n", /no report of this version/],
  ["a line without end", "x".repeat((4 << 20) + 2), /too long/],
])("a server that says %s is left", async (_name, text, reason) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write(text);
  });
  servers.push(server);
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const two = new Host("h2");
  await two.start(port);
  await until("a warning", () => reason.test(two.warnings[0] ?? ""));
  expect(two.heard).toEqual([]);
});

test("a caller that talks is put down: there is nothing to say", async () => {
  const port = await new Host("h1").start();
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  socket.resume();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write("hello");
  await closed;
});
