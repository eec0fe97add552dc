import { backoffDelay } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { Informer, type InformerPorts, type WatchReading } from "../kubernetes/informer.ts";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type Resource,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../kubernetes/resource.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import { errorFields } from "../telemetry/log.ts";
import {
  type CallerObject,
  type CallerPlan,
  planConversion,
  planWebhooks,
  readConversion,
  readWebhooks,
  type WebhookService,
} from "./bundle-plan.ts";
import { firstCertificate, trustsAll } from "./certificate-facts.ts";
import { Doorbell } from "./doorbell.ts";
import { writeDelay } from "./write-spacing.ts";

export interface BundleKeeperPorts extends InformerPorts {
  readonly client: Pick<KubernetesClient, "pages" | "watch" | "patch">;
  /** The authorities to be trusted, read from the API: asked before every write. @throws as the client does */
  readonly readAuthorities: (signal: AbortSignal) => Promise<string | undefined>;
}

export interface BundleKeeperOptions {
  readonly service: WebhookService;
  /** The ValidatingWebhookConfiguration's name. */
  readonly webhooks: string;
  /** The CustomResourceDefinition's name. */
  readonly definition: string;
}

interface Caller {
  readonly resource: Resource;
  readonly name: string;
  readonly informer: Informer<CallerObject>;
  readonly plan: typeof planWebhooks;
  readonly writes: Micros[];
}

const RETRY = { baseDelay: millis(200), maxDelay: seconds(30) };
/** How long API servers may take until they call with a bundle that was stored. */
const TAKEN_IN_AFTER = seconds(30);
/** Until then the watch shows what a write did. */
const WRITE_SEEN_WITHIN = seconds(2);
const IDLE = seconds(3600);
const WRITES_REMEMBERED = 16;
/** Without it every change of configuration is refused: a tool that always takes it away gets an answer each minute. */
const LONGEST_SPACING = seconds(60);

/**
 * Keeps the authorities where the API server reads whom to trust, also after somebody applied a manifest without them. Replicas agree,
 * because each puts there what the Secret says at that moment and nothing of its own.
 */
export class BundleKeeper {
  readonly #ports: BundleKeeperPorts;
  readonly #options: BundleKeeperOptions;
  readonly #callers: readonly Caller[];
  readonly #bell = new Doorbell();
  readonly #listeners: (() => void)[] = [];
  #bundle = "";
  #known: { readonly authority: string; readonly since: Micros } | undefined;
  #failures = 0;

  constructor(ports: BundleKeeperPorts, options: BundleKeeperOptions) {
    this.#ports = ports;
    this.#options = options;
    const caller = (
      resource: Resource,
      name: string,
      strip: typeof readWebhooks,
      plan: typeof planWebhooks,
    ): Caller => ({
      resource,
      name,
      plan,
      informer: new Informer(ports, { resource, fieldSelector: `metadata.name=${name}`, strip }),
      writes: [],
    });
    this.#callers = [
      caller(VALIDATING_WEBHOOK_CONFIGURATIONS, options.webhooks, readWebhooks, planWebhooks),
      caller(CUSTOM_RESOURCE_DEFINITIONS, options.definition, readConversion, planConversion),
    ];
  }

  /** What the Secret says now. */
  want(bundle: string): void {
    this.#bundle = bundle;
    this.#bell.ring();
  }

  /** Told whenever what callers know may have changed. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** How each watch fares. */
  watches(): readonly WatchReading[] {
    return this.#callers.map(({ informer }) => informer.reading);
  }

  /** What the API server is told, in every place. */
  told(): readonly string[] {
    return this.#plans().flatMap(({ plan }) => plan.told);
  }

  /** Whether every place has named the first authority of this bundle for long enough. */
  knows(authorities: string): boolean {
    const authority = firstCertificate(authorities);
    if (!this.#areAllTold(authority)) {
      this.#known = undefined;
      return false;
    }
    const now = this.#ports.clock.now();
    if (this.#known?.authority !== authority) this.#known = { authority, since: now };
    return now - this.#known.since >= TAKEN_IN_AFTER;
  }

  /** The places that do not have the bundle yet, or are not known; empty when all have it. */
  waiting(): readonly string[] {
    const unknown = this.#callers.filter(({ informer }) => !informer.isSynced).map(({ resource }) => resource.plural);
    const untold = this.#plans().filter(({ plan }) => plan.operations.length > 0);
    return [...unknown, ...untold.map(({ caller }) => `caBundle of ${caller.name}`)];
  }

  /** Keeps them until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    for (const { informer } of this.#callers) {
      informer.onChange(() => this.#changed());
      informer.start(signal);
    }
    // An empty collection tells of no change.
    for (const { informer } of this.#callers) void informer.synced.then(() => this.#changed());
    while (!signal.aborted) {
      const delay = await this.#pass(signal);
      await this.#bell.wait(this.#ports.clock, delay, signal);
    }
  }

  #changed(): void {
    this.#bell.ring();
    for (const listener of this.#listeners) listener();
  }

  #areAllTold(authority: string): boolean {
    if (this.#callers.some(({ informer }) => !informer.isSynced)) return false;
    return this.told().every((bundle) => trustsAll(bundle, authority));
  }

  #plans(bundle = this.#bundle): readonly { readonly caller: Caller; readonly plan: CallerPlan }[] {
    return this.#callers.flatMap((caller) => {
      const object = caller.informer.get(caller.name);
      return object === undefined ? [] : [{ caller, plan: caller.plan(object, bundle, this.#options.service) }];
    });
  }

  async #pass(signal: AbortSignal): Promise<Micros> {
    if (this.#bundle === "" || this.#plans().every(({ plan }) => plan.operations.length === 0)) return IDLE;
    try {
      // A replica whose view is old must not put back what another one replaced.
      const bundle = (await this.#ports.readAuthorities(signal)) ?? "";
      if (bundle === "") return IDLE;
      this.#bundle = bundle;
      const delays: Micros[] = [];
      for (const { caller, plan } of this.#plans(bundle)) {
        if (plan.operations.length > 0) delays.push(await this.#write(caller, plan, signal));
      }
      this.#failures = 0;
      return micros(Math.min(IDLE, ...delays));
    } catch (error) {
      if (signal.aborted) return micros(0);
      this.#failures += 1;
      const level = this.#failures % 10 === 2 ? "warn" : "debug";
      this.#ports.log[level]("webhook authorities not told", errorFields(error));
      return backoffDelay(this.#failures, RETRY, this.#ports.random);
    }
  }

  async #write({ resource, name, writes }: Caller, plan: CallerPlan, signal: AbortSignal): Promise<Micros> {
    const { client, clock, log } = this.#ports;
    const wait = writeDelay(writes, clock.now(), LONGEST_SPACING);
    if (wait > 0) return wait;
    writes.push(clock.now());
    writes.splice(0, writes.length - WRITES_REMEMBERED);
    await client.patch<unknown>(resource, name, plan.operations, { type: "json", signal });
    log.info("webhook authorities told", { "kubernetes.resource": resource.plural, object: name });
    return WRITE_SEEN_WITHIN;
  }
}
