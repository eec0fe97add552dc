import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerHealth, type HealthCheck } from "./health.ts";
import { listenAt } from "./listen.ts";

/** What `/healthz` and `/readyz` look at. What a new start of the process would not mend has no place in `healthz`. */
export interface HealthChecks {
  readonly healthz: readonly HealthCheck[];
  readonly readyz: readonly HealthCheck[];
}

/** A kubelet has one connection at a time. */
const MOST_CONNECTIONS = 32;
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 5_000 };

/** Answers `/healthz` and `/readyz`, with `?verbose` for people. */
export class HealthServer {
  readonly #server: Server;

  constructor(checks: HealthChecks) {
    this.#server = createServer(TIMEOUTS, (request, response) => answer(checks, request, response));
    const open = new Set<Socket>();
    this.#server.on("connection", (socket) => {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      makeRoom(open);
    });
  }

  /** Listens. @throws PortNotServed when the address is taken. */
  listen(port: number, address: string): Promise<void> {
    return listenAt(this.#server, { port, address, what: "health probes", flag: "--health-probe-port" });
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
}

/** The oldest goes: a stranger who holds connections open must not keep the kubelet out, which would end the process. */
function makeRoom(open: Set<Socket>): void {
  for (const oldest of open) {
    if (open.size <= MOST_CONNECTIONS) return;
    open.delete(oldest);
    oldest.destroy();
  }
}

function answer(checks: HealthChecks, request: IncomingMessage, response: ServerResponse): void {
  const [path, query = ""] = (request.url ?? "").split("?", 2);
  const endpoint = path === "/healthz" ? "healthz" : path === "/readyz" ? "readyz" : undefined;
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...headers, allow: "GET, HEAD" }).end("method not allowed\n");
  } else if (endpoint === undefined) response.writeHead(404, headers).end("not found\n");
  else {
    const { status, text } = answerHealth(endpoint, checks[endpoint], new URLSearchParams(query).has("verbose"));
    response.writeHead(status, headers).end(text);
  }
}
