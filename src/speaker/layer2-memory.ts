import type { NodeName, ServiceKey } from "../api/config.ts";
import { type StatusRecord, serviceOfStatus } from "./service-status.ts";

/** The addresses of a Service that the speaker knows of now; undefined when there is no such Service. */
export type AddressesOf = (service: ServiceKey) => readonly string[] | undefined;

/**
 * Which addresses some speaker has answered for, as far as this one knows: nobody need look for strangers there, and a fail-over
 * must not wait for it. And who answers for which Service, for those that are to stay.
 */
export class Layer2Memory {
  readonly #addressesOf: AddressesOf;
  readonly #answered = new Map<ServiceKey, Set<string>>();
  readonly #records = new Map<ServiceKey, Map<string, StatusRecord>>();

  constructor(addressesOf: AddressesOf) {
    this.#addressesOf = addressesOf;
  }

  /** Whether an address of the Service is or has been answered for. A MetalLB speaker does not say which: it answers for all. */
  knows(service: ServiceKey, ip: string): boolean {
    if (this.#answered.get(service)?.has(ip) === true) return true;
    return this.#recordsOf(service).some(({ addresses }) => addresses?.includes(ip) !== false);
  }

  /** This speaker announces it. */
  announced(service: ServiceKey, ip: string): void {
    const known = this.#answered.get(service) ?? new Set();
    this.#answered.set(service, known.add(ip));
  }

  /** A stranger was found: what was answered for before proves nothing. */
  forget(service: ServiceKey, ip: string): void {
    this.#answered.get(service)?.delete(ip);
  }

  /** A Service came, changed or went: an address that it has lost may be anybody's by now. */
  serviceChanged(service: ServiceKey): void {
    const addresses = this.#addressesOf(service);
    const known = this.#answered.get(service);
    if (addresses === undefined) this.#answered.delete(service);
    else for (const ip of known ?? []) if (!addresses.includes(ip)) known?.delete(ip);
  }

  /** A ServiceL2Status is there, or is so now. */
  put(record: StatusRecord, before: StatusRecord | undefined): void {
    if (before !== undefined && serviceOfStatus(before) !== serviceOfStatus(record)) this.remove(before);
    const service = serviceOfStatus(record);
    if (service === undefined) return;
    const records = this.#records.get(service) ?? new Map<string, StatusRecord>();
    this.#records.set(service, records.set(record.metadata.name, record));
  }

  /** A ServiceL2Status is gone; what it said was true. */
  remove(record: StatusRecord): void {
    const service = serviceOfStatus(record);
    if (service === undefined) return;
    const current = this.#addressesOf(service) ?? [];
    for (const ip of record.addresses ?? current) if (current.includes(ip)) this.announced(service, ip);
    const records = this.#records.get(service);
    records?.delete(record.metadata.name);
    if (records?.size === 0) this.#records.delete(service);
  }

  /** Who answers for each Service, as the API says. Of several, the one whose object is the youngest has taken over. */
  incumbents(): ReadonlyMap<ServiceKey, NodeName> {
    const incumbents = new Map<ServiceKey, NodeName>();
    for (const service of this.#records.keys()) {
      const words = this.#recordsOf(service)
        .toSorted(byAge)
        .flatMap((record) => record.words ?? []);
      const youngest = words.at(-1);
      if (youngest !== undefined) incumbents.set(service, youngest.node);
    }
    return incumbents;
  }

  #recordsOf(service: ServiceKey): readonly StatusRecord[] {
    return [...(this.#records.get(service)?.values() ?? [])];
  }
}

function byAge(a: StatusRecord, b: StatusRecord): number {
  const age = ({ metadata }: StatusRecord): string => `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
  return age(a) < age(b) ? -1 : 1;
}
