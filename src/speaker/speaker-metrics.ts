import type { Decision } from "../announcement/decision.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { SPEAKER_METRICS } from "../telemetry/catalogue-speaker.ts";
import type { Metrics, Sample } from "../telemetry/metrics.ts";
import { registerSharedMetrics, type SharedReadings } from "../telemetry/shared-metrics.ts";
import type { BfdReadings } from "./bfd-service.ts";
import { Convergence } from "./convergence.ts";
import type { GossipInspection } from "./gossip-messages.ts";
import { registerLanMetrics } from "./lan-metrics.ts";
import type { Layer2Reading } from "./layer2-announcer.ts";
import type { Layer2Inspection } from "./layer2-messages.ts";
import { registerSessionMetrics, type SessionReading } from "./session-metrics.ts";
import type { ThreadReading } from "./thread-watch.ts";

/** What a speaker can be asked at any moment. What it does not run answers undefined. */
export interface SpeakerReadings extends SharedReadings {
  readonly node: string;
  sessions(): Iterable<SessionReading>;
  decisions(): Iterable<Decision>;
  bfd(): Promise<BfdReadings | undefined>;
  layer2(): Promise<Layer2Inspection | undefined>;
  lan(): Layer2Reading | undefined;
  gossip(): Promise<GossipInspection | undefined>;
}

export interface SpeakerMetricsPorts {
  readonly clock: Clock;
  /** How the threads fare. */
  threads(): readonly ThreadReading[];
}

/** Measures how soon routers and the LAN hear of a change. */
export function speakerConvergence(metrics: Metrics, clock: Clock): Convergence {
  const observe = metrics.histogram(SPEAKER_METRICS.convergence);
  return new Convergence(clock, ({ cause }, protocol, took) => observe({ cause, protocol }, took / seconds(1)));
}

/** A thread that is stuck must not hide what all the others know. */
const ANSWER_WITHIN = seconds(1);

/** Says a speaker's numbers under MetalLB's names, so that its dashboards and alerts go on, and our own beside them. */
export function registerSpeakerMetrics(
  metrics: Metrics,
  speaker: SpeakerReadings,
  { clock, threads }: SpeakerMetricsPorts,
): void {
  const answers = {
    bfd: askedOnce(clock, () => speaker.bfd()),
    layer2: askedOnce(clock, () => speaker.layer2()),
    gossip: askedOnce(clock, () => speaker.gossip()),
  };
  registerSharedMetrics(metrics, speaker);
  registerAnnouncements(metrics, speaker);
  registerSessionMetrics(metrics, { sessions: readOnce(() => [...speaker.sessions()]), bfd: answers.bfd });
  registerLanMetrics(metrics, { ...answers, lan: () => speaker.lan(), threads });
}

/** Whoever asks while an answer is awaited gets that answer; who has waited too long gets none. */
function askedOnce<T>(clock: Clock, ask: () => Promise<T>): () => Promise<T | undefined> {
  let pending: Promise<T | undefined> | undefined;
  return () => {
    pending ??= within(clock, ANSWER_WITHIN, ask()).finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function within<T>(clock: Clock, limit: Micros, answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(limit, () => resolve(undefined));
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** Read once for all that ask in one turn: a view of a session is dear where many routes cannot be sent. */
function readOnce<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => {
    if (known === undefined) {
      known = { value: read() };
      queueMicrotask(() => {
        known = undefined;
      });
    }
    return known.value;
  };
}

function registerAnnouncements(metrics: Metrics, speaker: SpeakerReadings): void {
  metrics.gauge(SPEAKER_METRICS.announced, () => announced(speaker.node, [...speaker.decisions()]));
  metrics.gauge(SPEAKER_METRICS.refused, () => refused(speaker.decisions()));
}

/** Lazily, from a list that does not change: ten thousand Services are written bit by bit. */
function* announced(
  node: string,
  decisions: readonly Decision[],
): Iterable<Sample<"service" | "protocol" | "node" | "ip">> {
  const sample = (service: string, protocol: string, ip: IpAddress) => ({
    labels: { service, protocol, node, ip: ip.toString() },
    value: 1,
  });
  for (const { key, bgp, layer2 } of decisions) {
    // A route for each peer; a series that is there already is left out where it is written.
    for (const { ip } of bgp) yield sample(key, "bgp", ip);
    for (const { ip } of layer2) yield sample(key, "layer2", ip);
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
