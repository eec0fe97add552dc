import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Layer2HistoryView, Layer2Node, Layer2Owner, Layer2OwnersView, OwnerSpan } from "../../model.ts";
import { useDocument } from "../document.ts";
import { byName, counted, formatDuration } from "../format.ts";
import { replaceHash, useNow } from "../glass.ts";
import { Filters, Segments, TextFilter } from "../parts/filters.tsx";
import { Mark } from "../parts/marks.tsx";
import { type Bar, Lane, TimeAxis } from "../parts/timeline.tsx";
import { type Column, rowsOf, VirtualTable } from "../parts/virtual-table.tsx";
import { Ago, Failed, Loading, PageHead, Scroll, ServiceLink, Silent } from "../parts/words.tsx";
import { hashOf } from "../route.ts";
import type { Stretch } from "../timeline.ts";

type Query = Readonly<Record<string, string>>;

/** An address with who answered for it over time. */
interface Row extends Layer2Owner {
  readonly spans: readonly OwnerSpan[];
}

const WINDOWS = { "5": 5, "15": 15, "60": 60, "360": 360 } as const;
type WindowName = keyof typeof WINDOWS;

/** Who answers for which address on the LAN, now and before. */
export function Layer2Page({ query }: { readonly query: Query }): JSX.Element {
  const { value, failure } = useDocument<Layer2OwnersView>("layer2", ["layer2", "sources"]);
  const history = useDocument<Layer2HistoryView>("layer2/history", ["layer2"]);
  const change = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("layer2", [], { ...query, ...changes }));
  const { rows, tints } = useRows(value, history.value, query["q"]);
  const minutes = windowOf(query["minutes"]);
  const columns = useMemo(() => columnsOf(WINDOWS[minutes], tints), [minutes, tints]);
  if (value === undefined) return failure === undefined ? <Loading /> : <Failed failure={failure} />;
  return (
    <>
      <PageHead title="Layer 2" below={<Below view={value} />} />
      <Filters label="Which addresses">
        <TextFilter label="Address, Service or node" value={query["q"]} change={(q) => change({ q })} />
        <Segments<WindowName>
          label="How far back"
          value={minutes}
          options={[
            { value: "5", title: "5 min" },
            { value: "15", title: "15 min" },
            { value: "60", title: "1 h" },
            { value: "360", title: "6 h" },
          ]}
          change={(to) => change({ minutes: to })}
        />
        <Legend tints={tints} />
      </Filters>
      <Silent sources={value.silent} />
      <VirtualTable
        label="Who answers for which address"
        kind="layer2"
        rows={rows}
        columns={columns}
        keyOf={({ address }) => address}
        markOf={({ health }) => (health === "bad" ? "row-bad" : undefined)}
        heights={{ wide: 52, phone: 92 }}
        empty="No address is answered for on the LAN."
      />
      <Nodes nodes={value.nodes} />
    </>
  );
}

function Below({ view }: { readonly view: Layer2OwnersView }): JSX.Element {
  return (
    <span class="num" aria-live="polite">
      {counted(view.owners.length, "address", "addresses")} answered for by {counted(view.nodes.length, "node")}
    </span>
  );
}

function windowOf(minutes: string | undefined): WindowName {
  return minutes === "5" || minutes === "60" || minutes === "360" ? minutes : "15";
}

function useRows(owners: Layer2OwnersView | undefined, history: Layer2HistoryView | undefined, q: string | undefined) {
  return useMemo(() => {
    const spans = new Map((history?.addresses ?? []).map((one) => [one.address, one.spans]));
    const all = (owners?.owners ?? []).map((owner): Row => ({ ...owner, spans: spans.get(owner.address) ?? [] }));
    const nodes = [
      ...(owners?.nodes ?? []).map(({ node }) => node),
      ...all.flatMap((row) => row.spans.map((span) => span.node)),
    ];
    const names = [...new Set(nodes.filter((node) => node !== undefined))].toSorted(byName);
    const tints: ReadonlyMap<string, number> = new Map(names.map((name, index) => [name, index % 8]));
    return { rows: rowsOf(all.filter((row) => q === undefined || isAbout(row, q))), tints };
  }, [owners, history, q]);
}

function isAbout({ address, holders }: Row, q: string): boolean {
  return [address, ...holders.flatMap(({ node, services }) => [node, ...services])].some((text) => text.includes(q));
}

/** The colours of the nodes; the name is in the bar too, wherever it has room. */
function Legend({ tints }: { readonly tints: ReadonlyMap<string, number> }): JSX.Element | null {
  if (tints.size === 0 || tints.size > 8) return null;
  return (
    <ul class="legend" aria-label="Colours of the nodes">
      {[...tints].map(([node, tint]) => (
        <li key={node}>
          <span class={`swatch tint-${tint}`} aria-hidden="true" />
          {node}
        </li>
      ))}
    </ul>
  );
}

