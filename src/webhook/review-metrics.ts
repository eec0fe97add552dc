import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { CONTROLLER_METRICS } from "../telemetry/catalogue-controller.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** How a review ended: warned is allowed with a warning, failed is one that was none. */
type Verdict = "allowed" | "warned" | "refused" | "converted" | "failed";

/** What a review was about, and what came of it. */
export interface Seen {
  /** `BGPPeer`; of objects that are none of ours, and of what was no review, empty. */
  readonly kind: string;
  readonly verdict: Verdict;
  /** Of a refusal: the fields that were wrong. */
  readonly fields: readonly string[];
}

/** Told when a review begins; what it returns is told how it ended. */
export type ObserveReview = () => (seen: Seen) => void;

/** Counts reviews: how long each took, and which fields changes were refused for. */
export function reviewMetrics(metrics: Metrics, clock: Clock): ObserveReview {
  const observe = metrics.histogram(CONTROLLER_METRICS.webhookReviews);
  const refusals = new Map<string, { readonly labels: { kind: string; field: string }; value: number }>();
  metrics.counter(CONTROLLER_METRICS.webhookRefusals, () => refusals.values());
  return () => {
    const begun = clock.now();
    return ({ kind, verdict, fields }) => {
      const took: Micros = micros(clock.now() - begun);
      observe({ kind, verdict }, took / seconds(1));
      for (const field of new Set(fields.map(fieldName))) {
        const key = `${kind} ${field}`;
        const row = refusals.get(key) ?? { labels: { kind, field }, value: 0 };
        row.value += 1;
        refusals.set(key, row);
      }
    };
  };
}

/**
 * `spec.addresses[2]` is `spec.addresses`, and a label of a selector is its `matchLabels`: a series for each field, not for each of what is
 * in it.
 */
function fieldName(path: string): string {
  return path.replaceAll(/\[[^\]]*\]/g, "").replace(/(\.matchLabels)\..*$/s, "$1");
}
