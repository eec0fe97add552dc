import type { ServiceKey } from "../api/config.ts";
import { AdaptivePacer } from "../kubernetes/adaptive-pacer.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isInvalid, isNotFound } from "../kubernetes/errors.ts";
import type { Change, Informer, InformerPorts } from "../kubernetes/informer.ts";
import { WorkQueue, type WorkResult } from "../kubernetes/work-queue.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import { errorFields } from "../telemetry/log.ts";
import type { QueueNumbers } from "../telemetry/shared-metrics.ts";
import {
  hasRightMetadata,
  hasRightStatus,
  type StatusAuthor,
  type StatusClaim,
  type StatusKind,
  type StatusRecord,
  serviceOfStatus,
  statusName,
  statusObject,
  statusPatch,
} from "./service-status.ts";

export interface StatusWriterPorts extends Omit<InformerPorts, "client"> {
  readonly client: Pick<KubernetesClient, "create" | "patch" | "delete">;
  /** What the API has: of all nodes where the kind is exclusive, else of this one. */
  readonly records: Pick<Informer<StatusRecord>, "values" | "onChange">;
}

/** Of writes that take 50 ms each, enough for the fastest pace. */
const CONCURRENCY = 16;
const RETRY = { baseDelay: millis(500), maxDelay: seconds(60) };
/** Two nodes that both answer take each other's word away: each says its own again later and later, once at first at once. */
const CONTRADICTED = { first: seconds(1), longest: seconds(300) };

/** How often in a row somebody deleted what this node says, and how long it keeps quiet. */
interface Contradiction {
  readonly times: number;
  readonly until: Micros;
}

/** Keeps the objects of one kind saying what this node does for each Service, whatever others do to them. */
export class ServiceStatusWriter {
  readonly #ports: StatusWriterPorts;
  readonly #kind: StatusKind;
  readonly #author: () => StatusAuthor;
  readonly #queue: WorkQueue<ServiceKey>;
  readonly #pacer: AdaptivePacer;
  readonly #claims = new Map<ServiceKey, StatusClaim>();
  /** What this life of the speaker has claimed: its objects are its own. */
  readonly #claimed = new Set<ServiceKey>();
  readonly #records = new Map<ServiceKey, Map<string, StatusRecord>>();
  readonly #contradictions = new Map<ServiceKey, Contradiction>();
  /** What is not claimed is not this node's: not known before everything was decided once. */
  #settled = false;
  #left = false;

