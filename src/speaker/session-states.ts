import {
  type BgpSessionReport,
  type BgpSessionStatus,
  bgpSessionStateMeta,
  bgpSessionStatus,
  saysSessionStatus,
  sessionStateSelector,
  weightOfReport,
} from "../api/bgp-session-state.ts";
import type { NodeName } from "../api/config.ts";
import type { KubernetesObject } from "../api/object.ts";
import { FieldReader, Problems } from "../api/read-object.ts";
import { stripRawObject } from "../api/strip.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { Informer, type InformerPorts, type WatchReading } from "../kubernetes/informer.ts";
import { findOwnPod, type OwnPod } from "../kubernetes/own-pod.ts";
import { apiVersionOf, BGP_SESSION_STATES } from "../kubernetes/resource.ts";
import { sessionStateName } from "../kubernetes/status-names.ts";
import { WorkQueue, type WorkResult } from "../kubernetes/work-queue.ts";
import { WritePacer } from "../kubernetes/write-pacer.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import type { Timer, WallClock } from "../system/clock.ts";
import { errorFields } from "../telemetry/log.ts";
import { SessionHistory, type SessionToReport } from "./session-history.ts";

export interface SessionStatesPorts extends InformerPorts {
  readonly client: Pick<KubernetesClient, "get" | "pages" | "watch" | "create" | "patch" | "delete">;
  readonly wallClock: WallClock;
  readonly sessions: () => readonly SessionToReport[];
}

export interface SessionStatesOptions {
  readonly namespace: string;
  readonly nodeName: NodeName;
  readonly podName?: string | undefined;
}

/** A router that dies is told of by all its nodes: not at once. */
const SPREAD = seconds(1);
/** A session that flaps is written so often at most; the count tells of the flaps between. */
const FLAPPING = seconds(10);
/** How old the rest may be: attempts to connect, numbers of prefixes, errors. */
const REST = seconds(60);
const LOOK = seconds(5);
const PACE = { burst: 10, interval: millis(200) };
const RETRY = { baseDelay: millis(500), maxDelay: seconds(60) };

interface SessionRecord extends KubernetesObject {
  readonly status: unknown;
  readonly owners: readonly string[];
}

/** What was written last: a definition that lacks some of the fields answers without them, and that has to be good enough. */
interface Written {
  readonly at: Micros;
  readonly weight: string;
  readonly status: string;
  readonly answer: string;
}

/** Keeps one BGPSessionState for each session of this node saying how it is, so that plain kubectl shows it. */
export class SessionStates {
  readonly #ports: SessionStatesPorts;
  readonly #options: SessionStatesOptions;
  readonly #log: SessionStatesPorts["log"];
  readonly #records: Informer<SessionRecord>;
  readonly #queue: WorkQueue<string>;
  readonly #pacer: WritePacer;
  readonly #history: SessionHistory;
  readonly #written = new Map<string, Written>();
  #reports: ReadonlyMap<string, BgpSessionReport> = new Map();
  #pod: OwnPod | undefined;
  #look: Timer | undefined;

