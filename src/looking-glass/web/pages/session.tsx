import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { OpenItem, SessionItem } from "../../../inspection/session-view.ts";
import type { PrefixSample, SessionDetailView, StateSpan } from "../../model.ts";
import { useDocument } from "../document.ts";
import { counted, formatCount, formatDuration } from "../format.ts";
import { useNow } from "../glass.ts";
import { Chart } from "../parts/chart.tsx";
import { Mark } from "../parts/marks.tsx";
import { StateLane, TimeAxis } from "../parts/timeline.tsx";
import { Ago, At, Crumb, Failed, Loading, PageHead } from "../parts/words.tsx";
import { hashOf } from "../route.ts";

/** Everything of one session. */
export function SessionPage({ node, peer }: { readonly node: string; readonly peer: string }): JSX.Element {
  const path = ["sessions", node, peer].map(encodeURIComponent).join("/");
  const { value, failure } = useDocument<SessionDetailView>(path, ["sessions", "sources"]);
  const crumb = <Crumb href={hashOf("sessions")}>Sessions</Crumb>;
  if (value === undefined)
    return (
      <>
        {crumb}
        <PageHead title={`${node} → ${peer}`} />
        {failure === undefined ? <Loading /> : <Failed failure={failure} />}
      </>
    );
  const { row, detail, samples, silent } = value;
  return (
    <>
      {crumb}
      <PageHead
        title={
          <span class="service-title">
            <Mark health={row.health} label={row.session.state} />
            <span>
              {node} → {peer}
            </span>
          </span>
        }
        below={
          <span aria-live="polite">
            {row.session.state} for <Ago at={row.session.since} />
          </span>
        }
      >
        <a class="button" href={hashOf("routes", [], { node, peer })}>
          {counted(row.session.prefixesOut, "route")} out
        </a>
        <a class="button" href={hashOf("routes", [], { node, peer, direction: "in" })}>
          {formatCount(row.session.prefixesIn)} in
        </a>
      </PageHead>
      {silent !== undefined && (
        <div class="notice notice-unknown">
          <Mark health="unknown" />
          <p>
            The speaker of {node} does not answer: {silent}. What is shown is as it was seen last.
          </p>
        </div>
      )}
      <Trouble session={row.session} />
      <Facts session={row.session} />
      <States spans={row.timeline} />
      <div class="columns columns-even">
        <Prefixes samples={samples} />
        <Counters counters={row.session.counters} />
      </div>
      {detail !== undefined && <Opens detail={detail} />}
      {detail !== undefined && detail.notSent.length > 0 && <NotSent rows={detail.notSent} />}
    </>
  );
}

/** Why it is not up, or was not. */
function Trouble({ session }: { readonly session: SessionItem }): JSX.Element | null {
  const { state, lastError, lastDown, lastNotification, bfd } = session;
  if (state === "established" && lastDown === undefined) return null;
  const health = state === "established" ? "quiet" : "bad";
  return (
    <section class={`change change-${health}`} aria-label="What went wrong">
      <p class="change-lead">{state === "established" ? "It was down" : "Why it is down"}</p>
      <p class="change-what">{lastError ?? lastDown?.reason ?? "nothing was heard of the peer yet"}</p>
      {lastDown !== undefined && (
        <p class="change-why">
          lost at <At at={lastDown.at} />
          {lastDown.reason !== lastError && `: ${lastDown.reason}`}
        </p>
      )}
      {lastNotification !== undefined && (
        <p class="change-why">
          NOTIFICATION {lastNotification.direction === "out" ? "sent" : "received"} at <At at={lastNotification.at} />:{" "}
          {lastNotification.words}{" "}
          <code>
            {lastNotification.code}/{lastNotification.subcode}
          </code>
        </p>
      )}
      {bfd?.lastError !== undefined && <p class="change-why">BFD: {bfd.lastError}</p>}
    </section>
  );
}

