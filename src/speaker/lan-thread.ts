import { LanChannels } from "./lan-channel.ts";
import { startThreadOf } from "./worker-thread.ts";

/** Layer 2 and gossip in a thread of their own: whatever the main thread is busy with, the LAN is answered (reference native 2). */
export function lanChannels(): LanChannels {
  return new LanChannels((handlers) => startThreadOf("lan", handlers));
}
