import type { ComponentChildren, JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { usePhone } from "../glass.ts";
import { type Span, slotsFor, visibleSpan } from "../window.ts";

/** Rows that may not all be here. */
export interface Rows<Item> {
  readonly count: number;
  /** Undefined while it is on its way. */
  readonly at: (index: number) => Item | undefined;
  /** Told which rows are looked at. */
  readonly look?: (span: Span) => void;
}

export interface Column<Item> {
  readonly name: string;
  readonly title: ComponentChildren;
  readonly cell: (item: Item) => ComponentChildren;
  /** The name that the server sorts by. */
  readonly sort?: string;
}

export interface Sorting {
  readonly by: string;
  readonly descending: boolean;
  readonly change: (by: string) => void;
}

interface Props<Item> {
  /** What it is a table of; with `kind` the stylesheet knows the widths of its columns. */
  readonly label: string;
  readonly kind: string;
  readonly rows: Rows<Item>;
  readonly columns: readonly Column<Item>[];
  readonly keyOf: (item: Item) => string;
  readonly hrefOf?: (item: Item) => string;
  readonly markOf?: (item: Item) => string | undefined;
  readonly heights: { readonly wide: number; readonly phone: number };
  readonly sorting?: Sorting;
  readonly empty: ComponentChildren;
}

/** A table of any length: only the rows in sight are in the page. `j` and `k` walk over its rows, Enter opens one. */
export function VirtualTable<Item>(props: Props<Item>): JSX.Element {
  const { label, kind, rows, columns, heights, sorting, empty } = props;
  const height = usePhone() ? heights.phone : heights.wide;
  const body = useRef<HTMLDivElement>(null);
  const span = useSpan(body, height, rows.count);
  useEffect(() => rows.look?.(span), [rows, span]);
  useRowKeys(body, height);
  const slots = slotsFor(window.innerHeight, height);
  return (
    <div class={`table table-${kind}`} role="table" aria-label={label} aria-rowcount={rows.count + 1}>
      <div class="table-head" role="rowgroup">
        <div class="table-row" role="row" aria-rowindex={1}>
          {columns.map((column) => (
            <HeadCell key={column.name} column={column} sorting={sorting} />
          ))}
        </div>
      </div>
      <div class="table-body" role="rowgroup" ref={body} style={{ height: `${rows.count * height}px` }}>
        {indexes(span).map((index) => (
          // Rows that leave at one end come in at the other: what is in the page stays, and only its words change.
          <Row key={index % slots} {...props} index={index} height={height} />
        ))}
      </div>
      {rows.count === 0 && <p class="table-empty">{empty}</p>}
    </div>
  );
}

function HeadCell<Item>({
  column,
  sorting,
}: {
  readonly column: Column<Item>;
  readonly sorting: Sorting | undefined;
}): JSX.Element {
  const { name, title, sort } = column;
  const sorted = sort !== undefined && sorting?.by === sort;
  const order = sorted ? (sorting.descending ? "descending" : "ascending") : undefined;
  return (
    <div class={`cell cell-${name}`} role="columnheader" aria-sort={order}>
      {sort === undefined || sorting === undefined ? (
        title
      ) : (
        <button type="button" class="sort" onClick={() => sorting.change(sort)}>
          {title}
          <span class={`sort-arrow ${order ?? ""}`} aria-hidden="true" />
        </button>
      )}
    </div>
  );
}

function Row<Item>(props: Props<Item> & { readonly index: number; readonly height: number }): JSX.Element {
  const { rows, columns, keyOf, hrefOf, markOf, index, height } = props;
  const row = useRef<HTMLDivElement>(null);
  const item = rows.at(index);
  const mark = item === undefined ? "waiting" : (markOf?.(item) ?? "");
  const href = item === undefined ? undefined : hrefOf?.(item);
  const cells = useMemo(
    () =>
      item === undefined ? <Waiting /> : columns.map((column) => <Cell key={column.name} {...column} item={item} />),
    [item, columns],
  );
  // The focus was on another one, which is no longer there.
  useLayoutEffect(() => blurWithin(row.current), [index]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the link in the row does the same for the keyboard
    <div
      ref={row}
      class={`table-row ${href === undefined ? "" : "opens"} ${mark}`}
      role="row"
      aria-rowindex={index + 2}
      data-row={item === undefined ? undefined : keyOf(item)}
      data-index={index}
      style={{ transform: `translateY(${index * height}px)`, height: `${height}px` }}
      onClick={href === undefined ? undefined : (event) => openRow(event, href)}
    >
      {cells}
    </div>
  );
}

function Cell<Item>({ name, cell, item }: Column<Item> & { readonly item: Item }): JSX.Element {
  return (
    <div class={`cell cell-${name}`} role="cell">
      {cell(item)}
    </div>
  );
}

function Waiting(): JSX.Element {
  return (
    <div class="cell" role="cell">
      <span class="skeleton" />
      <span class="hidden">loading</span>
    </div>
  );
}

function blurWithin(row: HTMLElement | null): void {
  const { activeElement } = document;
  if (row?.contains(activeElement) === true && activeElement instanceof HTMLElement) activeElement.blur();
}

/** Anywhere in the row, but where there is a link of its own, or where words were selected. */
function openRow({ target }: Event, href: string): void {
  if (target instanceof Element && target.closest("a, button") !== null) return;
  if (`${window.getSelection() ?? ""}` === "") window.location.hash = href;
}

/** The rows in sight, as the page is scrolled and resized. */
function useSpan(body: { readonly current: HTMLElement | null }, height: number, count: number): Span {
  const [span, setSpan] = useState<Span>(() => visibleSpan(0, window.innerHeight, height, count));
  const measure = useCallback(() => {
    const top = -(body.current?.getBoundingClientRect().top ?? 0);
    const next = visibleSpan(top, window.innerHeight, height, count);
    setSpan((before) => (before.first === next.first && before.last === next.last ? before : next));
  }, [body, height, count]);
  useLayoutEffect(measure, [measure]);
  useEffect(() => {
    let frame = 0;
    const scrolled = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(measure);
    };
    window.addEventListener("scroll", scrolled, { passive: true });
    window.addEventListener("resize", scrolled);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", scrolled);
      window.removeEventListener("resize", scrolled);
    };
  }, [measure]);
  return span;
}

