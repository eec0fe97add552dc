import { parentPort } from "node:worker_threads";
import { explainService } from "./ui-explain.ts";
import type { ExplainAnswer, ExplainCall } from "./ui-explain-thread.ts";

/** The program of the thread that explains: among ten thousand Services that is a second's work, and the pages go on meanwhile. */
const port = parentPort;
if (port !== null) {
  port.on("message", ({ id, question }: ExplainCall) => {
    void answer(id, question).then((said) => port.postMessage(said));
  });
}

async function answer(id: number, question: ExplainCall["question"]): Promise<ExplainAnswer> {
  try {
    return { id, explanation: await explainService(question, new AbortController().signal) };
  } catch (error) {
    return { id, failed: error instanceof Error ? error.message : String(error) };
  }
}
