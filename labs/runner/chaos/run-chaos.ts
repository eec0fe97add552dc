import { join } from "node:path";
import { InterruptedError, LabCheckError, LabConfigError } from "../errors.ts";
import type { Lab } from "../lab.ts";
import { monotonic } from "../monotonic.ts";
import { pause } from "../poll.ts";
import type { Vip } from "../service-address.ts";
import { Diary } from "./diary.ts";
import { Endpoints } from "./endpoints.ts";
import { type Bounds, faultText, type PlannedFault } from "./fault.ts";
import { type GroundRules, offersOf } from "./ground.ts";
import { Invariants, sight } from "./invariants.ts";
import type { Moment, WatchedService } from "./moments.ts";
import { startClient, watchLan, watchRoutes } from "./observers.ts";
import { planFaults } from "./plan.ts";
import { Striker } from "./striker.ts";
import { figuresText } from "./words.ts";

export interface ChaosOptions {
  /** Milliseconds. */
  readonly duration: number;
  readonly seed: number;
  /** The folder of the diary. */
  readonly logs: string;
}

/** A lab that is up and well, and what chaos may do in it and has to look at. */
export interface ChaosField {
  readonly rules: Omit<GroundRules, "services">;
  readonly bounds: Bounds;
  readonly services: readonly (WatchedService & { readonly vips: readonly Vip[] })[];
  /** Where requests come from; the services that each asks, all when left out. */
  readonly clients: readonly { readonly node: string; readonly services?: readonly string[] }[];
  readonly perSecond: number;
  /** A host that asks who has each address, on a LAN. */
  readonly watch?: string;
  /** Routers of which the routes are looked at. */
  readonly routers: readonly string[];
}

/** What is wrong may be seen a little later than it was: requests have a second to be answered. */
const AFTERWARDS = 2500;
const STEP = 100;

/** Faults for a time, and a look at everything all the while. @throws LabCheckError with the history when an invariant did not hold. */
export async function runChaos(lab: Lab, field: ChaosField, options: ChaosOptions): Promise<void> {
  const rules: GroundRules = { ...field.rules, services: field.services.map(({ name }) => name) };
  const { duration, seed } = options;
  const plan = planFaults(offersOf(lab.topology, rules), { seed, duration, bounds: field.bounds });
  if (plan.length === 0)
    throw new LabConfigError("--chaos", {
      problems: [`${duration / 1000} s are too short for a fault and what follows it`],
    });
  lab.tell(`chaos for ${duration / 1000} s, seed ${seed}: ${plan.length} faults`);
  await new Chaos(lab, field, options).play(plan);
}

class Chaos {
  readonly #lab: Lab;
  readonly #field: ChaosField;
  readonly #options: ChaosOptions;
  readonly #begin = monotonic();
  readonly #diary: Diary;
  readonly #invariants: Invariants;
  readonly #endpoints: Endpoints;
  readonly #striker: Striker;
  readonly #done: PlannedFault[] = [];

  constructor(lab: Lab, field: ChaosField, options: ChaosOptions) {
    this.#lab = lab;
    this.#field = field;
    this.#options = options;
    this.#diary = new Diary(join(options.logs, "chaos.jsonl"), this.#begin);
    this.#invariants = new Invariants(field.services, field.bounds);
    const services = field.services.map(({ name }) => name);
    this.#endpoints = new Endpoints(lab, services, (moment) => this.#see(moment));
    this.#striker = new Striker(lab, this.#endpoints);
  }

