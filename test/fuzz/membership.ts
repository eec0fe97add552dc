import fc from "fast-check";
import { GossipRefused } from "../../src/membership/error.ts";
import { MAX_MESSAGE } from "../../src/membership/iana.ts";
import { decodeMessage, encodeMessage, formatMessage, messageSize } from "../../src/membership/message.ts";
import { seconds } from "../../src/net/micros.ts";
import { messages } from "../membership/arbitraries.ts";
import { Simulation } from "../membership/simulation.ts";
import { propertySubject } from "./decoders.ts";

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const octets = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  {
    weight: 9,
    arbitrary: fc
      .tuple(messages, fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 3 }), fc.nat(400))
      .map(([message, changes, length]) => {
        const bytes = encodeMessage(message).slice(0, Math.max(1, length));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes;
      }),
  },
);

/** Whatever octets are a message or refused; a message has words, and reads the same after it was written again. */
export const gossipMessages = propertySubject("gossip messages", octets, (bytes) => {
  try {
    const message = decodeMessage(bytes);
    must(formatMessage(message).length > 0, "no words");
    must(encodeMessage(message).length === messageSize(message), "another length than was reckoned");
  } catch (error) {
    if (!(error instanceof GossipRefused)) throw error;
  }
});

/** Valid messages that make no sense, from strangers and from a member: nothing breaks, and nothing sent is too long. */
export const gossipMembers = propertySubject(
  "gossip members",
  fc.array(fc.tuple(messages, fc.boolean(), fc.nat({ max: 400_000 })), { maxLength: 30 }),
  (said) => {
    const sim = new Simulation({ members: 3, octets: true });
    sim.join();
    sim.run(seconds(1));
    const [a, b, c] = sim.nodes;
    if (a === undefined || b === undefined || c === undefined) return;
    for (const [message, known, pause] of said) {
      const says = sim.lastMessage(known ? b : c);
      const sender = known ? { ...message.sender, name: b.name } : message.sender;
      const words = { ...message, sender };
      if (messageSize(words) > MAX_MESSAGE) continue;
      sim.inject(a, (known ? b : c).place, { ...says, message: words });
      sim.run(seconds(pause / 1_000_000));
    }
    must(sim.seenBy(a).includes(a.name), "it is no member of its own");
  },
);
