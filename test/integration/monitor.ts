import type { Service } from "../../src/api/core.ts";
import { objectKey } from "../../src/api/object.ts";
import { stripService } from "../../src/api/strip.ts";
import { Informer } from "../../src/kubernetes/informer.ts";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { silentLog } from "../support/silent-log.ts";
import { addressesOf, type Site } from "./site.ts";

/** Watches the Services of a site all the time, and remembers every moment at which an address had two owners. */
export class AddressMonitor implements Disposable {
  /** `address: services`, empty when all went well. */
  readonly violations = new Set<string>();
  readonly #stop = new AbortController();
  readonly #services: Informer<Service>;
  /** How many changes of Services it has looked at. */
  looked = 0;

  private constructor(site: Site) {
    const ports = { client: site.client, clock: systemClock, random: systemRandom, log: silentLog };
    this.#services = new Informer(ports, { resource: SERVICES, namespace: site.apps, strip: stripService });
    this.#services.onChange(() => this.#look());
    this.#services.start(this.#stop.signal);
  }

  static async start(site: Site): Promise<AddressMonitor> {
    const monitor = new AddressMonitor(site);
    await monitor.#services.synced;
    return monitor;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  #look(): void {
    this.looked += 1;
    const owners = new Map<string, string[]>();
    for (const service of this.#services.values()) {
      for (const ip of addressesOf(service)) owners.set(ip, [...(owners.get(ip) ?? []), objectKey(service)]);
    }
    for (const [ip, names] of owners) if (names.length > 1) this.violations.add(`${ip}: ${names.toSorted().join(" ")}`);
  }
}
