import type { Service } from "../api/core.ts";
import type { Health, ServiceRefusal, ServiceRow } from "./model.ts";
import {
  type Announcement,
  type Announcers,
  type Judged,
  judgeService,
  type Outcome,
  type ServiceFacts,
  serviceRow,
  type Trouble,
} from "./service-judgement.ts";

/** One Service, what is known of it, and what came of that. */
interface Entry {
  service: Service | undefined;
  endpoints: { readonly any: boolean; readonly count: number } | undefined;
  outcome: Outcome | undefined;
  readonly announcements: Map<string, Announcement>;
  readonly refusals: Map<string, readonly ServiceRefusal[]>;
  judged: Shown | undefined;
}

interface Shown extends Judged {
  readonly row: ServiceRow;
  /** Tells whether anything of the row differs. */
  readonly text: string;
  readonly since: string;
}

/** Services that are in the same trouble, in no order. */
export interface TroubleGroup {
  readonly reason: string;
  readonly health: "bad" | "doubtful" | "unknown";
  readonly services: ReadonlySet<string>;
}

/** Of what everything is known that there is: what is not there is then missing. */
export interface ServiceScope {
  /** With an API, a Service is there as long as the API has it; without, as long as a speaker speaks of it. */
  readonly api: boolean;
  readonly endpoints: boolean;
  readonly announcements: boolean;
}

/** What rows are judged by. */
export interface ServicePorts extends Announcers {
  readonly now: () => string;
}

/**
 * All Services. What is told of one marks it; `settle` judges so many of those that are marked, so that a session with ten thousand
 * Services behind it can come and go without a long turn.
 */
export class ServiceBoard {
  readonly #ports: ServicePorts;
  readonly #entries = new Map<string, Entry>();
  /** Which Service an announcement is of, by its id. */
  readonly #announced = new Map<string, string>();
  readonly #marked = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #counts: Record<Health, number> = { good: 0, doubtful: 0, bad: 0, unknown: 0, quiet: 0 };
  readonly #troubles = new Map<string, Set<string>>();
  #scope: ServiceScope = { api: false, endpoints: false, announcements: true };

  constructor(ports: ServicePorts) {
    this.#ports = ports;
  }

