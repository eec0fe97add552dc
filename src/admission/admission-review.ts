import type { RawObject } from "../api/object.ts";
import { FieldReader, isFields, Problems } from "../api/read-object.ts";
import { stripRawObject } from "../api/strip.ts";
import type { Admission, ClusterObjects, Operation, ProposedChange, RefusalReason } from "./change.ts";
import { reviewChange } from "./review.ts";
import { readRequest, refuseProblems } from "./review-request.ts";

const REVIEW = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
const GROUP = "metallb.io";
const OPERATIONS: readonly Operation[] = ["CREATE", "UPDATE", "DELETE"];

/** How HTTP and Kubernetes call a refusal. kubectl shows the causes of an Invalid one by one, with their fields. */
const STATUS: Readonly<Record<RefusalReason, { readonly code: number; readonly reason: string }>> = {
  invalid: { code: 422, reason: "Invalid" },
  forbidden: { code: 403, reason: "Forbidden" },
};

/** An AdmissionReview and what was made of it. */
export interface AnsweredAdmission {
  /** Undefined for an object of another group, or an operation that changes nothing. */
  readonly change: ProposedChange | undefined;
  readonly admission: Admission;
  /** The body of the answer, as JSON. */
  readonly review: object;
}

/** Answers the body of an AdmissionReview. @throws InvalidReviewError when it is none */
export function reviewAdmission(body: unknown, cluster: ClusterObjects): AnsweredAdmission {
  const problems = new Problems();
  const { request, uid } = readRequest(body, REVIEW, problems);
  const change = readChange(request, problems);
  refuseProblems(REVIEW.kind, problems);
  const admission: Admission = change === undefined ? { allowed: true, warnings: [] } : reviewChange(change, cluster);
  const { warnings } = admission;
  const response = {
    uid,
    allowed: admission.allowed,
    ...(admission.allowed ? {} : { status: statusOf(admission, change) }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  return { change, admission, review: { ...REVIEW, response } };
}

function readChange(request: FieldReader, problems: Problems): ProposedChange | undefined {
  const kind = request.object("kind");
  const operation = request.string("operation");
  if (kind?.string("kind") === undefined) problems.add("request.kind.kind", "must be set");
  if (operation === undefined) problems.add("request.operation", "must be set");
  const known = OPERATIONS.find((one) => one === operation);
  if (known === undefined || kind?.string("group") !== GROUP) return undefined;
  const object = known === "DELETE" ? undefined : readObject(request, "object", problems);
  const oldObject = known === "CREATE" ? undefined : readObject(request, "oldObject", problems);
  const { namespace = "", name = "" } = (object ?? oldObject)?.metadata ?? {};
  return {
    operation: known,
    kind: kind.string("kind") ?? "",
    namespace,
    name,
    ...(object === undefined ? {} : { object }),
    ...(oldObject === undefined ? {} : { oldObject }),
  };
}

/** The request has the namespace, and the name, where the object leaves them out. */
function readObject(request: FieldReader, key: string, problems: Problems): RawObject | undefined {
  const raw = request.raw(key);
  if (!isFields(raw)) {
    problems.add(request.pathOf(key), "must be an object");
    return undefined;
  }
  const meta = FieldReader.of(raw["metadata"], `${request.pathOf(key)}.metadata`, problems);
  const name = [meta.string("name"), request.string("name"), meta.string("generateName")].find(isText);
  const namespace = [meta.string("namespace"), request.string("namespace")].find(isText) ?? "";
  if (name === undefined) problems.add(meta.pathOf("name"), "must be set");
  const own = new Problems();
  const metadata = isFields(raw["metadata"]) ? raw["metadata"] : {};
  const object = stripRawObject({ ...raw, metadata: { ...metadata, name: name ?? "unnamed", namespace } }, own);
  for (const { path, message } of own.list) problems.add(`${request.pathOf(key)}.${path}`, message);
  return object;
}

function isText(text: string | undefined): boolean {
  return text !== undefined && text !== "";
}

function statusOf(refusal: Extract<Admission, { allowed: false }>, change: ProposedChange | undefined): object {
  const { code, reason } = STATUS[refusal.reason];
  const causes = refusal.causes.map(({ field, message }) => ({ reason: "FieldValueInvalid", message, field }));
  const details = { name: change?.name ?? "", group: GROUP, kind: change?.kind ?? "", causes };
  return { status: "Failure", code, reason, message: refusal.message, details };
}
