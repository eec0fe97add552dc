import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { TopologyView } from "../../model.ts";
import { useDocument } from "../document.ts";
import { byName, counted } from "../format.ts";
import { replaceHash } from "../glass.ts";
import { Filters, TextFilter } from "../parts/filters.tsx";
import { Failed, Loading, PageHead } from "../parts/words.tsx";
import { hashOf, searchOf } from "../route.ts";
import { neighbours } from "../topology-lines.ts";
import { TopologyAside } from "./topology-aside.tsx";
import { TopologyPicture } from "./topology-picture.tsx";

type Query = Readonly<Record<string, string>>;

/** Routers, nodes and Services, and how they hang together. */
export function TopologyPage({ query }: { readonly query: Query }): JSX.Element {
  const { service, node } = query;
  const { value, failure } = useDocument<TopologyView>(`topology${searchOf({ service })}`, [
    "sessions",
    "services",
    "layer2",
    "sources",
    "overview",
  ]);
  const [pointed, setPointed] = useState<string>();
  const [chosen, setChosen] = useState<string | undefined>();
  const view = useMemo(() => (value === undefined ? undefined : sorted(value)), [value]);
  const named = view?.nodes.find(({ name }) => name === node)?.id;
  const here = chosen ?? named;
  const near = useNear(view, pointed ?? here);
  const change = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("topology", [], { ...query, ...changes }));
  const choose = (id: string | undefined): void => {
    setChosen(id === here ? undefined : id);
    if (node !== undefined) change({ node: undefined });
  };
  return (
    <>
      <PageHead title="Topology" below={view !== undefined && <Below view={view} />} />
      <Filters label="What is drawn">
        <TextFilter
          label="One Service (namespace/name)"
          value={service}
          change={(value) => change({ service: value })}
        />
        <Key />
      </Filters>
      {failure !== undefined && <Failed failure={failure} />}
      {view === undefined && failure === undefined && <Loading />}
      {view !== undefined && (
        <div class={here === undefined ? "" : "with-aside"}>
          <TopologyPicture view={view} near={near} chosen={here} point={setPointed} choose={choose} />
          {here !== undefined && <TopologyAside view={view} id={here} close={() => choose(undefined)} />}
        </div>
      )}
    </>
  );
}

function Below({ view }: { readonly view: TopologyView }): JSX.Element {
  const { routers, nodes, services } = view;
  const all = services.reduce((sum, { count }) => sum + count, 0);
  return (
    <span class="num" aria-live="polite">
      {counted(routers.length, "router")}, {counted(nodes.length, "node")}, {counted(all, "Service")}
    </span>
  );
}

/** What the lines mean; their dashes say the same as their colours. */
function Key(): JSX.Element {
  return (
    <ul class="legend" aria-label="Lines">
      {(
        [
          ["good", "holds"],
          ["doubtful", "worth a look"],
          ["bad", "down"],
          ["unknown", "not known"],
        ] as const
      ).map(([health, words]) => (
        <li key={health}>
          <svg class="line-key" viewBox="0 0 28 8" aria-hidden="true">
            <path d="M1 4h26" class={`edge edge-${health}`} />
          </svg>
          {words}
        </li>
      ))}
    </ul>
  );
}

/** Places stay where they are, whatever the order in which the server says them. */
function sorted(view: TopologyView): TopologyView {
  return {
    ...view,
    routers: view.routers.toSorted((a, b) => byName(a.name, b.name)),
    nodes: view.nodes.toSorted((a, b) => byName(a.name, b.name)),
    services: view.services.toSorted((a, b) => byName(a.name, b.name)),
  };
}

function useNear(view: TopologyView | undefined, id: string | undefined): ReadonlySet<string> | undefined {
  return useMemo(() => {
    if (view === undefined || id === undefined) return undefined;
    return neighbours(view.links, id, new Set(view.nodes.map((node) => node.id)));
  }, [view, id]);
}
