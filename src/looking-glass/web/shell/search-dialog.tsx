import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Health, PoolsView, ServicesView, SessionsView } from "../../model.ts";
import type { Api } from "../api.ts";
import { useGlass } from "../glass.ts";
import { Icon } from "../parts/icons.tsx";
import { Mark } from "../parts/marks.tsx";
import { hashOf, PAGES, searchOf } from "../route.ts";
import { Modal } from "./modal.tsx";

/** Something to go to. */
interface Hit {
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  readonly href: string;
  readonly health?: Health;
}

const MOST = 8;
/** After the last letter, before the server is asked. */
const SETTLE = 120;

/** Finds Services, sessions, pools and pages, and goes there. */
export function SearchDialog({ close }: { readonly close: () => void }): JSX.Element {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const hits = useHits(text);
  const at = Math.min(chosen, hits.length - 1);
  const pressed = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      setChosen((at + step + hits.length) % Math.max(1, hits.length));
    }
    const hit = hits[at];
    if (event.key !== "Enter" || hit === undefined) return;
    event.preventDefault();
    close();
    window.location.hash = hit.href;
  };
  return (
    <Modal label="Search" kind="search" close={close}>
      <div class="search-field">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-label="Search"
          aria-expanded={hits.length > 0}
          aria-controls="search-hits"
          aria-activedescendant={hits[at] === undefined ? undefined : `search-hit-${at}`}
          aria-autocomplete="list"
          placeholder="Service, address, node, peer, pool"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={pressed}
        />
        <kbd>Esc</kbd>
      </div>
      <Hits hits={hits} at={at} close={close} />
      {hits.length === 0 && <p class="search-none muted">Nothing of that name.</p>}
    </Modal>
  );
}

function Hits({
  hits,
  at,
  close,
}: {
  readonly hits: readonly Hit[];
  readonly at: number;
  readonly close: () => void;
}): JSX.Element {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [at]);
  return (
    <div id="search-hits" class="search-hits" role="listbox" aria-label="Found" ref={list}>
      {hits.map(({ kind, title, detail, href, health }, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: Enter in the field does the same
        <div
          key={href}
          id={`search-hit-${index}`}
          class="search-hit"
          role="option"
          aria-selected={index === at}
          onClick={() => {
            close();
            window.location.hash = href;
          }}
        >
          {health === undefined ? <Icon name="arrow" /> : <Mark health={health} />}
          <span class="search-title">{title}</span>
          <span class="search-detail muted">{detail}</span>
          <span class="search-kind muted">{kind}</span>
        </div>
      ))}
    </div>
  );
}

function useHits(text: string): readonly Hit[] {
  const { api } = useGlass();
  const [found, setFound] = useState<readonly Hit[]>([]);
  const words = text.trim();
  useEffect(() => {
    if (words === "") return setFound([]);
    const stopped = new AbortController();
    const ask = async (): Promise<void> => {
      const hits = await askServer(api, words, stopped.signal);
      if (!stopped.signal.aborted) setFound(hits);
    };
    const timer = setTimeout(() => void ask(), SETTLE);
    return () => {
      clearTimeout(timer);
      stopped.abort();
    };
  }, [api, words]);
  const pages = PAGES.filter(({ title }) => title.toLowerCase().includes(words.toLowerCase())).map(
    ({ page, title, key }): Hit => ({ kind: "page", title, detail: `g ${key}`, href: hashOf(page) }),
  );
  return words === "" ? pages : [...found, ...pages];
}

async function askServer(api: Api, q: string, signal: AbortSignal): Promise<readonly Hit[]> {
  const [services, sessions, pools] = await Promise.all([
    api.get<ServicesView>(`services${searchOf({ q, limit: MOST })}`, signal),
    api.get<SessionsView>(`sessions${searchOf({ q, limit: MOST })}`, signal),
    api.get<PoolsView>("pools", signal),
  ]);
  return [
    ...(services.ok ? services.value.items.map(serviceHit) : []),
    ...(sessions.ok ? sessions.value.items.slice(0, MOST).map(sessionHit) : []),
    ...(pools.ok
      ? pools.value.pools
          .filter(({ name }) => name.includes(q))
          .slice(0, MOST)
          .map(poolHit)
      : []),
  ];
}

function serviceHit({ namespace, name, addresses, health }: ServicesView["items"][number]): Hit {
  const href = hashOf("services", [namespace, name]);
  return { kind: "Service", title: `${namespace}/${name}`, detail: addresses.join(", "), href, health };
}

function sessionHit({ session, health }: SessionsView["items"][number]): Hit {
  const { node, peer, address, state } = session;
  const detail = `${address ?? session.interface ?? ""} ${state}`;
  return { kind: "session", title: `${node} → ${peer}`, detail, href: hashOf("sessions", [node, peer]), health };
}

function poolHit({ name, addresses, health }: PoolsView["pools"][number]): Hit {
  return { kind: "pool", title: name, detail: addresses.join(", "), href: hashOf("pools", [name]), health };
}
