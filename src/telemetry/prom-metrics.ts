import { setImmediate } from "node:timers/promises";
import { collectDefaultMetrics, Histogram, Registry } from "prom-client";
import { InvariantError } from "../wire/errors.ts";
import { EXPOSITION_TYPE, formatMetric } from "./exposition.ts";
import type { HistogramDefinition, MetricDefinition, Metrics, Observe, ReadSamples } from "./metrics.ts";

/** Two parts of a process say the same metric. */
class MetricTwice extends InvariantError {
  readonly code = "ERR_TELEMETRY_METRIC_TWICE";
}

/** Between two looks at the event loop's delay, in milliseconds: each look wakes the process. */
const EVENT_LOOP_PRECISION = 20;

/** A chunk that cost enough to let others have their turn after it. */
const LARGE = 16 * 1024;

/** Reads a metric's samples at once, and gives its text later. */
type Read = () => Promise<Generator<string, void>>;

/**
 * The metrics of one process in Prometheus' text format, with those of Node itself: memory, event-loop delay, descriptors.
 * prom-client has the histograms and Node's own; what is read at each scrape is written here, because a label set in prom-client
 * costs 3 µs, and 10,000 Services have 20,000 of them.
 */
export class PromMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #reads: Read[] = [];
  readonly #names = new Set<string>();

  constructor() {
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION });
  }

  readonly contentType = EXPOSITION_TYPE;

  gauge<Label extends string>(definition: MetricDefinition<Label, "gauge">, read: ReadSamples<Label>): void {
    this.#add(definition, read);
  }

  counter<Label extends string>(definition: MetricDefinition<Label, "counter">, read: ReadSamples<Label>): void {
    this.#add(definition, read);
  }

  histogram<Label extends string>({ name, help, labels, buckets }: HistogramDefinition<Label>): Observe<Label> {
    this.#claim(name);
    const metric = new Histogram({
      name,
      help,
      labelNames: labels,
      buckets: [...buckets],
      registers: [this.#registry],
    });
    return (values, value) => metric.observe({ ...values }, value);
  }

  /** Reads everything now, and gives it as text, bit by bit. Rejects when something cannot be read. */
  async chunks(): Promise<AsyncIterable<string>> {
    // All are asked in one turn, so that they tell of one moment, and share what they ask others for.
    const texts = await Promise.all(this.#reads.map((read) => read()));
    const registry = this.#registry;
    return (async function* () {
      for (const text of texts) {
        for (const chunk of text) {
          yield chunk;
          // A reader that takes everything at once must not have the whole turn.
          if (chunk.length >= LARGE) await setImmediate();
        }
      }
      yield await registry.metrics();
    })();
  }

  /** Everything as one text, read now. */
  async text(): Promise<string> {
    let text = "";
    for await (const chunk of await this.chunks()) text += chunk;
    return text;
  }

  #add<Label extends string>(definition: MetricDefinition<Label>, read: ReadSamples<Label>): void {
    this.#claim(definition.name);
    this.#reads.push(async () => formatMetric(definition, await read()));
  }

  #claim(name: string): void {
    if (this.#names.has(name)) throw new MetricTwice(`${name} is registered twice`);
    this.#names.add(name);
  }
}
