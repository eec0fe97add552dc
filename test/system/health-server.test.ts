import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { HealthServer } from "../../src/system/health-server.ts";

let taken: Server | undefined;
const strangers: Socket[] = [];
afterEach(() => {
  taken?.close();
  for (const stranger of strangers.splice(0)) stranger.destroy();
});

test("a stranger who holds connections open keeps no probe out: the kubelet would end the process", async () => {
  const health = new HealthServer({ healthz: [], readyz: [] });
  await health.listen(0, "127.0.0.1");
  try {
    for (let n = 0; n < 100; n++) {
      const stranger = connect(health.port, "127.0.0.1");
      stranger.on("error", () => {});
      strangers.push(stranger);
      await new Promise((resolve) => stranger.once("connect", resolve));
    }
    const answer = await fetch(`http://127.0.0.1:${health.port}/healthz`);
    expect(await answer.text()).toBe("ok\n");
  } finally {
    health.close();
  }
});

test("a port that is taken: the message names the flag that helps", async () => {
  const server = createServer();
  taken = server;
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(new HealthServer({ healthz: [], readyz: [] }).listen(port, "127.0.0.1")).rejects.toMatchObject({
    code: "ERR_SYSTEM_PORT_NOT_SERVED",
    message: expect.stringMatching(/port \d+: .*EADDRINUSE.*--health-probe-port takes another port, or 0 for none$/),
  });
});
