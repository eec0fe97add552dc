import type { NodeName } from "../api/config.ts";
import { stripRawObject } from "../api/strip.ts";
import { backoffDelay, pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { PODS, type Resource } from "../kubernetes/resource.ts";
import { WritePacer } from "../kubernetes/write-pacer.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { CodedError } from "../wire/errors.ts";
import { GoneNodes } from "./gone-nodes.ts";
import { type OwnerPod, readSpeakerWord, type SpeakerWord, WORD_RESOURCES } from "./speaker-words.ts";

export interface WordCollectorPorts {
  readonly client: Pick<KubernetesClient, "pages" | "get">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The nodes that there are. */
  readonly nodes: () => ReadonlySet<NodeName>;
  /** Deletes the object that was looked at, if it is still that one. */
  readonly remove: (word: SpeakerWord) => Promise<void>;
}

export interface WordCollectorOptions {
  readonly namespace: string;
  /** How long a node may be away before what its speaker said of it goes. */
  readonly grace: Micros;
}

/** A machine that is installed anew is back by then, and a status that is there for so long is no worse than one for a minute. */
export const GONE_NODE_GRACE = seconds(300);
/** The nodes are in memory; the lists that are asked for then may be long. */
const LOOK = seconds(30);
const LOOK_AT_MOST = millis(100);
/** Also where no node went: a speaker may have been started under the name of none. */
const SURVEY = seconds(3600);
const RETRY = { baseDelay: seconds(30), maxDelay: seconds(600) };
const PACE = { burst: 50, interval: millis(20) };

/**
 * Deletes what the speakers of nodes that are gone for good have said of them. Where such an object is owned by a pod, Kubernetes deletes it
 * with the pod; this is for those without a pod, and for clusters in which nobody collects.
 */
export class WordCollector {
  readonly #ports: WordCollectorPorts;
  readonly #options: WordCollectorOptions;
  readonly #pacer: WritePacer;
  readonly #gone: GoneNodes;
  /** When to look through all objects, whether a node is gone or not. */
  #surveyAt: Micros;
  /** After a failure not before then. */
  #notBefore = micros(0);
  #failures = 0;

  constructor(ports: WordCollectorPorts, options: WordCollectorOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#pacer = new WritePacer(ports.clock, PACE);
    this.#gone = new GoneNodes(options.grace);
    this.#surveyAt = ports.clock.now();
  }

  /** Looks again and again until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports;
    const every = micros(Math.max(Math.min(LOOK, this.#options.grace), LOOK_AT_MOST));
    for (;;) {
      await pause(clock, every, signal);
      if (signal.aborted) return;
      await this.#look(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { clock, nodes, log, random } = this.#ports;
    const now = clock.now();
    const there = nodes();
    // An API that shows no node at all shows nothing to go by.
    if (there.size === 0) return;
    this.#gone.observe(there, now);
    const isDue = now >= this.#surveyAt || now >= (this.#gone.nextAt() ?? Number.POSITIVE_INFINITY);
    if (!isDue || now < this.#notBefore) return;
    try {
      await this.#collect(now, signal);
      this.#failures = 0;
      this.#surveyAt = micros(now + SURVEY);
    } catch (error) {
      // The term is over, and what was under way was cut.
      if (signal.aborted) return;
      if (!(error instanceof CodedError)) throw error;
      this.#failures += 1;
      this.#notBefore = micros(clock.now() + backoffDelay(this.#failures, RETRY, random));
      const level = this.#failures === 1 ? "warn" : "debug";
      log[level]("statuses of nodes that are gone not removed", errorFields(error));
    }
  }

  async #collect(now: Micros, signal: AbortSignal): Promise<void> {
    const words = await this.#wordsOfAbsent(signal);
    for (const node of words.keys()) this.#gone.spokenOf(node, now);
    for (const node of this.#gone.goneAt(now)) {
      await this.#removeAll(node, words.get(node) ?? [], signal);
      if (signal.aborted) return;
      this.#gone.forget(node);
    }
  }

  /** What is said of nodes that are not there: of a large cluster, nothing else is kept. */
  async #wordsOfAbsent(signal: AbortSignal): Promise<ReadonlyMap<NodeName, readonly SpeakerWord[]>> {
    const there = this.#ports.nodes();
    const words = new Map<NodeName, SpeakerWord[]>();
    for (const resource of WORD_RESOURCES) {
      for (const word of await this.#list(resource, there, signal)) {
        const others = words.get(word.node);
        if (others === undefined) words.set(word.node, [word]);
        else others.push(word);
      }
    }
    return words;
  }

  async #list(resource: Resource, there: ReadonlySet<NodeName>, signal: AbortSignal): Promise<readonly SpeakerWord[]> {
    const { namespace } = this.#options;
    let words: SpeakerWord[] = [];
    try {
      for await (const { first, items } of this.#ports.client.pages<unknown>(resource, { namespace, signal })) {
        if (first) words = [];
        for (const item of items) {
          const word = readSpeakerWord(resource, item);
          if (word !== undefined && !there.has(word.node)) words.push(word);
        }
      }
    } catch (error) {
      // FRR-K8s' kind is not in every cluster.
      if (!isNotFound(error)) throw error;
    }
    return words;
  }

  async #removeAll(node: NodeName, words: readonly SpeakerWord[], signal: AbortSignal): Promise<void> {
    const living = await this.#livingPods(words, signal);
    const orphans = words.filter(({ pods }) => !pods.some(({ uid }) => living.has(uid)));
    for (const word of orphans) {
      await this.#pacer.take(signal);
      if (signal.aborted) return;
      await this.#remove(word);
    }
    if (orphans.length > 0) {
      this.#ports.log.info("statuses of a node that is gone removed", { node, objects: orphans.length });
    }
  }

  async #remove(word: SpeakerWord): Promise<void> {
    try {
      await this.#ports.remove(word);
    } catch (error) {
      // Gone, or written by somebody who is there after all.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** The uids of those pods that are still there. */
  async #livingPods(words: readonly SpeakerWord[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const pods = new Map<string, OwnerPod>(words.flatMap((word) => word.pods.map((pod) => [pod.uid, pod] as const)));
    const living = new Set<string>();
    for (const { name, uid } of pods.values()) if ((await this.#uidOfPod(name, signal)) === uid) living.add(uid);
    return living;
  }

  async #uidOfPod(name: string, signal: AbortSignal): Promise<string | undefined> {
    const { namespace } = this.#options;
    try {
      return stripRawObject(await this.#ports.client.get<unknown>(PODS, name, { namespace, signal }))?.metadata.uid;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
