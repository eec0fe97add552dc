import type { BfdProfile } from "../api/config.ts";
import type { Parameters } from "../bfd/session.ts";
import type { Family } from "../net/ip-address.ts";
import { micros, millis } from "../net/micros.ts";

/** FRR's, which MetalLB's users have when a profile leaves a field out (reference 1.7). */
const DEFAULTS = { interval: 300, echoInterval: 50, multiplier: 3, minimumTtl: 254 };

/**
 * What a profile asks of a session; without a profile the defaults. There is no echo over several hops (RFC 5883 section 3), and
 * over IPv6 none of ours, as FRR has none.
 */
export function bfdParameters(
  profile: BfdProfile | undefined,
  { multihop, family }: { multihop: boolean; family: Family },
): Parameters {
  const echoes = profile?.echoMode === true && !multihop;
  const echo = echoes ? millis(profile.echoInterval ?? DEFAULTS.echoInterval) : micros(0);
  return {
    desiredMinTx: millis(profile?.transmitInterval ?? DEFAULTS.interval),
    requiredMinRx: millis(profile?.receiveInterval ?? DEFAULTS.interval),
    requiredMinEchoRx: echo,
    desiredMinEchoTx: family === 4 ? echo : micros(0),
    multiplier: profile?.detectMultiplier ?? DEFAULTS.multiplier,
    passive: profile?.passiveMode ?? false,
  };
}

/** The least TTL that a multihop session believes. */
export function bfdMinimumTtl(profile: BfdProfile | undefined): number {
  return profile?.minimumTtl ?? DEFAULTS.minimumTtl;
}
