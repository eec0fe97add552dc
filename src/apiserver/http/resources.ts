import type { IncomingMessage, ServerResponse } from "node:http";
import { type Micros, micros, seconds } from "../../net/micros.ts";
import type { Clock, WallClock } from "../../system/clock.ts";
import type { Admission } from "../admission/admission.ts";
import type { WebhookConversion } from "../admission/conversion.ts";
import type { Api, DeleteOptions } from "../api.ts";
import type { AuthenticatorPorts } from "../auth/authenticator.ts";
import { issueToken } from "../auth/issue-token.ts";
import type { User } from "../auth/user.ts";
import { type Entry, listItem } from "../collection.ts";
import { hasTokens } from "../discovery.ts";
import { asObject, asString, isObject } from "../json.ts";
import { parseObject } from "../object.ts";
import type { Spoken } from "../registry.ts";
import { type Predicate, parseFieldSelector, parseLabelSelector } from "../selectors.ts";
import { badRequest, expired, invalid, methodNotAllowed, noSuchPath } from "../status.ts";
import { type IncludeObject, toTable } from "../table.ts";
import { decode, type Target, type WriteOptions } from "../write.ts";
import { admittedDelete, admittedWrite } from "./admitted-write.ts";
import { negotiate, parseBody, parsePatch, readBody, type Wanted } from "./negotiation.ts";
import type { ResourcePath } from "./route.ts";
import { WatchStream } from "./watch-stream.ts";

/** What the resource handlers need. */
export interface ResourcePorts {
  readonly api: Api;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  /** Signs and checks ServiceAccounts' tokens. */
  readonly authenticator: AuthenticatorPorts;
  readonly admission: Admission;
  readonly conversion: WebhookConversion;
  /** Told of every watch that begins. */
  readonly onWatch: (watch: WatchStream, path: ResourcePath, response: ServerResponse) => void;
}

/** A request on a resource, read as far as its head goes. */
export interface ResourceRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
  readonly user: User;
}

/** A finished answer: JSON text and its status. */
export interface Answer {
  readonly status: number;
  readonly json: string;
  readonly warnings: readonly string[];
}

interface Exchange extends ResourceRequest {
  readonly target: Target;
  readonly wanted: Wanted;
  readonly warnings: string[];
}

type Handler = (ports: ResourcePorts, exchange: Exchange) => Promise<Answer | undefined>;

const DEFAULT_TIMEOUT = seconds(3600);

/** Finds the kind a path names and lets the method's handler answer; undefined when it went on as a watch. */
export async function handleResource(ports: ResourcePorts, request: ResourceRequest): Promise<Answer | undefined> {
  const { path } = request;
  const spoken = ports.api.registry.find(path.apiVersion, path.plural);
  if (spoken === undefined || !servesSubresource(spoken, path.subresource)) throw noSuchPath();
  const { type, version } = spoken;
  const handler = handlerOf(spoken, request);
  if (handler === undefined) throw methodNotAllowed();
  const warnings = version.deprecation === undefined ? [] : [version.deprecation];
  const namespace = type.namespaced ? path.namespace : "";
  const target = { type, version, namespace, name: path.name, subresource: path.subresource };
  return await handler(ports, { ...request, target, wanted: negotiate(request.request), warnings });
}

function handlerOf({ type }: Spoken, { request, path }: ResourceRequest): Handler | undefined {
  const shape = `${request.method ?? ""} ${path.name === "" ? "many" : "one"}`;
  if (type.answer !== undefined) return shape === "POST many" ? answerQuestion : undefined;
  if (path.subresource === "token") return shape === "POST one" ? createToken : undefined;
  return HANDLERS[shape];
}

function servesSubresource({ type }: Spoken, subresource: string): boolean {
  if (subresource === "" || (subresource === "status" && type.statusSubresource)) return true;
  if (subresource === "token") return hasTokens(type);
  return subresource === "finalize" && type.kind === "Namespace";
}

