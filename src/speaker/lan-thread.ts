import { LanChannels } from "./lan-channel.ts";
import { startThreadOf, type ThreadOptions } from "./worker-thread.ts";

/** What lives no longer than a frame is all that comes and goes here: with V8's own limit, 1,000 addresses cost 14 MB more. */
const LIMITS = { maxYoungGenerationSizeMb: 6 };

/** Layer 2 and gossip in a thread of their own: whatever the main thread is busy with, the LAN is answered (reference native 2). */
export function lanChannels(watch?: ThreadOptions["watch"]): LanChannels {
  return new LanChannels((handlers) => startThreadOf("lan", handlers, { limits: LIMITS, watch }));
}
