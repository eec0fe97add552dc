/** One time series at the moment of a scrape. A label whose value is empty is left out, which Prometheus takes for the same. */
export interface Sample<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: number;
}

type MetricType = "gauge" | "counter" | "histogram";

/** A metric's name, meaning and labels; names and labels are the API of dashboards and alerts. */
export interface MetricDefinition<Label extends string, Type extends MetricType = MetricType> {
  readonly type: Type;
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

/** What is measured each time it happens, in seconds, with the upper bounds of its buckets. */
export interface HistogramDefinition<Label extends string> extends MetricDefinition<Label, "histogram"> {
  readonly buckets: readonly number[];
}

/** Reads all series of a metric when somebody asks for them. What it gives must not change while it is gone through. */
export type ReadSamples<Label extends string> = () => Iterable<Sample<Label>> | Promise<Iterable<Sample<Label>>>;

/** Notes one measured value. */
export type Observe<Label extends string> = (labels: Readonly<Record<Label, string>>, value: number) => void;

/**
 * Where the parts of a process say what they can be asked for. They keep their own numbers and are read at each scrape, so that
 * nothing is counted twice and a series is gone when what it told of is gone.
 */
export interface Metrics {
  gauge<Label extends string>(definition: MetricDefinition<Label, "gauge">, read: ReadSamples<Label>): void;
  /** `read` gives totals since the start, that never fall. */
  counter<Label extends string>(definition: MetricDefinition<Label, "counter">, read: ReadSamples<Label>): void;
  histogram<Label extends string>(definition: HistogramDefinition<Label>): Observe<Label>;
}

/** What there is now. */
export function gauge<Label extends string = never>(
  name: string,
  help: string,
  ...labels: readonly Label[]
): MetricDefinition<Label, "gauge"> {
  return { type: "gauge", name, help, labels };
}

/** What has happened since the start. */
export function counter<Label extends string = never>(
  name: string,
  help: string,
  ...labels: readonly Label[]
): MetricDefinition<Label, "counter"> {
  return { type: "counter", name, help, labels };
}

/** How long something took, by buckets. */
export function histogram<Label extends string>(
  name: string,
  help: string,
  { buckets, labels }: { readonly buckets: readonly number[]; readonly labels: readonly Label[] },
): HistogramDefinition<Label> {
  return { type: "histogram", name, help, labels, buckets };
}
