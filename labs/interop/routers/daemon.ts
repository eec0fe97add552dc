import type { Look } from "../../runner/poll.ts";
import type { LabProcess, ProcessSpec } from "../../runner/processes.ts";
import type { Stage } from "../stage.ts";

/** What a router says of itself, and how to tell that it does. */
interface DaemonSpec {
  /** Its command line; files that it names are written here. */
  readonly program: () => Omit<ProcessSpec, "node">;
  /** Whether it would answer its operator by now. */
  readonly answers: () => Promise<Look<unknown>>;
}

/** A router that is one program: started, asked until it answers, and started again after it was ended. */
export class Daemon {
  readonly #stage: Stage;
  readonly #spec: DaemonSpec;
  #process: LabProcess | undefined;

  constructor(stage: Stage, spec: DaemonSpec) {
    this.#stage = stage;
    this.#spec = spec;
  }

  /** Resolves when it answers and takes connections. */
  async start(): Promise<void> {
    if (this.#process === undefined) this.#process = this.#stage.start("router", this.#spec.program());
    else this.#process.start();
    await this.#stage.until(`${this.#process.spec.name} answers`, this.#spec.answers);
    await this.#stage.listening("router");
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  /** The last lines of its log that are about this. */
  said(about: RegExp): readonly string[] {
    return (this.#process?.tail(200) ?? []).filter((line) => about.test(line));
  }
}
