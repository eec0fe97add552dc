import { randomBytes } from "node:crypto";
import { createServer, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Micros } from "../net/micros.ts";
import { type Clock, systemClock, type WallClock } from "../system/clock.ts";
import { type Random, systemRandom } from "../system/random.ts";
import type { Log } from "../telemetry/log.ts";
import { SystemError } from "../wire/errors.ts";
import { Admission } from "./admission/admission.ts";
import { WebhookConversion } from "./admission/conversion.ts";
import type { ServiceTable } from "./admission/webhook-call.ts";
import { Api } from "./api.ts";
import { BOOTSTRAP_POLICY } from "./auth/bootstrap.ts";
import { type AuditRecord, Guard } from "./auth/guard.ts";
import { builtinTypes, definitionType } from "./builtin/kinds.ts";
import { ServiceStrategy } from "./builtin/service.ts";
import type { Change } from "./collection.ts";
import { type CustomConvert, customType, definitionStrategy } from "./crd.ts";
import { type Failure, type FaultMatch, FaultPlan } from "./faults.ts";
import { serve } from "./http/front.ts";
import type { ResourcePath } from "./http/route.ts";
import type { WatchStream } from "./http/watch-stream.ts";
import { formatKubeconfig } from "./kubeconfig.ts";
import { type KubeObject, parseObject } from "./object.ts";
import { Registry, type Spoken } from "./registry.ts";
import { type ResourceType, typeKey } from "./resource.ts";
import { noSuchPath } from "./status.ts";
import type { WriteOptions } from "./write.ts";

/** What the server needs from outside; the clock moves bookmarks, timeouts and delays, the wall clock is what it writes. */
export interface ApiServerPorts {
  readonly clock?: Clock;
  readonly wallClock: WallClock;
  readonly log: Log;
  readonly random?: Random;
}

/** How the server is reached and what it serves. */
export interface ApiServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** CustomResourceDefinition objects, as parsed from YAML. */
  readonly crds: readonly unknown[];
  /** Converts custom objects between versions; undefined means that only `apiVersion` changes. */
  readonly convert?: CustomConvert;
  /** Where webhooks find Services: `namespace/name` to the host and port that serve them. */
  readonly services?: ServiceTable;
  /** How many changes per kind a watch may resume over. */
  readonly historyLimit?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  /** When given, requests must carry it, or a ServiceAccount's, as a bearer token. Whoever carries it may do anything. */
  readonly token?: string;
  /** When given, Roles and ClusterRoles are enforced, on all but who carries `token`, which is made up where none is given. */
  readonly rbac?: RbacOptions;
}

/** How roles are enforced. */
interface RbacOptions {
  /** Told of every request: which rule allowed it, or that none did. */
  readonly audit?: (record: AuditRecord) => void;
}

/** An object by its coordinates, for direct access. */
interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** The store without HTTP between: what tests and the demo set up and look at. */
interface StoreAccess {
  get(reference: ObjectReference): KubeObject | undefined;
  list(apiVersion: string, kind: string, namespace?: string): readonly KubeObject[];
  /** Creates or replaces, as `kubectl replace --force` without the deletion. @throws ApiError as the API would answer. */
  apply(object: unknown): KubeObject;
  /** The same for an object of an earlier server, which keeps its uid and its age. @throws ApiError as the API would answer. */
  restore(object: unknown): KubeObject;
  /** Merges into the status. @throws ApiError as the API would answer. */
  patchStatus(reference: ObjectReference, status: unknown): KubeObject;
  delete(reference: ObjectReference): void;
  /** The newest resourceVersion. */
  readonly revision: number;
}

/** What a test can break. */
interface FaultHooks {
  /** Breaks every matching open watch's connection, in the middle of an event if asked to. Returns how many. */
  dropWatches(match?: { readonly plural?: string; readonly midEvent?: boolean }): number;
  /** Ends every matching open watch in order, as a timeout would. Returns how many. */
  endWatches(match?: { readonly plural?: string }): number;
  failNext(count: number, failure: Failure, match?: FaultMatch): void;
  delayNext(count: number, by: Micros, match?: FaultMatch): void;
  /** Forgets all history: watches that resume, and lists that continue, get 410. */
  compact(how?: { readonly goneAs?: "event" | "status" }): void;
  clear(): void;
}