  async play(plan: readonly PlannedFault[]): Promise<void> {
    const over = new AbortController();
    await this.#endpoints.write();
    const looking = await this.#look(over.signal);
    try {
      await this.#playAll(plan);
      await this.#until(this.#begin + this.#options.duration);
      if (!this.#isBroken) await pause(AFTERWARDS);
    } finally {
      over.abort();
      await looking.ended;
    }
    this.#conclude();
  }

  /** Starts everything that looks; what is left of it after the signal is over when `ended` is. */
  async #look(signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
    const tell = (moment: Moment): void => this.#see(moment);
    const { services, clients, perSecond, watch, routers } = this.#field;
    const all = services.flatMap(({ vips }) => vips);
    for (const client of clients)
      startClient(this.#lab, { node: client.node, vips: askedBy(this.#field, client), perSecond }, tell);
    if (watch !== undefined) await watchLan(this.#lab, watch, all, tell);
    const ended = watchRoutes(this.#lab, { routers, vips: all }, tell, signal);
    // A failure before it is awaited must not end the run: it is thrown where it is.
    ended.catch(() => {});
    return { ended };
  }

  async #playAll(plan: readonly PlannedFault[]): Promise<void> {
    const turns = plan.flatMap((planned) => [
      { at: planned.at, planned, begins: true },
      { at: planned.at + planned.lasts, planned, begins: false },
    ]);
    for (const { at, planned, begins } of turns.toSorted((a, b) => a.at - b.at)) {
      await this.#until(this.#begin + at);
      // Whatever was begun is ended.
      if (this.#isBroken && begins) continue;
      if (begins) await this.#strike(planned);
      else if (this.#done.includes(planned)) await this.#mend(planned);
    }
  }

  async #strike(planned: PlannedFault): Promise<void> {
    this.#lab.tell(`${this.#clock()}  ${faultText(planned.fault)}, for ${(planned.lasts / 1000).toFixed(1)} s`);
    this.#done.push(planned);
    this.#see({ type: "fault-began", at: monotonic(), fault: planned });
    await this.#striker.strike(planned);
  }

  async #mend(planned: PlannedFault): Promise<void> {
    await this.#striker.mend(planned);
    this.#see({ type: "fault-ended", at: monotonic(), number: planned.number });
    this.#lab.tell(`${this.#clock()}    over: ${faultText(planned.fault)}`);
  }

  #see(moment: Moment): void {
    this.#invariants.observe(moment);
    this.#diary.note(moment);
  }

  get #isBroken(): boolean {
    return this.#invariants.breaches.length > 0;
  }

  async #until(moment: number): Promise<void> {
    while (monotonic() < moment && !this.#isBroken) {
      if (this.#lab.signal.aborted) throw new InterruptedError("interrupted");
      this.#lab.expectAlive();
      await pause(Math.min(STEP, Math.max(1, moment - monotonic())));
    }
  }

  #clock(): string {
    const total = Math.round((monotonic() - this.#begin) / 1000);
    return `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
  }

  #conclude(): void {
    const took = monotonic() - this.#begin;
    const { bounds, watch } = this.#field;
    const told = { bounds, faults: this.#done, moments: this.#diary.moments, seed: this.#options.seed };
    const figures = this.#invariants.finish(monotonic());
    const lines = figuresText({ ...told, figures, took, isOnLan: watch !== undefined });
    for (const line of lines) this.#lab.tell(line);
    const [breach] = this.#invariants.breaches;
    const unseen = this.#invariants.unseen(sightsOf(this.#field));
    if (breach === undefined && unseen.length > 0)
      throw new LabCheckError(`nobody ever saw ${unseen.join(", ")}: nothing is proved`);
    if (breach === undefined) return;
    const history = this.#diary.before(breach.at + AFTERWARDS).map((line) => `    ${line}`);
    throw new LabCheckError(`${breach.text}\n  what came before:\n${history.join("\n")}`);
  }
}

function askedBy({ services }: ChaosField, { services: some }: ChaosField["clients"][number]): readonly Vip[] {
  return services.flatMap((service) => (some?.includes(service.name) === false ? [] : service.vips));
}

/** All that somebody looks at. */
function sightsOf(field: ChaosField): readonly string[] {
  const { clients, services, routers, watch } = field;
  const all = services.flatMap(({ addresses }) => addresses);
  return [
    ...clients.flatMap((client) => askedBy(field, client).map(({ address }) => sight.requests(client.node, address))),
    ...(watch === undefined ? [] : all.map(sight.answer)),
    ...routers.flatMap((router) => all.map((address) => sight.route(router, address))),
  ];
}