  constructor(ports: StatusWriterPorts, kind: StatusKind, author: () => StatusAuthor) {
    this.#ports = ports;
    this.#kind = kind;
    this.#author = author;
    this.#pacer = new AdaptivePacer(ports.clock);
    const onError = (key: string, error: unknown): void =>
      ports.log.debug("status of a service could not be written", { service: key, ...errorFields(error) });
    this.#queue = new WorkQueue(ports, { ...RETRY, onError });
    ports.records.onChange((change) => this.#observe(change));
  }

  /** The work that waits. */
  queue(name: string): QueueNumbers {
    return this.#queue.reading(name);
  }

  /** Writes until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run((key) => this.#reconcile(key, signal), { concurrency: CONCURRENCY, signal });
  }

  /** What this node does for the Service now: nothing, when there is no claim. */
  say(service: ServiceKey, claim: StatusClaim | undefined): void {
    const before = this.#claims.get(service);
    if (this.#left || sameClaim(before, claim)) return;
    if (claim === undefined) {
      this.#claims.delete(service);
      this.#contradictions.delete(service);
    } else this.#claims.set(service, claim);
    const isNews = this.#settled || this.#claimed.has(service);
    this.#claimed.add(service);
    // What has just changed is not to wait for all that a speaker that begins has to say.
    this.#queue.add(service, isNews ? "urgent" : "normal");
  }

  /** Everything was decided: what an earlier life of this speaker left behind goes. */
  settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    for (const service of this.#records.keys()) this.#queue.add(service);
  }

  /** Writes nothing more: whoever takes over deletes what is left. */
  leave(): void {
    this.#left = true;
    this.#claims.clear();
  }

  #observe({ type, object, previous }: Change<StatusRecord>): void {
    const { name } = object.metadata;
    const before = previous && serviceOfStatus(previous);
    const service = serviceOfStatus(object);
    if (before !== undefined && (type === "deleted" || before !== service)) this.#forget(before, name);
    if (service === undefined) return;
    if (type === "deleted") this.#contradicted(service, name);
    else {
      const known = this.#records.get(service) ?? new Map<string, StatusRecord>();
      this.#records.set(service, known.set(name, object));
    }
    if (this.#settled || this.#claimed.has(service)) this.#queue.add(service);
  }

  /** Somebody, mostly another node that says that it answers, took away what this node says. */
  #contradicted(service: ServiceKey, name: string): void {
    if (!this.#claims.has(service) || name !== statusName(this.#kind, service, this.#author().node)) return;
    const now = this.#ports.clock.now();
    const before = this.#contradictions.get(service);
    const isLong = before === undefined || now - before.until > CONTRADICTED.longest;
    const times = isLong ? 0 : before.times + 1;
    const wait = times === 0 ? 0 : Math.min(CONTRADICTED.first * 2 ** (times - 1), CONTRADICTED.longest);
    this.#contradictions.set(service, { times, until: micros(now + wait) });
  }

  /** How long nothing is to be said of the Service yet. */
  #quietFor(service: ServiceKey): number {
    return (this.#contradictions.get(service)?.until ?? 0) - this.#ports.clock.now();
  }

  #forget(service: ServiceKey, name: string): void {
    const known = this.#records.get(service);
    known?.delete(name);
    if (known?.size !== 0) return;
    this.#records.delete(service);
    if (!this.#claims.has(service)) this.#claimed.delete(service);
  }

  async #reconcile(service: ServiceKey, signal: AbortSignal): Promise<WorkResult> {
    if (this.#left) return "done";
    const claim = this.#claims.get(service);
    const author = this.#author();
    const records = [...(this.#records.get(service)?.values() ?? [])];
    const name = statusName(this.#kind, service, author.node);
    if (claim !== undefined) {
      const own = records.find(({ metadata }) => metadata.name === name);
      const quiet = own === undefined ? this.#quietFor(service) : 0;
      if (quiet > 0) {
        this.#queue.addAfter(service, micros(quiet));
        return "done";
      }
      const result = await this.#put(service, { own, claim, author, signal });
      if (result === "retry") return result;
    }
    for (const record of records) if (this.#isToGo(record, name, claim)) await this.#delete(record, signal);
    return "done";
  }

  #isToGo({ words, metadata }: StatusRecord, name: string, claim: StatusClaim | undefined): boolean {
    if (metadata.name === name) return claim === undefined;
    // Others' only where we are the one who answers.
    return words?.node === this.#author().node || (this.#kind.exclusive && claim !== undefined);
  }

  async #put(
    service: ServiceKey,
    at: { own: StatusRecord | undefined; claim: StatusClaim; author: StatusAuthor; signal: AbortSignal },
  ): Promise<WorkResult> {
    const { own, claim, author, signal } = at;
    const { resource } = this.#kind;
    const { namespace, node } = author;
    const name = statusName(this.#kind, service, node);
    if (own === undefined) await this.#create(service, at);
    else if (!hasRightMetadata(own, service, author, claim)) {
      const body = statusObject(this.#kind, service, author, claim);
      const options = { namespace, type: "merge", signal } as const;
      await this.#pacer.write(() => this.#ports.client.patch<unknown>(resource, name, body, options), signal);
    }
    if (own !== undefined && hasRightStatus(own, author, claim)) return "done";
    const patch = statusPatch(this.#kind, service, author, claim);
    const options = { namespace, type: "merge", subresource: "status", signal } as const;
    try {
      await this.#pacer.write(() => this.#ports.client.patch<unknown>(resource, name, patch, options), signal);
      return "done";
    } catch (error) {
      // It was said once to be about another Service or node, which no write can change.
      if (!isInvalid(error)) throw error;
      await this.#pacer.write(() => this.#ports.client.delete(resource, name, { namespace, signal }), signal);
      return "retry";
    }
  }

  async #create(
    service: ServiceKey,
    { claim, author, signal }: { claim: StatusClaim; author: StatusAuthor; signal: AbortSignal },
  ): Promise<void> {
    const { namespace } = author;
    const { resource } = this.#kind;
    const body = statusObject(this.#kind, service, author, claim);
    try {
      await this.#pacer.write(() => this.#ports.client.create<unknown>(resource, body, { namespace, signal }), signal);
    } catch (error) {
      if (!isConflict(error)) throw error;
      // Our own of a moment ago, which the watch has not brought yet, or one whose label somebody took away.
      const options = { namespace, type: "merge", signal } as const;
      const name = statusName(this.#kind, service, author.node);
      await this.#ports.client.patch<unknown>(resource, name, body, options);
    }
  }

  async #delete({ metadata: { name, namespace, uid } }: StatusRecord, signal: AbortSignal): Promise<void> {
    const options = { namespace, uid, signal };
    try {
      await this.#pacer.write(() => this.#ports.client.delete(this.#kind.resource, name, options), signal);
    } catch (error) {
      // Gone, or another one of that name by now.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function sameClaim(a: StatusClaim | undefined, b: StatusClaim | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.names.join() === b.names.join() && a.addresses?.join() === b.addresses?.join();
}