/** A running embedded Kubernetes API. */
export interface ApiServer {
  /** Where it listens; known after `start()`. */
  readonly url: string;
  start(): Promise<void>;
  kubeconfig(): string;
  readonly store: StoreAccess;
  readonly faults: FaultHooks;
  /** How many watches are open. */
  readonly watches: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The server is asked for what it only has while it runs. */
export class NotStartedError extends SystemError {
  readonly code = "ERR_APISERVER_NOT_STARTED";
  constructor() {
    super("the API server is not started");
  }
}

/** The address cannot be listened on. */
export class ListenError extends SystemError {
  readonly code = "ERR_APISERVER_LISTEN";
}

const NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

interface OpenWatch {
  readonly stream: WatchStream;
  readonly plural: string;
}

/** Makes an API server; nothing listens before `start()`. */
export function createApiServer(ports: ApiServerPorts, options: ApiServerOptions): ApiServer {
  return new EmbeddedApiServer(ports, options);
}

class EmbeddedApiServer implements ApiServer {
  readonly #ports: Required<ApiServerPorts>;
  readonly #options: ApiServerOptions;
  readonly #registry = new Registry();
  readonly #api: Api;
  readonly #conversion: WebhookConversion;
  readonly #admission: Admission;
  readonly #guard: Guard;
  readonly #token: string | undefined;
  readonly #plan = new FaultPlan();
  readonly #watches = new Set<OpenWatch>();
  #goneAs: "event" | "status" = "event";
  #server: Server | undefined;
  readonly store: StoreAccess;
  readonly faults: FaultHooks;

