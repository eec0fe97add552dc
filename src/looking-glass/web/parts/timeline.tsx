import type { JSX } from "preact";
import type { StateSpan } from "../../model.ts";
import { formatDuration } from "../format.ts";
import { useNow } from "../glass.ts";
import { type Lasting, placeIn, type Stretch, ticksOf } from "../timeline.ts";

/** Something in a lane. */
export interface Bar extends Lasting {
  /** What the stylesheet paints it as. */
  readonly kind: string;
  readonly title: string;
  readonly text?: string | undefined;
}

/** What was when, from left to right. */
export function Lane({
  label,
  stretch,
  bars,
}: {
  readonly label: string;
  readonly stretch: Stretch;
  readonly bars: readonly Bar[];
}): JSX.Element {
  return (
    <div class="lane" role="img" aria-label={label}>
      {bars.map((bar) => {
        const place = placeIn(stretch, bar);
        if (place === undefined) return undefined;
        return (
          <span
            key={`${bar.start} ${bar.kind}`}
            class={`bar ${bar.kind}`}
            title={bar.title}
            style={{ left: `${place.left}%`, width: `${place.width}%` }}
          >
            {bar.text !== undefined && place.width > 9 && <span class="bar-text">{bar.text}</span>}
          </span>
        );
      })}
    </div>
  );
}

/** The states of a session over time. */
export function StateLane({
  spans,
  from,
}: {
  readonly spans: readonly StateSpan[];
  readonly from: number;
}): JSX.Element {
  const to = useNow(5000);
  const bars = spans.map(
    ({ state, start, end, reason }): Bar => ({
      kind: `state-${state}`,
      start,
      end,
      title: [state, `for ${formatDuration((end === undefined ? to : Date.parse(end)) - Date.parse(start))}`, reason]
        .filter((part) => part !== undefined)
        .join(", "),
    }),
  );
  const changes = Math.max(0, spans.length - 1);
  const label = `${spans.at(-1)?.state ?? "unknown"} now, ${changes} changes in ${formatDuration(to - from)}`;
  return <Lane label={label} stretch={{ from, to }} bars={bars} />;
}

/** Times of day beneath lanes. */
export function TimeAxis({ stretch, most }: { readonly stretch: Stretch; readonly most: number }): JSX.Element {
  return (
    <div class="axis" aria-hidden="true">
      {ticksOf(stretch, most).map((at) => (
        <span
          key={at}
          class="tick num"
          style={{ left: `${((at - stretch.from) / Math.max(1, stretch.to - stretch.from)) * 100}%` }}
        >
          {new Date(at).toTimeString().slice(0, 5)}
        </span>
      ))}
    </div>
  );
}
