import { seconds } from "../report.ts";
import { type Bounds, faultText, isCovered, type PlannedFault } from "./fault.ts";
import { type Moment, type Requests, type WatchedService, WINDOW } from "./moments.ts";
import { type Span, Spans } from "./spans.ts";

/** Of the requests of a second, so much may be without an answer: one of ten, as one frame that came between two owners. */
const REACHABLE = 0.1;

/** An invariant that did not hold. */
export interface Breach {
  readonly at: number;
  readonly text: string;
}

/** What a chaos came to. */
export interface Figures {
  readonly sent: number;
  readonly lost: number;
  readonly again: number;
  readonly outages: readonly Span[];
  /** Those of them that began and ended while there was a way around whatever had failed. */
  readonly avoidable: readonly Span[];
  readonly doubles: readonly Span[];
  readonly strays: readonly Span[];
  /** From the end of a fault, or of the second of two, to the end of the outage that it left behind; the longest. */
  readonly recovery: number;
}

/** Something that is looked at all the while, by its name. */
export const sight = {
  requests: (client: string, address: string): string => `requests from ${client} to ${address}`,
  answer: (address: string): string => `an answer for ${address}`,
  route: (router: string, address: string): string => `${router}'s route to ${address}`,
} as const;

interface FaultTime {
  readonly planned: PlannedFault;
  readonly from: number;
  readonly to: number;
}

/** What must hold, whatever fails. Told moment by moment in the order of their times; requests may come some seconds late. */
export class Invariants {
  readonly #services: readonly WatchedService[];
  readonly #bounds: Bounds;
  readonly #outages = new Spans();
  readonly #doubles = new Spans();
  readonly #strays = new Spans();
  readonly #faults: FaultTime[] = [];
  /** By service: since when it has its nodes. */
  readonly #endpoints = new Map<string, readonly { readonly at: number; readonly nodes: readonly string[] }[]>();
  readonly #breaches: Breach[] = [];
  readonly #total = { sent: 0, lost: 0, again: 0 };
  readonly #seen = new Set<string>();

  constructor(services: readonly WatchedService[], bounds: Bounds) {
    this.#services = services;
    this.#bounds = bounds;
  }

  observe(moment: Moment): void {
    switch (moment.type) {
      case "fault-began":
        this.#faults.push({ planned: moment.fault, from: moment.at, to: Number.POSITIVE_INFINITY });
        return;
      case "fault-ended":
        this.#end(moment.number, moment.at);
        return;
      case "endpoints":
        this.#endpoints.set(moment.service, [...(this.#endpoints.get(moment.service) ?? []), moment]);
        return;
      case "requests":
        this.#count(moment.at, moment);
        return;
      case "answered":
        this.#answered(moment.at, moment.address, moment.nodes);
        return;
      case "routed":
        this.#stray(sight.route(moment.router, moment.address), moment, moment.nodes);
    }
  }

  get breaches(): readonly Breach[] {
    return this.#breaches;
  }

