import { Agent, request } from "node:https";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidReviewError } from "../../src/admission/error.ts";
import { type CertifiedKey, issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { type Review, WebhookServer } from "../../src/webhook/webhook-server.ts";
import { silentLog } from "../support/silent-log.ts";

const NAME = "svc.ns.svc";
const NOW = new Date();

interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent | false;
  readonly ca?: string;
  readonly maxVersion?: "TLSv1.2";
}

describe("the webhook server", () => {
  let authority: CertifiedKey;
  let server: WebhookServer;
  let missing: readonly string[] = [];

  let port = 0;

  const issue = (by: CertifiedKey): Promise<CertifiedKey> =>
    issueServerCertificate({ authority: by, dnsNames: [NAME], now: NOW });
  const ask = (call: Call = {}): Promise<{ status: number; headers: Record<string, unknown>; text: string }> => {
    const { method = "POST", path = "/review", headers = {}, body = "{}", agent = false, ...tls } = call;
    const all = { "content-type": "application/json", ...headers };
    const options = { host: "127.0.0.1", port, path, method, headers: all, servername: NAME, agent };
    return new Promise((done, failed) => {
      const sent = request({ ...options, ca: authority.certificate, ...tls }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => done({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      sent.on("error", failed);
      sent.end(method === "GET" ? undefined : body);
    });
  };

  beforeEach(async () => {
    missing = [];
    const reviews = new Map<string, Review>([
      ["/review", { answer: (body) => ({ echo: body }), missing: () => missing }],
      [
        "/picky",
        {
          answer: () => {
            throw new InvalidReviewError("no AdmissionReview: kind");
          },
          missing: () => [],
        },
      ],
      [
        "/broken",
        {
          answer: () => {
            throw new TypeError("secret detail");
          },
          missing: () => [],
        },
      ],
    ]);
    authority = await makeAuthority({ now: NOW, name: "ca" });
    server = new WebhookServer(
      { log: silentLog, reviews },
      { port: 0, address: "127.0.0.1", tls: { minVersion: "TLSv1.3" } },
    );
    await server.use(await issue(authority));
    port = server.port ?? 0;
  });
  afterEach(() => server.close());

  it("answers a review", async () => {
    const { status, headers, text } = await ask({ body: '{"kind":"AdmissionReview"}' });
    expect([status, headers["content-type"], text]).toEqual([
      200,
      "application/json",
      '{"echo":{"kind":"AdmissionReview"}}',
    ]);
  });

  it.each<[string, Call, number, RegExp]>([
    ["GET", { method: "GET" }, 405, /POST/],
    ["PUT", { method: "PUT" }, 405, /POST/],
    ["an unknown path", { path: "/else" }, 404, /no such webhook/],
    ["a path of an object's own", { path: "/__proto__" }, 404, /no such webhook/],
    ["a query is no part of the path", { path: "/review?timeout=5s" }, 200, /echo/],
    ["a parameter of the media type", { headers: { "content-type": "application/json; charset=utf-8" } }, 200, /echo/],
    ["another media type", { headers: { "content-type": "text/plain" } }, 415, /application\/json/],
    ["no JSON", { body: "{" }, 400, /not JSON/],
    ["an empty body", { body: "" }, 400, /not JSON/],
    ["a declared length beyond the limit", { headers: { "content-length": "99999999" }, body: "" }, 413, /too long/],
    ["no review", { path: "/picky" }, 400, /no AdmissionReview: kind/],
    ["our own fault, without its details", { path: "/broken" }, 500, /^(?!.*secret)/],
  ])("%s", async (_, call, status, text) => {
    const answer = await ask(call);
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(text)]);
  });

  it("gives no verdict before everything was listed", async () => {
    missing = ["bgppeers"];
    expect(await ask()).toMatchObject({ status: 503, text: expect.stringContaining("bgppeers") });
  });

  it("speaks no TLS older than 1.3 unless told", async () => {
    await expect(ask({ maxVersion: "TLSv1.2" })).rejects.toThrow(/protocol version|alert/i);
  });

  it("changes its certificate while requests run, and drops none", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const next = await makeAuthority({ now: NOW, name: "ca" });
    const ca = authority.certificate + next.certificate;
    const pairs = await Promise.all([issue(next), issue(authority), issue(next)]);
    const asked: Promise<{ status: number }>[] = [];
    const burst = (): void => {
      for (let i = 0; i < 25; i++) asked.push(ask({ ca, agent }), ask({ ca }));
    };
    for (const pair of pairs) {
      burst();
      await server.use(pair);
      burst();
    }
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses).toEqual(Array(300).fill(200));
    await expect(ask()).rejects.toThrow(/certificate|issuer/i);
    await expect(ask({ ca: next.certificate })).resolves.toMatchObject({ status: 200 });
    agent.destroy();
  });

  it("answers what was begun before it stops", async () => {
    const headers = { "content-type": "application/json", expect: "100-continue" };
    const options = { host: "127.0.0.1", port, path: "/review", method: "POST", servername: NAME };
    const sent = request({ ...options, headers, agent: false, ca: authority.certificate });
    const answered = new Promise((done, failed) => {
      sent.on("response", (response) => done(response.resume().statusCode));
      sent.on("error", failed);
    });
    // The server has read the head, and waits for the body.
    await new Promise<void>((done) => {
      sent.on("continue", done);
      sent.flushHeaders();
    });
    const closed = server.close();
    sent.end("{}");
    expect(await answered).toBe(200);
    await closed;
    await expect(ask()).rejects.toThrow(/ECONNREFUSED/);
  });
});
