import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { SecureContextOptions } from "node:tls";
import { listenAt } from "../system/listen.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { PeerError } from "../wire/errors.ts";

/** One path. */
export interface Review {
  /** Answers one review. @throws PeerError for a body that is none */
  readonly answer: (body: unknown) => object;
  /** What the answer would be based on and is not there yet. */
  readonly missing: () => readonly string[];
}

export interface WebhookServerOptions {
  readonly port: number;
  readonly address: string;
  /** Protocol versions, cipher suites and groups. */
  readonly tls: Pick<SecureContextOptions, "minVersion" | "maxVersion" | "ciphers" | "ecdhCurve">;
}

export interface WebhookServerPorts {
  readonly log: Log;
  /** By path. */
  readonly reviews: ReadonlyMap<string, Review>;
}

/** An object may have 1.5 MiB in etcd; a review holds two of them, or a whole list to convert. */
const MAX_BODY = 16 * 1024 * 1024;
const HEADERS_MS = 5000;
const REQUEST_MS = 15_000;
/** Longer than API servers keep an idle connection (90 s): who closes first must not be us, in the middle of their next request. */
const KEEP_ALIVE_MS = 180_000;
const STOP_MS = 5000;

/** A request that is not answered by a review. */
class NotReviewed extends PeerError {
  readonly code = "ERR_WEBHOOK_NOT_REVIEWED";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Serves reviews over TLS. Its certificate can be changed at any time; connections and requests go on. */
export class WebhookServer {
  readonly #ports: WebhookServerPorts;
  readonly #options: WebhookServerOptions;
  readonly #server: Server;

  constructor(ports: WebhookServerPorts, options: WebhookServerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#server = createServer({ minVersion: "TLSv1.3", ...options.tls });
    this.#server.headersTimeout = HEADERS_MS;
    this.#server.requestTimeout = REQUEST_MS;
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.on("request", (request, response) => void this.#answer(request, response));
  }

  /** Serves with this certificate from the next handshake on; listens when it is the first one. @throws PortNotServed */
  async use(pair: { readonly certificate: string; readonly key: string }): Promise<void> {
    this.#server.setSecureContext({
      minVersion: "TLSv1.3",
      ...this.#options.tls,
      cert: pair.certificate,
      key: pair.key,
    });
    if (this.#server.listening) return;
    const { port, address } = this.#options;
    await listenAt(this.#server, { port, address, what: "webhooks", flag: "--webhook-port" });
  }

  /** Where it listens; undefined before it does. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : undefined;
  }

  /** Takes no new connection, and ends when what was asked is answered. */
  close(): Promise<void> {
    if (!this.#server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#server.closeAllConnections(), STOP_MS);
      this.#server.close(() => {
        clearTimeout(late);
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const review = this.#find(request);
      const body = await readJson(request);
      const missing = review.missing();
      // With half of the objects, a verdict would be wrong in either direction.
      if (missing.length > 0) throw new NotReviewed(503, `not ready: waiting for ${missing.join(", ")}`);
      send(response, 200, JSON.stringify(review.answer(body)));
    } catch (error) {
      this.#refuse(response, error);
    }
  }

  #find(request: IncomingMessage): Review {
    const [path = ""] = (request.url ?? "").split("?");
    const review = this.#ports.reviews.get(path);
    if (review === undefined) throw new NotReviewed(404, "no such webhook");
    if (request.method !== "POST") throw new NotReviewed(405, "reviews are sent with POST");
    const [type = ""] = (request.headers["content-type"] ?? "").split(";");
    if (type.trim().toLowerCase() !== "application/json") throw new NotReviewed(415, "a review is application/json");
    return review;
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) return;
    // The rest of a body nobody reads must not be taken for the next request.
    response.setHeader("connection", "close");
    if (error instanceof NotReviewed && error.status === 405) response.setHeader("allow", "POST");
    const status = error instanceof NotReviewed ? error.status : error instanceof PeerError ? 400 : 500;
    if (status === 500) this.#ports.log.error("webhook review failed", errorFields(error));
    const isToldWhy = error instanceof PeerError;
    const message = isToldWhy ? error.message : "internal error, see the controller's log";
    send(response, status, JSON.stringify({ message }));
  }
}

function send(response: ServerResponse, status: number, json: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(json) });
  response.end(json);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const declared = Number(request.headers["content-length"] ?? 0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  if (declared > MAX_BODY) throw new NotReviewed(413, "the review is too long");
  for await (const chunk of request) {
    length += chunk.length;
    if (length > MAX_BODY) throw new NotReviewed(413, "the review is too long");
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new NotJson("the body is not JSON", { cause });
  }
}

class NotJson extends PeerError {
  readonly code = "ERR_WEBHOOK_NOT_JSON";
}