  get counts(): Readonly<Record<Health, number>> & { readonly total: number } {
    const { good, doubtful, bad, unknown, quiet } = this.#counts;
    return { ...this.#counts, total: good + doubtful + bad + unknown + quiet };
  }

  /** The Service as the API has it; undefined when it is gone or none of ours. */
  setService(key: string, service: Service | undefined): void {
    if (service === undefined && !this.#entries.has(key)) return;
    const entry = this.#entry(key);
    entry.service = service;
    if (service === undefined) {
      // Another one of its name is judged by what is said of that one.
      entry.refusals.clear();
      entry.outcome = undefined;
    }
    this.#marked.add(key);
  }

  get scope(): ServiceScope {
    return this.#scope;
  }

  setScope(scope: ServiceScope): void {
    this.#scope = scope;
    for (const key of this.#entries.keys()) this.#marked.add(key);
  }

  service(key: string): Service | undefined {
    return this.#entries.get(key)?.service;
  }

  *services(): Generator<Service, void> {
    for (const { service } of this.#entries.values()) if (service !== undefined) yield service;
  }

  setEndpoints(key: string, endpoints: Entry["endpoints"]): void {
    this.#entry(key).endpoints = endpoints;
    this.#marked.add(key);
  }

  /** What the controller makes of it; unlike the rest it is worth no row by itself. */
  setOutcome(key: string, outcome: Outcome): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || sameOutcome(entry.outcome, outcome)) return;
    entry.outcome = outcome;
    this.#marked.add(key);
  }

  /** What a node means to do, under an id of its own; undefined when it no longer does. */
  setAnnouncement(id: string, announcement: Announcement | undefined): void {
    const before = this.#announced.get(id);
    if (before !== undefined && before !== announcement?.service) {
      this.#entries.get(before)?.announcements.delete(id);
      this.#announced.delete(id);
      this.#marked.add(before);
    }
    if (announcement === undefined) return;
    this.#announced.set(id, announcement.service);
    this.#entry(announcement.service).announcements.set(id, announcement);
    this.#marked.add(announcement.service);
  }

  /** Why a node does not announce it; none when it does, or no longer knows it. */
  setRefusals(key: string, node: string, refusals: readonly ServiceRefusal[]): void {
    const entry = this.#entries.get(key);
    if (refusals.length === 0) {
      if (entry?.refusals.delete(node) === true) this.#marked.add(key);
      return;
    }
    this.#entry(key).refusals.set(node, refusals);
    this.#marked.add(key);
  }

  /** A session of the node came up or was lost, or the node no longer answers. */
  markNode(node: string): void {
    for (const [key, { announcements }] of this.#entries) {
      for (const one of announcements.values()) {
        if (one.node !== node) continue;
        this.#marked.add(key);
        break;
      }
    }
  }

  /** Judges so many of the marked ones; false when there are more. */
  settle(most: number = Number.POSITIVE_INFINITY): boolean {
    let left = most;
    for (const key of this.#marked) {
      if (left-- <= 0) return false;
      this.#marked.delete(key);
      this.#judge(key);
    }
    return true;
  }

  find(key: string): ServiceRow | undefined {
    return this.#entries.get(key)?.judged?.row;
  }

  trouble(key: string): { readonly trouble: Trouble; readonly since: string } | undefined {
    const judged = this.#entries.get(key)?.judged;
    return judged?.trouble && { trouble: judged.trouble, since: judged.since };
  }

  *rows(): Generator<ServiceRow, void> {
    for (const { judged } of this.#entries.values()) if (judged !== undefined) yield judged.row;
  }

  /** The troubles there are, each with its Services. */
  troubles(): readonly TroubleGroup[] {
    return [...this.#troubles].flatMap(([name, services]) => {
      const [health = "", reason = ""] = name.split(" ");
      return isTrouble(health) ? [{ health, reason, services }] : [];
    });
  }

  /** What changed since this was asked last; `many` says that there was more than `most`. */
  takeChanges(most: number): { rows: readonly ServiceRow[]; gone: readonly string[]; many: boolean } {
    const rows: ServiceRow[] = [];
    for (const key of this.#changed) {
      if (rows.length === most) break;
      const row = this.find(key);
      if (row !== undefined) rows.push(row);
    }
    const gone = [...this.#gone].slice(0, most);
    const many = this.#changed.size > most || this.#gone.size > most;
    this.#changed.clear();
    this.#gone.clear();
    return { rows, gone, many };
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry = {
      service: undefined,
      endpoints: undefined,
      outcome: undefined,
      announcements: new Map(),
      refusals: new Map(),
      judged: undefined,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  #judge(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const facts = factsOf(key, entry, this.#scope);
    if (facts === undefined) {
      this.#hide(key, entry);
      return;
    }
    const judged = judgeService(facts, this.#ports);
    const row = serviceRow(facts, judged, undefined);
    const text = JSON.stringify(row);
    const before = entry.judged;
    if (before?.text === text) return;
    const now = this.#ports.now();
    const since = before !== undefined && before.row.reason === row.reason ? before.since : now;
    this.#tally(key, before, judged);
    entry.judged = { ...judged, row: { ...row, changed: now }, text, since };
    this.#changed.add(key);
    this.#gone.delete(key);
  }

  #hide(key: string, entry: Entry): void {
    if (entry.judged !== undefined) {
      this.#tally(key, entry.judged, undefined);
      this.#gone.add(key);
      this.#changed.delete(key);
      entry.judged = undefined;
    }
    const isEmpty = entry.announcements.size === 0 && entry.endpoints === undefined && entry.refusals.size === 0;
    if (isEmpty && entry.service === undefined) this.#entries.delete(key);
  }

  #tally(key: string, before: Judged | undefined, now: Judged | undefined): void {
    if (before !== undefined) this.#counts[before.health] -= 1;
    if (now !== undefined) this.#counts[now.health] += 1;
    const [was, is] = [nameOf(before), nameOf(now)];
    if (was === is) return;
    if (was !== undefined) {
      const group = this.#troubles.get(was);
      group?.delete(key);
      if (group?.size === 0) this.#troubles.delete(was);
    }
    if (is === undefined) return;
    const group = this.#troubles.get(is);
    if (group === undefined) this.#troubles.set(is, new Set([key]));
    else group.add(key);
  }
}

function nameOf(judged: Judged | undefined): string | undefined {
  return judged?.trouble && `${judged.health} ${judged.trouble.reason}`;
}

function isTrouble(health: string): health is TroubleGroup["health"] {
  return health === "bad" || health === "doubtful" || health === "unknown";
}

function sameOutcome(a: Outcome | undefined, b: Outcome): boolean {
  return a?.pool === b.pool && a?.unmet?.reason === b.unmet?.reason && a?.unmet?.message === b.unmet?.message;
}

function factsOf(key: string, entry: Entry, scope: ServiceScope): ServiceFacts | undefined {
  const { service, endpoints, outcome, announcements, refusals } = entry;
  const spoken = announcements.size > 0 || refusals.size > 0;
  if (service === undefined && (scope.api || !spoken)) return undefined;
  const slash = key.indexOf("/");
  return {
    namespace: key.slice(0, slash),
    name: key.slice(slash + 1),
    service,
    endpoints: endpoints ?? (scope.endpoints ? NOBODY : undefined),
    announcements: [...announcements.values()],
    announcementsKnown: scope.announcements,
    refusals: [...refusals.values()].flat(),
    outcome,
  };
}

const NOBODY = { any: false, count: 0 };