  /** What never was as it should be: who looked there saw nothing, and would not have seen a fault. */
  unseen(sights: readonly string[]): readonly string[] {
    return sights.filter((one) => !this.#seen.has(one));
  }

  /** The figures, when nothing more is seen. */
  finish(at: number): Figures {
    for (const spans of [this.#outages, this.#doubles, this.#strays]) spans.finish(at);
    const outages = this.#outages.all;
    return {
      ...this.#total,
      outages,
      avoidable: outages.filter((span) => this.#isAvoidable(span)),
      doubles: this.#doubles.all,
      strays: this.#strays.all,
      recovery: Math.max(0, ...outages.map((span) => this.#recoveryIn(span))),
    };
  }

  #end(number: number, at: number): void {
    const i = this.#faults.findIndex(({ planned }) => planned.number === number);
    const fault = this.#faults[i];
    if (fault !== undefined) this.#faults[i] = { ...fault, to: at };
  }

  #count(at: number, { client, address, sent, lost, again, late }: Requests): void {
    this.#total.sent += sent;
    this.#total.lost += lost;
    this.#total.again += again;
    if (lost < sent) this.#seen.add(sight.requests(client, address));
    const isOut = lost > 0 && lost > REACHABLE * sent;
    const key = `${address} from ${client}`;
    const took = this.#outages.see(key, at, isOut);
    if (!isOut || late || !this.#mustReach(address, at)) return;
    const text = `${key} is not reachable within ${seconds(this.#bounds.reach).trim()}: ${lost} of ${sent} requests of a second were lost, for ${seconds(took + WINDOW).trim()} now`;
    this.#breaches.push({ at, text });
  }

  /** Whether a request of this time has to be answered: nothing has changed for a while, and there is a way. */
  #mustReach(address: string, at: number): boolean {
    const { reach } = this.#bounds;
    const changes = this.#faults.flatMap(({ from, to }) => [from, to]).filter((time) => time <= at + WINDOW);
    if (at < Math.max(0, ...changes) + reach) return false;
    const active = this.#faults.filter(({ from, to }) => from <= at && at < to);
    if (!hasWayAround(active)) return false;
    const history = this.#endpoints.get(this.#serviceOf(address)?.name ?? "") ?? [];
    const since = history.findLast((entry) => entry.at <= at);
    return since !== undefined && since.nodes.length > 0 && at >= since.at + reach;
  }

  #answered(at: number, address: string, nodes: readonly string[]): void {
    const took = this.#doubles.see(address, at, nodes.length > 1);
    if (took > this.#bounds.double) {
      this.#breaches.push({ at, text: `${address} is answered by ${nodes.join(" and ")} for ${seconds(took).trim()}` });
    }
    this.#stray(sight.answer(address), { at, address }, nodes);
  }

  /** Nodes that take traffic for an address, of which some may have nothing to send it to. */
  #stray(what: string, seen: { readonly at: number; readonly address: string }, nodes: readonly string[]): void {
    if (nodes.length > 0) this.#seen.add(what);
    const { at, address } = seen;
    const wrong = new Set(nodes.filter((node) => !this.#isServed(address, node)).map((node) => `${what}: ${node}`));
    const known = this.#strays.open.filter((key) => key.startsWith(`${what}: `));
    for (const key of new Set([...known, ...wrong])) {
      const took = this.#strays.see(key, at, wrong.has(key));
      if (took > this.#bounds.stray) {
        this.#breaches.push({ at, text: `${key}, without a ready endpoint for ${seconds(took).trim()}` });
      }
    }
  }

  /** A next hop that no endpoint can run on, a switch, is as good as any endpoint is. */
  #isServed(address: string, node: string): boolean {
    const service = this.#serviceOf(address);
    const histories = [...this.#endpoints.values()];
    const isMachine = histories.some((history) => history.some(({ nodes }) => nodes.includes(node)));
    const ready = this.#endpoints.get(service?.name ?? "")?.at(-1)?.nodes ?? [];
    return service?.local === true && isMachine ? ready.includes(node) : ready.length > 0;
  }

  #serviceOf(address: string): WatchedService | undefined {
    return this.#services.find(({ addresses }) => addresses.includes(address));
  }

  /** A second is too coarse to tell an outage of one fault from that of the next: both count. */
  #isAvoidable(span: Span): boolean {
    return hasWayAround(this.#faults.filter(({ from, to }) => from < span.to + WINDOW && to > span.from - WINDOW));
  }

  /** From the last end of all faults before the outage was over, when it went on after that. */
  #recoveryIn(outage: Span): number {
    const isLast = (time: number): boolean => !this.#faults.some(({ from, to }) => from <= time && time < to);
    const ends = this.#faults
      .map(({ to }) => to)
      .filter((to) => to > outage.from - WINDOW && to < outage.to && isLast(to));
    return ends.length === 0 ? 0 : outage.to - Math.max(...ends);
  }
}

/** Two faults at once may take both ways. */
function hasWayAround(active: readonly FaultTime[]): boolean {
  return active.length < 2 && active.every(({ planned }) => isCovered(planned.fault));
}

/** The faults that were there at a time, or the last one before, in words. */
export function causesAt(moments: readonly Moment[], from: number, to: number): string {
  const began = moments.flatMap((moment) => (moment.type === "fault-began" ? [moment] : []));
  const ended = new Map(moments.flatMap((m) => (m.type === "fault-ended" ? [[m.number, m.at] as const] : [])));
  const during = began.filter(
    ({ at, fault }) => at < to && (ended.get(fault.number) ?? Number.POSITIVE_INFINITY) > from,
  );
  const before = began.findLast(({ at }) => at < from);
  if (during.length > 0) return `during ${during.map(({ fault }) => faultText(fault.fault)).join(" and ")}`;
  return before === undefined ? "before the first fault" : `after ${faultText(before.fault.fault)}`;
}
