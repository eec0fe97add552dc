import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { SecureContextOptions } from "node:tls";
import { createGzip } from "node:zlib";
import { listenAt } from "../system/listen.ts";
import { errorFields, type Log } from "./log.ts";

/** What is served. */
interface MetricsText {
  readonly contentType: string;
  /** Reads everything at once, and gives it bit by bit. */
  chunks(): Promise<AsyncIterable<string>>;
}

/** Whether the bearer of a token may read metrics; `unavailable` when nobody could be asked. */
export type AccessVerdict = "allowed" | "unauthenticated" | "forbidden" | "unavailable";

/** HTTPS, for whom somebody else vouches. */
export interface SecureMetrics {
  readonly tls: Pick<SecureContextOptions, "minVersion" | "ciphers" | "ecdhCurve">;
  readonly access: (token: string) => Promise<AccessVerdict>;
}

export interface MetricsServerPorts {
  readonly metrics: MetricsText;
  readonly log: Log;
  /** Plain HTTP for everybody when absent, which is for addresses that only this host reaches. */
  readonly secure?: SecureMetrics | undefined;
}

/** Two Prometheus servers and a person; whoever holds more connections than that is none of them. */
const MOST_CONNECTIONS = 64;
const MOST_SCRAPES = 4;
const HANDSHAKE_MS = 10_000;
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
/** Longer than the usual scrape interval: a new TLS connection costs more than the scrape. */
const KEEP_ALIVE_MS = 75_000;
/** Longer than Prometheus waits. Who takes so long to read has gone away. */
const ANSWER_MS = 60_000;
const GZIP = { level: 3 } as const;

/** Answers `GET /metrics`. */
export class MetricsServer {
  readonly #ports: MetricsServerPorts;
  readonly #server: Server | HttpsServer;
  readonly #https: HttpsServer | undefined;
  #scrapes = 0;

  constructor(ports: MetricsServerPorts) {
    this.#ports = ports;
    const { secure } = ports;
    const options = {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: HEADERS_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    };
    this.#https =
      secure === undefined
        ? undefined
        : createHttpsServer({ ...options, ...secure.tls, handshakeTimeout: HANDSHAKE_MS });
    this.#server = this.#https ?? createHttpServer(options);
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on("request", (request, response) => void this.#answer(request, response));
  }

  /** Serves with this certificate from the next handshake on. */
  use({ certificate: cert, key }: { readonly certificate: string; readonly key: string }): void {
    this.#https?.setSecureContext({ ...this.#ports.secure?.tls, cert, key });
  }

  /** Listens. @throws PortNotServed when the address is taken. */
  listen(port: number, address: string): Promise<void> {
    return listenAt(this.#server, { port, address, what: "metrics", flag: "--port" });
  }

  /** Where it listens, once it does. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Stops answering. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** A scrape that fails must not look like a process without metrics, nor end the process. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const late = setTimeout(() => request.socket.destroy(), ANSWER_MS);
    try {
      if (await this.#mayRead(request, response)) await this.#scrape(request, response);
    } catch (error) {
      this.#failed(response, error);
    } finally {
      clearTimeout(late);
    }
  }

  async #mayRead(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (request.url?.split("?", 1)[0] !== "/metrics") return refuse(response, 404);
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(response, 405, { allow: "GET, HEAD" });
    const { secure } = this.#ports;
    if (secure === undefined) return true;
    const token = bearerOf(request.headers.authorization);
    const verdict = token === undefined ? "unauthenticated" : await secure.access(token);
    if (verdict === "allowed") return true;
    if (verdict === "unauthenticated") return refuse(response, 401, { "www-authenticate": "Bearer" });
    return refuse(response, verdict === "forbidden" ? 403 : 503);
  }

  async #scrape(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics } = this.#ports;
    const zips = acceptsGzip(request.headers["accept-encoding"]);
    const headers = {
      "content-type": metrics.contentType,
      vary: "accept-encoding",
      ...(zips ? { "content-encoding": "gzip" } : {}),
    };
    if (request.method === "HEAD") {
      response.writeHead(200, headers).end();
      return;
    }
    if (this.#scrapes >= MOST_SCRAPES) {
      refuse(response, 503, { "retry-after": "1" });
      return;
    }
    this.#scrapes += 1;
    try {
      const text = Readable.from(await metrics.chunks());
      response.writeHead(200, headers);
      // Other work has its turn whenever what was written must first be compressed, in another thread, or sent.
      await (zips ? pipeline(text, createGzip(GZIP), response) : pipeline(text, response));
    } finally {
      this.#scrapes -= 1;
    }
  }

  #failed(response: ServerResponse, error: unknown): void {
    // Who went away in the middle is nobody's fault.
    if (response.headersSent && (response.destroyed || isGone(error))) return;
    this.#ports.log.error("metrics cannot be read", errorFields(error));
    if (response.headersSent) response.destroy();
    else refuse(response, 500);
  }
}

const WORDS: Readonly<Record<number, string>> = {
  401: "unauthorized",
  403: "forbidden",
  404: "not found",
  405: "method not allowed",
  500: "metrics cannot be read",
  503: "not now",
};

/** Whoever is refused gives his connection back: with a few dozen that he may keep he would lock Prometheus out. */
function refuse(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): false {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close", ...headers });
  response.end(`${WORDS[status]}\n`);
  return false;
}

function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +([\w~+/.=-]+) *$/i.exec(authorization ?? "")?.[1];
}

/** RFC 9110 section 12.5.3; `q=0` is a refusal. */
function acceptsGzip(accepted: string | string[] | undefined): boolean {
  const codings = String(accepted ?? "").split(",");
  return codings.some((coding) => /^\s*(?:x-)?gzip\s*(?:;(?!\s*q=0(?:\.0*)?\s*$).*)?$/i.test(coding));
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && GONE.has(error.code);
}

const GONE: ReadonlySet<unknown> = new Set(["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE"]);
