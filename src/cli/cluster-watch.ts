import { setMaxListeners } from "node:events";
import type { KubernetesObject } from "../api/object.ts";
import { isFields } from "../api/read-object.ts";
import {
  type Strip,
  stripEndpointSlice,
  stripNamespace,
  stripNode,
  stripRawObject,
  stripService,
} from "../api/strip.ts";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { Informer, type InformerPorts } from "../kubernetes/informer.ts";
import { apiVersionOf, ENDPOINT_SLICES, NAMESPACES, NODES, type Resource, SERVICES } from "../kubernetes/resource.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import { type Clock, systemClock } from "../system/clock.ts";
import { systemRandom } from "../system/random.ts";
import { pinoLog } from "../telemetry/pino-log.ts";
import { isOfHerald, isReadable, listKeyOf } from "./cluster-documents.ts";
import type { CliPorts } from "./ports.ts";
import { type ApiFlags, userClient } from "./user-client.ts";

/** An object as the API has it, without what changes and means nothing here. */
interface Kept extends KubernetesObject {
  readonly document: unknown;
}

type Source = Informer<Kept>;

/** What belongs together mostly comes together. */
const GATHER = millis(200);
/** Of the time, so much is left for others: a large cluster takes long to look at, and something always changes. */
const REST = 4;
/** How often it is asked whether the API is still there. */
const CHECK = seconds(2);
const STDERR = 2;

/** What to watch. */
export interface Watched {
  /** Without these there is nothing to show. */
  readonly needed: readonly Resource[];
  /** What may not be read of these is left out, with a note. */
  readonly around: readonly Resource[];
  /** What `--selector` selects. */
  readonly selectable: Resource;
}

/** What there is at one moment. */
export interface Seen {
  readonly documents: readonly unknown[];
  /** `namespace/name`, or `name`, of those with the labels; undefined for all. */
  readonly selected: ReadonlySet<string> | undefined;
}

type WatchPorts = Pick<CliPorts, "stderr" | "signal">;
type WatchFlags = Pick<ApiFlags, "kubeconfig" | "namespace"> & { readonly selector?: string };

/**
 * Shows what there is, and again whenever something changes, until the signal is aborted: one watch for each kind of object, however
 * many nodes there are. A watch that ends is begun again where it was; while the API is away, what was known stays.
 * @throws {ApiError} @throws {ApiUnreachable} when it cannot be read at first
 */
export async function watchCluster(
  { stderr, signal }: WatchPorts,
  flags: WatchFlags,
  watched: Watched,
  show: (seen: Seen) => void,
): Promise<void> {
  const client = userClient(flags);
  const watching = new AbortController();
  setMaxListeners(0, watching.signal);
  try {
    const note = (text: string): void => stderr(`note: ${text}\n`);
    const ports = {
      client,
      clock: systemClock,
      random: systemRandom,
      log: pinoLog("error", { component: "cli" }, STDERR),
    };
    const sources = new Sources(ports, flags, watched);
    await sources.open({ client, note }, watching.signal);
    await Promise.race([sources.synced(), aborted(signal)]);
    await keepShowing({ clock: systemClock, signal, note }, sources, show);
  } finally {
    watching.abort();
    client.close();
  }
}

interface ShowPorts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly note: (text: string) => void;
}

async function keepShowing(
  { clock, signal, note }: ShowPorts,
  sources: Sources,
  show: (seen: Seen) => void,
): Promise<void> {
  for (let changed = true; !signal.aborted; changed = await sources.changed(clock, signal)) {
    const news = sources.news();
    if (news !== undefined) note(news);
    if (!changed) continue;
    const began = clock.now();
    show(sources.seen());
    await pause(clock, micros(Math.max(GATHER, (clock.now() - began) * REST)), signal);
  }
}

/** All that is watched. */
class Sources {
  readonly #ports: InformerPorts & { readonly client: KubernetesClient };
  readonly #flags: WatchFlags;
  readonly #watched: Watched;
  readonly #documents: Source[] = [];
  #selected: Source | undefined;
  #isStale = false;
  #isAway = false;
  #heardAt: Micros | undefined;
  #attempts = 0;
  #wake: () => void = () => {};

  constructor(ports: InformerPorts & { readonly client: KubernetesClient }, flags: WatchFlags, watched: Watched) {
    this.#ports = ports;
    this.#flags = flags;
    this.#watched = watched;
  }

