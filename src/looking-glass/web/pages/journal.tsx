import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { JournalEntry, JournalView } from "../../model.ts";
import type { Failure } from "../api.ts";
import { counted, formatCount } from "../format.ts";
import { replaceHash, useGlass } from "../glass.ts";
import { onEvent } from "../live.ts";
import { Choice, Filters, TextFilter } from "../parts/filters.tsx";
import { Icon } from "../parts/icons.tsx";
import { Mark } from "../parts/marks.tsx";
import { MoveSubject, moveName } from "../parts/moves.tsx";
import { type Column, rowsOf, VirtualTable } from "../parts/virtual-table.tsx";
import { At, Failed, PageHead } from "../parts/words.tsx";
import { hashOf, searchOf } from "../route.ts";

type Query = Readonly<Record<string, string>>;

const TYPES = [
  "allocated",
  "released",
  "announced",
  "withdrawn",
  "refused",
  "elected",
  "answering",
  "silent",
  "conflict",
  "conflict-cleared",
  "fenced",
  "unfenced",
  "session-up",
  "session-down",
  "member-joined",
  "member-gone",
  "draining",
] as const;

const MOST = 5000;

const COLUMNS: readonly Column<JournalEntry>[] = [
  { name: "time", title: "Time", cell: ({ move }) => <At at={move.at} /> },
  { name: "mark", title: <span class="hidden">Health</span>, cell: ({ health }) => <Mark health={health} /> },
  { name: "type", title: "Move", cell: ({ move }) => moveName(move.type) },
  { name: "node", title: "Node", cell: ({ move }) => move.node },
  { name: "words", title: "What and why", cell: (entry) => <MoveSubject entry={entry} where={false} /> },
];

/** Every move with its reason, the latest first. */
export function JournalPage({ query }: { readonly query: Query }): JSX.Element {
  const journal = useJournal(query);
  const { entries, waiting, paused, failure, more, lost } = journal;
  const change = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("journal", [], { ...query, ...changes }));
  const rows = useMemo(() => rowsOf(entries), [entries]);
  return (
    <>
      <PageHead title="Journal" below={<span class="num">{counted(entries.length, "move")}, the latest first</span>}>
        <button type="button" class="button" aria-pressed={paused} aria-keyshortcuts="p" onClick={journal.toggle}>
          <Icon name={paused ? "play" : "pause"} />
          {paused ? "Resume" : "Pause"}
          {waiting > 0 && <span class="pill num">{formatCount(waiting)} new</span>}
        </button>
      </PageHead>
      <Filters label="Which moves">
        <TextFilter
          label="Service (namespace/name)"
          value={query["service"]}
          change={(service) => change({ service })}
        />
        <Choice
          label="Kind"
          all="All kinds"
          value={query["type"]}
          options={TYPES}
          change={(type) => change({ type })}
        />
        <TextFilter label="Node" value={query["node"]} change={(node) => change({ node })} />
      </Filters>
      {lost > 0 && (
        <div class="notice notice-unknown">
          <Mark health="unknown" />
          <p>{counted(lost, "move")} passed too fast to be told.</p>
        </div>
      )}
      {failure !== undefined && <Failed failure={failure} />}
      <VirtualTable
        label="Moves"
        kind="journal"
        rows={rows}
        columns={COLUMNS}
        keyOf={({ entry }) => `${entry}`}
        heights={{ wide: 34, phone: 64 }}
        empty="No move passes these filters."
      />
      {more && (
        <p class="more">
          <button type="button" class="button" onClick={journal.older}>
            Older moves
          </button>
        </p>
      )}
      <p class="hidden" aria-live="polite">
        {paused ? "paused" : ""}
      </p>
    </>
  );
}

interface State {
  readonly entries: readonly JournalEntry[];
  readonly more: boolean;
  readonly lost: number;
  readonly failure: Failure | undefined;
}

interface Journal extends State {
  readonly paused: boolean;
  /** Moves that came while it was paused. */
  readonly waiting: number;
  readonly toggle: () => void;
  readonly older: () => void;
}

/** The moves that are here, and those that come. */
function useJournal(query: Query): Journal {
  const { api, live } = useGlass();
  const path = `journal${searchOf({ ...query, limit: 500 })}`;
  const [state, setState] = useState<State>({ entries: [], more: false, lost: 0, failure: undefined });
  const [held, setHeld] = useState<readonly JournalEntry[]>([]);
  const [paused, setPaused] = useState(false);
  const isPaused = useRef(paused);
  isPaused.current = paused;

  useEffect(() => {
    const stopped = new AbortController();
    const load = async (): Promise<void> => {
      const answer = await api.get<JournalView>(path, stopped.signal);
      if (stopped.signal.aborted) return;
      if (!answer.ok) return setState((before) => ({ ...before, failure: answer.failure }));
      const { entries, more } = answer.value;
      setState((before) => ({ ...before, entries, more, failure: undefined }));
      setHeld([]);
    };
    void load();
    const stop = onEvent(live, "reset", () => void load());
    return () => {
      stopped.abort();
      stop();
    };
  }, [api, live, path]);

  const passes = usePasses(query);
  useEffect(
    () =>
      onEvent(live, "journal", ({ entries, lost }) => {
        const newest = entries.filter(passes).toReversed();
        if (isPaused.current) setHeld((before) => [...newest, ...before].slice(0, MOST));
        else setState((before) => withNewest(before, newest, lost));
      }),
    [live, passes],
  );

  const toggle = useCallback(() => {
    setPaused((before) => !before);
    if (!isPaused.current) return;
    setState((before) => withNewest(before, held, 0));
    setHeld([]);
  }, [held]);
  useEffect(() => {
    window.addEventListener("herald-pause", toggle);
    return () => window.removeEventListener("herald-pause", toggle);
  }, [toggle]);

  const last = state.entries.at(-1)?.entry;
  const older = useCallback(() => {
    const load = async (): Promise<void> => {
      const answer = await api.get<JournalView>(`${path}&before=${last ?? 0}`, new AbortController().signal);
      if (!answer.ok) return;
      const { entries, more } = answer.value;
      setState((before) => ({ ...before, entries: [...before.entries, ...entries], more }));
    };
    void load();
  }, [api, path, last]);
  return { ...state, paused, waiting: held.length, toggle, older };
}

/** Newer ones before those that are here; what is here already is not said twice. */
function withNewest(before: State, newest: readonly JournalEntry[], lost: number): State {
  const known = new Set(before.entries.map(({ entry }) => entry));
  // What is older than the oldest one here comes with "older moves".
  const oldest = before.more ? (before.entries.at(-1)?.move.at ?? "") : "";
  const fresh = newest.filter(({ entry, move }) => !known.has(entry) && move.at >= oldest);
  const entries = [...fresh, ...before.entries].toSorted(latestFirst).slice(0, MOST);
  return { ...before, entries, lost: before.lost + lost };
}

function latestFirst(a: JournalEntry, b: JournalEntry): number {
  return a.move.at > b.move.at ? -1 : a.move.at < b.move.at ? 1 : b.entry - a.entry;
}

/** The filters of the server, for what comes live. */
function usePasses(query: Query): (entry: JournalEntry) => boolean {
  const { service, type, node, peer } = query;
  return useCallback(
    ({ move }: JournalEntry) =>
      (service === undefined || move.service === service) &&
      (type === undefined || move.type === type) &&
      (node === undefined || move.node === node) &&
      (peer === undefined || move.peer === peer),
    [service, type, node, peer],
  );
}
