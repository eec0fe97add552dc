import type { ComponentChildren, JSX } from "preact";
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ClusterNode, Health, RouterNode, ServiceNode, TopologyLink, TopologyView } from "../../model.ts";
import { counted, formatCount } from "../format.ts";
import { Mark } from "../parts/marks.tsx";
import { type Box, lineBetween, linksToDraw } from "../topology-lines.ts";

interface Props {
  readonly view: TopologyView;
  readonly near: ReadonlySet<string> | undefined;
  readonly chosen: string | undefined;
  readonly point: (id: string | undefined) => void;
  readonly choose: (id: string) => void;
}

/** Three bands of boxes, which flow and wrap as there is room, and lines between them, which go where the boxes went. */
export function TopologyPicture(props: Props): JSX.Element {
  const { view, near } = props;
  const { routers, nodes, services, links } = view;
  const frame = useRef<HTMLDivElement>(null);
  const places = usePlaces(frame, view);
  const dense = nodes.length > 12;
  return (
    <div
      class={`topology ${dense ? "topology-dense" : ""} ${near === undefined ? "" : "topology-pointed"}`}
      ref={frame}
    >
      <Lines links={linksToDraw(links, near)} places={places} near={near} />
      <Band title="Routers" kind="routers">
        {routers.map((router) => (
          <Item key={router.id} {...props} id={router.id} health={router.health} kind="router">
            <RouterWords router={router} />
          </Item>
        ))}
      </Band>
      <Band title="Nodes" kind="nodes">
        {nodes.map((node) => (
          <Item key={node.id} {...props} id={node.id} health={node.health} kind="node">
            <NodeWords node={node} links={links} dense={dense} />
          </Item>
        ))}
      </Band>
      <Band title="Services" kind="services">
        {services.map((service) => (
          <Item key={service.id} {...props} id={service.id} health={service.health} kind="service">
            <ServiceWords service={service} />
          </Item>
        ))}
      </Band>
    </div>
  );
}

function Band({
  title,
  kind,
  children,
}: {
  readonly title: string;
  readonly kind: string;
  readonly children: readonly ComponentChildren[];
}): JSX.Element {
  return (
    <section class={`band band-${kind}`} aria-label={title}>
      <h2 class="band-title">{title}</h2>
      {children.length === 0 ? <p class="muted">None.</p> : <ul class="band-items">{children}</ul>}
    </section>
  );
}

