import { BfdEngine } from "./bfd-engine.ts";
import type { BfdCommand, BfdReport } from "./bfd-messages.ts";
import type { BfdEnginePorts } from "./bfd-ports.ts";

/** What an engine tells its owner. */
export interface BfdChannelHandlers {
  report(report: BfdReport): void;
  /** The engine is gone, with everything it knew. Never after `close`. */
  lost(reason: string): void;
}

/** An engine, wherever it runs. */
export interface BfdChannel {
  post(command: BfdCommand): void;
  /** Stops it at once. */
  close(): Promise<void>;
}

/** Starts an engine. */
export type BfdStart = (handlers: BfdChannelHandlers) => BfdChannel;

/** An engine in this very thread: for tests, where time is virtual. */
export function startInProcess(ports: BfdEnginePorts): BfdStart {
  return (handlers) => {
    const engine = new BfdEngine(ports, (report) => handlers.report(report));
    return {
      post: (command) => engine.handle(command),
      close: async () => engine.close(),
    };
  };
}
