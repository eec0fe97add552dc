import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import type { Log } from "../../telemetry/log.ts";
import { errorFields } from "../../telemetry/log.ts";
import type { Guard } from "../auth/guard.ts";
import type { User } from "../auth/user.ts";
import { aggregatedDiscovery, coreVersions, groupList, groupOf, resourceList, VERSION } from "../discovery.ts";
import { type FaultPlan, failureError, type Struck } from "../faults.ts";
import { openApiV2, openApiV3, openApiV3Index } from "../openapi.ts";
import { encodeOpenApiV2 } from "../openapi-protobuf.ts";
import { ApiError, noSuchPath } from "../status.ts";
import { negotiate } from "./negotiation.ts";
import { type Answer, handleResource, type ResourcePorts } from "./resources.ts";
import { parseRoute, type Route } from "./route.ts";
import { errorEvent } from "./watch-stream.ts";

/** What the front door needs besides what the rooms behind it need. */
export interface FrontPorts extends ResourcePorts {
  readonly log: Log;
  readonly faults: FaultPlan;
  readonly guard: Guard;
  readonly address: () => string;
  /** How a watch hears that its revision is gone: real servers answer either way. */
  readonly goneAs: () => "event" | "status";
}

interface RequestUrl {
  readonly pathname: string;
  readonly searchParams: URLSearchParams;
}

/** Answers one request, whatever happens. */
export async function serve(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = parseUrl(request.url ?? "/");
  try {
    const route = parseRoute(url.pathname);
    const head = { method: request.method ?? "", pathname: url.pathname, query: url.searchParams };
    const user = ports.guard.admit(request.headers.authorization, route, head);
    const watch = ["true", "1"].includes(url.searchParams.get("watch") ?? "");
    const struck = { method: request.method ?? "", path: route.type === "resource" ? route.path : undefined, watch };
    const fate = await suffer(ports, struck);
    if (fate === "cut-before") response.destroy();
    else await answerRoute(ports, route, { request, response, url, user, cut: fate === "cut-after" });
  } catch (error) {
    refuse(ports, { request, response, url }, error);
  }
}

/** By hand: `new URL` takes a path that begins with two slashes for a host. */
function parseUrl(text: string): RequestUrl {
  const [pathname = "/", ...query] = text.split("?");
  return { pathname, searchParams: new URLSearchParams(query.join("?")) };
}

/** Whether the connection breaks before the request is looked at, or after it was carried out. */
type Fate = "spared" | "cut-before" | "cut-after";

/** Lets the armed faults strike. @throws ApiError for a fault that is an answer. */
async function suffer(ports: FrontPorts, struck: Struck): Promise<Fate> {
  const delay = ports.faults.takeDelay(struck);
  if (delay !== undefined) await new Promise<void>((done) => ports.clock.after(delay, done));
  const failure = ports.faults.takeFailure(struck);
  if (failure === undefined) return "spared";
  if (failure.type === "status") throw failureError(failure);
  return failure.type === "disconnect" ? "cut-before" : "cut-after";
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: RequestUrl;
}

interface Admitted extends Exchange {
  readonly user: User;
  readonly cut: boolean;
}

async function answerRoute(ports: FrontPorts, route: Route, exchange: Admitted): Promise<void> {
  const { request, response, url, user } = exchange;
  if (route.type === "health") return void response.writeHead(200, { "content-type": "text/plain" }).end("ok");
  if (route.type === "openapi-v2") return sendOpenApiV2(ports, request, response);
  if (route.type !== "resource") return send(exchange, plain(200, document(ports, route, request)));
  const answer = await handleResource(ports, { request, response, path: route.path, query: url.searchParams, user });
  if (exchange.cut) response.destroy();
  else if (answer !== undefined) send(exchange, answer);
}

function plain(status: number, body: object): Answer {
  return { status, json: JSON.stringify(body), warnings: [] };
}

type DocumentRoute = Exclude<Route, { type: "resource" | "health" | "openapi-v2" }>;

