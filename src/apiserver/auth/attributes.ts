import type { Route } from "../http/route.ts";
import { ApiError, type ErrorDetails } from "../status.ts";
import type { User } from "./user.ts";

/** A request for objects, in the words that rules are written in. */
export interface ResourceQuestion {
  readonly type: "resource";
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty at the cluster scope. */
  readonly namespace: string;
  /** Empty where no single object is named. */
  readonly name: string;
}

/** What somebody wants to do to what: all that a decision rests on. */
export interface Attributes {
  readonly user: User;
  readonly verb: string;
  readonly question: ResourceQuestion | { readonly type: "path"; readonly path: string };
}

const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

/** What a request's head comes down to. */
export interface RequestHead {
  readonly method: string;
  readonly pathname: string;
  readonly query: URLSearchParams;
}

/** The attributes of a request, as `RequestInfo` of the real server finds them. */
export function attributesOf(user: User, route: Route, head: RequestHead): Attributes {
  if (route.type !== "resource")
    return { user, verb: head.method.toLowerCase(), question: { type: "path", path: head.pathname } };
  const { apiVersion, plural, subresource } = route.path;
  const group = apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
  const plain = VERBS[head.method] ?? "";
  const many = route.path.name === "";
  const name = many && plain === "get" ? selectedName(head.query) : route.path.name;
  // A Namespace is asked for inside itself, so that a Role in it can give the right to see it.
  const namespace = group === "" && plural === "namespaces" ? route.path.name : route.path.namespace;
  const question = { type: "resource", group, resource: plural, subresource, namespace, name } as const;
  return { user, verb: many ? verbOfMany(plain, head.query) : plain, question };
}

function verbOfMany(verb: string, query: URLSearchParams): string {
  if (verb === "delete") return "deletecollection";
  if (verb !== "get") return verb;
  return ["true", "1"].includes(query.get("watch") ?? "") ? "watch" : "list";
}

/** A list or watch of one object by name is held against `resourceNames` like a get. */
function selectedName(query: URLSearchParams): string {
  const terms = (query.get("fieldSelector") ?? "").split(",");
  return /^metadata\.name==?([^=]+)$/.exec(terms.find((term) => term.startsWith("metadata.name=")) ?? "")?.[1] ?? "";
}

/** `User "u" cannot list resource "services" in API group "" at the cluster scope`. */
export function formatAttributes({ user, verb, question }: Attributes): string {
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if (question.type === "path") return `${who} path ${JSON.stringify(question.path)}`;
  const { resource, subresource, group, namespace } = question;
  const what = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  return `${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}

/** The answer to somebody who may not, in the real server's words. */
export function forbiddenRequest({ question }: Attributes, message: string): ApiError {
  if (question.type === "path") return new ApiError(403, "Forbidden", `forbidden: ${message}`);
  const { group, resource, name } = question;
  const qualified = group === "" ? resource : `${resource}.${group}`;
  const about = name === "" ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const details: ErrorDetails = {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  };
  return new ApiError(403, "Forbidden", `${about} is forbidden: ${message}`, details);
}
