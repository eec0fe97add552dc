import type { Worker } from "node:worker_threads";
import type { Explanation } from "../inspection/explain/explain.ts";
import type { ExplainService } from "../looking-glass/answers.ts";
import { startWorker } from "../system/worker.ts";
import { TransientError } from "../wire/errors.ts";
import type { ExplainQuestion } from "./ui-explain.ts";

/** What the thread is asked. */
export interface ExplainCall {
  readonly id: number;
  readonly question: ExplainQuestion;
}

/** What it says. */
export interface ExplainAnswer {
  readonly id: number;
  readonly explanation?: Explanation | undefined;
  readonly failed?: string;
}

/** It cannot be explained now. */
class NotExplained extends TransientError {
  readonly code = "ERR_CLI_NOT_EXPLAINED";
}

interface Waiting {
  readonly resolve: (explanation: Explanation | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Explains Services in a thread, which is started when it is asked for the first time. */
export class ExplainThread {
  readonly #flags: ExplainQuestion["flags"];
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #last = 0;

  constructor(flags: ExplainQuestion["flags"]) {
    this.#flags = flags;
  }

  /** @throws {NotExplained} */
  readonly explain: ExplainService = (service, { node, peer }) => {
    const id = ++this.#last;
    const call: ExplainCall = { id, question: { flags: this.#flags, service, node, peer } };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread().postMessage(call);
    });
  };

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #thread(): Worker {
    const running = this.#worker;
    if (running !== undefined) return running;
    const worker = startWorker(import.meta.url, "explain");
    // The command ends when it is asked to, whatever the thread is about.
    worker.unref();
    worker.on("message", ({ id, explanation, failed }: ExplainAnswer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failed === undefined) waiting?.resolve(explanation);
      else waiting?.reject(new NotExplained(failed));
    });
    worker.on("error", (cause: Error) =>
      this.#lost(new NotExplained(`it cannot be explained: ${cause.message}`, { cause })),
    );
    worker.on("exit", () => this.#lost(new NotExplained("it cannot be explained: the thread ended")));
    this.#worker = worker;
    return worker;
  }

  #lost(error: NotExplained): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
