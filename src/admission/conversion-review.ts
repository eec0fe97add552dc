import { objectKey } from "../api/object.ts";
import { isFields, Problems } from "../api/read-object.ts";
import { stripRawObject } from "../api/strip.ts";
import { CodedError } from "../wire/errors.ts";
import { convertBgpPeer, type PeerVersion } from "./convert.ts";
import { readRequest, refuseProblems } from "./review-request.ts";

const REVIEW = { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview" };
const VERSIONS: readonly PeerVersion[] = ["metallb.io/v1beta1", "metallb.io/v1beta2"];

/** A ConversionReview and what was made of it. */
export interface AnsweredConversion {
  /** Why nothing was converted. */
  readonly failure: string | undefined;
  /** The body of the answer, as JSON. */
  readonly review: object;
}

/**
 * Answers the body of a ConversionReview, objects in their order. One that cannot be converted fails the whole, because
 * the API server takes all or none. @throws InvalidReviewError when it is no such review
 */
export function reviewConversion(body: unknown): AnsweredConversion {
  const problems = new Problems();
  const { request, uid } = readRequest(body, REVIEW, problems);
  const desired = request.string("desiredAPIVersion");
  const objects = request.raw("objects");
  if (desired === undefined) problems.add("request.desiredAPIVersion", "must be set");
  if (!Array.isArray(objects)) problems.add("request.objects", "must be a list");
  refuseProblems(REVIEW.kind, problems);
  const { converted, failure } = convertAll(Array.isArray(objects) ? objects : [], desired);
  const answer =
    failure === undefined
      ? { convertedObjects: converted, result: { status: "Success" } }
      : { result: { status: "Failure", message: failure } };
  return { failure, review: { ...REVIEW, response: { uid, ...answer } } };
}

type Outcome =
  | { readonly converted: readonly unknown[]; readonly failure?: never }
  | { readonly failure: string; readonly converted?: never };

function convertAll(objects: readonly unknown[], desired: string | undefined): Outcome {
  const to = VERSIONS.find((version) => version === desired);
  if (to === undefined) return { failure: `BGPPeer has no version "${desired ?? ""}"` };
  const converted: unknown[] = [];
  for (const [i, object] of objects.entries()) {
    try {
      converted.push(convertBgpPeer(isFields(object) ? object : {}, to));
    } catch (error) {
      if (error instanceof CodedError) return { failure: `${nameOf(object, i)}: ${error.message}` };
      throw error;
    }
  }
  return { converted };
}

function nameOf(object: unknown, i: number): string {
  const known = stripRawObject(object);
  return known === undefined ? `objects[${i}]` : `${known.kind ?? "object"} "${objectKey(known)}"`;
}
