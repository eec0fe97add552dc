import { type Micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { SHARED_METRICS } from "./catalogue-shared.ts";
import type { Metrics, Observe, Sample } from "./metrics.ts";
import { one } from "./shared-metrics.ts";

/** One request to the API. */
interface ApiCall {
  /** As roles name it: `get list watch create update patch delete`. */
  readonly verb: string;
  readonly method: string;
  /** As roles name it: `services/status`. */
  readonly resource: string;
}

/** Told when a request begins; what it returns is told the status of the answer, or undefined where there was none. */
export type ObserveCall = (call: ApiCall) => (code: number | undefined) => void;

interface Calls extends ApiCall {
  readonly code: number | undefined;
  count: number;
}

/** How requests to the API went, by what was asked. */
export class ApiMetrics {
  readonly #clock: Clock;
  readonly #host: string;
  readonly #duration: Observe<"verb" | "resource">;
  readonly #calls = new Map<string, Calls>();

  constructor({ metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock }, host: string) {
    this.#clock = clock;
    this.#host = host;
    this.#duration = metrics.histogram(SHARED_METRICS.apiDuration);
    metrics.counter(SHARED_METRICS.apiRequests, () => this.#requests());
    metrics.counter(SHARED_METRICS.restClientRequests, () => this.#restClientRequests());
  }

  readonly observe: ObserveCall = (call) => {
    const startedAt = this.#clock.now();
    return (code) => {
      const { verb, resource } = call;
      this.#duration({ verb, resource }, (this.#clock.now() - startedAt) / seconds(1));
      const key = `${verb} ${resource} ${code}`;
      const calls = this.#calls.get(key) ?? { ...call, code, count: 0 };
      calls.count += 1;
      this.#calls.set(key, calls);
    };
  };

  #requests(): readonly Sample<"verb" | "resource" | "code">[] {
    return [...this.#calls.values()].map(({ verb, resource, code = "error", count }) => ({
      labels: { verb, resource, code: String(code) },
      value: count,
    }));
  }

  #restClientRequests(): Iterable<Sample<"code" | "method" | "host">> {
    const host = this.#host;
    const samples = new Map<string, { labels: { code: string; method: string; host: string }; value: number }>();
    for (const { method, code = "<error>", count } of this.#calls.values()) {
      const key = `${method} ${code}`;
      const sample = samples.get(key) ?? { labels: { code: String(code), method, host }, value: 0 };
      sample.value += count;
      samples.set(key, sample);
    }
    return samples.values();
  }
}

/** Says for how long the API was not heard. */
export function registerApiSilence(metrics: Metrics, silence: () => Micros | undefined): void {
  metrics.gauge(SHARED_METRICS.apiSilence, () => {
    const time = silence();
    return time === undefined ? [] : one(time / seconds(1));
  });
}
