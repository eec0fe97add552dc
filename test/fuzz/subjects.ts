import { bfdPackets, bfdSession } from "./bfd.ts";
import { decoders, framing } from "./decoders.ts";
import { layer2Engine, layer2Frames } from "./layer2.ts";
import { gossipMembers, gossipMessages } from "./membership.ts";
import { session } from "./session.ts";
import type { Subject } from "./subject.ts";

/** Everything that reads what strangers send. A test looks that no subject of this folder is missing. */
export const SUBJECTS: readonly Subject[] = [
  decoders,
  framing,
  session,
  bfdPackets,
  bfdSession,
  layer2Frames,
  layer2Engine,
  gossipMessages,
  gossipMembers,
];
