import { Agent, request } from "node:https";
import { connect } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CertifiedKey, issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { type AccessVerdict, MetricsServer } from "../../src/telemetry/metrics-server.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { silentLog } from "../support/silent-log.ts";

let first: CertifiedKey;
let second: CertifiedKey;
let server: MetricsServer | undefined;

beforeAll(async () => {
  const now = new Date();
  const authority = await makeAuthority({ now, name: "test" });
  const issue = (name: string): Promise<CertifiedKey> => issueServerCertificate({ authority, dnsNames: [name], now });
  [first, second] = [await issue("first.test"), await issue("second.test")];
});
afterEach(() => server?.close());

async function serve(verdict: AccessVerdict, seen: string[] = []): Promise<MetricsServer> {
  const access = (token: string): Promise<AccessVerdict> => {
    seen.push(token);
    return Promise.resolve(verdict);
  };
  const started = new MetricsServer({
    metrics: new PromMetrics(),
    log: silentLog,
    secure: { tls: { minVersion: "TLSv1.3" }, access },
  });
  server = started;
  started.use(first);
  await started.listen(0, "127.0.0.1");
  return started;
}

interface Answer {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
  readonly connection: string | undefined;
  readonly names: string | undefined;
  readonly text: string;
}

function ask(port: number, headers: Readonly<Record<string, string>> = {}, path = "/metrics"): Promise<Answer> {
  const agent = new Agent({ rejectUnauthorized: false, keepAlive: true });
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, headers, agent }, (response) => {
      const socket = response.socket as unknown as { getPeerCertificate(): { subjectaltname?: string } };
      const names = socket.getPeerCertificate().subjectaltname;
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      const { statusCode: status, headers: told } = response;
      response.on("end", () =>
        resolve({ status, challenge: told["www-authenticate"], connection: told.connection, names, text }),
      );
    })
      .on("error", reject)
      .end();
  });
}

describe("metrics by HTTPS", () => {
  test.each([
    ["allowed", 200],
    ["unauthenticated", 401],
    ["forbidden", 403],
    ["unavailable", 503],
  ] as const)("a bearer who is %s is answered with %s", async (verdict, status) => {
    const { port } = await serve(verdict);
    const answer = await ask(port, { authorization: "Bearer abc.def-_~+/=" });
    expect(answer.status).toBe(status);
    expect(answer.text.includes("nodejs_")).toBe(status === 200);
  });

  test.each([
    ["no header", {}],
    ["another scheme", { authorization: "Basic YTpi" }],
    ["no token", { authorization: "Bearer " }],
    ["two tokens", { authorization: "Bearer a b" }],
    ["what no token may contain", { authorization: 'Bearer a"b' }],
  ])("%s: 401 with the scheme that is wanted, and the API is not asked", async (_name, headers) => {
    const seen: string[] = [];
    const { port } = await serve("allowed", seen);
    expect(await ask(port, headers)).toMatchObject({ status: 401, challenge: "Bearer" });
    expect(seen).toEqual([]);
  });

  test.each([
    ["unauthenticated", "close"],
    ["forbidden", "close"],
    ["unavailable", "close"],
    ["allowed", "keep-alive"],
  ] as const)("a bearer who is %s: his connection is told to %s, for there are few", async (verdict, connection) => {
    const { port } = await serve(verdict);
    expect(await ask(port, { authorization: "Bearer a" })).toMatchObject({ connection });
  });

  test("a path that is not there is nobody's secret: the API is not asked for it", async () => {
    const seen: string[] = [];
    const { port } = await serve("allowed", seen);
    expect((await ask(port, { authorization: "Bearer a" }, "/debug/pprof")).status).toBe(404);
    expect(seen).toEqual([]);
  });

  test("another certificate is served from the next connection on", async () => {
    const started = await serve("allowed");
    expect((await ask(started.port, { authorization: "Bearer a" })).names).toBe("DNS:first.test");
    started.use(second);
    expect((await ask(started.port, { authorization: "Bearer a" })).names).toBe("DNS:second.test");
  });

  test("who speaks plain HTTP hears nothing of what is inside", async () => {
    const { port } = await serve("allowed");
    const heard = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(port, "127.0.0.1", () => socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n"));
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(text));
    });
    expect(heard).not.toContain("nodejs_");
  });
});
