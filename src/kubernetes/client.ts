import { type Micros, micros, seconds } from "../net/micros.ts";
import { type Clock, systemClock } from "../system/clock.ts";
import { type Random, systemRandom } from "../system/random.ts";
import type { ObserveCall } from "../telemetry/api-metrics.ts";
import type { Log } from "../telemetry/log.ts";
import { type Answer, type Call, Connection } from "./connection.ts";
import { ApiError, ApiGarbled, ApiUnreachable, isExpired, parseStatus } from "./errors.ts";
import type { ClientConfig } from "./kubeconfig.ts";
import { LineFramer } from "./line-framer.ts";
import { apiVersionOf, pathOf, type Resource, type Target } from "./resource.ts";

/** What every request takes. */
export interface RequestOptions {
  readonly namespace?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long no byte may arrive; the configured time-out otherwise. */
  readonly timeout?: Micros | undefined;
  /** Asked when the connection is there and the first byte is about to leave; the request is not sent when it says no. */
  readonly maySend?: (() => boolean) | undefined;
}

/** Which objects of a collection. */
export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** A list request: `limit` is the size of a page (500). */
export interface ListOptions extends Selection, RequestOptions {
  readonly limit?: number;
}

/** A watch request, which goes on after the given version. */
export interface WatchOptions extends Selection {
  readonly resourceVersion: string;
  readonly signal?: AbortSignal | undefined;
  /** Called when the server has accepted the watch: there may be no event for a long time. */
  readonly opened?: (() => void) | undefined;
}

/** A write: to the object, or to its status. */
export interface WriteOptions extends RequestOptions {
  readonly subresource?: "status" | undefined;
  readonly fieldManager?: string | undefined;
}

/** How a patch's body is meant: `apply` is server-side apply. */
export interface PatchOptions extends WriteOptions {
  readonly type: "merge" | "json" | "apply";
  /** Takes fields over from other managers; for `apply` alone. */
  readonly force?: boolean;
}

/** A delete that may demand that the object is still the one that was looked at. */
export interface DeleteOptions extends RequestOptions {
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** The objects of one moment. */
export interface ObjectList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

/** A part of a list. `first` is also set when the list began anew: forget the pages before it. */
export interface Page<T> extends ObjectList<T> {
  readonly first: boolean;
}

/** One line of a watch. Nobody has looked at the object yet: it is a `v1/Status` in an ERROR. */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: unknown;
}

export interface ClientPorts {
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Told of each request, and when its answer was read; of a watch when it was accepted. */
  readonly observe?: ObserveCall;
}

const PAGE_SIZE = 500;
/** So many lists may expire between two pages before the whole is asked for at once. */
const PAGED_ATTEMPTS = 3;
const REQUEST_TIMEOUT = seconds(30);
const WATCH_IDLE_TIMEOUT = seconds(90);
const PATCH_TYPE = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  apply: "application/apply-patch+yaml",
} as const;
const EVENT_TYPES: ReadonlySet<unknown> = new Set(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]);

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Request {
  /** When it is not what the method says. */
  readonly verb?: "list" | "watch";
  readonly query?: Query;
  readonly options: RequestOptions;
  readonly body?: unknown;
}

/** A call with what it is, in the words of roles. */
interface NamedCall extends Call {
  readonly verb: string;
  readonly resource: string;
}

const VERB = { GET: "get", POST: "create", PUT: "update", PATCH: "patch", DELETE: "delete" } as const;

/**
 * The Kubernetes API over kept-alive connections. It never retries what the server refused: who asks knows best when to
 * ask again ({@link Informer} and {@link WorkQueue} do). A type parameter says what the caller expects
 * of the server; the objects themselves are as they came.
 */
export class KubernetesClient {
  readonly #connection: Connection;
  readonly #config: ClientConfig;
  readonly #log: Log;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #observe: ObserveCall | undefined;
  #lastHeardAt: Micros | undefined;

  constructor(ports: ClientPorts, config: ClientConfig) {
    this.#config = config;
    this.#log = ports.log;
    this.#random = ports.random ?? systemRandom;
    this.#clock = ports.clock ?? systemClock;
    this.#observe = ports.observe;
    this.#connection = new Connection(this.#clock, config);
  }

  /** When an answer, or an event of a watch, arrived last; a refusal is an answer. Undefined before the first. */
  get lastHeardAt(): Micros | undefined {
    return this.#lastHeardAt;
  }

