import type { JSX } from "preact";
import type { FamilyUse, PoolRow, PoolsView } from "../../model.ts";
import { useDocument } from "../document.ts";
import { counted, formatCount } from "../format.ts";
import { Mark } from "../parts/marks.tsx";
import { Failed, Loading, PageHead } from "../parts/words.tsx";
import { hashOf } from "../route.ts";
import { PoolDetail } from "./pool-detail.tsx";

type Query = Readonly<Record<string, string>>;

/** How full the pools are, and who holds what. */
export function PoolsPage({ name, query }: { readonly name: string | undefined; readonly query: Query }): JSX.Element {
  const { value, failure } = useDocument<PoolsView>("pools", ["pools", "services"]);
  if (value === undefined) return failure === undefined ? <Loading /> : <Failed failure={failure} />;
  const { pools, available } = value;
  const chosen = name ?? pools[0]?.name;
  return (
    <>
      <PageHead title="Pools" below={<span class="num">{counted(pools.length, "pool")}, the fullest first</span>} />
      {!available && (
        <div class="notice notice-unknown">
          <Mark health="unknown" />
          <p>No API is asked, so nothing is known of pools.</p>
        </div>
      )}
      <ul class="pools">
        {pools.map((pool) => (
          <PoolCard key={pool.name} pool={pool} chosen={pool.name === chosen} />
        ))}
      </ul>
      {chosen !== undefined && <PoolDetail key={chosen} name={chosen} query={query} />}
    </>
  );
}

function PoolCard({ pool, chosen }: { readonly pool: PoolRow; readonly chosen: boolean }): JSX.Element {
  const { name, health, addresses, autoAssign, ipv4, ipv6, use, holders, fullInDays } = pool;
  return (
    <li>
      <a class="pool card" href={hashOf("pools", [name])} aria-current={chosen ? "true" : undefined}>
        <span class="pool-head">
          <Mark health={health} />
          <span class="pool-name">{name}</span>
          <span class="pool-use num">{Math.round(use)} %</span>
        </span>
        <span class="meter" aria-hidden="true">
          <span
            class={`meter-fill fill-${health === "good" ? "accent" : health}`}
            style={{ width: `${Math.min(100, use)}%` }}
          />
        </span>
        <span class="pool-words">
          <Family name="IPv4" use={ipv4} />
          <Family name="IPv6" use={ipv6} />
          <span class="muted">{counted(holders, "Service")}</span>
          {!autoAssign && <span class="tag">on request only</span>}
          {fullInDays !== undefined && <span class="said-bad">full in {days(fullInDays)}</span>}
        </span>
        <span class="pool-ranges mono muted">
          {addresses.slice(0, 3).join(", ")}
          {addresses.length > 3 && ` +${addresses.length - 3}`}
        </span>
      </a>
    </li>
  );
}

function Family({ name, use }: { readonly name: string; readonly use: FamilyUse }): JSX.Element | null {
  if (use.capacity === 0 || use.capacity === "0") return null;
  return (
    <span class="num">
      {name} {formatCount(use.assigned)} of {formatCount(use.capacity)}
    </span>
  );
}

function days(count: number): string {
  if (count < 1) return "less than a day";
  return counted(Math.round(count), "day");
}