function Facts({ session }: { readonly session: SessionItem }): JSX.Element {
  const { address, interface: name, port, localAddress, localAsn, expectedAsn, negotiated, bfd, flaps } = session;
  return (
    <dl class="facts">
      <Fact name="Peer">
        <span class="mono">
          {address ?? name ?? "–"}:{port}
        </span>
      </Fact>
      <Fact name="From">
        <span class="mono">{localAddress ?? "–"}</span>
      </Fact>
      <Fact name="AS, ours and theirs">
        <span class="num">
          {localAsn} / {negotiated?.peerAsn ?? expectedAsn}
        </span>
      </Fact>
      <Fact name="Hold, keepalive">
        <span class="num">
          {negotiated === undefined ? "–" : `${negotiated.holdTime} s, ${negotiated.keepaliveTime} s`}
        </span>
      </Fact>
      <Fact name="Families">{negotiated?.families.join(", ") ?? "–"}</Fact>
      <Fact name="Identifier">
        <span class="mono">{negotiated?.peerIdentifier ?? "–"}</span>
      </Fact>
      <Fact name="BFD">{bfd?.state ?? "not used"}</Fact>
      <Fact name="Flaps">
        <span class="num">{flaps}</span>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function States({ spans }: { readonly spans: readonly StateSpan[] }): JSX.Element {
  const now = useNow(5000);
  const from = Math.min(now - 60_000, Date.parse(spans[0]?.start ?? new Date(now).toISOString()));
  const latest = spans.toReversed().slice(0, 12);
  return (
    <section class="card" aria-labelledby="states-title">
      <header class="card-head">
        <h2 id="states-title">States</h2>
      </header>
      <div class="state-lane">
        <StateLane spans={spans} from={from} />
        <TimeAxis stretch={{ from, to: now }} most={8} />
      </div>
      <ol class="moves">
        {latest.map(({ state, start, end, reason }) => (
          <li key={`${start} ${state}`} class="move">
            <At at={start} />
            <span class={`swatch state-${state}`} aria-hidden="true" />
            <span class="move-words">
              <span class="move-type">{state}</span>{" "}
              <span class="muted">
                {end === undefined ? "until now" : `for ${formatDuration(Date.parse(end) - Date.parse(start))}`}
                {reason !== undefined && `, ${reason}`}
              </span>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Prefixes({ samples }: { readonly samples: readonly PrefixSample[] }): JSX.Element {
  const { at, series } = useMemo(
    () => ({
      at: samples.map((sample) => Date.parse(sample.at) / 1000),
      series: [
        { name: "Out", colour: "--accent", values: samples.map(({ prefixesOut }) => prefixesOut) },
        { name: "In", colour: "--tint-2", values: samples.map(({ prefixesIn }) => prefixesIn) },
      ],
    }),
    [samples],
  );
  const last = samples.at(-1);
  const label = last === undefined ? "no prefixes yet" : `${last.prefixesOut} prefixes out, ${last.prefixesIn} in`;
  return (
    <section class="card" aria-labelledby="prefixes-title">
      <header class="card-head">
        <h2 id="prefixes-title">Prefixes</h2>
      </header>
      {samples.length < 2 ? (
        <p class="none muted">Not counted for long enough.</p>
      ) : (
        <Chart label={label} at={at} series={series} height={150} shape="step" />
      )}
    </section>
  );
}

function Counters({ counters }: { readonly counters: SessionItem["counters"] }): JSX.Element {
  return (
    <section class="card" aria-labelledby="counters-title">
      <header class="card-head">
        <h2 id="counters-title">Counted</h2>
      </header>
      <dl class="counters">
        {Object.entries(counters).map(([name, count]) => (
          <div key={name}>
            <dt>{wordsOf(name)}</dt>
            <dd class="num">{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

/** `updatesSent` as people write it. */
function wordsOf(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_all, a: string, b: string) => `${a} ${b.toLowerCase()}`);
}

type Detail = NonNullable<SessionDetailView["detail"]>;

/** Both OPENs side by side, and what each side lacks. */
function Opens({ detail }: { readonly detail: Detail }): JSX.Element {
  const { openSent, openReceived, lacks } = detail;
  return (
    <section class="card" aria-labelledby="opens-title">
      <header class="card-head">
        <h2 id="opens-title">Both OPENs</h2>
      </header>
      <div class="opens">
        <Open title="We said" open={openSent} lacking={lacks.peers} lack="which the peer does not" />
        <Open title="The peer said" open={openReceived} lacking={lacks.ours} lack="which we do not" />
      </div>
    </section>
  );
}

function Open({
  title,
  open,
  lacking,
  lack,
}: {
  readonly title: string;
  readonly open: OpenItem | undefined;
  readonly lacking: readonly string[];
  readonly lack: string;
}): JSX.Element {
  return (
    <div class="open">
      <h3>{title}</h3>
      {open === undefined ? (
        <p class="muted">Nothing yet.</p>
      ) : (
        <>
          <p class="num">
            AS {open.asn}, hold time {open.holdTime} s, identifier <span class="mono">{open.identifier}</span>
          </p>
          <ul class="capabilities">
            {open.capabilities.map((capability) => (
              <li key={capability}>{capability}</li>
            ))}
          </ul>
        </>
      )}
      {lacking.length > 0 && (
        <p class="lacking">
          <Mark health="doubtful" /> {lacking.join(", ")}: {lack}
        </p>
      )}
    </div>
  );
}

function NotSent({ rows }: { readonly rows: Detail["notSent"] }): JSX.Element {
  return (
    <section class="card" aria-labelledby="not-sent-title">
      <header class="card-head">
        <h2 id="not-sent-title">Prefixes that cannot be sent</h2>
      </header>
      <ul class="refusals">
        {rows.map(({ prefix, reason }) => (
          <li key={prefix}>
            <Mark health="bad" />
            <span>
              <span class="mono">{prefix}</span> <span class="muted">{reason}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
