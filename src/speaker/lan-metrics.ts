import { seconds } from "../net/micros.ts";
import { SPEAKER_METRICS } from "../telemetry/catalogue-speaker.ts";
import type { MetricDefinition, Metrics, Sample } from "../telemetry/metrics.ts";
import { one } from "../telemetry/shared-metrics.ts";
import type { BfdReadings } from "./bfd-service.ts";
import type { GossipInspection } from "./gossip-messages.ts";
import type { Layer2Reading } from "./layer2-announcer.ts";
import type { Layer2Inspection } from "./layer2-messages.ts";
import type { ThreadReading } from "./thread-watch.ts";

/** What is answered by a thread, asked once for all metrics of a scrape. */
interface ThreadAnswers {
  bfd(): Promise<BfdReadings | undefined>;
  layer2(): Promise<Layer2Inspection | undefined>;
  gossip(): Promise<GossipInspection | undefined>;
}

export interface LanReadings extends ThreadAnswers {
  lan(): Layer2Reading | undefined;
  threads(): readonly ThreadReading[];
}

const M = SPEAKER_METRICS;

/** Says what happens on the LAN, who else is there, and how late the threads run. */
export function registerLanMetrics(metrics: Metrics, read: LanReadings): void {
  registerAddresses(metrics, read);
  registerLayer2(metrics, read);
  registerMembers(metrics, read);
  registerThreads(metrics, read);
}

function registerAddresses(metrics: Metrics, { layer2 }: LanReadings): void {
  const perAddress = (
    definition: MetricDefinition<"ip", "counter">,
    field: "requests" | "answers" | "gratuitous" | "conflicts",
  ): void =>
    metrics.counter(definition, async () =>
      ((await layer2())?.addresses ?? []).map((held) => ({ labels: { ip: held.ip }, value: held[field] })),
    );
  perAddress(M.requests, "requests");
  perAddress(M.responses, "answers");
  perAddress(M.gratuitous, "gratuitous");
  perAddress(M.conflicts, "conflicts");
}

function registerLayer2(metrics: Metrics, { layer2, lan }: LanReadings): void {
  metrics.counter(M.dropped, async () => byLabel("reason", (await layer2())?.dropped));
  metrics.counter(M.sendFailures, async () => only((await layer2())?.sendFailures));
  metrics.gauge(M.interfaces, async () => only((await layer2())?.interfaces.length));
  metrics.gauge(M.fenced, async () => only((await layer2())?.fenced));
  metrics.gauge(M.quarantined, () => only(lan()?.quarantined));
  metrics.counter(M.duels, () => byLabel("verdict", lan()?.duels));
}

function registerMembers(metrics: Metrics, { gossip }: LanReadings): void {
  metrics.gauge(M.members, async () => {
    const counts: Record<string, number> = {};
    for (const { state } of (await gossip())?.members ?? []) counts[state] = (counts[state] ?? 0) + 1;
    return byLabel("state", counts);
  });
  metrics.gauge(M.localHealth, async () => only((await gossip())?.health));
  metrics.counter(M.probes, async () => byLabel("outcome", (await gossip())?.probes));
  metrics.counter(M.gossipRefused, async () => byLabel("reason", (await gossip())?.refused));
}

function registerThreads(metrics: Metrics, { layer2, gossip, bfd, threads }: LanReadings): void {
  metrics.gauge(M.lateness, async () => {
    const engines = await Promise.all([layer2(), gossip()]);
    const lan = engines.flatMap((engine) => (engine === undefined ? [] : [engine.worstLateness]));
    const detector = (await bfd())?.engine;
    const lateness = {
      ...(lan.length === 0 ? {} : { lan: Math.max(...lan) / seconds(1) }),
      ...(detector === undefined ? {} : { bfd: detector.worstLateness / seconds(1) }),
    };
    return byLabel("thread", lateness);
  });
  metrics.counter(M.restarts, () => threads().map(({ name, losses }) => ({ labels: { thread: name }, value: losses })));
}

function only(value: number | boolean | undefined): readonly Sample<never>[] {
  return value === undefined ? [] : one(Number(value));
}

function byLabel<Label extends string>(
  label: Label,
  values: Readonly<Partial<Record<string, number>>> | undefined,
): readonly Sample<Label>[] {
  return Object.entries(values ?? {}).map(([text, value = 0]) => ({ labels: labelled(label, text), value }));
}

function labelled<Label extends string>(label: Label, text: string): Readonly<Record<Label, string>> {
  return { [label]: text } as Record<Label, string>;
}