/** `j` and `k`, wherever the reader is unless he writes. */
function useRowKeys(body: { readonly current: HTMLElement | null }, height: number): void {
  useEffect(() => {
    const pressed = (event: Event): void => {
      const step = event instanceof CustomEvent ? Number(event.detail) : 0;
      const here = body.current;
      if (here === null) return;
      const now = here.contains(document.activeElement) ? document.activeElement?.closest("[data-index]") : undefined;
      const from = now instanceof HTMLElement ? Number(now.dataset["index"]) : firstInSight(here, height) - step;
      focusRow(here, from + step, height);
    };
    window.addEventListener("herald-row", pressed);
    return () => window.removeEventListener("herald-row", pressed);
  }, [body, height]);
}

function firstInSight(body: HTMLElement, height: number): number {
  return Math.max(0, Math.ceil((120 - body.getBoundingClientRect().top) / height));
}

function focusRow(body: HTMLElement, index: number, height: number): void {
  const row = body.querySelector(`[data-index="${index}"]`);
  if (row === null) return;
  const { top, bottom } = row.getBoundingClientRect();
  if (top < 130) window.scrollBy(0, top - 130 - height);
  if (bottom > window.innerHeight - 24) window.scrollBy(0, bottom - window.innerHeight + 24 + height);
  const target = row.querySelector("a, button");
  if (target instanceof HTMLElement) target.focus({ preventScroll: true });
}

function indexes({ first, last }: Span): readonly number[] {
  return Array.from({ length: last - first }, (_, offset) => first + offset);
}

/** Rows that are all here. */
export function rowsOf<Item>(items: readonly Item[]): Rows<Item> {
  return { count: items.length, at: (index) => items[index] };
}
