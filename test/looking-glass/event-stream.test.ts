import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { EventLog } from "../../src/looking-glass/event-log.ts";
import { streamEvents } from "../../src/looking-glass/event-stream.ts";
import { seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { until } from "../support/until.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A reader over a real socket, which takes what comes only when it is told to. */
async function setUp() {
  const clock = new VirtualClock();
  const log = new EventLog("abc");
  const stop = new AbortController();
  let ended = false;
  const responses: ServerResponse[] = [];
  const server = createServer((_, response) => {
    responses.push(response);
    const ports = { clock, log, at: () => "now" };
    void streamEvents(ports, response, undefined, stop.signal).finally(() => {
      ended = true;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  let text = "";
  socket.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-100_000);
  });
  stops.push(() => {
    stop.abort();
    socket.destroy();
    server.close();
  });
  await until("hello", () => text.includes("event: hello"));
  return {
    clock,
    log,
    stop,
    socket,
    said: () => text,
    ended: () => ended,
    buffered: () => responses[0]?.writableLength ?? 0,
  };
}

const large = { type: "layer2", data: { addresses: ["x".repeat(100_000)] } } as const;

describe("a reader of events", () => {
  it("hears that the server is alive where there is no news", async () => {
    const { clock, said } = await setUp();
    clock.advance(seconds(10));
    await until("a sign of life", () => said().includes(": alive"));
  });

  it("that is slow costs a bounded buffer, and is told to load anew when it reads again", async () => {
    const { log, socket, said, buffered } = await setUp();
    socket.pause();
    for (let i = 0; i < 200; i++) {
      log.append([large]);
      await settle(2);
    }
    expect(buffered()).toBeLessThan(8_500_000);
    socket.resume();
    await until("the reset", () => said().includes('"reason":"too-slow"'));
    log.append([{ type: "layer2", data: { addresses: ["after all that"] } }]);
    await until("news", () => said().includes("after all that"));
  });

  it("that takes nothing for half a minute is cut off", async () => {
    const { clock, log, socket, ended } = await setUp();
    socket.pause();
    for (let i = 0; i < 100; i++) {
      log.append([large]);
      await settle(2);
    }
    clock.advance(seconds(31));
    await until("the end", ended);
  });

  it("that is gone is forgotten", async () => {
    const { clock, log, socket, ended } = await setUp();
    socket.destroy();
    await settle(20);
    log.append([large]);
    await settle(20);
    clock.advance(seconds(10));
    await until("the end", ended);
  });
});
