import type { GossipCommand, GossipOptions, GossipReport } from "./gossip-messages.ts";
import type { Layer2Command, Layer2Report } from "./layer2-messages.ts";
import type { Layer2EngineOptions } from "./layer2-ports.ts";

/** Each engine that was started, by a number: what an engine of old still says is told apart from its successor's word. */
export type LanRun = number;

/** What the main thread tells the thread of the LAN, which has a layer-2 engine and a gossip engine. */
export type LanCommand =
  | { readonly type: "start"; readonly run: LanRun; readonly engine: "layer2"; readonly options: Layer2EngineOptions }
  | { readonly type: "start"; readonly run: LanRun; readonly engine: "gossip"; readonly options: GossipOptions }
  | { readonly type: "tell"; readonly run: LanRun; readonly engine: "layer2"; readonly command: Layer2Command }
  | { readonly type: "tell"; readonly run: LanRun; readonly engine: "gossip"; readonly command: GossipCommand }
  /** Stops one engine at once; the thread and the other go on. */
  | { readonly type: "stop"; readonly run: LanRun };

/** What it answers. */
export type LanReport =
  | { readonly type: "report"; readonly run: LanRun; readonly engine: "layer2"; readonly report: Layer2Report }
  | { readonly type: "report"; readonly run: LanRun; readonly engine: "gossip"; readonly report: GossipReport }
  /** An engine could not be started; the other is well. */
  | { readonly type: "refused"; readonly run: LanRun; readonly reason: string }
  | { readonly type: "stopped"; readonly run: LanRun };
