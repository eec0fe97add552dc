import {
  type ReviewPorts,
  reviewAccess,
  reviewOwnAccess,
  reviewOwnRules,
  reviewSelf,
  reviewToken,
} from "../auth/reviews.ts";
import type { Answer } from "../resource.ts";
import type { Schema } from "../schema/schema.ts";
import { questionColumns } from "./policy-columns.ts";
import type { Row } from "./row.ts";
import { flag, free, kind, listOf, mapOf, object, text } from "./schema-words.ts";

const resourceAttributes = object({
  namespace: text,
  verb: text,
  group: text,
  version: text,
  resource: text,
  subresource: text,
  name: text,
  fieldSelector: free,
  labelSelector: free,
});
const nonResourceAttributes = object({ path: text, verb: text });
const extra = mapOf(listOf(text));
const question = { resourceAttributes, nonResourceAttributes };
const verdict = object({ allowed: flag, denied: flag, reason: text, evaluationError: text });
const userInfo = object({ username: text, uid: text, groups: listOf(text), extra });
const who = { user: text, groups: listOf(text), uid: text, extra };

function authentication(name: string, schema: Schema, answer: Answer): Row {
  return reviewRow("authentication.k8s.io", name, schema, answer);
}

function authorization(name: string, schema: Schema, answer: Answer): Row {
  return reviewRow("authorization.k8s.io", name, schema, answer);
}

function reviewRow(group: string, name: string, schema: Schema, answer: Answer): Row {
  const plural = `${name.toLowerCase()}s`;
  return { group, kind: name, plural, cluster: true, schema, columns: questionColumns, answer };
}

/** The kinds that ask the server something: who is it, may he? */
export function reviewRows(ports: ReviewPorts): readonly Row[] {
  const tokenStatus = object({ authenticated: flag, user: userInfo, audiences: listOf(text), error: text });
  const token = { spec: object({ token: text, audiences: listOf(text) }), status: tokenStatus };
  const own = { spec: object(question), status: verdict };
  return [
    authentication(
      "TokenReview",
      kind("TokenReview attempts to authenticate a token to a known user.", token),
      (asked) => reviewToken(ports, asked),
    ),
    authentication(
      "SelfSubjectReview",
      kind("SelfSubjectReview contains the user information of the requester.", { status: object({ userInfo }) }),
      reviewSelf,
    ),
    authorization(
      "SubjectAccessReview",
      kind("SubjectAccessReview checks whether or not a user or group can perform an action.", {
        spec: object({ ...question, ...who }),
        status: verdict,
      }),
      (asked) => reviewAccess(ports, asked),
    ),
    authorization(
      "SelfSubjectAccessReview",
      kind("SelfSubjectAccessReview checks whether or the current user can perform an action.", own),
      (asked, by) => reviewOwnAccess(ports, asked, by),
    ),
    authorization(
      "SelfSubjectRulesReview",
      kind("SelfSubjectRulesReview enumerates the set of actions the current user can perform within a namespace.", {
        spec: object({ namespace: text }),
        status: free,
      }),
      (asked, by) => reviewOwnRules(ports, asked, by),
    ),
  ];
}
