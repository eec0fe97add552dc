import type { ComponentChildren, JSX } from "preact";
import type { ClusterNode, Health, RouterNode, ServiceNode, TopologyLink, TopologyView } from "../../model.ts";
import { counted, formatCount } from "../format.ts";
import { Icon } from "../parts/icons.tsx";
import { Mark } from "../parts/marks.tsx";
import { hashOf, hashOfService } from "../route.ts";

interface Props {
  readonly view: TopologyView;
  readonly id: string;
  readonly close: () => void;
}

/** What is known of the one that was chosen in the picture, with the ways to its pages. */
export function TopologyAside({ view, id, close }: Props): JSX.Element | null {
  const router = view.routers.find((one) => one.id === id);
  const node = view.nodes.find((one) => one.id === id);
  const service = view.services.find((one) => one.id === id);
  const name = router?.name ?? node?.name ?? service?.name;
  if (name === undefined) return null;
  return (
    <aside class="aside card" aria-label={name}>
      <header class="card-head">
        <h2>{name}</h2>
        <button type="button" class="icon-button" onClick={close} aria-label="Close">
          <Icon name="close" />
        </button>
      </header>
      {router !== undefined && <OfRouter view={view} router={router} />}
      {node !== undefined && <OfNode view={view} node={node} />}
      {service !== undefined && <OfService view={view} service={service} />}
    </aside>
  );
}

function OfRouter({ view, router }: { readonly view: TopologyView; readonly router: RouterNode }): JSX.Element {
  const sessions = view.links.filter(({ kind, to }) => kind === "session" && to === router.id);
  return (
    <>
      <p class="muted">
        <span class="mono">{router.addresses.join(", ")}</span>
        {router.asn !== undefined && ` AS ${router.asn}`}
      </p>
      <Sessions view={view} links={sessions} />
    </>
  );
}

function OfNode({ view, node }: { readonly view: TopologyView; readonly node: ClusterNode }): JSX.Element {
  const sessions = view.links.filter(({ kind, from }) => kind === "session" && from === node.id);
  const carried = view.links.filter(({ kind, to }) => kind !== "session" && to === node.id);
  return (
    <>
      {node.message !== undefined && (
        <p class="aside-message">
          <Mark health={node.health} /> {node.message}
        </p>
      )}
      {node.draining && <p>It is being drained.</p>}
      <Sessions view={view} links={sessions} />
      <Links title="Announces">
        {carried.slice(0, 30).map((link) => (
          <Linked
            key={`${link.from} ${link.kind}`}
            health={link.health}
            href={serviceHref(view, link.from)}
            name={nameOf(view.services, link.from)}
            detail={`${link.kind === "bgp" ? "BGP" : "layer 2"}${link.count > 1 ? `, ${formatCount(link.count)}` : ""}`}
          />
        ))}
        {carried.length > 30 && <li class="muted">and {carried.length - 30} more</li>}
      </Links>
      <p>
        <a class="button" href={hashOf("services", [], { node: node.name })}>
          Its Services
        </a>{" "}
        <a class="button" href={hashOf("routes", [], { node: node.name })}>
          Its routes
        </a>
      </p>
    </>
  );
}

function OfService({ view, service }: { readonly view: TopologyView; readonly service: ServiceNode }): JSX.Element {
  const carried = view.links.filter(({ kind, from }) => kind !== "session" && from === service.id);
  return (
    <>
      <p class="muted mono">{service.addresses.slice(0, 6).join(", ")}</p>
      <Links title="Announced by">
        {carried.slice(0, 30).map((link) => (
          <Linked
            key={`${link.to} ${link.kind}`}
            health={link.health}
            href={hashOf("topology", [], { node: nameOf(view.nodes, link.to) })}
            name={nameOf(view.nodes, link.to)}
            detail={link.kind === "bgp" ? "BGP" : "layer 2"}
          />
        ))}
        {carried.length > 30 && <li class="muted">and {carried.length - 30} more</li>}
      </Links>
      <p>
        <a class="button" href={serviceHref(view, service.id)}>
          {service.count === 1 ? "Explain it" : counted(service.count, "Service")}
        </a>
      </p>
    </>
  );
}

function Sessions({
  view,
  links,
}: {
  readonly view: TopologyView;
  readonly links: readonly TopologyLink[];
}): JSX.Element {
  const worstFirst = links.toSorted((a, b) => Number(a.health === "good") - Number(b.health === "good"));
  return (
    <Links title="Sessions">
      {worstFirst.slice(0, 40).map(({ from, peer, health, count, label }) => {
        const node = nameOf(view.nodes, from);
        return (
          <Linked
            key={`${from} ${peer}`}
            health={health}
            href={hashOf("sessions", [node, peer ?? ""])}
            name={`${node} → ${peer ?? ""}`}
            detail={label ?? counted(count, "prefix", "prefixes")}
          />
        );
      })}
      {links.length > 40 && <li class="muted">and {links.length - 40} more</li>}
    </Links>
  );
}

function Links({ title, children }: { readonly title: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <>
      <h3>{title}</h3>
      <ul class="aside-links">{children}</ul>
    </>
  );
}

function Linked({
  health,
  href,
  name,
  detail,
}: {
  readonly health: Health;
  readonly href: string;
  readonly name: string;
  readonly detail: string;
}): JSX.Element {
  return (
    <li>
      <Mark health={health} />
      <a href={href}>{name}</a>
      <span class="muted">{detail}</span>
    </li>
  );
}

function nameOf(all: readonly { readonly id: string; readonly name: string }[], id: string): string {
  return all.find((one) => one.id === id)?.name ?? id;
}

/** One Service has a page, a group is a list of them. */
function serviceHref(view: TopologyView, id: string): string {
  const service = view.services.find((one) => one.id === id);
  if (service === undefined) return hashOf("services");
  return service.name.includes("/") ? hashOfService(service.name) : hashOf("services", [], { namespace: service.name });
}
