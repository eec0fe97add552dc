import type { Brand } from "../net/brand.ts";
import { type Micros, micros } from "../net/micros.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { PacketRefused } from "./error.ts";
import { DIAGNOSTICS, FLAG, PACKET_LENGTH, STATES, VERSION } from "./iana.ts";

/** RFC 5880 section 6.2. */
export type BfdState = (typeof STATES)[number];
/** Why the sender's state last changed; numbers without a name are `none`. */
export type Diagnostic = (typeof DIAGNOSTICS)[number];
/** Names one session of one system, never zero. */
export type Discriminator = Brand<number, "Discriminator">;

/** The zero of the wire is undefined: "not known yet". */
export const discriminator = (n: number): Discriminator | undefined =>
  n > 0 && n <= 0xffff_ffff && Number.isInteger(n) ? (n as Discriminator) : undefined;

/**
 * The mandatory section of a control packet (RFC 5880 section 4.1), and whether an authentication section follows.
 *
 *     |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 *     |                       My Discriminator                        |
 *     |                      Your Discriminator                       |
 *     |                    Desired Min TX Interval                    |
 *     |                   Required Min RX Interval                    |
 *     |                 Required Min Echo RX Interval                 |
 */
export interface ControlPacket {
  readonly state: BfdState;
  readonly diagnostic: Diagnostic;
  readonly poll: boolean;
  readonly final: boolean;
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  readonly authenticated: boolean;
  readonly multiplier: number;
  readonly myDiscriminator: Discriminator;
  readonly yourDiscriminator: Discriminator | undefined;
  readonly desiredMinTx: Micros;
  readonly requiredMinRx: Micros;
  readonly requiredMinEchoRx: Micros;
}

/**
 * Reads the payload of one datagram and asks the questions of RFC 5880 section 6.8.6 that need no session, in its order.
 * An authentication section is not looked into: who has no keys must drop the packet anyway.
 * @throws PacketRefused
 */
export function decodePacket(payload: Uint8Array): ControlPacket {
  if (payload.length < PACKET_LENGTH.plain) throw new PacketRefused(versionIsOurs(payload) ? "too-short" : "version");
  const r = new Reader(payload);
  const first = r.u8();
  if (first >> 5 !== VERSION) throw new PacketRefused("version");
  const flags = r.u8();
  const multiplier = r.u8();
  checkLength(r.u8(), flags, payload.length);
  if (multiplier === 0) throw new PacketRefused("multiplier-zero");
  if ((flags & FLAG.multipoint) !== 0) throw new PacketRefused("multipoint");
  const myDiscriminator = discriminator(r.u32());
  if (myDiscriminator === undefined) throw new PacketRefused("my-discriminator-zero");
  const yourDiscriminator = discriminator(r.u32());
  const state = STATES[flags >> 6] ?? "admin-down";
  if (yourDiscriminator === undefined && (state === "init" || state === "up"))
    throw new PacketRefused("your-discriminator-zero");
  return {
    state,
    diagnostic: DIAGNOSTICS[first & 0x1f] ?? "none",
    poll: (flags & FLAG.poll) !== 0,
    final: (flags & FLAG.final) !== 0,
    controlPlaneIndependent: (flags & FLAG.independent) !== 0,
    demand: (flags & FLAG.demand) !== 0,
    authenticated: (flags & FLAG.authentication) !== 0,
    multiplier,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTx: micros(r.u32()),
    requiredMinRx: micros(r.u32()),
    requiredMinEchoRx: micros(r.u32()),
  };
}

function versionIsOurs(payload: Uint8Array): boolean {
  return payload[0] === undefined || payload[0] >> 5 === VERSION;
}

function checkLength(length: number, flags: number, available: number): void {
  const authenticated = (flags & FLAG.authentication) !== 0;
  if (length < (authenticated ? PACKET_LENGTH.authenticated : PACKET_LENGTH.plain))
    throw new PacketRefused("too-short");
  if (length > available) throw new PacketRefused("length-beyond-payload");
}

/** The 24 octets of a packet without authentication; `authenticated` is not looked at. */
export function encodePacket(packet: ControlPacket): Uint8Array {
  return new Writer()
    .u8((VERSION << 5) | DIAGNOSTICS.indexOf(packet.diagnostic))
    .u8((STATES.indexOf(packet.state) << 6) | flagsOf(packet))
    .u8(packet.multiplier)
    .u8(PACKET_LENGTH.plain)
    .u32(packet.myDiscriminator)
    .u32(packet.yourDiscriminator ?? 0)
    .u32(packet.desiredMinTx)
    .u32(packet.requiredMinRx)
    .u32(packet.requiredMinEchoRx)
    .finish();
}

function flagsOf(packet: ControlPacket): number {
  return (
    (packet.poll ? FLAG.poll : 0) |
    (packet.final ? FLAG.final : 0) |
    (packet.controlPlaneIndependent ? FLAG.independent : 0) |
    (packet.demand ? FLAG.demand : 0)
  );
}

/** One line for people: logs and the recorder use this one. */
export function formatPacket(packet: ControlPacket): string {
  const flags = [packet.poll ? " P" : "", packet.final ? " F" : "", packet.demand ? " D" : ""].join("");
  const intervals = [packet.desiredMinTx, packet.requiredMinRx, packet.requiredMinEchoRx].map((m) => m / 1000);
  return (
    `${packet.state}${flags} (${packet.diagnostic}) ${packet.myDiscriminator} to ${packet.yourDiscriminator ?? 0}, ` +
    `tx/rx/echo ${intervals.join("/")} ms x ${packet.multiplier}`
  );
}
