import { micros, millis, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { Layer2Channel, Layer2Start } from "./layer2-channel.ts";
import type { Layer2Command, Layer2Inspection, Layer2Report } from "./layer2-messages.ts";
import type { Layer2EngineOptions } from "./layer2-ports.ts";

export interface Layer2KeeperPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly start: Layer2Start;
  readonly report: (report: Exclude<Layer2Report, { type: "inspected" }>) => void;
  /** Everything that a new engine has to be told. */
  readonly replay: () => readonly Layer2Command[];
  /** It was started again in vain: nobody answers for a while. */
  readonly silent: () => void;
}

const RESTART = { first: seconds(1), longest: seconds(30) };
/** An engine that lived so long is not what ended the one before it. */
const LIVED = seconds(60);

/** Keeps a layer-2 engine alive: one that is lost is started again and told everything. */
export class Layer2Keeper {
  readonly #ports: Layer2KeeperPorts;
  readonly #options: Layer2EngineOptions;
  readonly #inspections = new Map<number, (inspection: Layer2Inspection | undefined) => void>();
  #channel: Layer2Channel | undefined;
  #restart: Timer | undefined;
  #startedAt = micros(0);
  #losses = 0;
  #requests = 0;
  #closed = false;

  constructor(ports: Layer2KeeperPorts, options: Layer2EngineOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  start(): void {
    if (this.#closed) return;
    this.#startedAt = this.#ports.clock.now();
    this.#channel = this.#ports.start(this.#options, {
      report: (report) => this.#onReport(report),
      lost: (reason) => this.#onLost(reason),
    });
    for (const command of this.#ports.replay()) this.#channel.post(command);
  }

  /** An engine that is being started again hears it then. */
  post(command: Layer2Command): void {
    this.#channel?.post(command);
  }

  get running(): boolean {
    return this.#channel !== undefined;
  }

  /** What the engine knows at this moment; undefined when none runs. */
  async inspect(): Promise<Layer2Inspection | undefined> {
    const channel = this.#channel;
    if (channel === undefined) return undefined;
    const request = ++this.#requests;
    return await new Promise((resolve) => {
      this.#inspections.set(request, resolve);
      channel.post({ type: "inspect", request });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#restart?.cancel();
    const channel = this.#channel;
    this.#channel = undefined;
    this.#answerAll();
    await channel?.close();
  }

  #onReport(report: Layer2Report): void {
    if (report.type !== "inspected") {
      this.#ports.report(report);
      return;
    }
    this.#inspections.get(report.request)?.(report.inspection);
    this.#inspections.delete(report.request);
  }

  #onLost(reason: string): void {
    const { clock, log } = this.#ports;
    this.#channel = undefined;
    this.#answerAll();
    if (this.#closed) return;
    this.#losses = clock.now() - this.#startedAt >= LIVED ? 1 : this.#losses + 1;
    const wait = micros(Math.min(RESTART.first * 2 ** (this.#losses - 1), RESTART.longest));
    log.error("layer 2 engine lost", { reason, "retry.ms": wait / millis(1) });
    if (this.#losses > 1) this.#ports.silent();
    this.#restart = clock.after(wait, () => this.start());
  }

  #answerAll(): void {
    for (const resolve of this.#inspections.values()) resolve(undefined);
    this.#inspections.clear();
  }
}
