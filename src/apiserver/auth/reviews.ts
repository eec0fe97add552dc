import { asArray, asObject, asString, asStrings, at, isObject, type JsonObject } from "../json.ts";
import { type KubeObject, parseObject } from "../object.ts";
import { type Cause, invalid, invalidField, requiredField, type Subject } from "../status.ts";
import type { Attributes } from "./attributes.ts";
import { type AuthenticatorPorts, authenticate } from "./authenticator.ts";
import { type Decision, formatPermission, grantsFor } from "./authorizer.ts";
import type { Policy } from "./policy.ts";
import { API_AUDIENCE } from "./tokens.ts";
import { MASTERS, type User } from "./user.ts";

/** Whom a question is put to. */
export interface ReviewPorts {
  readonly authenticator: AuthenticatorPorts;
  readonly policy: Policy;
  decide(attributes: Attributes): Decision;
}

function answered(asked: KubeObject, status: JsonObject): KubeObject {
  return parseObject({ ...asked, status });
}

function refuse(kind: string, group: string, plural: string, causes: readonly Cause[]): void {
  const about: Subject = { group, kind, plural };
  if (causes.length > 0) throw invalid(about, "", causes);
}

function userInfo({ name, uid, groups, extra }: User): JsonObject {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(extra === undefined ? {} : { extra }),
  };
}

/** `TokenReview`: who carries this token? */
export function reviewToken(guard: ReviewPorts, asked: KubeObject): KubeObject {
  const token = asString(at(asked, "spec", "token")) ?? "";
  const group = "authentication.k8s.io";
  refuse("TokenReview", group, "tokenreviews", token === "" ? [requiredField("spec.token")] : []);
  const wanted = asStrings(at(asked, "spec", "audiences"));
  const found = authenticate(guard.authenticator, token, wanted.length === 0 ? [API_AUDIENCE] : wanted);
  if (found === undefined) return answered(asked, { user: {}, error: "invalid bearer token" });
  return answered(asked, { authenticated: true, user: userInfo(found.user), audiences: found.audiences });
}

/** `SelfSubjectReview`: who am I? */
export function reviewSelf(asked: KubeObject, by: User): KubeObject {
  return answered(asked, { userInfo: userInfo(by) });
}

/** `SubjectAccessReview`: may he? */
export function reviewAccess(guard: ReviewPorts, asked: KubeObject): KubeObject {
  const spec = asObject(asked["spec"]);
  const name = asString(spec["user"]) ?? "";
  const groups = asStrings(spec["groups"]);
  const unnamed = name === "" && groups.length === 0;
  const causes = unnamed ? [requiredField("spec.user", "at least one of user or group must be specified")] : [];
  return decide(guard, asked, { user: { name, groups }, causes, kind: "SubjectAccessReview" });
}

/** `SelfSubjectAccessReview`: may I? */
export function reviewOwnAccess(guard: ReviewPorts, asked: KubeObject, by: User): KubeObject {
  return decide(guard, asked, { user: by, causes: [], kind: "SelfSubjectAccessReview" });
}

interface Question {
  readonly user: User;
  readonly causes: readonly Cause[];
  readonly kind: string;
}

function decide(guard: ReviewPorts, asked: KubeObject, { user, causes, kind }: Question): KubeObject {
  const spec = asObject(asked["spec"]);
  const plural = `${kind.toLowerCase()}s`;
  refuse(kind, "authorization.k8s.io", plural, [...causes, ...checkQuestion(spec)]);
  const decision = guard.decide(questionOf(spec, user));
  if (!decision.allowed) return answered(asked, { allowed: false });
  const { rule } = decision;
  return answered(asked, { allowed: true, ...(rule === undefined ? {} : { reason: formatPermission(rule) }) });
}

function checkQuestion(spec: JsonObject): readonly Cause[] {
  const kinds = [spec["resourceAttributes"], spec["nonResourceAttributes"]].filter(isObject).length;
  if (kinds === 1) return [];
  const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
  return [invalidField("spec.resourceAttributes", spec["resourceAttributes"], why)];
}

function questionOf(spec: JsonObject, user: User): Attributes {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  const text = (from: unknown, name: string): string => asString(at(from, name)) ?? "";
  if (!isObject(resource))
    return { user, verb: text(path, "verb"), question: { type: "path", path: text(path, "path") } };
  const [group, name, namespace] = [text(resource, "group"), text(resource, "name"), text(resource, "namespace")];
  const what = { resource: text(resource, "resource"), subresource: text(resource, "subresource") };
  return { user, verb: text(resource, "verb"), question: { type: "resource", group, ...what, namespace, name } };
}

/** `SelfSubjectRulesReview`: what may I in this namespace? */
export function reviewOwnRules(guard: ReviewPorts, asked: KubeObject, by: User): KubeObject {
  const namespace = asString(at(asked, "spec", "namespace")) ?? "";
  const all = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], resourceNames: [], nonResourceUrls: ["*"] };
  const master = by.groups.includes(MASTERS) ? [all] : [];
  const rules = [...master, ...grantsFor(by, namespace, guard.policy).flatMap(({ grant }) => grant.rules ?? [])];
  const resourceRules = rules.filter(({ resources }) => resources.length > 0);
  const pathRules = rules.filter(({ nonResourceUrls }) => nonResourceUrls.length > 0);
  return answered(asked, {
    resourceRules: resourceRules.map(({ nonResourceUrls: _, resourceNames, ...rule }) =>
      resourceNames.length === 0 ? rule : { ...rule, resourceNames },
    ),
    nonResourceRules: pathRules.map(({ verbs, nonResourceUrls }) => ({ verbs, nonResourceURLs: nonResourceUrls })),
    incomplete: false,
  });
}

/** The audiences and the lifetime a TokenRequest asks for. @throws ApiError 422 for one that is too short */
export function readTokenRequest(asked: KubeObject): {
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly pod: string | undefined;
} {
  const spec = asObject(asked["spec"]);
  const given = spec["expirationSeconds"];
  const seconds = typeof given === "number" ? given : 3600;
  if (seconds < 600) {
    const cause = invalidField("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes");
    throw invalid({ group: "authentication.k8s.io", kind: "TokenRequest", plural: "tokenrequests" }, "", [cause]);
  }
  const audiences = asArray(spec["audiences"]).length === 0 ? [API_AUDIENCE] : asStrings(spec["audiences"]);
  const bound = asObject(spec["boundObjectRef"]);
  return { audiences, seconds, pod: bound["kind"] === "Pod" ? asString(bound["name"]) : undefined };
}
