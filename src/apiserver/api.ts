import type { WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { Collection, Entry, objectKey, Revisions } from "./collection.ts";
import { asObject, asString, jsonEqual, withMember } from "./json.ts";
import { Lifecycle } from "./lifecycle.ts";
import { type KubeObject, parseObject, withMeta } from "./object.ts";
import { serverSideApply } from "./patch/apply.ts";
import { jsonPatch } from "./patch/json-patch.ts";
import { mergePatch } from "./patch/merge-patch.ts";
import { strategicMerge } from "./patch/strategic-merge.ts";
import type { Registry } from "./registry.ts";
import { type ResourceType, typeKey } from "./resource.ts";
import { prune } from "./schema/structure.ts";
import type { Predicate } from "./selectors.ts";
import { alreadyExists, badRequest, conflict, expired, forbidden, notFound } from "./status.ts";
import {
  carryOver,
  checkPreconditions,
  decode,
  report,
  requireVersion,
  specChanged,
  type Target,
  unsupportedMediaType,
  validate,
  type WriteOptions,
  withManagers,
} from "./write.ts";

/** What the verbs need from outside. */
export interface ApiPorts {
  readonly wallClock: WallClock;
  readonly random: Random;
}

/** What to list: a page of what the predicate takes. */
export interface ListQuery {
  readonly namespace: string;
  readonly matches: Predicate | undefined;
  readonly limit: number;
  readonly continue: string;
}

/** A page of a list. */
export interface ListPage {
  readonly entries: readonly Entry[];
  readonly revision: number;
  readonly continue: string;
  readonly remaining: number;
}

/** How a patch body is to be read. */
export type PatchType = "merge" | "json" | "strategic" | "apply";

/** A written object, and whether it is new. */
export interface Written {
  readonly entry: Entry;
  readonly created: boolean;
}

/** The body of a DELETE. */
export interface DeleteOptions {
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly orphan: boolean;
  readonly dryRun: boolean;
}

/** A decoded write; an apply brings `managedFields` with it, every other write has them recorded. */
interface Write {
  readonly incoming: KubeObject;
  readonly options: WriteOptions;
  readonly books: "record" | "given";
}

const SUFFIX = "bcdfghjklmnpqrstvwxz2456789";

/** The verbs of the API over in-memory collections: synchronous, so every one of them is atomic. */
export class Api {
  readonly registry: Registry;
  readonly revisions: Revisions;
  readonly #ports: ApiPorts;
  readonly #historyLimit: number;
  readonly #collections = new Map<string, Collection>();
  readonly #lifecycle: Lifecycle;

  constructor(ports: ApiPorts, options: { registry: Registry; historyLimit: number; firstRevision: number }) {
    this.#ports = ports;
    this.registry = options.registry;
    this.revisions = new Revisions(options.firstRevision);
    this.#historyLimit = options.historyLimit;
    this.#lifecycle = new Lifecycle({
      collections: () => [...this.#collections.values()],
      revisions: this.revisions,
      now: () => this.now(),
    });
  }

  /** The collection of a kind; made on first use. */
  collection(type: ResourceType): Collection {
    const key = typeKey(type);
    let collection = this.#collections.get(key);
    if (collection === undefined) {
      collection = new Collection(type, { historyLimit: this.#historyLimit, since: this.revisions.current });
      this.#collections.set(key, collection);
      this.#lifecycle.follow(collection);
    }
    collection.type = type;
    return collection;
  }

  /** Forgets a kind and all its objects. */
  drop(type: ResourceType): void {
    const collection = this.collection(type);
    for (const entry of collection.list()) this.#lifecycle.remove(collection, entry);
    this.#collections.delete(typeKey(type));
  }

  get(target: Target): Entry {
    const entry = this.collection(target.type).get(objectKey(target.namespace, target.name));
    if (entry === undefined) throw notFound(target.type, target.name);
    return entry;
  }

  /** @throws ApiError 410 when the page's list is older than what is remembered. */
  list(type: ResourceType, apiVersion: string, query: ListQuery): ListPage {
    const collection = this.collection(type);
    const token = parseToken(query.continue);
    if (token !== undefined && collection.since(token.revision) === undefined) {
      throw expired("The provided continue parameter is too old to display a consistent list result.");
    }
    const revision = token?.revision ?? this.revisions.current;
    const inScope = collection.list().filter((entry) => {
      const { namespace, name } = entry.object.metadata;
      if (query.namespace !== "" && namespace !== query.namespace) return false;
      if (token !== undefined && objectKey(namespace ?? "", name) <= token.after) return false;
      return query.matches === undefined || query.matches(entry.in(apiVersion));
    });
    if (query.limit <= 0 || inScope.length <= query.limit)
      return { entries: inScope, revision, continue: "", remaining: 0 };
    const entries = inScope.slice(0, query.limit);
    const last = entries.at(-1)?.object.metadata;
    const after = objectKey(last?.namespace ?? "", last?.name ?? "");
    return {
      entries,
      revision,
      continue: formatToken({ revision, after }),
      remaining: inScope.length - entries.length,
    };
  }

  create(target: Target, body: unknown, options: WriteOptions): Entry {
    return this.#insert(target, { incoming: decode(body, target, options), options, books: "record" });
  }

  #insert(target: Target, write: Write): Entry {
    const { options } = write;
    const decoded = this.#named(write.incoming);
    const { type } = target;
    const { name } = decoded.metadata;
    this.#requireNamespace(target, name);
    const collection = this.collection(type);
    if ((decoded.metadata.resourceVersion ?? "") !== "")
      throw badRequest("resourceVersion should not be set on objects to be created");
    const fresh =
      type.custom && type.statusSubresource ? parseObject(withMember(decoded, "status", undefined)) : decoded;
    const past = options.restored === true ? decoded.metadata : undefined;
    const born = withMeta(fresh, {
      uid: past?.uid ?? this.#uid(),
      creationTimestamp: past?.creationTimestamp ?? this.now(),
      generation: type.counted ? 1 : undefined,
      deletionTimestamp: undefined,
    });
    const prepared = type.strategy.prepare?.(born, undefined) ?? born;
    validate(prepared, undefined, target);
    if (collection.get(objectKey(target.namespace, name)) !== undefined) throw alreadyExists(type, name);
    const books = { target, options, time: this.now() };
    return this.#commit(target, write.books === "given" ? prepared : withManagers(undefined, prepared, books), options);
  }

  update(target: Target, body: unknown, options: WriteOptions): Written {
    const existing = this.collection(target.type).get(objectKey(target.namespace, target.name));
    if (existing === undefined) throw notFound(target.type, target.name);
    const incoming = decode(body, target, options);
    requireVersion(incoming, target);
    return { entry: this.#replace(target, existing, { incoming, options, books: "record" }), created: false };
  }

  patch(target: Target, request: { type: PatchType; body: unknown }, options: WriteOptions): Written {
    const existing = this.collection(target.type).get(objectKey(target.namespace, target.name));
    if (request.type === "apply") return this.#apply(target, existing, { body: request.body, options });
    if (existing === undefined) throw notFound(target.type, target.name);
    const before = existing.in(target.version.apiVersion);
    const patched = applyPatch(before, request, target);
    // The patch may name the version it was made for; what it does not name is what is stored.
    const incoming = decode(patched, target, options, before);
    return { entry: this.#replace(target, existing, { incoming, options, books: "record" }), created: false };
  }

  #apply(target: Target, existing: Entry | undefined, request: { body: unknown; options: WriteOptions }): Written {
    const { options } = request;
    const wanted = decodeApply(request.body, target, options);
    const writer = {
      manager: options.fieldManager,
      apiVersion: target.version.apiVersion,
      subresource: target.subresource,
      time: this.now(),
    };
    if (existing === undefined && target.subresource !== "") throw notFound(target.type, target.name);
    const live = existing?.in(target.version.apiVersion);
    const merged = serverSideApply(live, wanted, { writer, schema: target.version.schema, force: options.force });
    const incoming = decode(merged, target, options, live);
    if (existing === undefined)
      return { entry: this.#insert(target, { incoming, options, books: "given" }), created: true };
    return { entry: this.#replace(target, existing, { incoming, options, books: "given" }), created: false };
  }

  #replace(target: Target, existing: Entry, write: Write): Entry {
    const { incoming, options } = write;
    const { type, version } = target;
    const before = existing.in(version.apiVersion);
    checkPreconditions(before, incoming, target);
    const carried = carryOver(before, incoming, target);
    const { strategy } = type;
    const prepared =
      target.subresource === "status"
        ? (strategy.prepareStatus?.(carried) ?? carried)
        : (strategy.prepare?.(carried, before) ?? carried);
    const booked =
      write.books === "given" ? prepared : withManagers(before, prepared, { target, options, time: this.now() });
    if (jsonEqual(before, booked)) return existing;
    validate(booked, before, target);
    const counts = type.counted && specChanged(before, booked, target);
    const next = counts ? withMeta(booked, { generation: (before.metadata.generation ?? 0) + 1 }) : booked;
    if (
      next.metadata.deletionTimestamp !== undefined &&
      (next.metadata.finalizers ?? []).length === 0 &&
      !options.dryRun
    ) {
      const collection = this.collection(type);
      return this.#lifecycle.remove(collection, existing);
    }
    return this.#commit(target, next, options);
  }

  /** Deletes, or marks as being deleted while finalizers hold it. The entry is the last, or the marked, state. */
  delete(target: Target, options: DeleteOptions): { readonly entry: Entry; readonly gone: boolean } {
    const entry = this.get(target);
    const { uid, resourceVersion } = entry.object.metadata;
    if (options.uid !== undefined && options.uid !== uid) {
      throw conflict(
        target.type,
        target.name,
        `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`,
      );
    }
    if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion)
      throw conflict(target.type, target.name);
    if (options.dryRun) return { entry, gone: true };
    return this.#lifecycle.delete(this.collection(target.type), entry, { orphan: options.orphan });
  }

  /** The time as the API writes it: whole seconds, UTC. */
  now(): string {
    return `${this.#ports.wallClock().toISOString().slice(0, 19)}Z`;
  }

  #commit(target: Target, next: KubeObject, options: WriteOptions): Entry {
    const { type } = target;
    const collection = this.collection(type);
    const key = objectKey(target.namespace, next.metadata.name);
    const revision = options.dryRun ? this.revisions.current : this.revisions.next();
    const stamped = withMeta(next, { resourceVersion: String(revision) });
    const stored = type.convert(stamped, type.storage.apiVersion);
    if (options.dryRun) return new Entry(type, stored, revision);
    return collection.put(key, stored, revision);
  }

  #named(object: KubeObject): KubeObject {
    const { name, generateName } = object.metadata;
    if (name !== "" || generateName === undefined || generateName === "") return object;
    const suffix = Array.from({ length: 5 }, () => SUFFIX[Math.floor(this.#ports.random() * SUFFIX.length)]).join("");
    return withMeta(object, { name: `${generateName}${suffix}` });
  }

  #requireNamespace(target: Target, name: string): void {
    if (!target.type.namespaced) return;
    const spoken = this.registry.find("v1", "namespaces");
    if (spoken === undefined) return;
    const namespace = this.collection(spoken.type).get(objectKey("", target.namespace));
    if (namespace === undefined) throw notFound(spoken.type, target.namespace);
    if (namespace.object.metadata.deletionTimestamp !== undefined) {
      const why = `unable to create new content in namespace ${target.namespace} because it is being terminated`;
      throw forbidden(target.type, name, why);
    }
  }

  /** A version 4 UUID, RFC 9562 section 5.4. */
  #uid(): string {
    const digit = (n: number): string => Math.floor(this.#ports.random() * n).toString(16);
    return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (place) =>
      place === "x" ? digit(16) : ("89ab"[Number.parseInt(digit(4), 16)] ?? "8"),
    );
  }
}

function applyPatch(before: KubeObject, patch: { type: PatchType; body: unknown }, target: Target): unknown {
  if (patch.type === "json") return jsonPatch(before, patch.body);
  if (patch.type === "merge") return mergePatch(before, patch.body);
  // Real servers have no merge keys for custom resources and refuse.
  if (target.type.custom) throw unsupportedMediaType(CUSTOM_PATCHES);
  return strategicMerge(before, patch.body, target.version.schema);
}

const CUSTOM_PATCHES = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

/** An apply states only what it wants: no defaults are put into its mouth. */
function decodeApply(body: unknown, target: Target, options: WriteOptions): KubeObject {
  if (options.fieldManager === "") throw badRequest("fieldManager is required for apply patch");
  const object = parseObject(body);
  if (object.metadata.managedFields !== undefined) throw badRequest("metadata.managedFields must be nil");
  const { name } = object.metadata;
  if (name !== "" && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  const unknown: string[] = [];
  const pruned = parseObject(prune(object, target.version.schema, { unknown, path: "" }));
  report(unknown, options);
  return withMeta(pruned, { name: target.name });
}

interface Token {
  readonly revision: number;
  /** The key of the last object of the page before. */
  readonly after: string;
}

function formatToken(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

function parseToken(text: string): Token | undefined {
  if (text === "") return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    const { revision, after } = asObject(value);
    const key = asString(after);
    if (typeof revision === "number" && key !== undefined) return { revision, after: key };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badRequest("continue key is not valid");
}
