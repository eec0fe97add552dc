import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { OverviewView } from "../../model.ts";
import { useDocument } from "../document.ts";
import { Icon } from "../parts/icons.tsx";
import { hashOf, PAGES, type PageName } from "../route.ts";

/** The pages, with what asks for attention beside their names. */
export function SideBar({ page }: { readonly page: PageName }): JSX.Element {
  const { value } = useDocument<OverviewView>("overview", ["overview", "sources"]);
  const counts = attention(value);
  const current = useRef<HTMLAnchorElement>(null);
  useEffect(() => current.current?.scrollIntoView({ block: "nearest", inline: "center" }), [page]);
  return (
    <nav class="side" aria-label="Pages">
      <ul>
        {PAGES.map(({ page: name, title }) => (
          <li key={name}>
            <a
              href={hashOf(name)}
              class="side-link"
              aria-current={name === page ? "page" : undefined}
              ref={name === page ? current : null}
            >
              <Icon name={name} />
              <span>{title}</span>
              <Attention count={counts[name]} />
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Attention({ count }: { readonly count: number | undefined }): JSX.Element | null {
  if (count === undefined || count === 0) return null;
  return (
    <span class="attention num">
      {count}
      <span class="hidden"> with a problem</span>
    </span>
  );
}

function attention(view: OverviewView | undefined): Partial<Record<PageName, number>> {
  if (view === undefined) return {};
  const { services, sessions, layer2, pools } = view.counts;
  return {
    services: services.bad,
    sessions: sessions.total - sessions.established,
    pools: pools.nearlyFull,
    layer2: layer2.inConflict,
  };
}
