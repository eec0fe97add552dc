import type { Layer2Command, Layer2Report } from "./layer2-messages.ts";
import type { Layer2EngineOptions } from "./layer2-ports.ts";

/** What an engine tells its owner. */
export interface Layer2ChannelHandlers {
  report(report: Layer2Report): void;
  /** The engine is gone, with everything it knew. Never after `close`. */
  lost(reason: string): void;
}

/** A layer-2 engine, wherever it runs. */
export interface Layer2Channel {
  post(command: Layer2Command): void;
  /** Stops it at once, without a word to the LAN. */
  close(): Promise<void>;
}

/** Starts a layer-2 engine. */
export type Layer2Start = (options: Layer2EngineOptions, handlers: Layer2ChannelHandlers) => Layer2Channel;
