import type { Service } from "../api/core.ts";
import { stripNamespace, stripService } from "../api/strip.ts";
import { ConfigSource } from "../kubernetes/config-source.ts";
import { Informer, type WatchReading } from "../kubernetes/informer.ts";
import { NAMESPACES, SERVICES } from "../kubernetes/resource.ts";
import { aborted } from "../system/aborted.ts";
import type { ControllerReadings } from "./controller-metrics.ts";
import type { ControllerCaches, ControllerOptions, ControllerPorts } from "./ports.ts";
import { Term, type TermPorts } from "./term.ts";

/** What a term rests on. */
type Claim = Pick<TermPorts, "mayWrite" | "lateWrites">;

/** Where there is no second controller. */
const ALONE: Claim = { mayWrite: () => true, lateWrites: false };

/** Gives addresses to Services. It writes only while `lead` runs; who may lead is decided elsewhere. */
export class Controller {
  readonly #ports: ControllerPorts;
  readonly #options: ControllerOptions;
  readonly #caches: ControllerCaches;
  #term: Term | undefined;
  #terms = 0;

  constructor(ports: ControllerPorts, options: ControllerOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#caches = {
      services: new Informer(ports, { resource: SERVICES, strip: stripService }),
      namespaces: new Informer(ports, { resource: NAMESPACES, strip: stripNamespace }),
      config: new ConfigSource(ports, options.namespace),
    };
  }

  /** Begins to watch. */
  start(signal: AbortSignal): void {
    const { services, namespaces, config } = this.#caches;
    services.onChange((change) => this.#term?.serviceChanged(change));
    services.onRelist(() => this.#term?.relisted());
    namespaces.onChange(() => this.#term?.configChanged());
    config.onChange(() => this.#term?.configChanged());
    config.onPoolChange(() => this.#term?.poolTouched());
    services.start(signal);
    namespaces.start(signal);
    config.start(signal);
  }

  /** What can be asked of it at any moment; of pools only while it leads. */
  readings(): ControllerReadings {
    const { config } = this.#caches;
    return {
      leads: () => this.#term !== undefined,
      terms: () => this.#terms,
      pools: () => this.#term?.counters() ?? new Map(),
      services: () => this.#term?.servicesByPool() ?? new Map(),
      refused: () => this.#term?.refused() ?? new Map(),
      queues: () => this.#term?.queues() ?? [],
      backlog: () => this.#term?.backlog ?? 0,
      // A stand-by has read it as well: the alert on a configuration that was never loaded is not about it.
      config: () => ({ loaded: config.unsynced().length === 0, stale: (this.#term?.invalid ?? 0) > 0 }),
      watches: () => this.watches(),
    };
  }

  /** How each list and watch fares. */
  watches(): readonly WatchReading[] {
    const { services, namespaces, config } = this.#caches;
    return [services.reading, namespaces.reading, ...config.watches()];
  }

  /** Everything as the API has it, for verdicts on a change to it. */
  objects(): ReturnType<ConfigSource["objects"]> & { readonly services: readonly Service[] } {
    const { services, config } = this.#caches;
    return { ...config.objects(), services: [...services.values()] };
  }

  /** What has not been listed yet, in the words of the API; empty when the caches are complete. */
  unsynced(): readonly string[] {
    const { services, namespaces, config } = this.#caches;
    return [
      ...(services.isSynced ? [] : [SERVICES.plural]),
      ...(namespaces.isSynced ? [] : [NAMESPACES.plural]),
      ...config.unsynced(),
    ];
  }

  /** Hands out addresses until the signal is aborted, and resolves when the last write is answered. */
  async lead(signal: AbortSignal, claim: Claim = ALONE): Promise<void> {
    const { services, namespaces, config } = this.#caches;
    // The last leader's writes may not have reached this cache yet: what it gave away must not be given away again, and
    // it may have known other pools by a watch that lives.
    const fresh = Promise.all([services.refresh(), namespaces.refresh(), config.refreshPools(), config.synced()]);
    await Promise.race([fresh, aborted(signal)]);
    if (signal.aborted) return;
    const term = new Term({ ...this.#ports, ...claim }, this.#options, this.#caches);
    this.#term = term;
    this.#terms += 1;
    try {
      await term.run(signal);
    } finally {
      this.#term = undefined;
    }
  }
}
