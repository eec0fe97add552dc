import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useConnection, useGlass } from "../glass.ts";
import { Icon } from "../parts/icons.tsx";
import type { Scheme } from "../theme.ts";

const STATES = { connecting: "Connecting", live: "Live", lost: "Lost", "signed-out": "Signed out" } as const;
const SCHEMES: Record<Scheme, string> = { system: "as the system", light: "light", dark: "dark" };

/** The name of the program, the search, and how fresh all of it is. */
export function TopBar({ search, help }: { readonly search: () => void; readonly help: () => void }): JSX.Element {
  return (
    <header class="top">
      <a class="brand" href="#/overview" aria-label="Herald, to the overview">
        <svg viewBox="0 0 32 32" aria-hidden="true" class="brand-mark">
          <rect width="32" height="32" rx="8" class="brand-ground" />
          <path d="M16.5 10.5a8 8 0 0 1 0 11M21 6.8a13.6 13.6 0 0 1 0 18.4" class="brand-wave" />
          <circle cx="10" cy="16" r="3.6" class="brand-dot" />
        </svg>
        <span>Herald</span>
      </a>
      <button type="button" class="search-button" onClick={search} aria-keyshortcuts="/">
        <Icon name="search" />
        <span class="search-words">Search Services, addresses, sessions</span>
        <kbd>/</kbd>
      </button>
      <div class="top-end">
        <ConnectionState />
        <ThemeButton />
        <button
          type="button"
          class="icon-button"
          onClick={help}
          aria-label="Keys"
          title="Keys (?)"
          aria-keyshortcuts="?"
        >
          <Icon name="help" />
        </button>
      </div>
    </header>
  );
}

function ConnectionState(): JSX.Element {
  const { state } = useConnection();
  return (
    <span class={`connection connection-${state}`} role="status" data-connection={state}>
      <span class="connection-dot" aria-hidden="true" />
      <span>{STATES[state]}</span>
    </span>
  );
}

function ThemeButton(): JSX.Element {
  const { theme } = useGlass();
  const [scheme, setScheme] = useState(theme.scheme);
  useEffect(() => theme.watch(() => setScheme(theme.scheme)), [theme]);
  const icon = scheme === "light" ? "sun" : scheme === "dark" ? "moon" : "system";
  return (
    <button
      type="button"
      class="icon-button"
      onClick={() => theme.next()}
      aria-label={`Colours: ${SCHEMES[scheme]}`}
      title={`Colours: ${SCHEMES[scheme]} (d)`}
      aria-keyshortcuts="d"
    >
      <Icon name={icon} />
    </button>
  );
}
