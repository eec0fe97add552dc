import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { HealthServer } from "../../src/system/health-server.ts";

let taken: Server | undefined;
afterEach(() => taken?.close());

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
