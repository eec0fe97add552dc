import { expect, test } from "vitest";
import { InvalidReviewError } from "../../src/admission/error.ts";
import { millis } from "../../src/net/micros.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { reviewMetrics } from "../../src/webhook/review-metrics.ts";
import { CONVERT_PATH, reviewsByPath } from "../../src/webhook/reviews.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NAMESPACE = "metallb-system";
const POOLS = "/validate-metallb-io-v1beta1-ipaddresspool";

function pool(name: string, addresses: readonly string[]): object {
  const object = { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool" };
  return { ...object, metadata: { name, namespace: NAMESPACE }, spec: { addresses } };
}

function review(object: object, of = "IPAddressPool"): object {
  const kind = { group: "metallb.io", version: "v1beta1", kind: of };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { uid: "1", kind, operation: "CREATE", namespace: NAMESPACE, object },
  };
}

const CONVERSION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "ConversionReview",
  request: { uid: "1", desiredAPIVersion: "metallb.io/v1beta2", objects: [] },
};

function scene() {
  const [metrics, clock] = [new PromMetrics(), new VirtualClock()];
  const lists = { pools: [], peers: [], bgpAdvertisements: [], l2Advertisements: [], communities: [], bfdProfiles: [] };
  const cluster = {
    objects: () => {
      clock.advance(millis(30));
      return { ...lists, namespace: NAMESPACE, nodes: [], secrets: [], services: [] };
    },
    unsynced: () => [],
  };
  const reviews = reviewsByPath(cluster, silentLog, reviewMetrics(metrics, clock));
  const ask = (path: string, body: unknown): object | undefined => reviews.get(path)?.answer(body);
  return { metrics, ask };
}

test("each review is measured by its kind and verdict, and each refusal counted by the field that was wrong", async () => {
  const { metrics, ask } = scene();
  ask(POOLS, review(pool("good", ["192.0.2.0/24"])));
  ask(POOLS, review(pool("bad", ["192.0.2.0/24", "rubbish", "more rubbish"])));
  ask(POOLS, review(pool("bad", ["rubbish"])));
  ask(CONVERT_PATH, CONVERSION);
  expect(() => ask(POOLS, { nonsense: true })).toThrow(InvalidReviewError);
  const text = await metrics.text();
  const count = (labels: string): string =>
    new RegExp(`herald_webhook_review_duration_seconds_count\\{${labels}\\} (\\d+)`).exec(text)?.[1] ?? "none";
  expect(count('kind="IPAddressPool",verdict="allowed"')).toBe("1");
  expect(count('kind="IPAddressPool",verdict="refused"')).toBe("2");
  expect(count('kind="BGPPeer",verdict="converted"')).toBe("1");
  expect(count('(?:kind="",)?verdict="failed"')).toBe("1");
  expect(text).toContain(
    'herald_webhook_review_duration_seconds_bucket{le="0.02",kind="IPAddressPool",verdict="allowed"} 0',
  );
  expect(text).toContain(
    'herald_webhook_review_duration_seconds_bucket{le="0.05",kind="IPAddressPool",verdict="allowed"} 1',
  );
  const refusals = [...text.matchAll(/^herald_webhook_refusals_total\{(.*)\} (\d+)$/gm)].map(([, ...row]) => row);
  expect(refusals).toEqual([['kind="IPAddressPool",field="spec.addresses"', "2"]]);
});

test("names that whoever asks has made up make no series of their own", async () => {
  const { metrics, ask } = scene();
  for (let i = 0; i < 50; i++) {
    ask(POOLS, review(pool("any", []), `Kind${i}`));
    const object = { apiVersion: "metallb.io/v1beta1", kind: "L2Advertisement" };
    const nodeSelectors = [{ matchLabels: { [`no label ${i}`]: "x" } }];
    const metadata = { name: "any", namespace: NAMESPACE };
    ask(
      "/validate-metallb-io-v1beta1-l2advertisement",
      review({ ...object, metadata, spec: { nodeSelectors } }, object.kind),
    );
  }
  const text = await metrics.text();
  expect(text).not.toContain("Kind1");
  const refusals = [...text.matchAll(/^herald_webhook_refusals_total\{(.*)\} (\d+)$/gm)].map(([, ...row]) => row);
  expect(refusals).toEqual([['kind="L2Advertisement",field="spec.nodeSelectors.matchLabels"', "50"]]);
});
