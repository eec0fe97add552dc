import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Page } from "../model.ts";
import type { Failure } from "./api.ts";
import { type ChangedBy, LEAST_GAP } from "./changed-by.ts";
import { useReload } from "./document.ts";
import { useGlass } from "./glass.ts";
import type { Rows } from "./parts/virtual-table.tsx";
import { missingBlocks, type Span } from "./window.ts";

const BLOCK = 100;
/** Blocks that are kept although they are out of sight. */
const KEPT = 12;

/** A long list of the server, of which only what is looked at is here. */
export interface PagedRows<Item, View extends Page<Item>> {
  readonly rows: Rows<Item>;
  /** The latest answer, for what it says beside the rows. */
  readonly view: View | undefined;
  readonly failure: Failure | undefined;
}

interface State<Item, View> {
  readonly path: string;
  readonly view: View | undefined;
  readonly failure: Failure | undefined;
  readonly blocks: ReadonlyMap<number, readonly Item[]>;
}

/** The list at this path (with its filters), loaded in blocks as it is scrolled, and again when one of these events comes. */
export function usePagedRows<Item, View extends Page<Item>>(
  path: string,
  changedBy: ChangedBy,
  gap: number = LEAST_GAP,
): PagedRows<Item, View> {
  const { api } = useGlass();
  const [state, setState] = useState<State<Item, View>>(() => empty(path));
  const span = useRef<Span>({ first: 0, last: 0 });
  const asked = useRef(new Set<number>());

  const loadBlocks = useCallback(
    async (blocks: readonly number[], signal: AbortSignal, anew = false) => {
      const separator = path.includes("?") ? "&" : "?";
      for (const block of blocks) asked.current.add(block);
      const answers = await Promise.all(
        blocks.map(async (block) => ({
          block,
          answer: await api.get<View>(`${path}${separator}limit=${BLOCK}&offset=${block * BLOCK}`, signal),
        })),
      );
      for (const block of blocks) asked.current.delete(block);
      if (signal.aborted) return;
      setState((before) =>
        answers.reduce(
          (now, { block, answer }) => withAnswer(now, path, block, answer),
          anew ? withOnly(before, blocksOf(span.current)) : before,
        ),
      );
    },
    [api, path],
  );
  const loadVisible = useCallback(
    (signal: AbortSignal) => loadBlocks(blocksOf(span.current), signal, true),
    [loadBlocks],
  );
  useReload(loadVisible, changedBy, gap);

  const aborter = useRef(new AbortController());
  useEffect(() => {
    aborter.current = new AbortController();
    return () => {
      aborter.current.abort();
      asked.current.clear();
    };
  }, [path]);

  const current = useRef(state);
  current.current = state;
  const look = useCallback(
    (seen: Span) => {
      span.current = seen;
      const known = current.current;
      if (known.path !== path) return;
      const missing = missingBlocks(seen, BLOCK, (block) => known.blocks.has(block) || asked.current.has(block));
      if (missing.length > 0) void loadBlocks(missing, aborter.current.signal);
    },
    [loadBlocks, path],
  );
  const rows = useMemo<Rows<Item>>(
    () => ({
      count: state.view?.matched ?? 0,
      at: (index) => state.blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK],
      look,
    }),
    [state, look],
  );
  return { rows, view: state.view, failure: state.failure };
}

function empty<Item, View>(path: string): State<Item, View> {
  return { path, view: undefined, failure: undefined, blocks: new Map() };
}

/** What is out of sight may have changed as well: it is loaded again when it is looked at. */
function withOnly<Item, View>(state: State<Item, View>, seen: readonly number[]): State<Item, View> {
  return { ...state, blocks: new Map([...state.blocks].filter(([block]) => seen.includes(block))) };
}

function withAnswer<Item, View extends Page<Item>>(
  before: State<Item, View>,
  path: string,
  block: number,
  answer: { readonly ok: true; readonly value: View } | { readonly ok: false; readonly failure: Failure },
): State<Item, View> {
  if (!answer.ok) return { ...before, path, failure: answer.failure };
  const blocks = new Map(before.path === path ? before.blocks : []);
  blocks.delete(block);
  blocks.set(block, answer.value.items);
  for (const oldest of blocks.keys()) {
    if (blocks.size <= KEPT) break;
    blocks.delete(oldest);
  }
  return { path, view: answer.value, failure: undefined, blocks };
}

function blocksOf(span: Span): readonly number[] {
  return missingBlocks(span, BLOCK, () => false);
}
