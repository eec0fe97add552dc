import type { MetricDefinition, Sample } from "./metrics.ts";

/** The format that all versions of Prometheus read. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** So much is written in one go: half a millisecond of work. */
const CHUNK = 64 * 1024;

/**
 * One metric in Prometheus' text format, bit by bit. Of two samples with the same labels the first counts: a series that is there
 * twice would spoil the scrape.
 */
export function* formatMetric<Label extends string>(
  { name, help, type, labels }: MetricDefinition<Label>,
  samples: Iterable<Sample<Label>>,
): Generator<string, void> {
  const seen = new Set<string>();
  let text = `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n`;
  for (const { labels: values, value } of samples) {
    const series = `${name}${formatLabels(labels, values)}`;
    if (seen.has(series)) continue;
    seen.add(series);
    text += `${series} ${formatValue(value)}\n`;
    if (text.length < CHUNK) continue;
    yield text;
    text = "";
  }
  yield text;
}

function formatLabels<Label extends string>(labels: readonly Label[], values: Readonly<Record<Label, string>>): string {
  let text = "";
  for (const label of labels) {
    const value = values[label];
    if (value === "") continue;
    const safe = NEEDS_ESCAPE.test(value) ? value.replace(/[\\\n"]/g, escaped) : value;
    text += `${text === "" ? "{" : ","}${label}="${safe}"`;
  }
  return text === "" ? "" : `${text}}`;
}

const NEEDS_ESCAPE = /[\\\n"]/;

function escaped(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
