import fc from "fast-check";
import { DIAGNOSTICS, STATES } from "../../src/bfd/iana.ts";
import { type ControlPacket, type Discriminator, discriminator } from "../../src/bfd/packet.ts";
import type { Parameters } from "../../src/bfd/session.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";

export function known(n: number): Discriminator {
  const value = discriminator(n);
  if (value === undefined) throw new Error(`no discriminator: ${n}`);
  return value;
}

export const OURS = known(7);
export const THEIRS = known(9);

/** A packet of a peer that is down and has heard nothing. */
export function packet(fields: Partial<ControlPacket> = {}): ControlPacket {
  return {
    state: "down",
    diagnostic: "none",
    poll: false,
    final: false,
    controlPlaneIndependent: false,
    demand: false,
    authenticated: false,
    multiplier: 3,
    myDiscriminator: THEIRS,
    yourDiscriminator: undefined,
    desiredMinTx: seconds(1),
    requiredMinRx: millis(100),
    requiredMinEchoRx: micros(0),
    ...fields,
  };
}

export function parameters(fields: Partial<Parameters> = {}): Parameters {
  return {
    desiredMinTx: millis(100),
    requiredMinRx: millis(100),
    requiredMinEchoRx: micros(0),
    desiredMinEchoTx: micros(0),
    multiplier: 3,
    passive: false,
    ...fields,
  };
}

const interval = fc.integer({ min: 0, max: 0xffff_ffff }).map(micros);
const anyDiscriminator = fc.integer({ min: 1, max: 0xffff_ffff }).map(known);

/** Any packet that a receiver without a session finds nothing wrong with. */
export const anyPacket: fc.Arbitrary<ControlPacket> = fc
  .record({
    state: fc.constantFrom(...STATES),
    diagnostic: fc.constantFrom(...DIAGNOSTICS),
    poll: fc.boolean(),
    final: fc.boolean(),
    controlPlaneIndependent: fc.boolean(),
    demand: fc.boolean(),
    authenticated: fc.constant(false),
    multiplier: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: anyDiscriminator,
    yourDiscriminator: fc.option(anyDiscriminator, { nil: undefined }),
    desiredMinTx: interval,
    requiredMinRx: interval,
    requiredMinEchoRx: interval,
  })
  .map((p) => (p.state === "init" || p.state === "up" ? { ...p, yourDiscriminator: p.yourDiscriminator ?? OURS } : p));
