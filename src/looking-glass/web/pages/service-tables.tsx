import type { JSX } from "preact";
import type { RouteOutItem } from "../../../inspection/route-view.ts";
import type { Layer2Item } from "../../../inspection/state-view.ts";
import type { ServiceRefusal } from "../../model.ts";
import { byName, counted } from "../format.ts";
import { Mark } from "../parts/marks.tsx";
import { routeHealth } from "../parts/route-health.ts";
import { Ago, Few, Scroll } from "../parts/words.tsx";
import { hashOf } from "../route.ts";

const MOST = 40;

/** What routers were told of the Service. */
export function ServiceRoutes({ routes }: { readonly routes: readonly RouteOutItem[] }): JSX.Element | null {
  if (routes.length === 0) return null;
  const sorted = routes.toSorted(
    (a, b) => byName(a.prefix, b.prefix) || byName(a.node, b.node) || byName(a.peer, b.peer),
  );
  return (
    <section class="card" aria-labelledby="service-routes">
      <header class="card-head">
        <h2 id="service-routes">Routes</h2>
        <span class="muted num">{counted(routes.length, "route")}</span>
      </header>
      <Scroll label="Routes, as a table">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col">Prefix</th>
              <th scope="col">Session</th>
              <th scope="col">Next hop</th>
              <th scope="col">Communities</th>
              <th scope="col">Advertisements</th>
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, MOST).map((route) => (
              <tr key={`${route.node} ${route.peer} ${route.prefix}`}>
                <td>
                  <Mark health={routeHealth(route.state)} label={route.state} />
                </td>
                <td class="mono nowrap">{route.prefix}</td>
                <td class="nowrap">
                  <a href={hashOf("sessions", [route.node, route.peer])}>
                    {route.node} → {route.peer}
                  </a>
                </td>
                <td class="mono nowrap">{route.nextHop ?? "–"}</td>
                <td>
                  <Few items={[...route.communities, ...route.largeCommunities]} most={3} mono />
                </td>
                <td>
                  <Few items={route.advertisements} most={2} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {routes.length > MOST && <p class="none muted">and {routes.length - MOST} more, on the page of routes</p>}
    </section>
  );
}

/** Who answers for the Service's addresses on the LAN. */
export function ServiceLayer2({ items }: { readonly items: readonly Layer2Item[] }): JSX.Element | null {
  if (items.length === 0) return null;
  return (
    <section class="card" aria-labelledby="service-layer2">
      <header class="card-head">
        <h2 id="service-layer2">On the LAN</h2>
      </header>
      <Scroll label="On the LAN, as a table">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Address</th>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              <th scope="col">Interfaces</th>
              <th scope="col">Since</th>
              <th scope="col">Answers</th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <tr key={`${item.node} ${item.address}`}>
                <td class="mono nowrap">{item.address}</td>
                <td>{item.node}</td>
                <td>{item.state}</td>
                <td class="mono">{item.interfaces.map(({ name, mac }) => `${name} ${mac}`).join(", ")}</td>
                <td>
                  <Ago at={item.since} />
                </td>
                <td class="num">{item.answers}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

/** What speakers decided, where no API can be asked why. */
export function ServiceRefusals({ refusals }: { readonly refusals: readonly ServiceRefusal[] }): JSX.Element | null {
  if (refusals.length === 0) return null;
  return (
    <section class="card" aria-labelledby="service-refusals">
      <header class="card-head">
        <h2 id="service-refusals">Refusals</h2>
      </header>
      <ul class="refusals">
        {refusals.map(({ node, ip, protocol, reason, message }) => (
          <li key={`${node} ${ip} ${protocol} ${reason}`}>
            <Mark health="bad" />
            <span>
              {message} <span class="muted">{node}</span> <code class="muted">{reason}</code>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
