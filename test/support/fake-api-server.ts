import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** One request as the fake saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Counts the connections: equal numbers mean a kept-alive one. */
  readonly connection: number;
}

/** How a test answers: it gets the parsed request and the raw response, to do with it whatever servers do. */
export type Handler = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

/** A server that answers as the test says and remembers what it was asked. */
export class FakeApiServer implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  handler: Handler;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #numbers = new WeakMap<Socket, number>();
  #connections = 0;
  #port = 0;

  constructor(handler: Handler) {
    this.handler = handler;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      this.#connections += 1;
      this.#numbers.set(socket, this.#connections);
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(handler: Handler): Promise<FakeApiServer> {
    const server = new FakeApiServer(handler);
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#connections;
  }

  /** On the same port as before, when there was one. */
  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(this.#port, "127.0.0.1", () => {
        const address = this.#server.address();
        if (typeof address === "object" && address !== null) this.#port = address.port;
        resolve();
      });
    });
  }

  /** Stops listening and resets all connections, as a killed process does. */
  kill(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.resetAndDestroy();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fake");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(chunks).toString("utf8"),
      connection: this.#numbers.get(request.socket) ?? 0,
    };
    this.seen.push(seen);
    await this.handler(seen, response);
  }
}

export function json(
  response: ServerResponse,
  body: unknown,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** A `v1/Status` as the API server words it. */
export function statusOf(code: number, reason: string, message = reason): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}

/** Starts a watch stream and returns its writer. */
export function watchStream(response: ServerResponse): (type: string, object: unknown) => void {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.flushHeaders();
  return (type, object) => void response.write(`${JSON.stringify({ type, object })}\n`);
}
