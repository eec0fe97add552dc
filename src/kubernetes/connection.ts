import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import { ApiFenced, ApiUnreachable } from "./errors.ts";
import type { ClientConfig, Credentials, TlsMaterial } from "./kubeconfig.ts";

/** One HTTP request to the API server. */
export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, below the server's own path. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** How long no byte may arrive before the connection is given up. */
  readonly silence: Micros;
  /** Asked right before the first byte leaves: a process may have been suspended since the request was decided on. */
  readonly maySend?: (() => boolean) | undefined;
  /** Watches hold their connection and never compete with requests for one. */
  readonly pool: "requests" | "watches";
}

/** The answer's head, and its body as it arrives. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** @throws {ApiUnreachable} when the body is cut or falls silent */
  readonly body: AsyncIterable<Uint8Array>;
}

/** The kernel probes an idle connection after this long, then every second, ten times: black holes end. */
const TCP_PROBE = seconds(15);
const DEFAULT_MAX_SOCKETS = 64;

interface AgentPair {
  readonly fingerprint: string;
  readonly requests: HttpAgent;
  readonly watches: HttpAgent;
}

/** Kept-alive connections to one API server, with time-outs by silence and no opinion about content. */
export class Connection {
  readonly #clock: Clock;
  readonly #config: ClientConfig;
  readonly #base: URL;
  #agents: AgentPair | undefined;

  constructor(clock: Clock, config: ClientConfig) {
    this.#clock = clock;
    this.#config = config;
    this.#base = new URL(config.server);
  }

  /**
   * Sends the request and waits for the answer's head.
   * @throws {ApiUnreachable} when there is no answer; the signal's reason when that was aborted
   * @throws {ApiFenced} when `maySend` said no
   */
  async send(call: Call, fresh = false): Promise<Answer> {
    call.signal?.throwIfAborted();
    const credentials = await this.#credentials(fresh);
    try {
      return await this.#exchange(call, credentials);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      return await this.#exchange(call, credentials);
    }
  }

  /** Closes the idle connections; those in use are cut. */
  close(): void {
    this.#agents?.requests.destroy();
    this.#agents?.watches.destroy();
    this.#agents = undefined;
  }

  async #credentials(fresh: boolean): Promise<Credentials> {
    try {
      return await this.#config.credentials(fresh);
    } catch (cause) {
      // A plugin that fails, a token file in the middle of its rotation: later it may work.
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ApiUnreachable(`no credentials for the API server: ${why}`, { cause });
    }
  }

  #agentsFor(credentials: Credentials): AgentPair {
    if (this.#agents?.fingerprint === credentials.fingerprint) return this.#agents;
    const { proxy, fingerprint, tls } = credentials;
    const maxSockets = this.#config.maxSockets ?? DEFAULT_MAX_SOCKETS;
    const pair =
      proxy === undefined
        ? { requests: this.#agent(tls, maxSockets), watches: this.#agent(tls, Number.POSITIVE_INFINITY) }
        : { requests: proxy, watches: proxy };
    this.#agents = { fingerprint, ...pair };
    return this.#agents;
  }

  #agent(tls: TlsMaterial, maxSockets: number): HttpAgent {
    const options = { keepAlive: true, keepAliveMsecs: TCP_PROBE / 1000, maxSockets, maxFreeSockets: maxSockets };
    if (this.#base.protocol === "http:") return new HttpAgent(options);
    return new HttpsAgent({ ...options, ...tls });
  }

  #options(call: Call, credentials: Credentials): RequestOptions {
    const { body, contentType = "application/json" } = call;
    return {
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ""),
      port: this.#base.port,
      path: this.#base.pathname.replace(/\/$/, "") + call.path,
      method: call.method,
      agent: this.#agentsFor(credentials)[call.pool],
      headers: {
        Accept: "application/json",
        "User-Agent": this.#config.userAgent ?? "herald",
        ...(body === undefined
          ? {}
          : { "Content-Type": contentType, "Content-Length": String(Buffer.byteLength(body)) }),
        ...credentials.headers,
      },
      ...(this.#base.protocol === "http:" ? {} : credentials.tls),
    };
  }

  #exchange(call: Call, credentials: Credentials): Promise<Answer> {
    const options = this.#options(call, credentials);
    return new Promise((resolve, reject) => {
      const request = (this.#base.protocol === "http:" ? httpRequest : httpsRequest)(options);
      const guard = new SilenceGuard(this.#clock, call.silence, () => request.destroy());
      const abort = (): void => void request.destroy();
      const release = (): void => {
        guard.stop();
        call.signal?.removeEventListener("abort", abort);
      };
      const explain = (cause: unknown): unknown => explained(call, guard, cause);
      call.signal?.addEventListener("abort", abort, { once: true });
      request.once("close", release);
      request.on("error", (error) => {
        if (error instanceof ApiFenced) reject(error);
        else reject(wasStale(call, request.reusedSocket, error) ? new StaleConnection(error.message) : explain(error));
      });
      request.once("response", (response) => {
        guard.touch();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: bodyOf(response, guard, explain),
        });
      });
      begin(request, call);
    });
  }
}