  constructor(ports: ApiServerPorts, options: ApiServerOptions) {
    this.#ports = { clock: systemClock, random: systemRandom, ...ports };
    this.#options = options;
    // A restarted server must not answer a revision of its former life as if it were its own: it starts above it, as nobody
    // writes once in a microsecond. A double holds these until the year 2255.
    const firstRevision = ports.wallClock().getTime() * 1000;
    this.#api = new Api(this.#ports, {
      registry: this.#registry,
      historyLimit: options.historyLimit ?? 10_000,
      firstRevision,
    });
    this.#token = options.token ?? (options.rbac === undefined ? undefined : randomBytes(16).toString("hex"));
    this.#guard = new Guard(
      { api: this.#api, wallClock: ports.wallClock, key: randomBytes(32) },
      { adminToken: this.#token, enforced: options.rbac !== undefined, audit: options.rbac?.audit },
    );
    const services = options.services ?? new Map();
    this.#conversion = new WebhookConversion({ api: this.#api, services });
    this.#admission = new Admission({ api: this.#api, log: ports.log, services, conversion: this.#conversion });
    this.store = storeAccess(this.#api);
    this.faults = this.#hooks();
    this.#installKinds();
    for (const name of NAMESPACES) this.store.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    this.#guard.follow();
    for (const object of options.rbac === undefined ? [] : BOOTSTRAP_POLICY) this.store.apply(object);
    for (const crd of options.crds) this.store.apply(crd);
    this.store.apply(KUBERNETES_SERVICE);
  }

  get url(): string {
    const address = this.#server?.address();
    if (address === null || address === undefined || typeof address === "string") throw new NotStartedError();
    const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return `${this.#options.tls === undefined ? "http" : "https"}://${host}:${address.port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** @throws ListenError when the address is taken or not ours. */
  async start(): Promise<void> {
    const { tls, host, port } = this.#options;
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.keepAliveTimeout = 0;
    server.requestTimeout = 0;
    const front = {
      api: this.#api,
      admission: this.#admission,
      conversion: this.#conversion,
      clock: this.#ports.clock,
      wallClock: this.#ports.wallClock,
      log: this.#ports.log,
      faults: this.#plan,
      guard: this.#guard,
      authenticator: this.#guard.authenticator,
      address: () => this.url,
      goneAs: () => this.#goneAs,
      onWatch: (stream: WatchStream, path: ResourcePath, response: ServerResponse) =>
        this.#onWatch(stream, path, response),
    };
    server.on("request", (request, response) => {
      void serve(front, request, response);
    });
    await new Promise<void>((listening, failed) => {
      server.once("error", (cause) => failed(new ListenError(`cannot listen on ${host}:${port}`, { cause })));
      server.listen(port, host, listening);
    });
    this.#server = server;
  }

  kubeconfig(): string {
    return formatKubeconfig({ url: this.url, caCertificate: this.#options.tls?.cert, token: this.#token });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const { stream } of this.#watches) stream.end();
    await new Promise<void>((closed) => {
      server.close(() => closed());
      server.closeAllConnections();
    });
  }

  #installKinds(): void {
    const services = new ServiceStrategy();
    for (const type of builtinTypes(services, this.#guard)) {
      this.#registry.set(type);
      if (type.strategy === services) this.#api.collection(type).subscribe(services.track);
    }
    const definitions = definitionType(definitionStrategy);
    this.#registry.set(definitions);
    this.#api.collection(definitions).subscribe((change) => this.#onDefinition(change));
  }

  /** Kinds follow their definitions at once, inside the write: the next request can use them. */
  #onDefinition(change: Change): void {
    const type = customType(change.entry.object, (object, apiVersion) => this.#convert(object, apiVersion));
    if (type === undefined) return;
    if (change.type !== "DELETED") this.#registry.set(type);
    else {
      const known = this.#registry.get(typeKey(type));
      if (known !== undefined) this.#api.drop(known);
      this.#registry.delete(typeKey(type));
    }
  }

  #convert(object: KubeObject, apiVersion: string): KubeObject | undefined {
    return this.#conversion.convert(object, apiVersion) ?? this.#options.convert?.(object, apiVersion);
  }

  #onWatch(stream: WatchStream, path: ResourcePath, response: ServerResponse): void {
    const open = { stream, plural: path.plural };
    this.#watches.add(open);
    response.on("close", () => this.#watches.delete(open));
  }

  #openWatches(plural: string | undefined): readonly OpenWatch[] {
    return [...this.#watches].filter((open) => plural === undefined || open.plural === plural);
  }

  #hooks(): FaultHooks {
    return {
      dropWatches: (match = {}) => {
        const open = this.#openWatches(match.plural);
        for (const { stream } of open) stream.drop(match.midEvent === true);
        return open.length;
      },
      endWatches: (match = {}) => {
        const open = this.#openWatches(match.plural);
        for (const { stream } of open) stream.end();
        return open.length;
      },
      failNext: (count, failure, match) => this.#plan.fail(count, failure, match),
      delayNext: (count, by, match) => this.#plan.delay(count, by, match),
      compact: (how = {}) => {
        this.#goneAs = how.goneAs ?? "event";
        // A revision of its own, so that even a client that has seen everything resumes from before it.
        const revision = this.#api.revisions.next();
        for (const type of this.#registry.types()) this.#api.collection(type).compact(revision);
      },
      clear: () => this.#plan.clear(),
    };
  }
}

/** Every cluster has it, at the first address of the range. */
const KUBERNETES_SERVICE = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "kubernetes", namespace: "default", labels: { component: "apiserver", provider: "kubernetes" } },
  spec: { clusterIP: "10.96.0.1", ports: [{ name: "https", port: 443, targetPort: 6443 }] },
};

function directOptions(): WriteOptions {
  return { dryRun: false, fieldManager: "herald-apiserver", fieldValidation: "Strict", force: true, warnings: [] };
}

function storeAccess(api: Api): StoreAccess {
  const spoken = (apiVersion: string, kind: string): Spoken => {
    const found = api.registry.findKind(apiVersion, kind);
    if (found === undefined) throw noSuchPath();
    return found;
  };
  const target = (reference: ObjectReference, subresource: string) => {
    const { type, version } = spoken(reference.apiVersion, reference.kind);
    const namespace = type.namespaced ? (reference.namespace ?? "default") : "";
    return { type, version, namespace, name: reference.name, subresource };
  };
  const find = (reference: ObjectReference): KubeObject | undefined => {
    const { type, version, namespace, name } = target(reference, "");
    return api.collection(type).get(`${namespace}/${name}`)?.in(version.apiVersion);
  };
  return {
    get: find,
    list: (apiVersion, kind, namespace = "") => {
      const { type, version }: { type: ResourceType; version: Spoken["version"] } = spoken(apiVersion, kind);
      const page = api.list(type, version.apiVersion, { namespace, matches: undefined, limit: 0, continue: "" });
      return page.entries.map((entry) => entry.in(version.apiVersion));
    },
    apply: (value) => applyObject(api, value, target),
    restore: (value) => restoreObject(api, value, target),
    patchStatus: (reference, status) => {
      const at = target(reference, "status");
      return api.patch(at, { type: "merge", body: { status } }, directOptions()).entry.in(at.version.apiVersion);
    },
    delete: (reference) => {
      api.delete(target(reference, ""), { uid: undefined, resourceVersion: undefined, orphan: false, dryRun: false });
    },
    get revision() {
      return api.revisions.current;
    },
  };
}

type FindTarget = (reference: ObjectReference, subresource: string) => Parameters<Api["get"]>[0];

/** What is there from the server's own beginning, such as the namespace `default`, is brought up to date only. */
function restoreObject(api: Api, value: unknown, find: FindTarget): KubeObject {
  const object = parseObject(value);
  const { resourceVersion: _stale, ...metadata } = object.metadata;
  const target = find(placeOf(object), "");
  const isThere = api.collection(target.type).get(`${target.namespace}/${metadata.name}`) !== undefined;
  if (!isThere) api.create(target, { ...object, metadata }, { ...directOptions(), restored: true });
  return applyObject(api, value, find);
}

function placeOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): ObjectReference {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** Spec and status in one go, which no client can do over HTTP. */
function applyObject(api: Api, value: unknown, find: FindTarget): KubeObject {
  const object = parseObject(value);
  const { name } = object.metadata;
  const target = find(placeOf(object), "");
  const { apiVersion } = target.version;
  const existing = api.collection(target.type).get(`${target.namespace}/${name}`);
  const current = existing?.in(apiVersion).metadata.resourceVersion;
  const { resourceVersion: _stale, uid: _uid, ...meta } = object.metadata;
  const fresh = { ...object, metadata: { ...meta, ...(current === undefined ? {} : { resourceVersion: current }) } };
  const written =
    existing === undefined
      ? api.create(target, fresh, directOptions())
      : api.update(target, fresh, directOptions()).entry;
  if (object["status"] === undefined || !target.type.statusSubresource) return written.in(apiVersion);
  const status = { type: "merge" as const, body: { status: object["status"] } };
  return api.patch({ ...target, subresource: "status" }, status, directOptions()).entry.in(apiVersion);
}
