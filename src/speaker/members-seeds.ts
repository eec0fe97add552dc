import { parseIpAddress } from "../net/ip-address.ts";
import type { GossipSeed } from "./gossip-messages.ts";

/** Reads `ip`, `ip:port` or `[ip]:port`, with commas between them; undefined when one of them is none of these. */
export function parseSeeds(text: string, port: number): readonly GossipSeed[] | undefined {
  const seeds = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => parseSeed(part, port));
  const known = seeds.flatMap((seed) => seed ?? []);
  return known.length === seeds.length ? known : undefined;
}

function parseSeed(text: string, port: number): GossipSeed | undefined {
  const bare = parseIpAddress(text);
  if (bare !== undefined) return { address: bare.toString(), port };
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = parseIpAddress(bracketed ?? plain ?? "");
  const own = digits === undefined ? port : Number(digits);
  return address === undefined || own === 0 || own > 65535 ? undefined : { address: address.toString(), port: own };
}