function writeOptions({ request, query, warnings }: Exchange): WriteOptions {
  const validation = query.get("fieldValidation") ?? "Warn";
  if (validation !== "Strict" && validation !== "Warn" && validation !== "Ignore") {
    throw badRequest(`invalid fieldValidation: ${validation}`);
  }
  const agent = (request.headers["user-agent"] ?? "unknown").split("/")[0] ?? "unknown";
  return {
    dryRun: query.getAll("dryRun").includes("All"),
    fieldManager: query.get("fieldManager") ?? agent,
    fieldValidation: validation,
    force: query.get("force") === "true" || query.get("force") === "1",
    warnings,
  };
}

function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get("includeObject");
  return include === "None" || include === "Object" ? include : "Metadata";
}

/** One or more objects as the client asked to see them. */
function render(
  ports: ResourcePorts,
  exchange: Exchange,
  entries: readonly Entry[],
  shown: { metadata: object; withDefinitions: boolean },
): string {
  const { target, wanted, query } = exchange;
  const options = { apiVersion: wanted.apiVersion, include: includeOf(query), now: ports.wallClock(), ...shown };
  const objects = entries.map((entry) => entry.in(target.version.apiVersion));
  return JSON.stringify(toTable(objects, target.version.columns, options));
}

function partial(entry: Entry, apiVersion: string): string {
  return JSON.stringify({ kind: "PartialObjectMetadata", apiVersion, metadata: entry.object.metadata });
}

function renderOne(ports: ResourcePorts, exchange: Exchange, entry: Entry, withDefinitions = true): string {
  const { wanted, target } = exchange;
  if (wanted.as === "table") {
    const metadata = { resourceVersion: String(entry.revision) };
    return render(ports, exchange, [entry], { metadata, withDefinitions });
  }
  if (wanted.as === "metadata" || wanted.as === "metadata-list") return partial(entry, wanted.apiVersion);
  return entry.json(target.version.apiVersion);
}

function answer(exchange: Exchange, status: number, json: string): Answer {
  return { status, json, warnings: exchange.warnings };
}

function selection(exchange: Exchange): Predicate | undefined {
  const { query, target } = exchange;
  const selectable = ["metadata.name", "metadata.namespace", ...target.type.selectable];
  const byLabel = parseLabelSelector(query.get("labelSelector") ?? "");
  const byField = parseFieldSelector(query.get("fieldSelector") ?? "", selectable);
  if (byLabel === undefined || byField === undefined) return byLabel ?? byField;
  return (object) => byLabel(object) && byField(object);
}

function parseRevision(text: string | null): number | undefined {
  if (text === null || text === "" || text === "0") return undefined;
  if (!/^\d+$/.test(text)) throw badRequest(`invalid resource version: ${text}`);
  return Number(text);
}

const get: Handler = (ports, exchange) =>
  ports.conversion.settle(() => answer(exchange, 200, renderOne(ports, exchange, ports.api.get(exchange.target))));

const listOrWatch: Handler = async (ports, exchange) => {
  const watch = exchange.query.get("watch");
  const isWatch = watch === "true" || watch === "1";
  return ports.conversion.settle(() => (isWatch ? startWatch(ports, exchange) : list(ports, exchange)));
};

function list(ports: ResourcePorts, exchange: Exchange): Answer {
  const { target, query, wanted } = exchange;
  const { type, version } = target;
  const page = ports.api.list(type, version.apiVersion, {
    namespace: target.namespace,
    matches: selection(exchange),
    limit: Number(query.get("limit") ?? 0),
    continue: query.get("continue") ?? "",
  });
  const more = page.continue === "" ? {} : { continue: page.continue, remainingItemCount: page.remaining };
  const metadata = { resourceVersion: String(page.revision), ...more };
  if (wanted.as === "table")
    return answer(exchange, 200, render(ports, exchange, page.entries, { metadata, withDefinitions: true }));
  const slim = wanted.as !== "object";
  const kind = slim ? "PartialObjectMetadataList" : type.listKind;
  const apiVersion = slim ? wanted.apiVersion : version.apiVersion;
  const items = page.entries.map((entry) =>
    slim ? partial(entry, wanted.apiVersion) : listItem(entry, type, version.apiVersion),
  );
  const head = JSON.stringify({ kind, apiVersion, metadata }).slice(0, -1);
  return answer(exchange, 200, `${head},"items":[${items.join(",")}]}`);
}

