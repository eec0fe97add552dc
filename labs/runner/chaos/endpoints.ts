import { allDone } from "../command.ts";
import type { Lab } from "../lab.ts";
import { monotonic } from "../monotonic.ts";
import { nodeOfPod, placeEndpoints, podsOf } from "../workload.ts";
import type { Moment } from "./moments.ts";

/** Which pods are ready, by what happened to them: what the kubelets and the endpoint controller of a cluster would write. */
export class Endpoints {
  readonly #lab: Lab;
  readonly #services: readonly string[];
  readonly #tell: (moment: Moment) => void;
  readonly #down = new Map<string, number>();
  readonly #gone = new Set<string>();
  readonly #written = new Map<string, readonly string[]>();

  constructor(lab: Lab, services: readonly string[], tell: (moment: Moment) => void) {
    this.#lab = lab;
    this.#services = services;
    this.#tell = tell;
  }

  /** Writes what is not as it should be. */
  async write(): Promise<void> {
    await allDone(this.#services.map((service) => this.#writeOne(service)));
  }

  /** Pods are not ready, for one reason more or one less. */
  async pods(pods: readonly string[], change: "down" | "up"): Promise<void> {
    for (const pod of pods) this.#down.set(pod, (this.#down.get(pod) ?? 0) + (change === "down" ? 1 : -1));
    await this.write();
  }

  /** A service has none of its pods, or all that are ready. */
  async service(name: string, change: "gone" | "back"): Promise<void> {
    if (change === "gone") this.#gone.add(name);
    else this.#gone.delete(name);
    await this.write();
  }

  async #writeOne(service: string): Promise<void> {
    const before = this.#written.get(service);
    const ready = podsOf(this.#lab).filter((pod) => !this.#gone.has(service) && (this.#down.get(pod) ?? 0) === 0);
    if (before?.join() === ready.join()) return;
    // While it is written either may be what a speaker has heard.
    this.#told(service, [...new Set([...(before ?? []), ...ready])]);
    await placeEndpoints(this.#lab, service, { ready });
    this.#written.set(service, ready);
    this.#told(service, ready);
  }

  #told(service: string, pods: readonly string[]): void {
    const nodes = [...new Set(pods.map((pod) => nodeOfPod(this.#lab, pod)))];
    this.#tell({ type: "endpoints", at: monotonic(), service, nodes });
  }
}