  constructor(ports: SessionStatesPorts, options: SessionStatesOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#log = ports.log.child({ component: "session-states" });
    this.#history = new SessionHistory(options.nodeName, ports.wallClock);
    this.#pacer = new WritePacer(ports.clock, PACE);
    const onError = (name: string, error: unknown): void =>
      this.#log.debug("session state could not be written", { name, ...errorFields(error) });
    this.#queue = new WorkQueue(ports, { ...RETRY, onError });
    this.#records = new Informer<SessionRecord>(ports, {
      resource: BGP_SESSION_STATES,
      namespace: options.namespace,
      labelSelector: sessionStateSelector(options.nodeName),
      strip: stripSessionState,
    });
    // Somebody's edit is put right, but not in a race with him. Our own writes are no news.
    this.#records.onChange(({ type, object }) => {
      if (type === "deleted" || !this.#isOwnWord(object)) this.#queue.addAfter(object.metadata.name, SPREAD);
    });
  }

  get watch(): WatchReading {
    return this.#records.reading;
  }

  /** Writes until the signal is aborted. Begin when the sessions are there: what is of no session is deleted. */
  async run(signal: AbortSignal): Promise<void> {
    this.#records.start(signal);
    const ready = Promise.all([findOwnPod(this.#ports, this.#options, signal), this.#records.synced]);
    const [pod] = (await Promise.race([ready, aborted(signal)])) ?? [];
    this.#pod = pod;
    if (signal.aborted) return;
    this.#lookAgain();
    for (const { metadata } of this.#records.values()) this.#queue.add(metadata.name);
    await this.#queue.run((name) => this.#reconcile(name, signal), { concurrency: 2, signal });
    this.#look?.cancel();
  }

  /** A session came, went or changed its state. */
  changed(): void {
    if (this.#look === undefined) return;
    this.#look.cancel();
    this.#look = this.#ports.clock.after(micros(0), () => this.#lookAgain());
  }

  #lookAgain(): void {
    const before = this.#reports;
    const reports = this.#history.reports(this.#ports.sessions());
    this.#reports = new Map(
      reports.map((report) => [sessionStateName(this.#options.nodeName, report.bgpPeer), report]),
    );
    for (const name of before.keys()) if (!this.#reports.has(name)) this.#queue.add(name);
    for (const [name, report] of this.#reports) this.#schedule(name, report);
    this.#look = this.#ports.clock.after(LOOK, () => this.#lookAgain());
  }

  #schedule(name: string, report: BgpSessionReport): void {
    const written = this.#written.get(name);
    const spread = SPREAD * this.#ports.random();
    if (textOf(bgpSessionStatus(report)) === written?.status) return;
    const least = weightOfReport(report) === written?.weight ? REST : FLAPPING;
    const age = written === undefined ? least : this.#ports.clock.now() - written.at;
    this.#queue.addAfter(name, micros(Math.max(least - age, 0) + spread));
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const record = [...this.#records.values()].find(({ metadata }) => metadata.name === name);
    const report = this.#reports.get(name);
    if (report === undefined) {
      this.#written.delete(name);
      if (record !== undefined) await this.#delete(record, signal);
      return "done";
    }
    const status = bgpSessionStatus(report);
    if (record !== undefined && this.#isRight(name, record, report, status)) return "done";
    await this.#pacer.take(signal);
    await this.#put(name, record, report, signal);
    const { namespace } = this.#options;
    const options = { namespace, type: "merge", subresource: "status", signal } as const;
    const answer = await this.#ports.client.patch<unknown>(BGP_SESSION_STATES, name, { status }, options);
    this.#written.set(name, {
      at: this.#ports.clock.now(),
      weight: weightOfReport(report),
      status: textOf(status),
      answer: textOf(stripRawObject(answer)?.status),
    });
    return "done";
  }

  #isOwnWord(record: SessionRecord): boolean {
    const { name } = record.metadata;
    const report = this.#reports.get(name);
    const right = report !== undefined && this.#hasRightMetadata(record, report);
    return right && this.#written.get(name)?.answer === textOf(record.status);
  }

  #isRight(name: string, record: SessionRecord, report: BgpSessionReport, status: BgpSessionStatus): boolean {
    if (!this.#hasRightMetadata(record, report)) return false;
    if (saysSessionStatus(record.status, status)) return true;
    const written = this.#written.get(name);
    return written?.status === textOf(status) && written.answer === textOf(record.status);
  }

  #hasRightMetadata({ metadata, owners }: SessionRecord, report: BgpSessionReport): boolean {
    const { labels = {} } = bgpSessionStateMeta(report, undefined);
    return (
      Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value) &&
      (this.#pod === undefined || owners.includes(this.#pod.uid))
    );
  }

  async #put(
    name: string,
    record: SessionRecord | undefined,
    report: BgpSessionReport,
    signal: AbortSignal,
  ): Promise<void> {
    if (record !== undefined && this.#hasRightMetadata(record, report)) return;
    const { namespace } = this.#options;
    const kind = { apiVersion: apiVersionOf(BGP_SESSION_STATES), kind: BGP_SESSION_STATES.kind };
    const body = { ...kind, metadata: { name, namespace, ...bgpSessionStateMeta(report, this.#pod) }, spec: {} };
    try {
      if (record === undefined) {
        await this.#ports.client.create<unknown>(BGP_SESSION_STATES, body, { namespace, signal });
        return;
      }
    } catch (error) {
      // There already, and the watch does not show it: its label is gone.
      if (!isConflict(error)) throw error;
    }
    await this.#ports.client.patch<unknown>(BGP_SESSION_STATES, name, body, { namespace, type: "merge", signal });
  }

  async #delete({ metadata: { name, uid } }: SessionRecord, signal: AbortSignal): Promise<void> {
    await this.#pacer.take(signal);
    try {
      await this.#ports.client.delete(BGP_SESSION_STATES, name, { namespace: this.#options.namespace, uid, signal });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function textOf(status: unknown): string {
  return JSON.stringify(status, (_key, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .filter(([, field]) => field !== null)
            .toSorted(([a], [b]) => (a < b ? -1 : 1)),
        )
      : value,
  );
}

function stripSessionState(raw: unknown): SessionRecord | undefined {
  const object = stripRawObject(raw);
  if (object === undefined) return undefined;
  const owners = FieldReader.of(raw, "", new Problems()).object("metadata")?.objects("ownerReferences") ?? [];
  return {
    metadata: object.metadata,
    status: object.status,
    owners: owners.flatMap((owner) => owner.string("uid") ?? []),
  };
}