  /** For how long the API was not heard; undefined before the first answer. */
  silence(): Micros | undefined {
    return this.#lastHeardAt === undefined ? undefined : micros(this.#clock.now() - this.#lastHeardAt);
  }

  /** The namespace that the kubeconfig or the service account names. */
  get namespace(): string | undefined {
    return this.#config.namespace;
  }

  /** @throws {ApiError} @throws {ApiUnreachable} @throws {ApiGarbled} */
  get<T>(resource: Resource, name: string, options: RequestOptions = {}): Promise<T> {
    return this.#json(this.#call("GET", resource, { name, namespace: options.namespace }, { options }));
  }

  /** All pages of a list, begun anew when a page came too late. @throws as {@link get} */
  async list<T>(resource: Resource, options: ListOptions = {}): Promise<ObjectList<T>> {
    const items: T[] = [];
    let resourceVersion = "";
    for await (const page of this.pages<T>(resource, options)) {
      if (page.first) items.length = 0;
      for (const item of page.items) items.push(item);
      resourceVersion = page.resourceVersion;
    }
    return { items, resourceVersion };
  }

  /** A list page by page, for those who keep less than the whole. @throws as {@link get} */
  async *pages<T>(resource: Resource, options: ListOptions = {}): AsyncGenerator<Page<T>, void> {
    for (let attempt = 1; ; attempt++) {
      const limit = attempt > PAGED_ATTEMPTS ? undefined : (options.limit ?? PAGE_SIZE);
      try {
        yield* this.#pagesOnce<T>(resource, options, limit);
        return;
      } catch (error) {
        if (!isExpired(error) || limit === undefined) throw error;
        this.#log.debug("list expired between two pages", { "kubernetes.resource": resource.plural, attempt });
      }
    }
  }

  /**
   * What happens after the given version, until the server ends the stream. An ERROR event is the last one.
   * @throws {ApiError} @throws {ApiUnreachable} also when the stream is cut or falls silent @throws {ApiGarbled}
   */
  async *watch(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent, void> {
    const query = {
      ...selectors(options),
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      // Between five and ten minutes, so that not all watches end at once.
      timeoutSeconds: Math.trunc(300 * (1 + this.#random())),
    };
    const timeout = this.#config.watchIdleTimeout ?? WATCH_IDLE_TIMEOUT;
    const call = this.#call(
      "GET",
      resource,
      { namespace: options.namespace },
      { verb: "watch", query, options: { signal: options.signal, timeout } },
    );
    const answer = await this.#observed(call, async (answered) => {
      const accepted = await this.#accepted({ ...call, pool: "watches" });
      answered(accepted.status);
      return accepted;
    });
    options.opened?.();
    const framer = new LineFramer();
    for await (const chunk of answer.body) {
      this.#lastHeardAt = this.#clock.now();
      for (const line of framer.push(chunk)) yield parseEvent(line);
    }
    if (framer.pending > 0) throw new ApiUnreachable("the watch was cut in the middle of an event");
  }

  /** @throws as {@link get} */
  create<T>(resource: Resource, body: unknown, options: WriteOptions = {}): Promise<T> {
    const query = { fieldManager: options.fieldManager };
    return this.#json(this.#call("POST", resource, { namespace: options.namespace }, { query, options, body }));
  }

