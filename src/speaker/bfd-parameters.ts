import type { BfdProfile } from "../api/config.ts";
import type { Parameters } from "../bfd/fsm.ts";
import { millis } from "../net/micros.ts";

/** FRR's, which MetalLB's users have when a profile leaves a field out (reference 1.7). */
const DEFAULTS = { interval: 300, multiplier: 3, minimumTtl: 254 };

/** What a profile asks of a session; without a profile the defaults. */
export function bfdParameters(profile: BfdProfile | undefined): Parameters {
  return {
    desiredMinTx: millis(profile?.transmitInterval ?? DEFAULTS.interval),
    requiredMinRx: millis(profile?.receiveInterval ?? DEFAULTS.interval),
    multiplier: profile?.detectMultiplier ?? DEFAULTS.multiplier,
    passive: profile?.passiveMode ?? false,
  };
}

/** The least TTL that a multihop session believes. */
export function bfdMinimumTtl(profile: BfdProfile | undefined): number {
  return profile?.minimumTtl ?? DEFAULTS.minimumTtl;
}
