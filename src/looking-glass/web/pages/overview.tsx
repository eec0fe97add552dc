import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Counts, Health, JournalEntry, JournalView, OverviewView, Problem } from "../../model.ts";
import { useDocument } from "../document.ts";
import { counted, formatCount } from "../format.ts";
import { useNow } from "../glass.ts";
import { Chart } from "../parts/chart.tsx";
import { Icon, type IconName } from "../parts/icons.tsx";
import { Breakdown, Mark } from "../parts/marks.tsx";
import { Moves } from "../parts/moves.tsx";
import { Ago, Failed, Loading, ObjectRef, Silent } from "../parts/words.tsx";
import { hashOf, hashOfPlace } from "../route.ts";

const HEADLINES: Record<Health, string> = {
  good: "All is well",
  doubtful: "Worth a look",
  bad: "Something has to be mended",
  unknown: "Not all can be seen",
  quiet: "Nothing to announce",
};

/** Health at a glance, problems first. */
export function OverviewPage(): JSX.Element {
  const { value, failure } = useDocument<OverviewView>("overview", ["overview", "sources", "journal"]);
  if (value === undefined) return failure === undefined ? <Loading /> : <Failed failure={failure} />;
  const { counts, problems, problemsTotal, journal, sources } = value;
  return (
    <>
      <Headline view={value} />
      <Silent sources={sources.filter(({ state }) => state === "silent")} />
      <Glance counts={counts} />
      <div class="columns">
        <section class="card problems" aria-labelledby="problems-title">
          <header class="card-head">
            <h2 id="problems-title">Problems</h2>
            <span class="muted num">{formatCount(problemsTotal)}</span>
          </header>
          <Problems problems={problems} total={problemsTotal} />
        </section>
        <div class="stack">
          <Activity />
          <section class="card" aria-labelledby="moves-title">
            <header class="card-head">
              <h2 id="moves-title">Latest moves</h2>
              <a href={hashOf("journal")}>Journal</a>
            </header>
            <Moves entries={journal.slice(0, 12)} />
          </section>
        </div>
      </div>
    </>
  );
}

function Headline({ view }: { readonly view: OverviewView }): JSX.Element {
  const { health, counts, problemsTotal } = view;
  const { services, sessions, nodes } = counts;
  const announced = services.good + services.doubtful;
  return (
    <header class={`headline headline-${health}`}>
      <Mark health={health} />
      <div>
        <h1 tabIndex={-1}>
          {HEADLINES[health]}
          {problemsTotal > 0 && <span class="headline-count"> · {counted(problemsTotal, "problem")}</span>}
        </h1>
        <p class="muted" aria-live="polite">
          {formatCount(announced)} of {counted(services.total - services.quiet, "Service")} announced,{" "}
          {formatCount(sessions.established)} of {counted(sessions.total, "session")} established, {nodes.answering} of{" "}
          {counted(nodes.total, "node")} answering
        </p>
      </div>
    </header>
  );
}

function Glance({ counts }: { readonly counts: Counts }): JSX.Element {
  const { nodes, sessions, services, layer2, pools, prefixesOut } = counts;
  return (
    <ul class="glance">
      <Tile page="services" title="Services" count={services.total}>
        <Breakdown counts={services} />
        <ServicesInWords services={services} />
      </Tile>
      <Tile page="sessions" title="Sessions" count={sessions.total}>
        <Breakdown counts={two(sessions.established, sessions.total)} />
        <Said ok={sessions.established === sessions.total}>
          {sessions.established === sessions.total
            ? "all established"
            : `${sessions.total - sessions.established} down`}
        </Said>
      </Tile>
      <Tile page="topology" title="Nodes" count={nodes.total}>
        <Breakdown counts={{ ...two(nodes.answering, nodes.total), bad: 0, unknown: nodes.total - nodes.answering }} />
        <Said ok={nodes.answering === nodes.total && nodes.fenced === 0}>{nodesInWords(nodes)}</Said>
      </Tile>
      <Tile page="routes" title="Prefixes out" count={prefixesOut}>
        <Said ok>over {counted(sessions.established, "session")}</Said>
      </Tile>
      <Tile page="pools" title="Pools" count={pools.total}>
        <Said ok={pools.nearlyFull === 0}>
          {pools.nearlyFull === 0 ? "room in all" : `${pools.nearlyFull} nearly full`}
        </Said>
      </Tile>
      <Tile page="layer2" title="On the LAN" count={layer2.addresses}>
        <Said ok={layer2.inConflict === 0}>
          {layer2.inConflict === 0 ? "no conflict" : `${layer2.inConflict} in conflict`}
        </Said>
      </Tile>
    </ul>
  );
}