function Item({
  id,
  health,
  kind,
  near,
  chosen,
  point,
  choose,
  children,
}: Props & {
  readonly id: string;
  readonly health: Health;
  readonly kind: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  const far = near !== undefined && !near.has(id);
  return (
    <li>
      <button
        type="button"
        class={`thing thing-${kind} thing-${health} ${far ? "thing-far" : ""}`}
        data-thing={id}
        aria-pressed={chosen === id}
        onClick={() => choose(id)}
        onPointerEnter={() => point(id)}
        onPointerLeave={() => point(undefined)}
        onFocus={() => point(id)}
        onBlur={() => point(undefined)}
      >
        <Mark health={health} />
        <span class="thing-words">{children}</span>
      </button>
    </li>
  );
}

function RouterWords({ router }: { readonly router: RouterNode }): JSX.Element {
  const { name, asn, addresses, established, sessions } = router;
  return (
    <>
      <span class="thing-name">{name}</span>
      <span class="thing-detail mono">
        {addresses[0] ?? ""}
        {asn !== undefined && ` AS ${asn}`}
      </span>
      <span class="thing-detail num">
        {established} of {counted(sessions, "session")}
      </span>
    </>
  );
}

function NodeWords({
  node,
  links,
  dense,
}: {
  readonly node: ClusterNode;
  readonly links: readonly TopologyLink[];
  readonly dense: boolean;
}): JSX.Element {
  const { name, established, sessions, layer2, fenced, draining } = node;
  if (dense)
    return (
      <>
        <span class="thing-name">{name}</span>
        <Pips links={links.filter(({ kind, from }) => kind === "session" && from === node.id)} />
      </>
    );
  return (
    <>
      <span class="thing-name">{name}</span>
      {sessions > 0 && (
        <span class="thing-detail num">
          {established} of {counted(sessions, "session")}
        </span>
      )}
      {layer2 > 0 && <span class="thing-detail num">{counted(layer2, "address", "addresses")} on the LAN</span>}
      {(fenced || draining) && <span class="thing-detail said-bad">{fenced ? "fenced" : "draining"}</span>}
    </>
  );
}

/** One for each session of a node: high where it is up, low where it is not. */
function Pips({ links }: { readonly links: readonly TopologyLink[] }): JSX.Element {
  return (
    <span class="pips" aria-hidden="true">
      {links.slice(0, 8).map(({ to, peer, health }) => (
        <span key={`${to} ${peer}`} class={`pip pip-${health}`} />
      ))}
    </span>
  );
}

function ServiceWords({ service }: { readonly service: ServiceNode }): JSX.Element {
  const { name, count, addresses } = service;
  return (
    <>
      <span class="thing-name">{name}</span>
      <span class="thing-detail mono">
        {count > 1 ? `${formatCount(count)} Services` : (addresses[0] ?? "pending")}
      </span>
    </>
  );
}

function Lines({
  links,
  places,
  near,
}: {
  readonly links: readonly TopologyLink[];
  readonly places: ReadonlyMap<string, Box>;
  readonly near: ReadonlySet<string> | undefined;
}): JSX.Element {
  const paths = useMemo(() => {
    const seen = new Map<string, number>();
    return links.flatMap((link) => {
      const [a, b] = [places.get(link.from), places.get(link.to)];
      if (a === undefined || b === undefined) return [];
      const pair = `${link.from} ${link.to}`;
      const before = seen.get(pair) ?? 0;
      seen.set(pair, before + 1);
      return [{ link, key: `${pair} ${link.kind} ${link.peer ?? ""}`, d: lineBetween(a, b, before * 6) }];
    });
  }, [links, places]);
  return (
    <svg class="edges" aria-hidden="true">
      {paths.map(({ link, key, d }) => {
        const far = near !== undefined && !(near.has(link.from) && near.has(link.to));
        return <path key={key} d={d} class={`edge edge-${link.health} edge-${link.kind} ${far ? "edge-far" : ""}`} />;
      })}
    </svg>
  );
}

/** Where the boxes are, as the page lays them out. */
function usePlaces(frame: { readonly current: HTMLElement | null }, view: TopologyView): ReadonlyMap<string, Box> {
  const [places, setPlaces] = useState<ReadonlyMap<string, Box>>(new Map());
  const measure = useCallback(() => {
    const here = frame.current;
    if (here === null) return;
    const origin = here.getBoundingClientRect();
    const next = new Map<string, Box>();
    for (const thing of here.querySelectorAll("[data-thing]")) {
      const { left, top, width, height } = thing.getBoundingClientRect();
      const id = thing.getAttribute("data-thing") ?? "";
      next.set(id, { left: left - origin.left, top: top - origin.top, width, height });
    }
    setPlaces((before) => (same(before, next) ? before : next));
  }, [frame]);
  useLayoutEffect(measure, [measure, view]);
  useLayoutEffect(() => {
    const here = frame.current;
    if (here === null) return;
    const resized = new ResizeObserver(measure);
    resized.observe(here);
    return () => resized.disconnect();
  }, [frame, measure]);
  return places;
}

function same(a: ReadonlyMap<string, Box>, b: ReadonlyMap<string, Box>): boolean {
  if (a.size !== b.size) return false;
  return [...b].every(([id, box]) => {
    const old = a.get(id);
    return old?.left === box.left && old.top === box.top && old.width === box.width && old.height === box.height;
  });
}