function watchTimeout(query: URLSearchParams): Micros {
  const given = Number(query.get("timeoutSeconds") ?? 0);
  return given > 0 ? micros(given * 1_000_000) : DEFAULT_TIMEOUT;
}

function startWatch(ports: ResourcePorts, exchange: Exchange): undefined {
  const { query, target, path } = exchange;
  const { type, version, namespace } = target;
  const collection = ports.api.collection(type);
  const initialEvents = query.get("sendInitialEvents") === "true";
  const resume = parseRevision(query.get("resourceVersion"));
  const since = initialEvents ? undefined : resume;
  const missed = since === undefined ? [] : missedSince(ports, collection, since);
  const matches = selection(exchange);
  // What it begins with must be there in its version before the first byte is sent.
  const shown = since === undefined ? collection.list() : missed.map(({ entry }) => entry);
  for (const entry of shown) entry.in(version.apiVersion);
  let first = true;
  const watch = new WatchStream(
    { clock: ports.clock, collection, revision: () => ports.api.revisions.current },
    {
      apiVersion: version.apiVersion,
      kind: type.kind,
      matches: (entry) =>
        (namespace === "" || entry.object.metadata.namespace === namespace) &&
        (matches === undefined || matches(entry.in(version.apiVersion))),
      render: (entry) => {
        const text = renderOne(ports, exchange, entry, first);
        first = false;
        return text;
      },
      since,
      bookmarks: query.get("allowWatchBookmarks") === "true",
      initialEvents,
      timeout: watchTimeout(query),
    },
    exchange.response,
  );
  watch.start(missed);
  ports.onWatch(watch, path, exchange.response);
  return undefined;
}

/** A revision from the future is one of a former life of this server: it is as useless as one from before the history. */
function missedSince(
  ports: ResourcePorts,
  collection: ReturnType<Api["collection"]>,
  since: number,
): ReturnType<typeof collection.since> & object {
  const current = ports.api.revisions.current;
  const missed = since > current ? undefined : collection.since(since);
  if (missed === undefined) throw expired(`too old resource version: ${since} (${current})`);
  return missed;
}

const create: Handler = async (ports, exchange) => {
  const body = parseBody(exchange.request, await readBody(exchange.request));
  const target = withBodyNamespace(exchange.target, body);
  const { entry } = await admittedWrite(ports, {
    target,
    user: exchange.user,
    options: writeOptions(exchange),
    act: (options, name) => ({ entry: ports.api.create(target, withName(body, name), options) }),
  });
  return ports.conversion.settle(() => answer(exchange, 201, renderOne(ports, exchange, entry)));
};

/** A name that was generated for the webhooks to see is the one it is made under. */
function withName(body: unknown, name: string | undefined): unknown {
  if (name === undefined || !isObject(body)) return body;
  return { ...body, metadata: { ...asObject(body["metadata"]), name } };
}

const answerQuestion: Handler = async (_ports, exchange) => {
  const { target, user } = exchange;
  const { type, version } = target;
  const asked = decode(parseBody(exchange.request, await readBody(exchange.request)), target, writeOptions(exchange));
  const causes = version.validate(asked);
  if (causes.length > 0) throw invalid(type, asked.metadata.name, causes);
  return answer(exchange, 201, JSON.stringify(type.answer?.(asked, user)));
};

const createToken: Handler = async (ports, exchange) => {
  const body = parseObject(parseBody(exchange.request, await readBody(exchange.request)));
  return answer(exchange, 201, JSON.stringify(issueToken(ports.authenticator, exchange.target, body)));
};

function withBodyNamespace(target: Target, body: unknown): Target {
  if (!target.type.namespaced || target.namespace !== "") return target;
  return { ...target, namespace: asString(asObject(asObject(body)["metadata"])["namespace"]) ?? "default" };
}