function document(ports: FrontPorts, route: DocumentRoute, request: IncomingMessage): object {
  const found = findDocument(ports, route, request);
  if (found === undefined) throw noSuchPath();
  return found;
}

function findDocument(ports: FrontPorts, route: DocumentRoute, request: IncomingMessage): object | undefined {
  const { registry } = ports.api;
  switch (route.type) {
    case "version":
      return VERSION;
    case "core-versions":
    case "groups":
      return rootDiscovery(ports, route.type, request);
    case "group":
      return groupOf(registry, route.group);
    case "resource-list":
      return resourceList(registry, route.group, route.version);
    case "openapi-v3":
      return route.path === "" ? openApiV3Index(registry) : openApiV3(registry, route.path);
    case "unknown":
      return undefined;
  }
}

function rootDiscovery(ports: FrontPorts, type: "core-versions" | "groups", request: IncomingMessage): object {
  const { registry } = ports.api;
  const wanted = negotiate(request);
  if (wanted.as === "discovery") return aggregatedDiscovery(registry, wanted.apiVersion, type === "core-versions");
  return type === "groups" ? groupList(registry) : coreVersions(ports.address());
}

/** Clients ask for `v2@v1.0`, which Go's own media type parser cannot read in an answer. */
const V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

function sendOpenApiV2(ports: FrontPorts, request: IncomingMessage, response: ServerResponse): void {
  const spec = openApiV2(ports.api.registry);
  const protobuf = (request.headers.accept ?? "").includes("protobuf");
  const type = protobuf ? V2_PROTOBUF : "application/json";
  response.writeHead(200, { "content-type": type }).end(protobuf ? encodeOpenApiV2(spec) : JSON.stringify(spec));
}

const COMPRESS_FROM = 128 * 1024;

function send({ request, response, url }: Exchange, answer: Answer): void {
  if (response.destroyed) return;
  const warnings = answer.warnings.map((text) => `299 - ${JSON.stringify(text)}`);
  const pathname = url.pathname;
  const aggregated = (pathname === "/api" || pathname === "/apis") && answer.json.includes("APIGroupDiscoveryList");
  const type = aggregated
    ? `application/json;g=apidiscovery.k8s.io;v=${discoveryVersion(answer)};as=APIGroupDiscoveryList`
    : "application/json";
  const headers: OutgoingHttpHeaders = { "content-type": type };
  // Node joins several values itself when they are set one by one.
  for (const warning of warnings) response.appendHeader("warning", warning);
  if (answer.json.length > COMPRESS_FROM && (request.headers["accept-encoding"] ?? "").includes("gzip")) {
    const zipped = gzipSync(answer.json, { level: 1 });
    response
      .writeHead(answer.status, { ...headers, "content-encoding": "gzip", "content-length": zipped.length })
      .end(zipped);
    return;
  }
  response.writeHead(answer.status, { ...headers, "content-length": Buffer.byteLength(answer.json) }).end(answer.json);
}

function discoveryVersion(answer: Answer): string {
  return answer.json.includes("apidiscovery.k8s.io/v2beta1") ? "v2beta1" : "v2";
}

function refuse(ports: FrontPorts, exchange: Exchange, error: unknown): void {
  const { request, response, url } = exchange;
  if (response.destroyed || response.headersSent) return void response.destroy();
  const known =
    error instanceof ApiError ? error : new ApiError(500, "InternalError", "internal error, see the server's log");
  if (!(error instanceof ApiError))
    ports.log.error("api request failed", { path: url.pathname, ...errorFields(error) });
  const watch = ["true", "1"].includes(url.searchParams.get("watch") ?? "");
  if (known.httpStatus === 410 && watch && ports.goneAs() === "event") {
    response.writeHead(200, { "content-type": "application/json" }).end(errorEvent(known));
    return;
  }
  const retry = known.details.retryAfterSeconds;
  if (retry !== undefined) response.setHeader("retry-after", retry);
  send({ request, response, url }, { status: known.httpStatus, json: JSON.stringify(known.toStatus()), warnings: [] });
}
