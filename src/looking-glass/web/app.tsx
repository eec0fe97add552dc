import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useConnection, useGlass, useLocation } from "./glass.ts";
import { listenToKeys } from "./keyboard.ts";
import { JournalPage } from "./pages/journal.tsx";
import { Layer2Page } from "./pages/layer2.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { PoolsPage } from "./pages/pools.tsx";
import { RoutesPage } from "./pages/routes.tsx";
import { ServicePage } from "./pages/service.tsx";
import { ServicesPage } from "./pages/services.tsx";
import { SessionPage } from "./pages/session.tsx";
import { SessionsPage } from "./pages/sessions.tsx";
import { TopologyPage } from "./pages/topology.tsx";
import { type Location, PAGES } from "./route.ts";
import { HelpDialog } from "./shell/help-dialog.tsx";
import { LostBanner } from "./shell/lost-banner.tsx";
import { SearchDialog } from "./shell/search-dialog.tsx";
import { SideBar } from "./shell/side-bar.tsx";
import { SignedOut } from "./shell/signed-out.tsx";
import { TopBar } from "./shell/top-bar.tsx";

type Dialog = "search" | "help";

/** The whole page. */
export function App(): JSX.Element {
  const { theme } = useGlass();
  const location = useLocation();
  const connection = useConnection();
  const [dialog, setDialog] = useState<Dialog>();
  useEffect(
    () =>
      listenToKeys(window, (command) => {
        if (command === "theme") theme.next();
        else if (command === "pause") window.dispatchEvent(new CustomEvent("herald-pause"));
        else setDialog(command);
      }),
    [theme],
  );
  const main = useArrival(location);
  if (connection.state === "signed-out") return <SignedOut />;
  return (
    <>
      <a class="skip" href={window.location.hash} onClick={(event) => skipTo(event, main.current)}>
        Skip to the content
      </a>
      <TopBar search={() => setDialog("search")} help={() => setDialog("help")} />
      <SideBar page={location.page} />
      <main ref={main} tabIndex={-1} class={`main main-${location.page}`}>
        <LostBanner />
        <CurrentPage location={location} />
      </main>
      {dialog === "search" && <SearchDialog close={() => setDialog(undefined)} />}
      {dialog === "help" && <HelpDialog close={() => setDialog(undefined)} />}
    </>
  );
}

function CurrentPage({ location }: { readonly location: Location }): JSX.Element {
  const { page, ids, query } = location;
  const [first, second] = ids;
  const key = `${page}/${ids.join("/")}`;
  switch (page) {
    case "overview":
      return <OverviewPage key={key} />;
    case "services":
      if (first !== undefined && second !== undefined)
        return <ServicePage key={key} namespace={first} name={second} query={query} />;
      return <ServicesPage key={key} query={query} />;
    case "sessions":
      if (first !== undefined && second !== undefined) return <SessionPage key={key} node={first} peer={second} />;
      return <SessionsPage key={key} query={query} />;
    case "topology":
      return <TopologyPage key={key} query={query} />;
    case "routes":
      return <RoutesPage key={key} query={query} />;
    case "pools":
      return <PoolsPage key={page} name={first} query={query} />;
    case "layer2":
      return <Layer2Page key={key} query={query} />;
    case "journal":
      return <JournalPage key={key} query={query} />;
  }
}

/** Names the window, and on another page begins at its top with the focus on its title. */
function useArrival({ page, ids }: Location): { readonly current: HTMLElement | null } {
  const main = useRef<HTMLElement>(null);
  const arrived = useRef(false);
  const where = [page, ...ids].join("/");
  useEffect(() => {
    const title = PAGES.find((one) => one.page === page)?.title ?? "";
    document.title = [...ids.slice(-1), title, "Herald"].join(" · ");
    if (arrived.current && where !== "") {
      window.scrollTo(0, 0);
      const heading = main.current?.querySelector("h1");
      (heading ?? main.current)?.focus({ preventScroll: true });
    }
    arrived.current = true;
  }, [where]);
  return main;
}

function skipTo(event: Event, main: HTMLElement | null): void {
  event.preventDefault();
  main?.focus();
}
