import { setMaxListeners } from "node:events";
import type { InformerPorts } from "../kubernetes/informer.ts";
import { type Micros, micros, millis } from "../net/micros.ts";
import type { Clock, Timer, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { Log } from "../telemetry/log.ts";
import { type AllocationSurvey, surveyAllocation } from "./allocation-survey.ts";
import { Answers, type ExplainService } from "./answers.ts";
import { Board } from "./board.ts";
import { Changes } from "./changes.ts";
import { ClusterFeed, type ClusterFeedConfig } from "./cluster-feed.ts";
import { EventLog } from "./event-log.ts";
import type { PageFile } from "./model.ts";
import { type GlassPlace, GlassServer } from "./server.ts";
import type { Roster } from "./speaker-port.ts";
import { Speakers } from "./speakers.ts";

export interface LookingGlassPorts {
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  /** A text that nobody can guess. */
  readonly secret: () => string;
  /** Looks for the speakers. */
  readonly roster: (signal: AbortSignal) => Promise<Roster>;
  /** Undefined where no API is asked. */
  readonly cluster: LookingGlassCluster | undefined;
}

/** How the API is asked, with the user's rights. */
export interface LookingGlassCluster extends ClusterFeedConfig {
  readonly client: InformerPorts["client"];
  readonly explain: ExplainService;
}

/** How often changes are told: what changes faster is told once. */
const TELL_EVERY = millis(250);
/** How long work may go on in one turn. */
const TURN = millis(8);
const IDLE = millis(20);
const SERVICES_AT_ONCE = 32;
/** The pools are surveyed no more often than this, and take no more than a tenth of the time. */
const SURVEY_AFTER = millis(500);
const SURVEY_SHARE = 10;

/** The looking glass as a whole: what feeds the board, what is told of it, and the server. */
export class LookingGlass {
  readonly #ports: LookingGlassPorts;
  readonly #board: Board;
  readonly #changes: Changes;
  readonly #events: EventLog;
  readonly #server: GlassServer;
  readonly #speakers: Speakers;
  #survey: Generator<undefined, AllocationSurvey> | undefined;
  #surveyTook = 0;
  #nextSurvey: Micros;
  #worker: Timer | undefined;
  #teller: Timer | undefined;

  constructor(ports: LookingGlassPorts, pages: readonly PageFile[]) {
    const { clock, wallClock, random, log, secret, roster, cluster } = ports;
    this.#ports = ports;
    this.#nextSurvey = clock.now();
    this.#board = new Board(wallClock);
    this.#changes = new Changes(this.#board);
    this.#events = new EventLog(Math.trunc(random() * 2 ** 32).toString(36));
    this.#speakers = new Speakers({ clock, random, board: this.#board, roster }, { plans: cluster === undefined });
    const speakers = this.#speakers.answering.bind(this.#speakers);
    const answers = new Answers({ board: this.#board, speakers, explain: cluster?.explain });
    const at = this.#board.at.bind(this.#board);
    this.#server = new GlassServer({ clock, log, answers, events: this.#events, at, secret }, pages);
  }

  /** Listens, and begins to look; all of it ends with the signal. @throws PortNotServed */
  async start(place: GlassPlace, signal: AbortSignal): Promise<void> {
    await this.#server.listen(place);
    setMaxListeners(0, signal);
    signal.addEventListener("abort", () => this.#end(), { once: true });
    void this.#speakers.run(signal);
    const { cluster } = this.#ports;
    if (cluster !== undefined) {
      const feed = new ClusterFeed({ ...this.#ports, client: cluster.client }, this.#board, cluster);
      void feed.run(signal);
    }
    this.#work(signal);
    this.#tell(signal);
  }

  /** Where it is, with the token. */
  get url(): string {
    return `${this.#server.origin}/#token=${this.#server.token}`;
  }

  /** Leads there once. */
  ticket(): string {
    return this.#server.ticket();
  }

  #end(): void {
    this.#worker?.cancel();
    this.#teller?.cancel();
    this.#server.close();
  }

  #tell(signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#events.append(this.#changes.take());
    this.#teller = this.#ports.clock.after(TELL_EVERY, () => this.#tell(signal));
  }

  /** A turn of work, and then everybody else's. */
  #work(signal: AbortSignal): void {
    if (signal.aborted) return;
    const { clock } = this.#ports;
    const begun = clock.now();
    let isIdle = false;
    while (!isIdle && clock.now() - begun < TURN) {
      isIdle = this.#board.services.settle(SERVICES_AT_ONCE) && this.#surveyStep();
    }
    this.#worker = clock.after(isIdle ? IDLE : micros(0), () => this.#work(signal));
  }

  /** One step of the survey; true where there is nothing to do. */
  #surveyStep(): boolean {
    const { clock } = this.#ports;
    const begun = clock.now();
    if (this.#survey === undefined) {
      const input = begun < this.#nextSurvey ? undefined : this.#board.takeSurvey();
      if (input === undefined) return true;
      this.#survey = surveyAllocation(input);
      this.#surveyTook = 0;
      return false;
    }
    const step = this.#survey.next();
    this.#surveyTook += clock.now() - begun;
    if (step.done !== true) return false;
    this.#survey = undefined;
    this.#nextSurvey = micros(clock.now() + Math.max(SURVEY_AFTER, SURVEY_SHARE * this.#surveyTook));
    this.#board.takeSurveyed(step.value);
    return false;
  }
}