const update: Handler = async (ports, exchange) => {
  const body = parseBody(exchange.request, await readBody(exchange.request));
  const { target, user } = exchange;
  const { entry } = await admittedWrite(ports, {
    target,
    user,
    options: writeOptions(exchange),
    act: (options) => ports.api.update(target, body, options),
  });
  return ports.conversion.settle(() => answer(exchange, 200, renderOne(ports, exchange, entry)));
};

const patch: Handler = async (ports, exchange) => {
  const request = parsePatch(exchange.request, await readBody(exchange.request));
  const { target, user } = exchange;
  const given = writeOptions(exchange);
  const fieldManager = request.type === "apply" ? (exchange.query.get("fieldManager") ?? "") : given.fieldManager;
  const { entry, created } = await admittedWrite(ports, {
    target,
    user,
    options: { ...given, fieldManager },
    act: (options) => ports.api.patch(target, request, options),
  });
  return ports.conversion.settle(() => answer(exchange, created ? 201 : 200, renderOne(ports, exchange, entry)));
};

function deleteOptions(exchange: Exchange, body: unknown): DeleteOptions {
  const { query } = exchange;
  const options = asObject(body);
  const preconditions = asObject(options["preconditions"]);
  const policy = asString(options["propagationPolicy"]) ?? query.get("propagationPolicy");
  const dryRun =
    query.getAll("dryRun").includes("All") || (Array.isArray(options["dryRun"]) && options["dryRun"].includes("All"));
  return {
    uid: asString(preconditions["uid"]),
    resourceVersion: asString(preconditions["resourceVersion"]),
    orphan: policy === "Orphan" || options["orphanDependents"] === true,
    dryRun,
  };
}

async function optionsBody(exchange: Exchange): Promise<unknown> {
  const body = await readBody(exchange.request);
  return body.length === 0 ? {} : parseBody(exchange.request, body);
}

const remove: Handler = async (ports, exchange) => {
  const options = deleteOptions(exchange, await optionsBody(exchange));
  const { target, user } = exchange;
  const { entry, gone } = await admittedDelete(ports, {
    target,
    user,
    options: { ...writeOptions(exchange), dryRun: options.dryRun },
    act: () => ports.api.delete(target, options),
  });
  if (!gone) return ports.conversion.settle(() => answer(exchange, 200, renderOne(ports, exchange, entry)));
  const { plural, group } = target.type;
  const details = { name: exchange.target.name, group, kind: plural, uid: entry.object.metadata.uid };
  return answer(
    exchange,
    200,
    JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details }),
  );
};

const removeMany: Handler = async (ports, exchange) => {
  const options = deleteOptions(exchange, await optionsBody(exchange));
  const { target, user } = exchange;
  const { type, version } = target;
  const asked = { namespace: target.namespace, matches: selection(exchange), limit: 0, continue: "" };
  const page = await ports.conversion.settle(() => ports.api.list(type, version.apiVersion, asked));
  for (const { object } of page.entries) {
    const { name, namespace = "" } = object.metadata;
    const one = { ...target, name, namespace };
    // An owner's deletion a moment ago may have taken this one along.
    const isThere = (): boolean => ports.api.collection(type).get(`${namespace}/${name}`) !== undefined;
    const act = (): void => void (isThere() && ports.api.delete(one, options));
    const given = { ...writeOptions(exchange), dryRun: options.dryRun };
    await admittedDelete(ports, { target: one, user, options: given, act });
  }
  const items = await ports.conversion.settle(() =>
    page.entries.map((entry) => listItem(entry, type, version.apiVersion)).join(","),
  );
  const head = JSON.stringify({
    kind: type.listKind,
    apiVersion: version.apiVersion,
    metadata: { resourceVersion: String(page.revision) },
  });
  return answer(exchange, 200, `${head.slice(0, -1)},"items":[${items}]}`);
};

const HANDLERS: Readonly<Record<string, Handler>> = {
  "GET one": get,
  "GET many": listOrWatch,
  "POST many": create,
  "PUT one": update,
  "PATCH one": patch,
  "DELETE one": remove,
  "DELETE many": removeMany,
};