function Tile({
  page,
  title,
  count,
  children,
}: {
  readonly page: IconName & Parameters<typeof hashOf>[0];
  readonly title: string;
  readonly count: number;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <li>
      <a class="tile" href={hashOf(page)}>
        <span class="tile-title">
          <Icon name={page} /> {title}
        </span>
        <span class="tile-count num">{formatCount(count)}</span>
        {children}
      </a>
    </li>
  );
}

function Said({ ok, children }: { readonly ok: boolean; readonly children: ComponentChildren }): JSX.Element {
  return <span class={ok ? "said muted" : "said said-bad"}>{children}</span>;
}

function ServicesInWords({ services }: { readonly services: Counts["services"] }): JSX.Element {
  const parts = [
    services.bad > 0 ? `${formatCount(services.bad)} not announced` : "",
    services.doubtful > 0 ? `${formatCount(services.doubtful)} in part` : "",
    services.unknown > 0 ? `${formatCount(services.unknown)} not known` : "",
  ].filter((part) => part !== "");
  return <Said ok={parts.length === 0}>{parts.length === 0 ? "all announced" : parts.join(", ")}</Said>;
}

function nodesInWords({ total, answering, fenced }: Counts["nodes"]): string {
  const silent = answering === total ? "all answering" : `${total - answering} silent`;
  return fenced === 0 ? silent : `${silent}, ${fenced} fenced`;
}

function two(good: number, total: number): Record<Health, number> {
  return { good, bad: total - good, doubtful: 0, unknown: 0, quiet: 0 };
}

function Problems({ problems, total }: { readonly problems: readonly Problem[]; readonly total: number }): JSX.Element {
  if (total === 0)
    return (
      <p class="none">
        <Mark health="good" /> Nothing is known to be wrong.
      </p>
    );
  return (
    <ol class="problem-list" aria-label="Problems, the worst first">
      {problems.map((problem) => (
        <ProblemItem key={problem.id} problem={problem} />
      ))}
      {total > problems.length && <li class="none muted">and {formatCount(total - problems.length)} more</li>}
    </ol>
  );
}

function ProblemItem({ problem }: { readonly problem: Problem }): JSX.Element {
  const { health, object, field, message, remedy, since, count, place, reason } = problem;
  return (
    <li class="problem">
      <Mark health={health} />
      <div class="problem-body">
        <p class="problem-title">
          {place === undefined ? message : <a href={hashOfPlace(place)}>{message}</a>}
          {count > 1 && <span class="pill num">{formatCount(count)} of the kind</span>}
        </p>
        <p class="problem-where">
          <ObjectRef object={object} field={field} />
          <code class="muted">{reason}</code>
          {since !== undefined && (
            <span class="muted">
              for <Ago at={since} />
            </span>
          )}
        </p>
        {remedy !== undefined && (
          <p class="remedy">
            <Icon name="arrow" />
            <span>{remedy}</span>
          </p>
        )}
      </div>
    </li>
  );
}

const [SLOT, SLOTS] = [30, 30];

/** Moves in each half minute of the last quarter of an hour. */
function Activity(): JSX.Element {
  const { value } = useDocument<JournalView>("journal?limit=500", ["journal"]);
  const now = Math.floor(useNow(5000) / 1000 / SLOT);
  const entries = value?.entries;
  const { at, series } = useMemo(() => activity(entries ?? [], now), [entries, now]);
  const total = series.flatMap(({ values }) => values).reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return (
    <section class="card" aria-labelledby="activity-title">
      <header class="card-head">
        <h2 id="activity-title">Moves, last 15 minutes</h2>
        <span class="muted num">{formatCount(total)}</span>
      </header>
      <Chart label={`${total} moves in the last 15 minutes`} at={at} series={series} height={120} shape="bars" />
    </section>
  );
}

function activity(entries: readonly JournalEntry[], now: number) {
  const slots = Array.from({ length: SLOTS }, (_, index) => now - SLOTS + 1 + index);
  const [all, amiss] = [new Map<number, number>(), new Map<number, number>()];
  for (const { move, health } of entries) {
    const slot = Math.floor(Date.parse(move.at) / 1000 / SLOT);
    all.set(slot, (all.get(slot) ?? 0) + 1);
    if (health === "bad" || health === "doubtful") amiss.set(slot, (amiss.get(slot) ?? 0) + 1);
  }
  return {
    at: slots.map((slot) => slot * SLOT),
    series: [
      { name: "Moves", colour: "--good-fill", values: slots.map((slot) => all.get(slot) ?? 0) },
      { name: "of them bad", colour: "--bad-fill", values: slots.map((slot) => amiss.get(slot) ?? 0) },
    ],
  };
}
