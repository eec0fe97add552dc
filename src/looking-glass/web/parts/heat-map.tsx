import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { PoolCell, PoolHolder } from "../../model.ts";
import { formatCount } from "../format.ts";
import { usePhone } from "../glass.ts";

interface Props {
  readonly cells: readonly PoolCell[];
  readonly holders: readonly PoolHolder[];
  readonly open: (cell: PoolCell) => void;
}

/** The addresses of a pool as cells, the fuller the darker. Arrow keys walk over them, Enter opens one. */
export function HeatMap({ cells, holders, open }: Props): JSX.Element {
  const columns = columnsOf(cells.length, usePhone());
  const [at, setAt] = useState(0);
  const held = useMemo(() => new Map(holders.map(({ address, services }) => [address, services])), [holders]);
  const current = cells[Math.min(at, cells.length - 1)];
  const pressed = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && current !== undefined) open(current);
    const step = stepOf(event.key, columns);
    if (step === undefined) return;
    event.preventDefault();
    setAt(Math.max(0, Math.min(cells.length - 1, at + step)));
  };
  return (
    <div class="heat-frame">
      <div
        class="heat"
        role="listbox"
        tabIndex={0}
        aria-label="Addresses"
        aria-activedescendant={`cell-${at}`}
        style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 26px))` }}
        onKeyDown={pressed}
      >
        {cells.map((cell, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: Enter in the list does the same
          <div
            key={cell.first}
            id={`cell-${index}`}
            class={`heat-cell heat-${levelOf(cell)}`}
            role="option"
            aria-selected={index === at}
            aria-label={wordsOf(cell, held)}
            onPointerEnter={() => setAt(index)}
            onClick={() => open(cell)}
          />
        ))}
      </div>
      <p class="heat-now mono" aria-hidden="true">
        {current === undefined ? "" : wordsOf(current, held)}
      </p>
      <HeatKey />
    </div>
  );
}

function HeatKey(): JSX.Element {
  return (
    <ul class="legend" aria-label="Cells">
      <li>
        <span class="swatch heat-0" aria-hidden="true" /> free
      </li>
      <li>
        <span class="swatch heat-2" aria-hidden="true" />
        <span class="swatch heat-3" aria-hidden="true" /> in part
      </li>
      <li>
        <span class="swatch heat-4" aria-hidden="true" /> in use
      </li>
      <li>
        <span class="swatch heat-avoided" aria-hidden="true" /> never given
      </li>
    </ul>
  );
}

/** A row is a power of two, so that what is one above the other belongs together. */
function columnsOf(cells: number, phone: boolean): number {
  const most = phone ? 16 : 64;
  return Math.min(most, Math.max(8, 2 ** Math.ceil(Math.log2(Math.sqrt(cells * (phone ? 1 : 4))))));
}

function stepOf(key: string, columns: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    Home: -100_000,
    End: 100_000,
  };
  return steps[key];
}

function levelOf({ size, used, avoided }: PoolCell): string {
  if (avoided === true) return "avoided";
  if (used === 0) return "0";
  const share = used / Number(size);
  return share >= 1 ? "4" : share > 0.5 ? "3" : share > 0.1 ? "2" : "1";
}

function wordsOf({ first, last, size, used, avoided }: PoolCell, held: ReadonlyMap<string, readonly string[]>): string {
  if (size !== 1) return `${first} to ${last}: ${formatCount(used)} of ${formatCount(size)} in use`;
  if (avoided === true) return `${first}: never given (spec.avoidBuggyIPs)`;
  return `${first}: ${used === 0 ? "free" : (held.get(first)?.join(", ") ?? "in use")}`;
}
