import { formatProblems } from "../api/raw-object.ts";
import { FieldReader, type Problems } from "../api/read-object.ts";
import { InvalidReviewError } from "./error.ts";

/** The request of a review of any kind: what it holds is up to the kind. @throws InvalidReviewError */
export function readRequest(
  body: unknown,
  review: { readonly apiVersion: string; readonly kind: string },
  problems: Problems,
): { readonly request: FieldReader; readonly uid: string } {
  const object = FieldReader.of(body ?? "nothing", "", problems);
  for (const key of ["apiVersion", "kind"] as const) {
    const text = object.string(key);
    if (text !== review[key]) problems.add(key, `must be "${review[key]}", not "${text ?? ""}"`);
  }
  const request = FieldReader.of(object.raw("request") ?? "nothing", "request", problems);
  const uid = request.string("uid") ?? "";
  if (uid === "") problems.add("request.uid", "must be set");
  refuseProblems(review.kind, problems);
  return { request, uid };
}

/** @throws InvalidReviewError when there are problems */
export function refuseProblems(kind: string, { list }: Problems): void {
  if (list.length === 0) return;
  throw new InvalidReviewError(`no ${kind}: ${formatProblems(list)}`);
}
