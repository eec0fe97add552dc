/** One time series at the moment of a scrape. */
export interface Sample<Label extends string> {
  readonly labels: Readonly<Record<Label, string>>;
  readonly value: number;
}

/** A metric's name, meaning and labels; names and labels are the API of dashboards and alerts. */
export interface MetricDefinition<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
}

/** What is measured each time it happens, in seconds, with the upper bounds of its buckets. */
export interface HistogramDefinition<Label extends string> extends MetricDefinition<Label> {
  readonly buckets: readonly number[];
}

/** Reads all series of a metric when somebody asks for them. */
export type ReadSamples<Label extends string> = () => Iterable<Sample<Label>> | Promise<Iterable<Sample<Label>>>;

/**
 * Where the parts of a process say what they can be asked for. They keep their own numbers and are read at each scrape, so that
 * nothing is counted twice and a series is gone when what it told of is gone.
 */
export interface Metrics {
  gauge<Label extends string>(definition: MetricDefinition<Label>, read: ReadSamples<Label>): void;
  /** `read` gives totals since the start, that never fall. */
  counter<Label extends string>(definition: MetricDefinition<Label>, read: ReadSamples<Label>): void;
  /** Returns what to call with each measured value. */
  histogram<Label extends string>(
    definition: HistogramDefinition<Label>,
  ): (labels: Readonly<Record<Label, string>>, value: number) => void;
}
