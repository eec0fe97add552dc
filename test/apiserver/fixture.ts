import { Agent, type IncomingMessage, request } from "node:http";
import { type ApiServer, type ApiServerOptions, createApiServer } from "../../src/apiserver/server.ts";
import type { Clock, WallClock } from "../../src/system/clock.ts";
import { silentLog } from "../support/silent-log.ts";

/** A CRD of the tests' own: status, defaults, columns, rules, a list of every type, two versions. */
export const WIDGETS = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.test.io" },
  spec: {
    group: "test.io",
    scope: "Namespaced",
    names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
    versions: ["v1", "v1beta1"].map((name) => ({
      name,
      served: true,
      storage: name === "v1",
      subresources: { status: {} },
      additionalPrinterColumns: [
        { name: "Size", type: "integer", jsonPath: ".spec.size" },
        { name: "Parts", type: "string", jsonPath: ".spec.parts[*].name", priority: 1 },
        { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
      ],
      schema: {
        openAPIV3Schema: {
          type: "object",
          required: ["spec"],
          properties: {
            spec: {
              type: "object",
              required: ["size"],
              "x-kubernetes-validations": [
                { rule: "self.size <= self.limit", message: "size must not exceed limit", fieldPath: ".size" },
              ],
              properties: {
                size: { type: "integer", format: "int32", minimum: 1 },
                limit: { type: "integer", default: 10 },
                color: {
                  type: "string",
                  enum: ["red", "green"],
                  "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "color is immutable" }],
                },
                address: {
                  type: "string",
                  "x-kubernetes-validations": [{ rule: "isIP(self)", message: "no address" }],
                },
                port: { "x-kubernetes-int-or-string": true },
                note: { type: "string", nullable: true, maxLength: 5, pattern: "^[a-z]*$" },
                free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                tags: { type: "array", items: { type: "string" }, maxItems: 3, "x-kubernetes-list-type": "set" },
                parts: {
                  type: "array",
                  "x-kubernetes-list-type": "map",
                  "x-kubernetes-list-map-keys": ["name"],
                  items: {
                    type: "object",
                    required: ["name"],
                    properties: { name: { type: "string" }, count: { type: "integer", default: 1 } },
                  },
                },
              },
            },
            status: { type: "object", properties: { phase: { type: "string" } } },
          },
        },
      },
    })),
  },
};

/** A body that came back, and with what. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** What a test sends. */
export interface Send {
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
  readonly agent?: string;
  /** A bearer token. */
  readonly token?: string;
}

/** A server on loopback and a plain HTTP client. */
export class Fixture {
  readonly server: ApiServer;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(server: ApiServer) {
    this.server = server;
  }

  static async start(
    also: Partial<ApiServerOptions> & { readonly clock?: Clock; readonly wallClock?: WallClock } = {},
  ): Promise<Fixture> {
    const { clock, wallClock = () => new Date("2026-11-22T10:00:00Z"), ...options } = also;
    const ports = { wallClock, log: silentLog, ...(clock === undefined ? {} : { clock }) };
    const server = createApiServer(ports, { host: "127.0.0.1", port: 0, crds: [WIDGETS], ...options });
    await server.start();
    return new Fixture(server);
  }

  send(method: string, path: string, send: Send = {}): Promise<Reply> {
    const text = bodyText(send.body);
    // Node frames the body of a DELETE only when it is told its length.
    const framing = text === undefined ? {} : { "content-length": Buffer.byteLength(text) };
    const headers = {
      ...framing,
      "content-type": send.type ?? "application/json",
      accept: send.accept ?? "application/json",
      "user-agent": send.agent ?? "tester/1.0",
      ...(send.token === undefined ? {} : { authorization: `Bearer ${send.token}` }),
    };
    return new Promise((done, failed) => {
      const outgoing = request(`${this.server.url}${path}`, { method, headers, agent: this.#agent }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => done(reply(incoming, Buffer.concat(chunks).toString())));
      });
      outgoing.on("error", failed);
      outgoing.end(text);
    });
  }

  get(path: string): Promise<Reply> {
    return this.send("GET", path);
  }

  /** Opens a watch and collects its events. */
  watch(path: string, accept = "application/json"): Watched {
    return new Watched(`${this.server.url}${path}`, accept);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.server[Symbol.asyncDispose]();
  }
}

function bodyText(body: unknown): string | undefined {
  return typeof body === "string" || body === undefined ? body : JSON.stringify(body);
}

function reply(incoming: IncomingMessage, text: string): Reply {
  const isJson = (incoming.headers["content-type"] ?? "").startsWith("application/json");
  const body: Record<string, unknown> = isJson ? JSON.parse(text) : {};
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body, text };
}

/** One event of a watch. */
export interface WatchEvent {
  readonly type: string;
  readonly object: {
    metadata: { name: string; resourceVersion: string; annotations?: Record<string, string> };
  } & Record<string, unknown>;
}

/** The client's end of a watch. */
export class Watched {
  readonly events: WatchEvent[] = [];
  readonly started: Promise<number>;
  /** How the stream ended. */
  readonly ended: Promise<"end" | "broken">;
  #rest = "";
  #waiting: { readonly count: number; readonly done: () => void }[] = [];
  readonly #abort: () => void;

  constructor(url: string, accept: string) {
    const outgoing = request(url, { headers: { accept } });
    this.#abort = () => outgoing.destroy();
    this.ended = new Promise((done) => {
      outgoing.on("error", () => done("broken"));
      outgoing.on("response", (incoming) => {
        incoming.on("data", (chunk: Buffer) => this.#take(chunk.toString()));
        incoming.on("end", () => done("end"));
        incoming.on("error", () => done("broken"));
      });
    });
    this.started = new Promise((done) => outgoing.on("response", (incoming) => done(incoming.statusCode ?? 0)));
    outgoing.end();
  }

  /** Resolves when this many events have come. */
  until(count: number): Promise<readonly WatchEvent[]> {
    return new Promise((done) => {
      const waiter = { count, done: () => done(this.events) };
      if (this.events.length >= count) waiter.done();
      else this.#waiting.push(waiter);
    });
  }

  /** `TYPE name` of every event. */
  get summary(): readonly string[] {
    return this.events.map((event) => `${event.type} ${event.object.metadata.name}`);
  }

  close(): void {
    this.#abort();
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.events.push(JSON.parse(line));
    const ready = this.#waiting.filter((waiter) => waiter.count <= this.events.length);
    this.#waiting = this.#waiting.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) waiter.done();
  }
}

/** A widget body. */
export function widget(name: string, spec: object, also: object = {}): object {
  return { apiVersion: "test.io/v1", kind: "Widget", metadata: { name }, spec, ...also };
}

/** A Service body. */
export function service(name: string, spec: object = {}, metadata: object = {}): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, ...metadata },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }], ...spec },
  };
}

export const SERVICES = "/api/v1/namespaces/default/services";
export const WIDGET_LIST = "/apis/test.io/v1/namespaces/default/widgets";
