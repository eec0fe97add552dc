import { reviewAdmission } from "../admission/admission-review.ts";
import type { Admission, ClusterObjects } from "../admission/change.ts";
import { listOfKind } from "../admission/config-kind.ts";
import { reviewConversion } from "../admission/conversion-review.ts";
import type { Log } from "../telemetry/log.ts";
import type { ObserveReview, Seen } from "./review-metrics.ts";
import type { Review } from "./webhook-server.ts";

/** What is in the cluster, for verdicts on changes. */
export interface ClusterView {
  objects(): ClusterObjects;
  /** What was not listed yet, in the words of the API. */
  unsynced(): readonly string[];
}

/** Where the API server asks for conversions. */
export const CONVERT_PATH = "/convert";

/** MetalLB's paths: its ValidatingWebhookConfiguration works with us. */
const ADMISSION_PATHS = [
  "/validate-metallb-io-v1beta1-ipaddresspool",
  "/validate-metallb-io-v1beta2-bgppeer",
  "/validate-metallb-io-v1beta1-bgpadvertisement",
  "/validate-metallb-io-v1beta1-l2advertisement",
  "/validate-metallb-io-v1beta1-community",
  "/validate-metallb-io-v1beta1-bfdprofile",
] as const;

/** The reviews by path. */
export function reviewsByPath(
  cluster: ClusterView,
  log: Log,
  observe: ObserveReview = () => () => {},
): ReadonlyMap<string, Review> {
  const admission: Review = {
    answer: observed(observe, (body, seen) => {
      const { change, admission: verdict, review } = reviewAdmission(body, cluster.objects());
      seen(seenOf(change?.kind ?? "", verdict));
      if (change !== undefined && !verdict.allowed) {
        const { operation, kind, namespace, name } = change;
        log.info("change refused", { operation, kind, namespace, name, reason: verdict.message });
      }
      return review;
    }),
    missing: () => cluster.unsynced(),
  };
  const conversion: Review = {
    answer: observed(observe, (body, seen) => {
      const { failure, review } = reviewConversion(body);
      seen({ kind: "BGPPeer", verdict: failure === undefined ? "converted" : "failed", fields: [] });
      if (failure !== undefined) log.warn("conversion failed", { reason: failure });
      return review;
    }),
    // Needs no cache, and the caches may need it: objects stored in the other version are listed through it.
    missing: () => [],
  };
  return new Map([...ADMISSION_PATHS.map((path) => [path, admission] as const), [CONVERT_PATH, conversion]]);
}

type Answer = (body: unknown, seen: (seen: Seen) => void) => object;

/** One that throws was no review. */
function observed(observe: ObserveReview, answer: Answer): Review["answer"] {
  return (body) => {
    const ended = observe();
    let seen: Seen = { kind: "", verdict: "failed", fields: [] };
    try {
      return answer(body, (now) => {
        seen = now;
      });
    } finally {
      ended(seen);
    }
  };
}

/** Whoever reaches the webhook may name kinds without end. */
function seenOf(asked: string, verdict: Admission): Seen {
  const kind = listOfKind(asked) === undefined ? "" : asked;
  if (!verdict.allowed) return { kind, verdict: "refused", fields: verdict.causes.map(({ field }) => field) };
  return { kind, verdict: verdict.warnings.length === 0 ? "allowed" : "warned", fields: [] };
}
