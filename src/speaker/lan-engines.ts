import { CodedError } from "../wire/errors.ts";
import type { GossipCommand, GossipOptions, GossipReport } from "./gossip-messages.ts";
import type { LanCommand, LanReport, LanRun } from "./lan-messages.ts";
import type { Layer2Command, Layer2Report } from "./layer2-messages.ts";
import type { Layer2EngineOptions } from "./layer2-ports.ts";

/** An engine: commands in, reports out. */
export interface LanEngine<Command> {
  handle(command: Command): void;
  close(): void;
}

/** Makes the engines. @throws CodedError when one cannot be, such as without the native layer */
export interface LanEngineMakers {
  layer2(options: Layer2EngineOptions, report: (report: Layer2Report) => void): LanEngine<Layer2Command>;
  gossip(options: GossipOptions, report: (report: GossipReport) => void): LanEngine<GossipCommand>;
}

/** The engines of a thread, each told what is for it. */
export class LanEngines {
  readonly #makers: LanEngineMakers;
  readonly #tell: (report: LanReport) => void;
  readonly #layer2 = new Map<LanRun, LanEngine<Layer2Command>>();
  readonly #gossip = new Map<LanRun, LanEngine<GossipCommand>>();

  constructor(makers: LanEngineMakers, tell: (report: LanReport) => void) {
    this.#makers = makers;
    this.#tell = tell;
  }

  handle(command: LanCommand): void {
    switch (command.type) {
      case "start":
        this.#start(command);
        return;
      case "tell":
        if (command.engine === "layer2") this.#layer2.get(command.run)?.handle(command.command);
        else this.#gossip.get(command.run)?.handle(command.command);
        return;
      case "stop":
        this.#stop(command.run);
        return;
    }
  }

  close(): void {
    for (const run of [...this.#layer2.keys(), ...this.#gossip.keys()]) this.#stop(run);
  }

  #start(command: Extract<LanCommand, { type: "start" }>): void {
    const { run } = command;
    try {
      if (command.engine === "layer2") {
        const tell = (report: Layer2Report): void => this.#tell({ type: "report", run, engine: "layer2", report });
        this.#layer2.set(run, this.#makers.layer2(command.options, tell));
      } else {
        const tell = (report: GossipReport): void => this.#tell({ type: "report", run, engine: "gossip", report });
        this.#gossip.set(run, this.#makers.gossip(command.options, tell));
      }
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#tell({ type: "refused", run, reason: error.message });
    }
  }

  #stop(run: LanRun): void {
    this.#layer2.get(run)?.close();
    this.#gossip.get(run)?.close();
    this.#layer2.delete(run);
    this.#gossip.delete(run);
    this.#tell({ type: "stopped", run });
  }
}
