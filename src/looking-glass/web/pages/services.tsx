import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Health, ServiceRow, ServicesView } from "../../model.ts";
import { counted, formatCount } from "../format.ts";
import { replaceHash } from "../glass.ts";
import { usePagedRows } from "../pages-of-rows.ts";
import { Choice, Filters, Segments, TextFilter } from "../parts/filters.tsx";
import { HEALTHS, Mark } from "../parts/marks.tsx";
import { type Column, type Sorting, VirtualTable } from "../parts/virtual-table.tsx";
import { Ago, Failed, Few, Loading, PageHead } from "../parts/words.tsx";
import { hashOf, searchOf } from "../route.ts";

type Query = Readonly<Record<string, string>>;

const COLUMNS: readonly Column<ServiceRow>[] = [
  { name: "mark", title: <span class="hidden">State</span>, cell: ({ health }) => <Mark health={health} /> },
  {
    name: "name",
    title: "Service",
    sort: "name",
    cell: ({ namespace, name }) => (
      <a href={hashOf("services", [namespace, name])}>
        <span class="muted">{namespace}/</span>
        {name}
      </a>
    ),
  },
  {
    name: "address",
    title: "Addresses",
    sort: "address",
    cell: ({ addresses }) =>
      addresses.length === 0 ? <span class="muted">pending</span> : <Few items={addresses} most={2} mono />,
  },
  { name: "pool", title: "Pool", sort: "pool", cell: ({ pool }) => pool ?? <span class="muted">–</span> },
  { name: "by", title: "Announced by", cell: (row) => <By row={row} /> },
  {
    name: "endpoints",
    title: "Endpoints",
    sort: "endpoints",
    cell: ({ endpoints }) => <span class="num">{endpoints ?? "–"}</span>,
  },
  { name: "problem", title: "Problem", sort: "problem", cell: ({ problem }) => <span title={problem}>{problem}</span> },
  { name: "changed", title: "Changed", sort: "changed", cell: ({ changed }) => <Ago at={changed} /> },
];

/** All Services, those with a problem first. */
export function ServicesPage({ query }: { readonly query: Query }): JSX.Element {
  const path = `services${searchOf(query)}`;
  const { rows, view, failure } = usePagedRows<ServiceRow, ServicesView>(path, ["services"]);
  const change = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("services", [], { ...query, ...changes }));
  const sorting = useSorting(query, change);
  return (
    <>
      <PageHead title="Services" below={view === undefined ? undefined : <Matched view={view} />} />
      <ServiceFilters query={query} view={view} change={change} />
      {failure !== undefined && <Failed failure={failure} />}
      {view === undefined && failure === undefined && <Loading />}
      {view !== undefined && (
        <VirtualTable
          label="Services"
          kind="services"
          rows={rows}
          columns={COLUMNS}
          keyOf={({ namespace, name }) => `${namespace}/${name}`}
          hrefOf={({ namespace, name }) => hashOf("services", [namespace, name])}
          markOf={({ health }) => (health === "bad" ? "row-bad" : undefined)}
          heights={{ wide: 36, phone: 64 }}
          sorting={sorting}
          empty="No Service passes these filters."
        />
      )}
    </>
  );
}

function Matched({ view }: { readonly view: ServicesView }): JSX.Element {
  const { matched, total } = view;
  return (
    <span class="num" aria-live="polite">
      {matched === total ? counted(total, "Service") : `${formatCount(matched)} of ${counted(total, "Service")}`}
    </span>
  );
}

function ServiceFilters({
  query,
  view,
  change,
}: {
  readonly query: Query;
  readonly view: ServicesView | undefined;
  readonly change: (changes: Record<string, string | undefined>) => void;
}): JSX.Element {
  const { q, namespace, pool, health } = query;
  const shown = HEALTHS.filter((one) => (view?.byHealth[one] ?? 0) > 0 || one === health);
  return (
    <Filters label="Which Services">
      <TextFilter label="Name, address or problem" value={q} change={(value) => change({ q: value })} />
      <Segments<Health>
        label="State"
        value={HEALTHS.find((one) => one === health)}
        options={[
          { value: undefined, title: "All" },
          ...shown.map((one) => ({
            value: one,
            title: (
              <>
                <Mark health={one} /> <span class="num">{formatCount(view?.byHealth[one] ?? 0)}</span>
              </>
            ),
          })),
        ]}
        change={(value) => change({ health: value })}
      />
      <Choice
        label="Namespace"
        all="All namespaces"
        value={namespace}
        options={view?.namespaces ?? []}
        change={(value) => change({ namespace: value })}
      />
      <Choice
        label="Pool"
        all="All pools"
        value={pool}
        options={view?.pools ?? []}
        change={(value) => change({ pool: value })}
      />
    </Filters>
  );
}

function By({ row }: { readonly row: ServiceRow }): JSX.Element {
  const { bgp, layer2 } = row;
  if (bgp.nodes.length === 0 && layer2.length === 0) return <span class="muted">nobody</span>;
  return (
    <>
      {bgp.nodes.length > 0 && (
        <span class="by" title={`${bgp.nodes.join(", ")} to ${bgp.peers.join(", ")}`}>
          <span class="tag">BGP</span> {bgp.nodes.length === 1 ? bgp.nodes[0] : counted(bgp.nodes.length, "node")}
        </span>
      )}
      {layer2.length > 0 && (
        <span class="by">
          <span class="tag">L2</span> <Few items={layer2} most={1} />
        </span>
      )}
    </>
  );
}

/** Sorting as the address bar says; a click on the same column turns it around, a third one goes back to problems first. */
function useSorting(query: Query, change: (changes: Record<string, string | undefined>) => void): Sorting {
  const { sort, order } = query;
  const descending = order === "desc";
  return useMemo(
    () => ({
      by: sort ?? "",
      descending,
      change: (by) => {
        if (by !== sort) change({ sort: by, order: undefined });
        else if (descending) change({ sort: undefined, order: undefined });
        else change({ order: "desc" });
      },
    }),
    [sort, descending, change],
  );
}
