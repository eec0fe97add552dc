import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { listenAt } from "../system/listen.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { CodedError } from "../wire/errors.ts";
import { type Answers, parsePath } from "./answers.ts";
import type { EventLog } from "./event-log.ts";
import { streamEvents } from "./event-stream.ts";
import type { ErrorBody, PageFile } from "./model.ts";
import { BadQuestion, NothingThere, Query } from "./query.ts";
import { type Asking, refuseRequest } from "./request-guard.ts";

export interface GlassServerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly answers: Answers;
  readonly events: EventLog;
  /** The time, for documents. */
  readonly at: () => string;
  /** A text that nobody can guess. */
  readonly secret: () => string;
}

/** Where it listens. */
export interface GlassPlace {
  readonly address: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const MOST_CONNECTIONS = 128;
/** A browser's tab has one. */
const MOST_READERS = 32;
const MOST_HEADER_OCTETS = 16_384;
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 5_000 };
/** How long the link that a browser is started with is good for: it is in the list of processes, for everybody to see. */
const TICKET_LIFE = seconds(60);

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "cache-control": "no-store",
};

/** Serves the pages and the JSON API on loopback, to whoever has the token. Reading is all there is. */
export class GlassServer {
  readonly #ports: GlassServerPorts;
  readonly #pages: ReadonlyMap<string, PageFile>;
  readonly #server: Server;
  readonly #stop = new AbortController();
  readonly #token: string;
  readonly #tickets = new Set<string>();
  #readers = 0;

  constructor(ports: GlassServerPorts, pages: readonly PageFile[]) {
    this.#ports = { ...ports, log: ports.log.child({ component: "looking-glass" }) };
    this.#token = ports.secret();
    this.#pages = new Map(pages.map((page) => [page.path, page]));
    this.#server = createServer({ maxHeaderSize: MOST_HEADER_OCTETS, ...TIMEOUTS }, (request, response) => {
      void this.#onRequest(request, response);
    });
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /** Listens. @throws PortNotServed when the port is taken. */
  listen({ address, port }: GlassPlace): Promise<void> {
    const place = { port, address, what: "the looking glass", flag: "--port", zero: "a free one" };
    return listenAt(this.#server, place);
  }

  /** Where it listens, as a browser has it. */
  get origin(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) return "";
    return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
  }

  /** For people and programs that are to keep it: it is good for as long as the server runs. */
  get token(): string {
    return this.#token;
  }

  /** A link that leads to the pages once, and soon. */
  ticket(): string {
    const ticket = this.#ports.secret();
    this.#tickets.add(ticket);
    this.#ports.clock.after(TICKET_LIFE, () => this.#tickets.delete(ticket));
    return `${this.origin}/open/${ticket}`;
  }

  /** Stops answering, and cuts who still reads. */
  close(): void {
    this.#stop.abort();
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A body is of no use here.
    request.resume();
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const refused = refuseRequest(askingOf(request, path), (text) => sameSecret(text, this.#token));
    if (refused !== undefined) {
      if (refused.status === 405) response.setHeader("allow", "GET, HEAD");
      if (refused.status === 401) response.setHeader("www-authenticate", "Bearer");
      refuse(response, refused.status, refused);
      return;
    }
    try {
      await this.#answer(request, response, { path, query });
    } catch (error) {
      this.#fail(response, error);
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    { path, query }: { readonly path: string; readonly query: string },
  ): Promise<void> {
    const page = this.#pages.get(path);
    if (page !== undefined) {
      response.writeHead(200, { "content-type": page.type, "content-length": page.bytes.length }).end(page.bytes);
    } else if (path.startsWith("/open/")) this.#open(request, response, path.slice("/open/".length));
    else if (path === "/api/v1/events") await this.#stream(request, response, new Query(query));
    else if (path.startsWith("/api/")) await this.#document(response, parsePath(path), new Query(query));
    else if (path === "/") refuse(response, 503, NO_PAGES);
    else throw new NothingThere("there is nothing at this path");
  }

  /** The number comes first: what changes while the document is made is told again. */
  async #document(response: ServerResponse, path: readonly string[], query: Query): Promise<void> {
    const { answers, events, at } = this.#ports;
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const event = events.last;
    const document = await answers.answer(path, query, AbortSignal.any([gone.signal, this.#stop.signal]));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ at: at(), event, ...document }));
  }

  async #stream(request: IncomingMessage, response: ServerResponse, query: Query): Promise<void> {
    if (this.#readers >= MOST_READERS) {
      refuse(response, 503, {
        code: "ERR_UI_TOO_MANY",
        message: `${MOST_READERS} readers follow already: close a tab`,
      });
      return;
    }
    const header = request.headers["last-event-id"];
    const lastId = (typeof header === "string" ? header : undefined) ?? query.text("after");
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (request.method === "HEAD") {
      response.end();
      return;
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const { clock, events: log, at } = this.#ports;
    this.#readers += 1;
    try {
      await streamEvents({ clock, log, at }, response, lastId, AbortSignal.any([gone.signal, this.#stop.signal]));
    } finally {
      this.#readers -= 1;
    }
  }

  /** Good once: whoever sees the link in the list of processes comes too late. */
  #open({ method }: IncomingMessage, response: ServerResponse, ticket: string): void {
    if (method !== "GET" || !this.#tickets.delete(ticket)) {
      const message = "this link was used, or is too old: open the URL that herald ui printed";
      refuse(response, 403, { code: "ERR_UI_TICKET", message });
      return;
    }
    response.writeHead(303, { location: `/#token=${this.#token}` }).end();
  }

  #fail(response: ServerResponse, error: unknown): void {
    if (response.destroyed || response.headersSent) {
      response.destroy();
      return;
    }
    if (error instanceof NothingThere) refuse(response, 404, error);
    else if (error instanceof BadQuestion) refuse(response, 400, error);
    else if (error instanceof CodedError) refuse(response, 503, error);
    else {
      this.#ports.log.error("looking glass request failed", errorFields(error));
      refuse(response, 500, { code: "ERR_UI_FAILED", message: "an internal error, see the log" });
    }
  }
}

const NO_PAGES: ErrorBody = { code: "ERR_UI_NO_PAGES", message: "the pages were not built: only the JSON API is here" };

function askingOf({ method = "", headers }: IncomingMessage, path: string): Asking {
  return {
    method,
    path,
    host: headers.host,
    origin: headers.origin,
    fetchSite: oneOf(headers["sec-fetch-site"]),
    fetchMode: oneOf(headers["sec-fetch-mode"]),
    authorization: headers.authorization,
  };
}

/** What is sent twice is taken for the first. */
function oneOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

function sameSecret(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function refuse(response: ServerResponse, status: number, { code, message }: ErrorBody): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify({ code, message })}\n`);
}
