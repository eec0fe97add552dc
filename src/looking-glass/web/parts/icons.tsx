import type { ComponentChildren, JSX } from "preact";
import type { PageName } from "../route.ts";

export type IconName =
  | PageName
  | "search"
  | "sun"
  | "moon"
  | "system"
  | "help"
  | "pause"
  | "play"
  | "close"
  | "arrow"
  | "chevron";

const PATHS: Record<IconName, ComponentChildren> = {
  overview: <path d="M2.5 9.5h3l2-5 3 8.5 2-5.5h3" />,
  services: <path d="M3 4.5h12M3 9h12M3 13.5h12" />,
  sessions: <path d="M2.5 6.5h10l-3-3M15.5 11.5h-10l3 3" />,
  topology: (
    <>
      <circle cx="9" cy="3.8" r="2" />
      <circle cx="4" cy="14" r="2" />
      <circle cx="14" cy="14" r="2" />
      <path d="M8 5.6 4.9 12.2M10 5.6l3.1 6.6M6 14h6" />
    </>
  ),
  routes: <path d="M4 15V9a3 3 0 0 1 3-3h7m-3-3 3 3-3 3" />,
  pools: <path d="M2.5 2.5h5v5h-5zM10.5 2.5h5v5h-5zM2.5 10.5h5v5h-5zM10.5 10.5h5v5h-5z" />,
  layer2: <path d="M9 2.5 16 6 9 9.5 2 6ZM2.5 9.5 9 12.8l6.5-3.3M2.5 12.8 9 16l6.5-3.2" />,
  journal: <path d="M9 4.8V9l2.8 2M9 2.2a6.8 6.8 0 1 1-6.3 4.3M2.5 2.8v3.8h3.8" />,
  search: (
    <>
      <circle cx="8" cy="8" r="5" />
      <path d="m11.8 11.8 4 4" />
    </>
  ),
  sun: (
    <>
      <circle cx="9" cy="9" r="3.2" />
      <path d="M9 1.5v1.8M9 14.7v1.8M1.5 9h1.8M14.7 9h1.8M3.7 3.7 5 5M13 13l1.3 1.3M3.7 14.3 5 13M13 5l1.3-1.3" />
    </>
  ),
  moon: <path d="M15 10.8A6.5 6.5 0 1 1 7.2 3a5.2 5.2 0 0 0 7.8 7.8Z" />,
  system: <path d="M2.5 3.5h13v8.5h-13zM6 15h6M9 12v3" />,
  help: (
    <>
      <circle cx="9" cy="9" r="6.8" />
      <path d="M7 7.2c.2-2.6 4.2-2.5 4.1 0C11 8.9 9 8.9 9 10.6M9 12.8v.1" />
    </>
  ),
  pause: <path d="M6.5 4v10M11.5 4v10" />,
  play: <path d="M6 3.5v11l8.5-5.5Z" />,
  close: <path d="m4 4 10 10M14 4 4 14" />,
  arrow: <path d="M3 9h12m-5-5 5 5-5 5" />,
  chevron: <path d="m6.5 4 5 5-5 5" />,
};

/** A picture beside words that say the same. */
export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 18 18" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}
