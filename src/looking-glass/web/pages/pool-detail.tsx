import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { PoolCell, PoolDetailView, PoolHolder } from "../../model.ts";
import { useDocument } from "../document.ts";
import { counted, formatCount } from "../format.ts";
import { replaceHash, usePhone } from "../glass.ts";
import { HeatMap } from "../parts/heat-map.tsx";
import { type Column, rowsOf, VirtualTable } from "../parts/virtual-table.tsx";
import { Failed, Loading, ServiceLink } from "../parts/words.tsx";
import { hashOf, hashOfService, searchOf } from "../route.ts";

type Query = Readonly<Record<string, string>>;

const COLUMNS: readonly Column<PoolHolder>[] = [
  { name: "name", title: "Address", cell: ({ address }) => <span class="mono">{address}</span> },
  {
    name: "services",
    title: "Held by",
    cell: ({ services }) =>
      services.map((service, index) => (
        <span key={service}>
          {index > 0 && ", "}
          <ServiceLink service={service} />
        </span>
      )),
  },
];

/** One pool as a heat map, and who holds its addresses. */
export function PoolDetail({ name, query }: { readonly name: string; readonly query: Query }): JSX.Element {
  const { first, last } = query;
  const cells = usePhone() ? 512 : 1024;
  const path = `pools/${encodeURIComponent(name)}${searchOf({ first, last, cells })}`;
  const { value, failure } = useDocument<PoolDetailView>(path, ["pools", "services"]);
  const holders = value?.holders;
  const rows = useMemo(() => rowsOf(holders ?? []), [holders]);
  if (value === undefined) return failure === undefined ? <Loading /> : <Failed failure={failure} />;
  const look = (cell: PoolCell): void => {
    if (cell.size === 1) {
      const [service] = value.holders.find(({ address }) => address === cell.first)?.services ?? [];
      if (service !== undefined) window.location.hash = hashOfService(service);
    } else replaceHash(hashOf("pools", [name], { first: cell.first, last: cell.last }));
  };
  return (
    <section class="card" aria-labelledby="pool-title">
      <header class="card-head">
        <h2 id="pool-title">{name}</h2>
        {first !== undefined && (
          <a class="button" href={hashOf("pools", [name])}>
            The whole pool
          </a>
        )}
      </header>
      <HeatMap cells={value.cells} holders={value.holders} open={look} />
      <p class="heat-words muted num">
        {wordsOf(value)} {counted(value.holdersTotal, "address", "addresses")} held
        {value.holdersTotal > value.holders.length && `; the first ${formatCount(value.holders.length)} are listed`}.
      </p>
      <VirtualTable
        label={`Who holds addresses of ${name}`}
        kind="holders"
        rows={rows}
        columns={COLUMNS}
        keyOf={({ address }) => address}
        heights={{ wide: 32, phone: 40 }}
        empty="Nobody holds an address here."
      />
    </section>
  );
}

function wordsOf({ cells }: PoolDetailView): string {
  const size = cells[0]?.size ?? 1;
  return size === 1
    ? "Each cell is one address."
    : `Each cell is ${formatCount(size)} addresses: open one to look closer.`;
}
