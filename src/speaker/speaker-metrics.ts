import type { Decision } from "../announcement/decision.ts";
import type { BfdState } from "../bfd/packet.ts";
import type { Metrics, Sample } from "../telemetry/metrics.ts";
import { type ConfigNumbers, registerWatchMetrics, type WatchNumbers } from "../telemetry/watch-metrics.ts";
import type { BgpSessionView } from "./bgp-session.ts";
import type { GossipInspection } from "./gossip-messages.ts";
import type { Layer2Inspection } from "./layer2-messages.ts";

/** A session, and where its router is: the port is part of MetalLB's label. */
export interface SessionReading {
  readonly view: BgpSessionView;
  readonly port: number;
  /** The interface of a peer that was not found yet. */
  readonly interface: string | undefined;
  /** Undefined without a BFD session. */
  readonly bfd: BfdState | undefined;
}

/** What a speaker can be asked at any moment. What it does not run answers undefined. */
export interface SpeakerReadings {
  readonly node: string;
  sessions(): Iterable<SessionReading>;
  decisions(): Iterable<Decision>;
  config(): ConfigNumbers;
  watches(): readonly WatchNumbers[];
  layer2(): Promise<Layer2Inspection | undefined>;
  gossip(): Promise<GossipInspection | undefined>;
}

/** Says a speaker's numbers under MetalLB's names, so that its dashboards and alerts go on, and our own beside them. */
export function registerSpeakerMetrics(metrics: Metrics, speaker: SpeakerReadings): void {
  registerWatchMetrics(metrics, speaker);
  registerAnnouncements(metrics, speaker);
  registerSessions(metrics, speaker);
  // Several metrics are read from one answer of the thread.
  const asked = { layer2: askedOnce(() => speaker.layer2()), gossip: askedOnce(() => speaker.gossip()) };
  registerLayer2(metrics, asked);
  registerGossip(metrics, asked);
}

