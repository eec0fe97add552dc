import type { ComponentChildren, JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { RouteInItem, RouteOutItem } from "../../../inspection/route-view.ts";
import type { RoutesView, SessionsView } from "../../model.ts";
import { ASKING_GAP } from "../changed-by.ts";
import { useDocument } from "../document.ts";
import { byName, counted, formatCount } from "../format.ts";
import { replaceHash } from "../glass.ts";
import { usePagedRows } from "../pages-of-rows.ts";
import { Choice, Filters, Segments, TextFilter } from "../parts/filters.tsx";
import { Icon } from "../parts/icons.tsx";
import { Mark } from "../parts/marks.tsx";
import { routeHealth } from "../parts/route-health.ts";
import { type Column, VirtualTable } from "../parts/virtual-table.tsx";
import { Failed, Few, Loading, PageHead, ServiceLink, Silent } from "../parts/words.tsx";
import { hashOf, searchOf } from "../route.ts";

type Query = Readonly<Record<string, string>>;
type RouteItem = RouteOutItem | RouteInItem;
type RoutesPageView = RoutesView & { readonly items: readonly RouteItem[] };

/** What routers were told, and what they told. */
export function RoutesPage({ query }: { readonly query: Query }): JSX.Element {
  const direction = query["direction"] === "in" ? "in" : "out";
  const { rows, view, failure } = usePagedRows<RouteItem, RoutesPageView>(
    `routes${searchOf({ ...query, direction })}`,
    ["sessions", "services", "sources"],
    ASKING_GAP,
  );
  const [chosen, setChosen] = useState<RouteItem>();
  const columns = useMemo(() => columnsOf(direction, setChosen), [direction]);
  const change = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("routes", [], { ...query, ...changes }));
  return (
    <>
      <PageHead title="Routes" below={view !== undefined && <Matched view={view} />} />
      <RouteFilters query={query} direction={direction} change={change} />
      {failure !== undefined && <Failed failure={failure} />}
      {view === undefined && failure === undefined && <Loading />}
      {view !== undefined && (
        <>
          <Silent sources={view.silent} />
          <div class={chosen === undefined ? "" : "with-aside"}>
            <VirtualTable
              label={direction === "out" ? "Routes to peers" : "Routes from peers"}
              kind={`routes-${direction}`}
              rows={rows}
              columns={columns}
              keyOf={keyOf}
              markOf={(route) => (chosen !== undefined && keyOf(chosen) === keyOf(route) ? "row-chosen" : undefined)}
              heights={{ wide: 36, phone: 64 }}
              empty="No route passes these filters."
            />
            {chosen !== undefined && <RouteAside route={chosen} close={() => setChosen(undefined)} />}
          </div>
        </>
      )}
    </>
  );
}

function Matched({ view }: { readonly view: RoutesView }): JSX.Element {
  const { matched, total, cut } = view;
  return (
    <span class="num" aria-live="polite">
      {matched === total ? counted(total, "route") : `${formatCount(matched)} of ${counted(total, "route")}`}
      {cut && ": more than can be looked at, so name a node, a peer or a prefix"}
    </span>
  );
}

function RouteFilters({
  query,
  direction,
  change,
}: {
  readonly query: Query;
  readonly direction: "in" | "out";
  readonly change: (changes: Record<string, string | undefined>) => void;
}): JSX.Element {
  const { value } = useDocument<SessionsView>("sessions", []);
  const sessions = (value?.items ?? []).map(({ session }) => session);
  const names = (of: readonly string[]): readonly string[] => [...new Set(of)].toSorted(byName);
  return (
    <Filters label="Which routes">
      <Segments<"in">
        label="Direction"
        value={direction === "in" ? "in" : undefined}
        options={[
          { value: undefined, title: "To peers" },
          { value: "in", title: "From peers" },
        ]}
        change={(to) => change({ direction: to, service: undefined })}
      />
      <TextFilter label="Prefix" value={query["prefix"]} change={(prefix) => change({ prefix })} />
      {direction === "out" && (
        <TextFilter label="Service" value={query["service"]} change={(service) => change({ service })} />
      )}
      <Choice
        label="Node"
        all="All nodes"
        value={query["node"]}
        options={names(sessions.map(({ node }) => node))}
        change={(node) => change({ node })}
      />
      <Choice
        label="Peer"
        all="All peers"
        value={query["peer"]}
        options={names(sessions.map(({ peer }) => peer))}
        change={(peer) => change({ peer })}
      />
      {direction === "out" && (
        <Choice
          label="State"
          all="All states"
          value={query["state"]}
          options={["sent", "pending", "no-session", "family-not-carried"]}
          change={(state) => change({ state })}
        />
      )}
    </Filters>
  );
}

