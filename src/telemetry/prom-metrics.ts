import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { HistogramDefinition, MetricDefinition, Metrics, ReadSamples } from "./metrics.ts";

/** The metrics of one process in Prometheus' text format, with those of Node itself: memory, event-loop delay, descriptors. */
export class PromMetrics implements Metrics {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  gauge<Label extends string>(definition: MetricDefinition<Label>, read: ReadSamples<Label>): void {
    new Gauge({
      ...this.#named(definition),
      async collect() {
        const samples = await read();
        this.reset();
        for (const { labels, value } of samples) this.set({ ...labels }, value);
      },
    });
  }

  counter<Label extends string>(definition: MetricDefinition<Label>, read: ReadSamples<Label>): void {
    new Counter({
      ...this.#named(definition),
      async collect() {
        const samples = await read();
        this.reset();
        for (const { labels, value } of samples) this.inc({ ...labels }, value);
      },
    });
  }

  histogram<Label extends string>(
    definition: HistogramDefinition<Label>,
  ): (labels: Readonly<Record<Label, string>>, value: number) => void {
    const histogram = new Histogram({
      name: definition.name,
      help: definition.help,
      labelNames: definition.labels,
      buckets: [...definition.buckets],
      registers: [this.#registry],
    });
    return (labels, value) => histogram.observe({ ...labels }, value);
  }

  #named<Label extends string>({ name, help, labels }: MetricDefinition<Label>) {
    return { name, help, labelNames: labels, registers: [this.#registry] };
  }

  /** Everything as text, read now. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