/** Node writes head and body when the request is ended: until then, also while the connection is made, nothing leaves. */
function begin(request: ClientRequest, { maySend, body, method, path }: Call): void {
  if (maySend === undefined) {
    request.end(body);
    return;
  }
  const send = (): void => {
    if (maySend()) request.end(body);
    else request.destroy(new ApiFenced(`${method} ${path.replace(/\?.*/, "")}: no longer ours to send`));
  };
  request.once("socket", (socket) => {
    if (socket.connecting || isShakingHands(socket)) socket.once(isTls(socket) ? "secureConnect" : "connect", send);
    else send();
  });
}

function isTls(socket: Socket): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}

function isShakingHands(socket: Socket): boolean {
  return "secureConnecting" in socket && socket.secureConnecting === true;
}

async function* bodyOf(
  response: IncomingMessage,
  guard: SilenceGuard,
  explain: (cause: unknown) => unknown,
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of response) {
      // Time that the reader takes is not the server's silence.
      guard.suspend();
      yield chunk;
      guard.touch();
    }
  } catch (cause) {
    throw explain(cause);
  }
}

function explained(call: Call, guard: SilenceGuard, cause: unknown): unknown {
  if (call.signal?.aborted === true) return call.signal.reason;
  const what = `${call.method} ${call.path.replace(/\?.*/, "")}`;
  if (guard.fired) return new ApiUnreachable(`${what}: no byte for ${call.silence / millis(1)} ms`, { cause });
  return new ApiUnreachable(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

/** The server closed a kept-alive connection just when it was used again: a new one will do. */
class StaleConnection extends ApiUnreachable {}

/** Only requests that may be carried out twice are sent again: the server may have read the first one. */
function wasStale(call: Call, reused: boolean, error: Error): boolean {
  if (!reused || call.signal?.aborted === true) return false;
  if (call.method === "POST" || call.contentType === "application/json-patch+json") return false;
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/** Calls back once when `touch` was not called for the given time. One timer, however often it is touched. */
class SilenceGuard {
  readonly #clock: Clock;
  readonly #limit: Micros;
  readonly #onSilence: () => void;
  #last: Micros;
  #suspended = false;
  #timer: Timer | undefined;
  fired = false;

  constructor(clock: Clock, limit: Micros, onSilence: () => void) {
    this.#clock = clock;
    this.#limit = limit;
    this.#onSilence = onSilence;
    this.#last = clock.now();
    this.#arm(limit);
  }

  touch(): void {
    this.#suspended = false;
    this.#last = this.#clock.now();
  }

  /** Until the next touch, nothing counts as silence. */
  suspend(): void {
    this.#suspended = true;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(delay: Micros): void {
    this.#timer = this.#clock.after(delay, () => {
      const left = this.#suspended ? this.#limit : this.#last + this.#limit - this.#clock.now();
      if (left > 0) return this.#arm(micros(left));
      this.fired = true;
      this.#onSilence();
    });
  }
}