function columnsOf(minutes: number, tints: ReadonlyMap<string, number>): readonly Column<Row>[] {
  return [
    {
      name: "mark",
      title: <span class="hidden">Health</span>,
      cell: ({ health, message }) => <Mark health={health} {...(message !== undefined && { label: message })} />,
    },
    { name: "name", title: "Address", cell: (row) => <Address row={row} /> },
    { name: "owner", title: "Answers now", cell: (row) => <Owner row={row} /> },
    { name: "since", title: "Since", cell: ({ holders }) => <Ago at={holders[0]?.since} /> },
    {
      name: "answers",
      title: "Answers",
      cell: ({ holders }) => <span class="num">{holders.reduce((sum, { answers }) => sum + answers, 0)}</span>,
    },
    {
      name: "lane",
      title: <AxisTitle minutes={minutes} />,
      cell: (row) => <OwnerLane row={row} minutes={minutes} tints={tints} />,
    },
  ];
}

function Address({ row }: { readonly row: Row }): JSX.Element {
  const services = [...new Set(row.holders.flatMap((holder) => holder.services))];
  const [first] = services;
  return (
    <>
      <span class="mono nowrap">{row.address}</span>
      <span class="second muted">
        {first !== undefined && <ServiceLink service={first} />}
        {services.length > 1 && ` +${services.length - 1}`}
      </span>
    </>
  );
}

function Owner({ row }: { readonly row: Row }): JSX.Element {
  const { holders, message } = row;
  const [first] = holders;
  if (first === undefined) return <span class="muted">nobody</span>;
  const [where] = first.interfaces;
  return (
    <>
      <span>
        {holders.map(({ node }) => node).join(", ")}{" "}
        <span class={row.health === "bad" ? "said-bad" : "muted"}>{first.state}</span>
      </span>
      <span class="second muted" title={message}>
        {message ?? <span class="mono">{where === undefined ? "" : `${where.name} ${where.mac}`}</span>}
      </span>
    </>
  );
}

function useStretch(minutes: number): Stretch {
  const to = useNow(2000);
  return { from: to - minutes * 60_000, to };
}

function AxisTitle({ minutes }: { readonly minutes: number }): JSX.Element {
  return (
    <>
      <span class="hidden">Who answered in the last {minutes} minutes</span>
      <TimeAxis stretch={useStretch(minutes)} most={6} />
    </>
  );
}

function OwnerLane({
  row,
  minutes,
  tints,
}: {
  readonly row: Row;
  readonly minutes: number;
  readonly tints: ReadonlyMap<string, number>;
}): JSX.Element {
  const stretch = useStretch(minutes);
  const bars = row.spans.map(({ node, state, start, end, reason }): Bar => {
    const lasted = formatDuration((end === undefined ? stretch.to : Date.parse(end)) - Date.parse(start));
    const kind = state === "answering" ? `tint-${tints.get(node ?? "") ?? 0}` : `owner-${state}`;
    const title = [node ?? "nobody", state, `for ${lasted}`, reason].filter((part) => part !== undefined).join(", ");
    return { kind, start, end, title, text: state === "conflict" ? "conflict" : node };
  });
  const now = row.spans.at(-1);
  const label = `${now?.node ?? "nobody"} now, ${Math.max(0, row.spans.length - 1)} changes`;
  return <Lane label={label} stretch={stretch} bars={bars} />;
}

function Nodes({ nodes }: { readonly nodes: readonly Layer2Node[] }): JSX.Element | null {
  if (nodes.length === 0) return null;
  return (
    <section class="card" aria-labelledby="speakers-title">
      <header class="card-head">
        <h2 id="speakers-title">Speakers and how they see each other</h2>
      </header>
      <Scroll label="Speakers, as a table">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Interfaces</th>
              <th scope="col">Sees by</th>
              <th scope="col">Others</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.node}>
                <td class="nowrap">
                  {node.node} {node.fenced && <span class="badge badge-bad">fenced</span>}
                  {!node.available && <span class="badge badge-quiet">no layer 2</span>}
                </td>
                <td class="mono">{node.interfaces.map(({ name, mac }) => `${name} ${mac}`).join(", ") || "–"}</td>
                <td>{node.memberSource ?? "–"}</td>
                <td>
                  <MembersSeen node={node} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

const MEMBER_HEALTH = { alive: "good", suspect: "doubtful", dead: "bad", left: "quiet" } as const;

function MembersSeen({ node }: { readonly node: Layer2Node }): JSX.Element {
  const others = node.members.filter(({ member }) => member !== node.node);
  const amiss = others.filter(({ state }) => state !== "alive");
  if (amiss.length === 0) return <span class="muted">{counted(others.length, "other")} alive</span>;
  return (
    <span class="members">
      {amiss.slice(0, 6).map(({ member, state }) => (
        <span key={member} class="member">
          <Mark health={MEMBER_HEALTH[state]} label={state} /> {member} {state}
        </span>
      ))}
      {amiss.length > 6 && <span class="muted">+{amiss.length - 6}</span>}
    </span>
  );
}
