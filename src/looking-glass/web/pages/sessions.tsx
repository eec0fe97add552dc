import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { SessionRow, SessionsView } from "../../model.ts";
import { byName, counted, formatCount, formatDuration } from "../format.ts";
import { replaceHash, useNow } from "../glass.ts";
import { usePagedRows } from "../pages-of-rows.ts";
import { Choice, Filters, Segments, TextFilter } from "../parts/filters.tsx";
import { Mark } from "../parts/marks.tsx";
import { StateLane, TimeAxis } from "../parts/timeline.tsx";
import { type Column, VirtualTable } from "../parts/virtual-table.tsx";
import { Ago, Failed, Loading, PageHead, Silent } from "../parts/words.tsx";
import { hashOf, searchOf } from "../route.ts";

type Query = Readonly<Record<string, string>>;

/** All BGP sessions with their states over time. */
export function SessionsPage({ query }: { readonly query: Query }): JSX.Element {
  const { rows, view, failure } = usePagedRows<SessionRow, SessionsView>(`sessions${searchOf(query)}`, [
    "sessions",
    "sources",
  ]);
  const change = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("sessions", [], { ...query, ...changes }));
  const from = view?.from;
  const columns = useMemo(() => columnsSince(from === undefined ? Date.now() : Date.parse(from)), [from]);
  const options = useOptions(view);
  return (
    <>
      <PageHead
        title="BGP sessions"
        below={
          view !== undefined && (
            <span class="num" aria-live="polite">
              {view.matched === view.total ? "" : `${formatCount(view.matched)} of `}
              {counted(view.total, "session")}
            </span>
          )
        }
      />
      <Filters label="Which sessions">
        <TextFilter label="Node, peer, address or error" value={query["q"]} change={(q) => change({ q })} />
        <Segments
          label="State"
          value={query["state"]}
          options={[
            { value: undefined, title: "All" },
            { value: "established", title: "Established" },
            { value: "down", title: "Down" },
          ]}
          change={(state) => change({ state })}
        />
        <Choice
          label="Node"
          all="All nodes"
          value={query["node"]}
          options={options.nodes}
          change={(node) => change({ node })}
        />
        <Choice
          label="Peer"
          all="All peers"
          value={query["peer"]}
          options={options.peers}
          change={(peer) => change({ peer })}
        />
      </Filters>
      {failure !== undefined && <Failed failure={failure} />}
      {view === undefined && failure === undefined && <Loading />}
      {view !== undefined && (
        <>
          <Silent sources={view.silent} />
          <VirtualTable
            label="BGP sessions"
            kind="sessions"
            rows={rows}
            columns={columns}
            keyOf={keyOf}
            hrefOf={({ session }) => hashOf("sessions", [session.node, session.peer])}
            markOf={({ health, fresh }) => `${health === "bad" ? "row-bad" : ""} ${fresh ? "" : "row-old"}`}
            heights={{ wide: 52, phone: 92 }}
            empty="No session passes these filters."
          />
        </>
      )}
    </>
  );
}

function keyOf({ session }: SessionRow): string {
  return `${session.node} ${session.peer}`;
}

function columnsSince(from: number): readonly Column<SessionRow>[] {
  return [
    {
      name: "mark",
      title: <span class="hidden">Health</span>,
      cell: ({ health, session }) => <Mark health={health} label={session.state} />,
    },
    { name: "name", title: "Session", cell: (row) => <Who row={row} /> },
    { name: "state", title: "State", cell: (row) => <State row={row} /> },
    { name: "since", title: "Since", cell: ({ session }) => <Ago at={session.since} /> },
    { name: "out", title: "Out", cell: ({ session }) => <span class="num">{formatCount(session.prefixesOut)}</span> },
    { name: "in", title: "In", cell: ({ session }) => <span class="num">{formatCount(session.prefixesIn)}</span> },
    { name: "flaps", title: "Flaps", cell: ({ session }) => <span class="num">{session.flaps}</span> },
    { name: "bfd", title: "BFD", cell: ({ session }) => session.bfd?.state ?? <span class="muted">–</span> },
    {
      name: "lane",
      title: <AxisTitle from={from} />,
      cell: ({ timeline }) => <StateLane spans={timeline} from={from} />,
    },
  ];
}

function AxisTitle({ from }: { readonly from: number }): JSX.Element {
  const to = useNow(5000);
  return (
    <>
      <span class="hidden">States over the last {formatDuration(to - from)}</span>
      <TimeAxis stretch={{ from, to }} most={5} />
    </>
  );
}

function Who({ row }: { readonly row: SessionRow }): JSX.Element {
  const { node, peer, address, interface: name, expectedAsn, negotiated } = row.session;
  return (
    <>
      <a href={hashOf("sessions", [node, peer])} class="nowrap">
        {node} → {peer}
      </a>
      <span class="second muted">
        <span class="mono">{address ?? name ?? ""}</span> AS {negotiated?.peerAsn ?? expectedAsn}
      </span>
    </>
  );
}

function State({ row }: { readonly row: SessionRow }): JSX.Element {
  const { state, lastError, negotiated } = row.session;
  const second = lastError ?? negotiated?.families.join(", ");
  return (
    <>
      <span class={state === "established" ? "" : "said-bad"}>{row.fresh ? state : `${state}, seen last`}</span>
      {second !== undefined && (
        <span class="second muted" title={second}>
          {second}
        </span>
      )}
    </>
  );
}

/** The names to choose from are those that were seen on this page. */
function useOptions(view: SessionsView | undefined): {
  readonly nodes: readonly string[];
  readonly peers: readonly string[];
} {
  return useMemo(() => {
    const sessions = (view?.items ?? []).map(({ session }) => session);
    return {
      nodes: [...new Set(sessions.map(({ node }) => node))].toSorted(byName),
      peers: [...new Set(sessions.map(({ peer }) => peer))].toSorted(byName),
    };
  }, [view]);
}
