import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Explanation, RankedCause } from "../../../inspection/explain/explain.ts";
import type { ServiceDetailView, ServiceRow } from "../../model.ts";
import { ASKING_GAP, isAboutService } from "../changed-by.ts";
import { useDocument } from "../document.ts";
import { byName, counted, formatObject } from "../format.ts";
import { replaceHash } from "../glass.ts";
import { ExplainTree } from "../parts/explain-tree.tsx";
import { Choice } from "../parts/filters.tsx";
import { Icon } from "../parts/icons.tsx";
import { Mark } from "../parts/marks.tsx";
import { Moves } from "../parts/moves.tsx";
import { Ago, Crumb, Failed, Few, Loading, ObjectRef, PageHead, Silent } from "../parts/words.tsx";
import { hashOf, searchOf } from "../route.ts";
import { ServiceLayer2, ServiceRefusals, ServiceRoutes } from "./service-tables.tsx";

type Query = Readonly<Record<string, string>>;

const ANSWERS: Record<Explanation["answers"], string> = {
  yes: "is announced",
  partly: "is announced, but not all is as it should be",
  no: "is not announced",
  unknown: "may be announced: who would know does not answer",
};

/** Why one Service answers or not, and what to change. */
export function ServicePage({
  namespace,
  name,
  query,
}: {
  readonly namespace: string;
  readonly name: string;
  readonly query: Query;
}): JSX.Element {
  const { node, peer } = query;
  const base = ["services", namespace, name].map(encodeURIComponent).join("/");
  const row = useRef<ServiceRow | undefined>(undefined);
  const { value, failure } = useDocument<ServiceDetailView>(
    `${base}${searchOf({ node, peer })}`,
    (event) => isAboutService(event, `${namespace}/${name}`, row.current),
    ASKING_GAP,
  );
  row.current = value?.row;
  const crumb = <Crumb href={hashOf("services")}>Services</Crumb>;
  if (value === undefined)
    return (
      <>
        {crumb}
        <PageHead title={`${namespace}/${name}`} />
        {failure === undefined ? <Loading /> : <Failed failure={failure} />}
      </>
    );
  return (
    <>
      {crumb}
      <ServiceHead view={value} />
      <Silent sources={value.silent} />
      {value.explanation !== undefined && <Change explanation={value.explanation} />}
      <Facts view={value} />
      {value.explanation !== undefined && (
        <Explained explanation={value.explanation} view={value} query={query} base={[namespace, name]} />
      )}
      {value.unexplained !== undefined && <Unexplained why={value.unexplained} />}
      {value.explanation === undefined && <ServiceRefusals refusals={value.refusals} />}
      <ServiceRoutes routes={value.routes} />
      <ServiceLayer2 items={value.layer2} />
      <section class="card" aria-labelledby="service-moves">
        <header class="card-head">
          <h2 id="service-moves">Moves</h2>
        </header>
        <Moves entries={value.journal.slice(0, 30)} />
      </section>
    </>
  );
}

function ServiceHead({ view }: { readonly view: ServiceDetailView }): JSX.Element {
  const { row, explanation } = view;
  const { namespace, name, health, problem } = row;
  const said = explanation === undefined ? (problem ?? "") : ANSWERS[explanation.answers];
  return (
    <PageHead
      title={
        <span class="service-title">
          <Mark health={health} />
          <span>
            <span class="muted">{namespace}/</span>
            {name}
          </span>
        </span>
      }
      below={<span aria-live="polite">{said}</span>}
    >
      <a class="button" href={hashOf("topology", [], { service: `${namespace}/${name}` })}>
        <Icon name="topology" /> In the topology
      </a>
    </PageHead>
  );
}

function Unexplained({ why }: { readonly why: string }): JSX.Element {
  return (
    <div class="notice notice-unknown">
      <Mark health="unknown" />
      <p>There is no explanation: {why}</p>
    </div>
  );
}