  /** Begins to watch what may be read. @throws {ApiError} @throws {ApiUnreachable} */
  async open(reading: Parameters<typeof isReadable>[0], watching: AbortSignal): Promise<void> {
    const { namespace, selector } = this.#flags;
    const { needed, around, selectable } = this.#watched;
    const all = [...needed, ...around];
    const mayLack = new Set(around);
    const readable = await Promise.all(
      all.map((resource) =>
        isReadable(reading, resource, { namespace: namespaceOf(resource, namespace), mayLack: mayLack.has(resource) }),
      ),
    );
    for (const resource of all.filter((_, i) => readable[i])) this.#documents.push(this.#watch(resource, watching));
    if (selector !== undefined) this.#selected = this.#watch(selectable, watching, selector);
  }

  async synced(): Promise<void> {
    await Promise.all(this.#all().map((source) => source.synced));
  }

  /** Resolves when something changed, or after a while: false when nothing did. */
  async changed(clock: Clock, signal: AbortSignal): Promise<boolean> {
    if (!this.#isStale) {
      const done = new AbortController();
      this.#wake = () => done.abort();
      await pause(clock, CHECK, AbortSignal.any([signal, done.signal]));
    }
    const changed = this.#isStale;
    this.#isStale = false;
    return changed;
  }

  /** That the API is away, or is back, when it was not before. */
  news(): string | undefined {
    const { lastHeardAt } = this.#ports.client;
    const all = this.#all().map(({ stats }) => stats);
    const attempts = all.reduce((sum, { restarts, relists }) => sum + restarts + relists, 0);
    const [wasAway, isHeard, isTried] = [this.#isAway, lastHeardAt !== this.#heardAt, attempts > this.#attempts];
    const [error] = all.map(({ lastError }) => lastError);
    this.#heardAt = lastHeardAt;
    this.#attempts = attempts;
    // An error stays until a watch tells something: that it was accepted is heard of all the same.
    this.#isAway = !isHeard && (wasAway || (isTried && all.every(({ lastError }) => lastError !== undefined)));
    if (this.#isAway === wasAway) return undefined;
    return wasAway ? "the API answers again" : `the API does not answer, what is shown is as it was: ${error}`;
  }

  seen(): Seen {
    const { selectable } = this.#watched;
    const documents = this.#documents.flatMap((source) => [...source.values()].map(({ document }) => document));
    const selected = this.#selected && [...this.#selected.values()].map((object) => listKeyOf(object, selectable));
    return { documents, selected: selected && new Set(selected) };
  }

  #all(): readonly Source[] {
    return this.#selected === undefined ? this.#documents : [...this.#documents, this.#selected];
  }

  #watch(resource: Resource, signal: AbortSignal, labelSelector?: string): Source {
    const namespace = namespaceOf(resource, this.#flags.namespace);
    const source = new Informer<Kept>(this.#ports, { resource, namespace, labelSelector, strip: keeper(resource) });
    source.onChange(() => {
      this.#isStale = true;
      this.#wake();
    });
    source.start(signal);
    return source;
  }
}

function namespaceOf(resource: Resource, ours: string): string | undefined {
  return isOfHerald(resource) ? ours : undefined;
}

/** Of those there are thousands of, what is read and no more: a heartbeat of a Node is no change. */
const STRIPS: ReadonlyMap<Resource, Strip<KubernetesObject>> = new Map<Resource, Strip<KubernetesObject>>([
  [SERVICES, stripService],
  [ENDPOINT_SLICES, stripEndpointSlice],
  [NODES, stripNode],
  [NAMESPACES, stripNamespace],
]);

function keeper(resource: Resource): (raw: unknown) => Kept | undefined {
  const strip = STRIPS.get(resource);
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return (raw) => {
    const object = strip === undefined ? stripRawObject(raw) : strip(raw);
    if (object === undefined || !isFields(raw)) return undefined;
    return { metadata: object.metadata, document: strip === undefined ? withoutVersions(raw) : { ...kind, ...object } };
  };
}

/** A new version alone is no change. */
function withoutVersions(raw: Readonly<Record<string, unknown>>): object {
  if (!isFields(raw["metadata"])) return raw;
  const { resourceVersion: _, managedFields: __, ...metadata } = raw["metadata"];
  return { ...raw, metadata };
}