  /** Replaces the object; with a `metadata.resourceVersion` in the body only if it is still that one. @throws as {@link get} */
  update<T>(resource: Resource, name: string, body: unknown, options: WriteOptions = {}): Promise<T> {
    const { namespace, subresource, fieldManager } = options;
    return this.#json(
      this.#call("PUT", resource, { namespace, name, subresource }, { query: { fieldManager }, options, body }),
    );
  }

  /** @throws as {@link get} */
  patch<T>(resource: Resource, name: string, body: unknown, options: PatchOptions): Promise<T> {
    const { namespace, subresource, fieldManager, force } = options;
    const call = this.#call(
      "PATCH",
      resource,
      { namespace, name, subresource },
      { query: { fieldManager, force }, options, body },
    );
    return this.#json({ ...call, contentType: PATCH_TYPE[options.type] });
  }

  /** @throws as {@link get} */
  async delete(resource: Resource, name: string, options: DeleteOptions = {}): Promise<void> {
    const { namespace, uid, resourceVersion } = options;
    const guarded = uid !== undefined || resourceVersion !== undefined;
    const body = guarded
      ? { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid, resourceVersion } }
      : undefined;
    await this.#json(this.#call("DELETE", resource, { namespace, name }, { options, body }));
  }

  /** The server's version, as `/version` tells: the cheapest way to see that it is there. @throws as {@link get} */
  version(options: RequestOptions = {}): Promise<{ readonly gitVersion?: string }> {
    const what = { method: "GET", verb: "get", path: "/version", resource: "version" } as const;
    return this.#json({ ...what, ...this.#limits(options), pool: "requests" });
  }

  /** Cuts all connections. */
  close(): void {
    this.#connection.close();
  }

  async *#pagesOnce<T>(
    resource: Resource,
    options: ListOptions,
    limit: number | undefined,
  ): AsyncGenerator<Page<T>, void> {
    let token: string | undefined;
    do {
      const query = { ...selectors(options), limit, continue: token };
      const call = this.#call("GET", resource, { namespace: options.namespace }, { verb: "list", query, options });
      const page = parseList<T>(await this.#json<unknown>(call), resource);
      yield { items: page.items, resourceVersion: page.resourceVersion, first: token === undefined };
      token = page.token;
    } while (token !== undefined);
  }

  #call(method: Call["method"], resource: Resource, target: Target, request: Request): NamedCall {
    const { verb = VERB[method], query = {}, options, body } = request;
    return {
      method,
      verb,
      resource: target.subresource === undefined ? resource.plural : `${resource.plural}/${target.subresource}`,
      path: pathOf(resource, target) + queryString(query),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...this.#limits(options),
      pool: "requests",
    };
  }

  #limits({ signal, timeout, maySend }: RequestOptions): Pick<Call, "signal" | "silence" | "maySend"> {
    return { signal, silence: timeout ?? this.#config.requestTimeout ?? REQUEST_TIMEOUT, maySend };
  }

  async #json<T>(call: NamedCall): Promise<T> {
    const text = await this.#observed(call, async (answered) => {
      const answer = await this.#accepted(call);
      answered(answer.status);
      return textOf(answer);
    });
    return parseJson(text, call);
  }

  /** A request that its caller gave up says nothing of the API. */
  async #observed<T>(call: NamedCall, act: (answered: (status: number) => void) => Promise<T>): Promise<T> {
    const { verb, method, resource, signal } = call;
    const ended = this.#observe?.({ verb, method, resource });
    let code: number | undefined;
    try {
      const result = await act((status) => {
        code = status;
      });
      ended?.(code);
      return result;
    } catch (error) {
      if (signal?.aborted !== true) ended?.(error instanceof ApiError ? error.status : undefined);
      throw error;
    }
  }

  async #accepted(call: Call): Promise<Answer> {
    let answer = await this.#connection.send(call);
    this.#lastHeardAt = this.#clock.now();
    if (answer.status === 401) {
      // The token may have been rotated since it was read.
      await textOf(answer);
      answer = await this.#connection.send(call, true);
    }
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw parseStatus(parseMaybe(await textOf(answer)), {
      status: answer.status,
      retryAfter: answer.headers["retry-after"],
    });
  }
}

function selectors(options: Selection): Query {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

function queryString(query: Query): string {
  const parts = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

async function textOf(answer: Answer): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson<T>(text: string, call: Call): T {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiGarbled(`${call.method} ${call.path}: the answer is not JSON`, { cause });
  }
}

function parseMaybe(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

interface RawList<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly T[] | null;
}

function isList<T>(value: unknown): value is RawList<T> {
  return typeof value === "object" && value !== null && "items" in value;
}

/** Items of a list carry no kind of their own: they get the collection's, so that they look as in a watch. */
function parseList<T>(
  value: unknown,
  resource: Resource,
): { items: readonly T[]; resourceVersion: string; token: string | undefined } {
  if (!isList<T>(value)) throw new ApiGarbled(`list of ${resource.plural}: the answer has no items`);
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const token = value.metadata?.continue;
  return {
    items: (value.items ?? []).map((item) => (typeof item === "object" ? { ...kind, ...item } : item)),
    resourceVersion: value.metadata?.resourceVersion ?? "",
    token: token === "" ? undefined : token,
  };
}

function isEvent(value: unknown): value is WatchEvent {
  return typeof value === "object" && value !== null && "type" in value && EVENT_TYPES.has(value.type);
}

function parseEvent(line: string): WatchEvent {
  const value = parseMaybe(line);
  if (isEvent(value)) return value;
  throw new ApiGarbled("a line of the watch is not an event");
}
