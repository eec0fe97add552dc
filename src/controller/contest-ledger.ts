import { ALLOCATED_FROM_POOL } from "../api/annotations.ts";
import type { ServiceKey } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";

/** Whether a Service may be written now. */
export interface ContestVerdict {
  /** How long to leave it to the other one; 0 writes now. */
  readonly wait: Micros;
  /** Whether the wait begins with this answer: worth a line in the log, the first time also an event. */
  readonly begins: "no" | "again" | "first";
}

interface Entry {
  /** What we wrote last. */
  readonly written: string;
  /** How often somebody wrote over it. */
  readonly times: number;
  readonly last: Micros;
  /** Set while we hold back, and until the write that ends it. */
  readonly until: Micros | undefined;
}

/** So often a status is put right at once: users edit by hand, and controllers restart. */
const AT_ONCE = 3;
const FIRST_WAIT = seconds(5);
const LONGEST_WAIT = seconds(300);
/** After so long without a write of somebody else's the count begins anew. */
const FORGOTTEN_AFTER = seconds(1800);

/**
 * Two controllers that both own a Service would write its status in turn, as fast as the API takes it. This one notices
 * that its own words are gone, and answers less and less often; it never gives the Service up.
 */
export class ContestLedger {
  readonly #entries = new Map<ServiceKey, Entry>();

  wrote(key: ServiceKey, service: Service): void {
    const { times = 0, last = micros(0) } = this.#entries.get(key) ?? {};
    this.#entries.set(key, { written: wordsOf(service), times, last, until: undefined });
  }

  forget(key: ServiceKey): void {
    this.#entries.delete(key);
  }

  /** Asked before each write of addresses, with the Service as it was found. */
  judge(key: ServiceKey, found: Service, now: Micros): ContestVerdict {
    const entry = this.#entries.get(key);
    if (entry === undefined || wordsOf(found) === entry.written) return WRITE;
    if (entry.until !== undefined) {
      return entry.until > now ? { wait: micros(entry.until - now), begins: "no" } : WRITE;
    }
    const times = now - entry.last > FORGOTTEN_AFTER ? 1 : entry.times + 1;
    const wait = times <= AT_ONCE ? 0 : Math.min(FIRST_WAIT * 2 ** (times - AT_ONCE - 1), LONGEST_WAIT);
    this.#entries.set(key, { ...entry, times, last: now, until: wait === 0 ? undefined : micros(now + wait) });
    if (wait === 0) return WRITE;
    return { wait: micros(wait), begins: times === AT_ONCE + 1 ? "first" : "again" };
  }
}

const WRITE: ContestVerdict = { wait: micros(0), begins: "no" };

/** What a controller writes. `ipMode` and `ports` are others', and are kept. */
function wordsOf({ metadata, status }: Service): string {
  const entries = status?.loadBalancer?.ingress ?? [];
  return JSON.stringify([
    entries.map(({ ip, hostname }) => ip ?? hostname),
    metadata.annotations?.[ALLOCATED_FROM_POOL],
  ]);
}