/** The one thing to change, and why; then what else stands in the way. */
function Change({ explanation }: { readonly explanation: Explanation }): JSX.Element | null {
  const [first, ...others] = together(explanation.causes);
  if (first === undefined) return null;
  const { answers, change } = explanation;
  const health =
    answers === "no" ? "bad" : answers === "unknown" ? "unknown" : answers === "yes" ? "quiet" : "doubtful";
  return (
    <section class={`change change-${health}`} aria-label="What to change">
      <p class="change-lead">{answers === "yes" ? "If nothing answers all the same" : "Change"}</p>
      <p class="change-what">{change ?? first.change}</p>
      <p class="change-why">
        {first.words} <ObjectRef object={first.object} field={first.field} />
        {first.places > 1 && <span class="pill">at {first.places} places</span>}
      </p>
      {others.length > 0 && (
        <details class="change-more">
          <summary>{counted(others.length, "other thing")} in the way</summary>
          <ul>
            {others.map(({ name, words, change: then, object, field }) => (
              <li key={`${name} ${object === undefined ? "" : formatObject(object)}`}>
                <span>{words}</span> <ObjectRef object={object} field={field} />
                <span class="remedy">
                  <Icon name="arrow" />
                  {then}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

/** What would be said twice is said once. */
function together(causes: readonly RankedCause[]): readonly (RankedCause & { readonly places: number })[] {
  const common = new Map<string, RankedCause & { readonly places: number }>();
  for (const cause of causes) {
    const key = `${cause.words}\n${cause.change}`;
    const before = common.get(key);
    common.set(key, before === undefined ? { ...cause, places: 1 } : { ...before, places: before.places + 1 });
  }
  return [...common.values()];
}

function Facts({ view }: { readonly view: ServiceDetailView }): JSX.Element {
  const { addresses, pool, bgp, layer2, endpoints, changed } = view.row;
  return (
    <dl class="facts">
      <div>
        <dt>Addresses</dt>
        <dd class="mono">{addresses.length === 0 ? "pending" : addresses.join(" ")}</dd>
      </div>
      <div>
        <dt>Pool</dt>
        <dd>{pool === undefined ? "–" : <a href={hashOf("pools", [pool])}>{pool}</a>}</dd>
      </div>
      <div>
        <dt>Announced over BGP by</dt>
        <dd>
          <Few items={bgp.nodes} most={4} />
        </dd>
      </div>
      <div>
        <dt>Answered on the LAN by</dt>
        <dd>
          <Few items={layer2} most={4} />
        </dd>
      </div>
      <div>
        <dt>Endpoints</dt>
        <dd class="num">{endpoints ?? "–"}</dd>
      </div>
      <div>
        <dt>Changed</dt>
        <dd>
          <Ago at={changed} />
        </dd>
      </div>
    </dl>
  );
}

function Explained({
  explanation,
  view,
  query,
  base,
}: {
  readonly explanation: Explanation;
  readonly view: ServiceDetailView;
  readonly query: Query;
  readonly base: readonly string[];
}): JSX.Element {
  const nodes = [...new Set([...view.refusals.map(({ node }) => node), ...view.routes.map(({ node }) => node)])];
  const peers = [...new Set(view.routes.map(({ peer }) => peer))];
  const only = (changes: Record<string, string | undefined>): void =>
    replaceHash(hashOf("services", base, { ...query, ...changes }));
  return (
    <section class="card" aria-labelledby="explain-title">
      <header class="card-head">
        <h2 id="explain-title">Link by link</h2>
        <div class="card-tools">
          <Choice
            label="Only this node"
            all="All nodes"
            value={query["node"]}
            options={nodes.toSorted(byName)}
            change={(node) => only({ node })}
          />
          <Choice
            label="Only this peer"
            all="All peers"
            value={query["peer"]}
            options={peers.toSorted(byName)}
            change={(peer) => only({ peer })}
          />
        </div>
      </header>
      {!explanation.observed && <p class="none muted">By the objects alone: nobody was asked what really happens.</p>}
      <ExplainTree findings={explanation.findings} />
    </section>
  );
}
