import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import { useGlass, useMedia } from "../glass.ts";

/** One line, or one row of bars. */
interface Series {
  readonly name: string;
  /** The name of a colour of the stylesheet. */
  readonly colour: string;
  readonly values: readonly (number | undefined)[];
}

interface Props {
  /** Says in words what is seen. */
  readonly label: string;
  /** Seconds since 1970. */
  readonly at: readonly number[];
  readonly series: readonly Series[];
  readonly height: number;
  /** `step` holds a value until the next one. */
  readonly shape: "bars" | "step";
}

/** A chart over time. */
export function Chart({ label, at, series, height, shape }: Props): JSX.Element {
  const { theme } = useGlass();
  const frame = useRef<HTMLDivElement>(null);
  const dark = useMedia("(prefers-color-scheme: dark)");
  const plot = useRef<UPlot>(undefined);
  const data = useRef<UPlot.AlignedData>([[]]);
  data.current = [[...at], ...series.map(({ values }) => values.map((value) => value ?? undefined))];
  const names = series.map(({ name, colour }) => `${name} ${colour}`).join();
  // Other colours and other series need another plot, other values do not.
  useEffect(() => {
    const here = frame.current;
    if (here === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new UPlot(optionsOf(here, series, height, shape), data.current, here);
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: here.clientWidth, height }));
    resized.observe(here);
    const stop = theme.watch(draw);
    return () => {
      stop();
      resized.disconnect();
      plot.current?.destroy();
    };
  }, [names, height, shape, dark, theme]);
  useEffect(() => plot.current?.setData(data.current), [at, series]);
  return <div class="chart" role="img" aria-label={label} ref={frame} />;
}

function optionsOf(here: HTMLElement, series: readonly Series[], height: number, shape: Props["shape"]): UPlot.Options {
  const [line, text] = [colourOf(here, "--line"), colourOf(here, "--faint")];
  const font = `11px ${getComputedStyle(here).fontFamily}`;
  const axis = { stroke: text, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
  const paths =
    shape === "bars" ? UPlot.paths.bars?.({ size: [0.7, 12], radius: 0.15 }) : UPlot.paths.stepped?.({ align: 1 });
  return {
    width: here.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    legend: { show: true, live: true },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(4, Math.ceil((most ?? 0) * 1.15))] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 70, values: (_plot, splits) => splits.map(minuteOf) },
      { ...axis, size: 34, space: 28, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] },
    ],
    series: [
      { label: "At", value: (_plot, value) => (value === null ? "" : secondOf(value)) },
      ...series.map(({ name, colour }) => {
        const stroke = colourOf(here, colour);
        const fill = shape === "bars" ? stroke : `color-mix(in srgb, ${stroke} 12%, transparent)`;
        const width = shape === "bars" ? 0 : 1.5;
        return {
          label: name,
          value: (_plot: UPlot, value: number | null) => `${value ?? ""}`,
          stroke,
          fill,
          width,
          points: { show: false },
          ...(paths && { paths }),
        };
      }),
    ],
  };
}

/** What a variable of the stylesheet comes to here, in the scheme of the moment. */
function colourOf(here: HTMLElement, variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  here.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function minuteOf(at: number): string {
  return new Date(at * 1000).toTimeString().slice(0, 5);
}

function secondOf(at: number): string {
  return new Date(at * 1000).toTimeString().slice(0, 8);
}
