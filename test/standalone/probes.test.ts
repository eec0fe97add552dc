import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millis } from "../../src/net/micros.ts";
import type { HttpProbe, Probe } from "../../src/standalone/health-check.ts";
import { runProbe } from "../../src/standalone/probes.ts";
import { issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";

const NEVER = new AbortController().signal;
const servers: Server[] = [];
let plain = 0;
let tls = 0;

beforeAll(async () => {
  const answer: Parameters<typeof createServer>[1] = ({ url, headers }, response) => {
    if (url === "/hangs") return;
    const status = url === "/host" ? (headers.host === "www.example.org" ? 200 : 421) : Number(url?.slice(1));
    response.writeHead(status, { location: "/500" }).end();
  };
  const now = new Date();
  const authority = await makeAuthority({ now, name: "test" });
  const { key, certificate: cert } = await issueServerCertificate({ authority, now, dnsNames: ["localhost"] });
  plain = await listen(createServer(answer));
  tls = await listen(createTlsServer({ key, cert }, answer));
});
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function http(changes: Partial<HttpProbe>): HttpProbe {
  const base = { type: "http", address: "127.0.0.1", port: plain, scheme: "HTTP", path: "/200" } as const;
  return { ...base, host: undefined, statuses: [], verify: true, ...changes };
}

async function outcome(probe: Probe, ms = 5000): Promise<string> {
  const result = await runProbe(probe, millis(ms), NEVER);
  return result.ok ? "ok" : result.reason;
}

describe("http", () => {
  test.each<[string, () => Partial<HttpProbe>, string | RegExp]>([
    ["200 is well", () => ({}), "ok"],
    ["a redirect is, and is not followed", () => ({ path: "/302" }), "ok"],
    ["404 is not", () => ({ path: "/404" }), "HTTP status 404"],
    ["404 is, where it is wanted", () => ({ path: "/404", statuses: [404] }), "ok"],
    ["and 200 is not then", () => ({ statuses: [404] }), "HTTP status 200"],
    ["the Host header is the one given", () => ({ path: "/host", host: "www.example.org" }), "ok"],
    ["a port that nobody listens on", () => ({ port: 1 }), "ECONNREFUSED"],
    ["a certificate that nobody knows", () => ({ scheme: "HTTPS", port: tls }), /CERT|SIGNATURE|ISSUER/],
    ["unless nobody looks at it", () => ({ scheme: "HTTPS", port: tls, verify: false }), "ok"],
    ["TLS with a server that speaks none", () => ({ scheme: "HTTPS" }), /SSL|EPROTO/],
  ])("%s", async (_name, changes, wanted) => {
    const got = await outcome(http(changes()));
    if (typeof wanted === "string") expect(got).toBe(wanted);
    else expect(got).toMatch(wanted);
  });

  test("a server that does not answer is given up after the timeout", async () => {
    expect(await outcome(http({ path: "/hangs" }), 60)).toBe("no answer within 60 ms");
  });
});

test("tcp is well where a connection opens", async () => {
  expect(await outcome({ type: "tcp", address: "127.0.0.1", port: plain })).toBe("ok");
  expect(await outcome({ type: "tcp", address: "127.0.0.1", port: 1 })).toBe("ECONNREFUSED");
});

describe("exec", () => {
  test.each<[string, readonly string[], string]>([
    ["0 is well", ["/bin/true"], "ok"],
    ["anything else is not", ["/bin/false"], "exit status 1"],
    [
      "its last line is the reason",
      ["/bin/sh", "-c", "echo a; echo disk full >&2; exit 3"],
      "exit status 3: disk full",
    ],
    ["a program that is not there", ["/no/such/program"], "ENOENT"],
    ["words are words, whatever a shell would make of them", ["/usr/bin/test", "$(true);x", "=", "$(true);x"], "ok"],
  ])("%s", async (_name, command, wanted) => {
    expect(await outcome({ type: "exec", command })).toBe(wanted);
  });

  test("one that takes too long ends with all it started", async () => {
    const begun = performance.now();
    const command = ["/bin/sh", "-c", "sleep 30 & sleep 30"];
    expect(await outcome({ type: "exec", command }, 100)).toBe("no answer within 100 ms");
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