/** Whoever asks while an answer is awaited gets that answer. */
function askedOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let pending: Promise<T> | undefined;
  return () => {
    pending ??= ask().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function registerAnnouncements(metrics: Metrics, speaker: SpeakerReadings): void {
  metrics.gauge(
    {
      name: "metallb_speaker_announced",
      help: "Services that this node announces, by address.",
      labels: ["service", "protocol", "node", "ip"],
    },
    () => announced(speaker),
  );
  metrics.gauge(
    {
      name: "herald_speaker_refused",
      help: "Addresses that this node does not announce, by protocol and reason.",
      labels: ["protocol", "reason"],
    },
    () => refused(speaker.decisions()),
  );
}

function* announced({ node, decisions }: SpeakerReadings): Iterable<Sample<"service" | "protocol" | "node" | "ip">> {
  for (const { key, bgp, layer2 } of decisions()) {
    for (const ip of new Set(bgp.map((route) => route.ip.toString())))
      yield { labels: { service: key, protocol: "bgp", node, ip }, value: 1 };
    for (const { ip } of layer2)
      yield { labels: { service: key, protocol: "layer2", node, ip: ip.toString() }, value: 1 };
  }
}

function refused(decisions: Iterable<Decision>): Iterable<Sample<"protocol" | "reason">> {
  const samples = new Map<string, { labels: { protocol: string; reason: string }; value: number }>();
  for (const { refusals } of decisions) {
    for (const { protocol, cause } of refusals) {
      const key = `${protocol} ${cause.reason}`;
      const sample = samples.get(key) ?? { labels: { protocol, reason: cause.reason }, value: 0 };
      sample.value += 1;
      samples.set(key, sample);
    }
  }
  return samples.values();
}

type SessionRow = readonly [name: string, help: string, read: (session: SessionReading) => number | undefined];

const SESSION_GAUGES: readonly SessionRow[] = [
  ["metallb_bgp_session_up", "1 while the session is established.", ({ view }) => Number(view.state === "established")],
  ["metallb_bgp_announced_prefixes_total", "Prefixes the peer was told.", ({ view }) => view.routesSent],
  [
    "metallb_bgp_pending_prefixes_total",
    "Prefixes the peer should be told, whether or not it can be.",
    ({ view }) => view.routesSent + view.routesNotSent.length,
  ],
  ["herald_bgp_unsendable_prefixes", "Prefixes the session cannot carry.", ({ view }) => view.routesNotSent.length],
  ["herald_bgp_received_prefixes", "Prefixes the peer told, kept for inspection.", ({ view }) => view.routesLearned],
  [
    "metallb_bfd_session_up",
    "1 while BFD hears the peer.",
    ({ bfd }) => (bfd === undefined ? undefined : +(bfd === "up")),
  ],
];

const SESSION_COUNTERS: readonly SessionRow[] = [
  ["metallb_bgp_updates_total", "UPDATE messages sent.", ({ view }) => view.counters.updatesSent],
  ["metallb_bgp_updates_total_received", "UPDATE messages received.", ({ view }) => view.counters.updatesReceived],
  ["metallb_bgp_opens_sent", "OPEN messages sent.", ({ view }) => view.counters.opensSent],
  ["metallb_bgp_keepalives_sent", "KEEPALIVE messages sent.", ({ view }) => view.counters.keepalivesSent],
  ["metallb_bgp_notifications_sent", "NOTIFICATION messages sent.", ({ view }) => view.counters.notificationsSent],
  ["herald_bgp_sessions_established_total", "Times the session came up.", ({ view }) => view.counters.established],
];

function registerSessions(metrics: Metrics, speaker: SpeakerReadings): void {
  const rows = [
    ...SESSION_GAUGES.map((row) => ["gauge", row] as const),
    ...SESSION_COUNTERS.map((row) => ["counter", row] as const),
  ];
  for (const [kind, [name, help, read]] of rows) {
    metrics[kind]({ name, help, labels: ["peer"] }, () =>
      [...speaker.sessions()].flatMap((session) => {
        const value = read(session);
        return value === undefined ? [] : [{ labels: { peer: peerLabel(session) }, value }];
      }),
    );
  }
}

/** `ip:port` as MetalLB has it; an unnumbered peer that was not found yet is called after its interface. */
function peerLabel({ view, port, interface: name }: SessionReading): string {
  const { peerAddress } = view;
  if (peerAddress === undefined) return name ?? view.name;
  return peerAddress.family === 6 ? `[${peerAddress}]:${port}` : `${peerAddress}:${port}`;
}

function registerLayer2(metrics: Metrics, speaker: Pick<SpeakerReadings, "layer2">): void {
  const perAddress = (name: string, help: string, field: "requests" | "answers" | "gratuitous" | "conflicts"): void =>
    metrics.counter({ name, help, labels: ["ip"] }, async () =>
      ((await speaker.layer2())?.addresses ?? []).map((held) => ({ labels: { ip: held.ip }, value: held[field] })),
    );
  perAddress(
    "metallb_layer2_requests_received",
    "ARP requests and neighbour solicitations for owned addresses.",
    "requests",
  );
  perAddress("metallb_layer2_responses_sent", "Answers to them.", "answers");
  perAddress("metallb_layer2_gratuitous_sent", "Announcements nobody asked for.", "gratuitous");
  perAddress("herald_layer2_conflicts_total", "Times a stranger used an owned address.", "conflicts");
  metrics.counter(
    { name: "herald_layer2_dropped_total", help: "Frames that were not answered, by reason.", labels: ["reason"] },
    async () =>
      Object.entries((await speaker.layer2())?.dropped ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  metrics.gauge(
    { name: "herald_layer2_fenced", help: "1 while this node answers nothing because it is cut off.", labels: [] },
    async () => {
      const inspection = await speaker.layer2();
      return inspection === undefined ? [] : [{ labels: {}, value: Number(inspection.fenced) }];
    },
  );
}

function registerGossip(metrics: Metrics, speaker: Pick<SpeakerReadings, "gossip">): void {
  metrics.gauge(
    { name: "herald_members", help: "Speakers this one knows, by what it thinks of them.", labels: ["state"] },
    async () => {
      const counts = new Map<string, number>();
      for (const { state } of (await speaker.gossip())?.members ?? []) counts.set(state, (counts.get(state) ?? 0) + 1);
      return [...counts].map(([state, value]) => ({ labels: { state }, value }));
    },
  );
  metrics.counter(
    { name: "herald_gossip_refused_total", help: "Gossip packets that were not taken, by reason.", labels: ["reason"] },
    async () =>
      Object.entries((await speaker.gossip())?.refused ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  );
}
