import type { Config, InvalidObject } from "../api/config.ts";
import type { Node } from "../api/core.ts";
import { type ConfigMemory, NO_MEMORY, parseKeepingLastGood } from "../api/last-good.ts";
import type { RawObject } from "../api/object.ts";
import type { ConfigObjects } from "../api/parse-config.ts";
import { stripNode } from "../api/strip.ts";
import { micros } from "../net/micros.ts";
import type { Timer } from "../system/clock.ts";
import { ConfigWatch } from "./config-watch.ts";
import { Informer, type InformerPorts, type WatchReading } from "./informer.ts";
import { NODES } from "./resource.ts";

/** With the images that it holds, a node takes ten to twenty kilobytes. */
const NODES_A_PAGE = 100;

/** The configuration as it can be used now, and what is wrong with the rest. */
export interface ConfigReading {
  readonly config: Config;
  readonly nodes: readonly Node[];
  readonly invalid: readonly InvalidObject[];
  /** Of `invalid`, what the last reading did not know. */
  readonly news: readonly InvalidObject[];
}

/** The metallb.io objects and the nodes they select, watched and parsed: the one way in which both daemons read configuration. */
export class ConfigSource {
  readonly #ports: InformerPorts;
  readonly #watch: ConfigWatch;
  readonly #nodes: Informer<Node>;
  #memory: ConfigMemory = NO_MEMORY;
  #known: ReadonlySet<string> = new Set();
  #due: Timer | undefined;

  constructor(ports: InformerPorts, namespace: string) {
    this.#ports = ports;
    this.#watch = new ConfigWatch(ports, namespace);
    this.#nodes = new Informer(ports, { resource: NODES, strip: stripNode, page: NODES_A_PAGE });
  }

  start(signal: AbortSignal): void {
    this.#watch.start(signal);
    this.#nodes.start(signal);
  }

  /** Resolves when everything was listed once. */
  async synced(): Promise<void> {
    await Promise.all([this.#watch.synced(), this.#nodes.synced]);
  }

  /** Resolves when a list of the IPAddressPools that was asked for after this call is there. */
  refreshPools(): Promise<void> {
    return this.#watch.refreshPools();
  }

  /** What was not listed yet, in the words of the API. */
  unsynced(): readonly string[] {
    return [...(this.#nodes.isSynced ? [] : [NODES.plural]), ...this.#watch.unsynced()];
  }

  /** How each watch fares. */
  watches(): readonly WatchReading[] {
    return [...this.#watch.watches(), this.#nodes.reading];
  }

  /** Told when another reading may come out differently: once for all that arrives in one turn. */
  onChange(listener: () => void): void {
    const soon = (): void => {
      this.#due ??= this.#ports.clock.after(micros(0), () => {
        this.#due = undefined;
        listener();
      });
    };
    this.#watch.onChange(soon);
    this.#nodes.onChange(({ type, object, previous }) => {
      // A kubelet's heartbeat changes nothing that decides.
      if (type === "deleted" || previous === undefined || nodeText(object) !== nodeText(previous)) soon();
    });
  }

  /** Told of every change to an IPAddressPool, its status included. */
  onPoolChange(listener: (pool: RawObject) => void): void {
    this.#watch.onPoolChange(listener);
  }

  /** The object as the API has it. */
  find(kind: string, name: string): RawObject | undefined {
    const { secrets: _, ...kinds } = this.#watch.objects();
    const objects = Object.values(kinds).flat();
    return objects.find((object) => object.kind === kind && object.metadata.name === name);
  }

  /** The IPAddressPools as the API has them. */
  get pools(): readonly RawObject[] {
    return this.#watch.objects().pools;
  }

  /** Everything as the API has it, for verdicts on a change to it. */
  objects(): ConfigObjects & { readonly nodes: readonly Node[] } {
    return { ...this.#watch.objects(), nodes: [...this.#nodes.values()] };
  }

  /** Parses what there is now. An object that broke goes on as it last worked, and is logged once. */
  read(): ConfigReading {
    const nodes = [...this.#nodes.values()];
    const { config, invalid, memory } = parseKeepingLastGood(this.#watch.objects(), { nodes }, this.#memory);
    this.#memory = memory;
    const news = invalid.filter((object) => !this.#known.has(textOf(object)));
    this.#known = new Set(invalid.map(textOf));
    for (const { kind, name, message } of news) {
      this.#ports.log.error("object is invalid and left out", { kind, name, reason: message });
    }
    return { config, nodes, invalid, news };
  }
}

function textOf({ kind, name, message }: InvalidObject): string {
  return `${kind} ${name}: ${message}`;
}

function nodeText({ metadata, status }: Node): string {
  return JSON.stringify([metadata.labels, metadata.annotations, status]);
}
