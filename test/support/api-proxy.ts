import {
  createServer,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import type { ClientConfig } from "../../src/kubernetes/kubeconfig.ts";
import { statusOf } from "./fake-api-server.ts";

/** Which requests a fault strikes; what is left out matches everything. */
export interface RequestMatch {
  readonly method?: string;
  /** Found anywhere in path and query. */
  readonly path?: RegExp;
  readonly watch?: boolean;
}

/** What a struck request gets instead of, or before, the real answer. */
export type ProxyFault =
  | { readonly type: "status"; readonly status: number; readonly reason: string; readonly retryAfter?: number }
  | { readonly type: "delay"; readonly ms: number }
  /** The request is carried out, and its answer is lost. */
  | { readonly type: "lose-answer" }
  /** A watch begins and says 410 as its first event. */
  | { readonly type: "expired-event" };

interface Armed {
  readonly match: RequestMatch;
  readonly fault: ProxyFault;
  left: number;
}

interface OpenWatch {
  readonly path: string;
  readonly response: ServerResponse;
  /** Cuts the stream within the next event. */
  tearing: boolean;
  /** Was open during a silence: nothing comes through any more. */
  dead: boolean;
}

/**
 * Stands between a client and any API server, embedded or real, and does to the traffic what networks and busy servers do.
 * The client speaks plain HTTP to it and needs no credentials: the proxy adds those of `target`.
 */
export class ApiProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<OpenWatch>();
  #target: ClientConfig;
  #faults: Armed[] = [];
  #mode: "pass" | "cut" | "silent" = "pass";
  #port = 0;
  /** Requests that were struck by a fault. */
  struck = 0;
  /** Every request that changes something, as soon as its head is here, and what the API server said to it. */
  readonly writes: {
    readonly at: number;
    readonly method: string;
    readonly path: string;
    status: number | undefined;
  }[] = [];

  private constructor(target: ClientConfig) {
    this.#target = target;
    this.#server = createServer({ keepAliveTimeout: 0 }, (request, response) => void this.#serve(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => socket.destroy());
      if (this.#mode === "cut") socket.resetAndDestroy();
    });
  }

  static async start(target: ClientConfig): Promise<ApiProxy> {
    const proxy = new ApiProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    const address = proxy.#server.address();
    if (typeof address === "object" && address !== null) proxy.#port = address.port;
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** How many watches go through it now. */
  get watches(): number {
    return this.#watches.size;
  }

  /** The API server is gone: every connection is reset, and new ones are too. */
  cut(): void {
    this.#mode = "cut";
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** A black hole: connections stay, nothing is answered any more. */
  silence(): void {
    this.#mode = "silent";
    for (const watch of this.#watches) watch.dead = true;
  }

  /** All is well again. What fell into a black hole stays there: the client has to find that out. */
  heal(): void {
    this.#mode = "pass";
  }

  /** The next `count` matching requests meet the fault. */
  strike(count: number, fault: ProxyFault, match: RequestMatch = {}): void {
    this.#faults.push({ left: count, fault, match });
  }

  clear(): void {
    this.#faults = [];
  }

  /** Faults that are still to strike. */
  get armed(): number {
    return this.#faults.reduce((sum, { left }) => sum + left, 0);
  }

  /** Resets the connections of all watches now. */
  dropWatches(path = /./): number {
    const open = [...this.#watches].filter((watch) => path.test(watch.path));
    for (const watch of open) watch.response.socket?.resetAndDestroy();
    return open.length;
  }

  /** Cuts the matching watches in the middle of the next event each of them gets. */
  tearWatches(path = /./): number {
    const open = [...this.#watches].filter((watch) => path.test(watch.path));
    for (const watch of open) watch.tearing = true;
    return open.length;
  }

  /** Another API server from now on: what runs through goes on with the old one until it is cut. */
  retarget(target: ClientConfig): void {
    this.#target = target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url: path = "" } = request;
    const write = { at: performance.now(), method, path, status: undefined };
    if (method !== "GET") this.writes.push(write);
    const chunks: Buffer[] = [];
    request.on("error", () => response.destroy());
    for await (const chunk of request) chunks.push(chunk);
    if (this.#mode !== "pass") return;
    const fault = this.#take(request);
    if (fault?.type === "delay") await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.type === "status") return answerStatus(response, fault);
    if (fault?.type === "expired-event") return answerExpired(response);
    const answered = (status: number | undefined): void => void Object.assign(write, { status });
    await this.#forward(request, response, {
      body: Buffer.concat(chunks),
      lose: fault?.type === "lose-answer",
      answered,
    });
  }

  #take(request: IncomingMessage): ProxyFault | undefined {
    const armed = this.#faults.find(({ left, match }) => left > 0 && matches(match, request));
    if (armed === undefined) return undefined;
    armed.left -= 1;
    this.struck += 1;
    return armed.fault;
  }

  async #forward(
    request: IncomingMessage,
    response: ServerResponse,
    {
      body,
      lose,
      answered,
    }: { readonly body: Buffer; readonly lose: boolean; readonly answered: (status: number | undefined) => void },
  ): Promise<void> {
    const { headers, tls } = await this.#target.credentials(false);
    const base = new URL(this.#target.server);
    const secure = base.protocol === "https:";
    const { host: _, connection: __, "transfer-encoding": ___, ...kept } = request.headers;
    const outgoing = (secure ? httpsRequest : httpRequest)({
      protocol: base.protocol,
      hostname: base.hostname.replace(/^\[|\]$/g, ""),
      port: base.port,
      path: base.pathname.replace(/\/$/, "") + (request.url ?? "/"),
      method: request.method,
      headers: { ...kept, ...headers },
      agent: secure ? this.#agents.https : this.#agents.http,
      ...(secure ? tls : {}),
    });
    outgoing.on("error", () => response.destroy());
    outgoing.on("response", (incoming) => {
      answered(incoming.statusCode);
      if (lose) response.socket?.resetAndDestroy();
      else this.#relay(request.url ?? "/", incoming, response);
    });
    response.on("close", () => outgoing.destroy());
    outgoing.end(body);
  }

  #relay(path: string, incoming: IncomingMessage, response: ServerResponse): void {
    response.writeHead(incoming.statusCode ?? 502, incoming.headers);
    incoming.on("error", () => response.destroy());
    if (!isWatch(path)) {
      incoming.pipe(response);
      return;
    }
    const watch: OpenWatch = { path, response, tearing: false, dead: false };
    this.#watches.add(watch);
    response.on("close", () => this.#watches.delete(watch));
    response.flushHeaders();
    incoming.on("data", (chunk: Buffer) => this.#relayChunk(watch, chunk));
    incoming.on("end", () => response.end());
  }

  #relayChunk(watch: OpenWatch, chunk: Buffer): void {
    if (watch.dead) return;
    if (!watch.tearing) {
      watch.response.write(chunk);
      return;
    }
    watch.response.write(chunk.subarray(0, chunk.length >> 1), () => watch.response.socket?.destroy());
  }
}

function matches({ method, path, watch }: RequestMatch, request: IncomingMessage): boolean {
  const url = request.url ?? "/";
  return (
    (method === undefined || method === request.method) &&
    (path === undefined || path.test(url)) &&
    (watch === undefined || watch === isWatch(url))
  );
}

function isWatch(url: string): boolean {
  return /[?&]watch=(?:true|1)/.test(url);
}

function answerStatus(response: ServerResponse, fault: Extract<ProxyFault, { type: "status" }>): void {
  const retry = fault.retryAfter === undefined ? {} : { "Retry-After": String(fault.retryAfter) };
  response.writeHead(fault.status, { "Content-Type": "application/json", ...retry });
  response.end(JSON.stringify(statusOf(fault.status, fault.reason)));
}

function answerExpired(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify({ type: "ERROR", object: statusOf(410, "Expired", "too old resource version") })}\n`);
}