function isOut(route: RouteItem): route is RouteOutItem {
  return "services" in route;
}

function keyOf(route: RouteItem): string {
  const path = isOut(route) ? "" : ` ${route.pathId ?? ""}`;
  return `${route.node} ${route.peer} ${route.prefix}${path}`;
}

function columnsOf(direction: "in" | "out", choose: (route: RouteItem) => void): readonly Column<RouteItem>[] {
  const common: readonly Column<RouteItem>[] = [
    {
      name: "name",
      title: "Prefix",
      cell: (route) => (
        <button type="button" class="link mono" onClick={() => choose(route)}>
          {route.prefix}
        </button>
      ),
    },
    {
      name: "session",
      title: "Session",
      cell: ({ node, peer }) => (
        <a href={hashOf("sessions", [node, peer])}>
          {node} → {peer}
        </a>
      ),
    },
    { name: "hop", title: "Next hop", cell: ({ nextHop }) => <span class="mono">{nextHop ?? "–"}</span> },
  ];
  return direction === "out" ? [STATE, ...common, ...OUT] : [...common, ...IN];
}

const STATE: Column<RouteItem> = {
  name: "mark",
  title: <span class="hidden">State</span>,
  cell: (route) => isOut(route) && <Mark health={routeHealth(route.state)} label={route.state} />,
};

const OUT: readonly Column<RouteItem>[] = [
  {
    name: "attributes",
    title: "Attributes",
    cell: (route) =>
      isOut(route) && (
        <span class="mono">
          {[
            route.localPref === undefined ? "" : `localpref ${route.localPref}`,
            route.med === undefined ? "" : `med ${route.med}`,
            ...route.communities,
            ...route.largeCommunities,
          ]
            .filter((part) => part !== "")
            .join(" ")}
        </span>
      ),
  },
  {
    name: "services",
    title: "Services",
    cell: (route) =>
      isOut(route) &&
      (route.services.length === 1 && route.services[0] !== undefined ? (
        <ServiceLink service={route.services[0]} />
      ) : (
        <Few items={route.services} most={2} />
      )),
  },
];

const IN: readonly Column<RouteItem>[] = [
  {
    name: "attributes",
    title: "Attributes",
    cell: (route) => (
      <span class="mono">
        {Object.entries(route.attributes ?? {})
          .map(([name, value]) => `${name} ${value}`)
          .join(", ")}
      </span>
    ),
  },
];

/** All of one route, beside the list. */
function RouteAside({ route, close }: { readonly route: RouteItem; readonly close: () => void }): JSX.Element {
  const { prefix, node, peer, nextHop, attributes } = route;
  return (
    <aside class="aside card" aria-label={`Route ${prefix}`}>
      <header class="card-head">
        <h2 class="mono">{prefix}</h2>
        <button type="button" class="icon-button" onClick={close} aria-label="Close">
          <Icon name="close" />
        </button>
      </header>
      <dl class="pairs">
        <Pair name="session">
          <a href={hashOf("sessions", [node, peer])}>
            {node} → {peer}
          </a>
        </Pair>
        {isOut(route) && <Pair name="state">{route.state}</Pair>}
        <Pair name="next hop">
          <span class="mono">{nextHop ?? "–"}</span>
        </Pair>
        {Object.entries(attributes ?? {}).map(([name, value]) => (
          <Pair key={name} name={name}>
            <span class="mono">{value}</span>
          </Pair>
        ))}
        {isOut(route) && (
          <>
            <Pair name="advertisements">{route.advertisements.join(", ")}</Pair>
            <Pair name="Services">
              {route.services.map((service) => (
                <div key={service}>
                  <ServiceLink service={service} />
                </div>
              ))}
            </Pair>
          </>
        )}
      </dl>
    </aside>
  );
}

function Pair({ name, children }: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
