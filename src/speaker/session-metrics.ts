import { SPEAKER_METRICS } from "../telemetry/catalogue-speaker.ts";
import type { MetricDefinition, Metrics, Sample } from "../telemetry/metrics.ts";
import type { BfdReading, BfdReadings } from "./bfd-service.ts";
import type { BgpSessionView } from "./bgp-session-view.ts";

/** A session, and where its router is: the port is part of MetalLB's label. */
export interface SessionReading {
  readonly view: BgpSessionView;
  readonly port: number;
  /** The interface of a link-local peer, or of one that was not found yet. */
  readonly interface: string | undefined;
  readonly vrf: string | undefined;
}

type PeerLabel = "peer" | "vrf";
type Gauge<Label extends string> = MetricDefinition<Label, "gauge">;
type Counter<Label extends string> = MetricDefinition<Label, "counter">;
type Read<Reading> = (reading: Reading) => number | undefined;

const M = SPEAKER_METRICS;

const SESSION_GAUGES: readonly (readonly [Gauge<PeerLabel>, Read<SessionReading>])[] = [
  [M.sessionUp, ({ view }) => Number(view.state === "established")],
  [M.announcedPrefixes, ({ view }) => view.routesSent],
  [M.pendingPrefixes, ({ view }) => view.routesSent + view.routesNotSent.length],
  [M.receivedPrefixes, ({ view }) => view.routesLearned],
  [M.unsendablePrefixes, ({ view }) => view.routesNotSent.length],
];

type Counters = SessionReading["view"]["counters"];

const SESSION_COUNTERS: readonly (readonly [Counter<PeerLabel>, (counters: Counters) => number])[] = [
  [M.updatesSent, (counters) => counters.updatesSent],
  [M.updatesReceived, (counters) => counters.updatesReceived],
  [M.opensSent, (counters) => counters.opensSent],
  [M.opensReceived, (counters) => counters.opensReceived],
  [M.keepalivesSent, (counters) => counters.keepalivesSent],
  [M.keepalivesReceived, (counters) => counters.keepalivesReceived],
  [M.notificationsSent, (counters) => counters.notificationsSent],
  [M.notificationsReceived, (counters) => counters.notificationsReceived],
  [M.refreshesSent, (counters) => counters.refreshesSent],
  [M.refreshesReceived, (counters) => counters.refreshesReceived],
  [M.totalSent, totalSent],
  [M.totalReceived, totalReceived],
  [M.established, (counters) => counters.established],
];

function totalSent({ updatesSent, opensSent, keepalivesSent, notificationsSent, refreshesSent }: Counters): number {
  return updatesSent + opensSent + keepalivesSent + notificationsSent + refreshesSent;
}

function totalReceived(counters: Counters): number {
  const { updatesReceived, opensReceived, keepalivesReceived, notificationsReceived, refreshesReceived } = counters;
  return updatesReceived + opensReceived + keepalivesReceived + notificationsReceived + refreshesReceived;
}

const BFD_COUNTERS: readonly (readonly [Counter<"peer">, Read<BfdReading>])[] = [
  [M.bfdControlIn, ({ packets }) => packets?.received],
  [M.bfdControlOut, ({ packets }) => packets?.sent],
  [M.bfdEchoIn, ({ packets }) => packets?.echoesReturned],
  [M.bfdEchoOut, ({ packets }) => packets?.echoesSent],
  [M.bfdUpEvents, ({ ups }) => ups],
  [M.bfdDownEvents, ({ downs }) => downs],
];

/** Says how the sessions fare, and the detectors beside them. */
export function registerSessionMetrics(
  metrics: Metrics,
  read: { sessions(): readonly SessionReading[]; bfd(): Promise<BfdReadings | undefined> },
): void {
  for (const [definition, value] of SESSION_GAUGES)
    metrics.gauge(definition, () => samples(read.sessions(), peerLabels, value));
  for (const [definition, value] of SESSION_COUNTERS)
    metrics.counter(definition, () => samples(read.sessions(), peerLabels, ({ view }) => value(view.counters)));
  metrics.counter(M.flaps, () => read.sessions().flatMap(flaps));
  const bfd = async (): Promise<readonly BfdReading[]> => (await read.bfd())?.sessions ?? [];
  metrics.gauge(M.bfdUp, async () => samples(await bfd(), bfdLabels, ({ state }) => Number(state === "up")));
  for (const [definition, value] of BFD_COUNTERS)
    metrics.counter(definition, async () => samples(await bfd(), bfdLabels, value));
  metrics.counter(M.bfdRefused, async () =>
    Object.entries((await read.bfd())?.engine?.refused ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  );
}

function samples<Reading, Label extends string>(
  readings: readonly Reading[],
  labels: (reading: Reading) => Readonly<Record<Label, string>>,
  read: Read<Reading>,
): readonly Sample<Label>[] {
  return readings.flatMap((reading) => {
    const value = read(reading);
    return value === undefined ? [] : [{ labels: labels(reading), value }];
  });
}

function flaps(session: SessionReading): readonly Sample<PeerLabel | "reason">[] {
  const labels = peerLabels(session);
  return Object.entries(session.view.counters.flaps).map(([reason, value]) => ({
    labels: { ...labels, reason },
    value,
  }));
}

/** `ip:port` as MetalLB has it; an unnumbered peer that was not found yet is called after its interface. */
function peerLabels({ view, port, interface: name, vrf = "" }: SessionReading): Readonly<Record<PeerLabel, string>> {
  const { peerAddress } = view;
  if (peerAddress === undefined) return { peer: name ?? view.name, vrf };
  const address = zoned(peerAddress, name);
  return { peer: peerAddress.family === 6 ? `[${address}]:${port}` : `${address}:${port}`, vrf };
}

function bfdLabels({ peer, interface: name }: BfdReading): Readonly<Record<"peer", string>> {
  return { peer: zoned(peer, name) };
}

/** Routers on two links may have the same link-local address. */
function zoned(address: BfdReading["peer"], name: string | undefined): string {
  return address.isLinkLocal && name !== undefined ? `${address}%${name}` : address.toString();
}
