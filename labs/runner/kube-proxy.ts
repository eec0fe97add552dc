import { setTimeout as sleep } from "node:timers/promises";
import { CodedError } from "../../src/wire/errors.ts";
import { allDone, run } from "./command.ts";
import type { KubeApi, LabKind } from "./kube-api.ts";
import { inNamespace } from "./namespaces.ts";
import { renderServiceRules } from "./service-rules.ts";

const WATCHED: readonly LabKind[] = ["Service", "EndpointSlice"];

export interface ProxiedNode {
  readonly name: string;
  readonly namespace: string;
}

/**
 * Keeps every node's service rules in step with the API, as kube-proxy does on a real node. Level-based: a watch only says that
 * something changed; what the rules are comes from the lists.
 */
export class KubeProxy {
  readonly #api: KubeApi;
  readonly #nodes: readonly ProxiedNode[];
  readonly #applied = new Map<string, string>();
  readonly #note: (problem: string) => void;
  #rung = true;
  #noted = false;
  #wake: () => void = () => {};

  constructor(api: KubeApi, nodes: readonly ProxiedNode[], note: (problem: string) => void) {
    this.#api = api;
    this.#nodes = nodes;
    this.#note = note;
  }

  /** Runs until `signal` fires. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#ring());
    await Promise.all([...WATCHED.map((kind) => this.#watch(kind, signal)), this.#sync(signal)]);
  }

  #ring(): void {
    this.#rung = true;
    this.#wake();
  }

  async #watch(kind: LabKind, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#api.watch(kind, () => this.#ring(), signal);
      // What happened between two watches was not heard.
      this.#ring();
      if (!signal.aborted) await sleep(100);
    }
  }

  async #sync(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#rung) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#rung = false;
      try {
        await this.#apply();
        this.#noted = false;
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        if (signal.aborted) return;
        this.#noteOnce(`service rules: ${error.message}`);
        this.#rung = true;
        await sleep(200);
      }
    }
  }

  /** An API that is away is asked again and again: what it said first is enough. */
  #noteOnce(problem: string): void {
    if (!this.#noted) this.#note(problem);
    this.#noted = true;
  }

  async #apply(): Promise<void> {
    const [services, slices] = await Promise.all([this.#api.list("Service"), this.#api.list("EndpointSlice")]);
    const tasks = this.#nodes.map(async ({ name, namespace }) => {
      const rules = renderServiceRules(name, services, slices);
      if (this.#applied.get(name) === rules) return;
      await run(inNamespace(namespace, ["nft", "-f", "-"]), { input: rules });
      this.#applied.set(name, rules);
    });
    await allDone(tasks);
  }
}
