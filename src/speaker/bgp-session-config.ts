import type { FsmConfig } from "../bgp/fsm-values.ts";
import type { RestartOffer } from "../bgp/graceful-restart.ts";
import type { AddPathsOffer, CapabilityName, PeerAs, RoleOffer } from "../bgp/negotiation-offer.ts";
import type { Asn } from "../net/asn.ts";
import { FAMILIES, type Family, type IpAddress } from "../net/ip-address.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { BgpDialTarget } from "./bgp-ports.ts";

/** One peer as the configuration has it. Times are in seconds. */
export interface BgpSessionConfig {
  readonly name: string;
  readonly localAsn: Asn;
  readonly peerAsn: PeerAs;
  /** Absent for an unnumbered peer: whoever is the router behind `interface`. */
  readonly peerAddress?: IpAddress;
  /** The interface of a link-local or unnumbered peer. */
  readonly interface?: string;
  /** 179 when absent. */
  readonly peerPort?: number;
  /** The source address, the kernel's choice when absent. */
  readonly localAddress?: IpAddress;
  readonly routerId?: IpAddress;
  readonly nodeName: string;
  /** 90 when absent, 0 for none. */
  readonly holdTime?: number;
  /** A third of the hold time when absent. */
  readonly keepaliveTime?: number;
  /** The longest wait between two attempts; 30 between two to connect and 60 after a lost connection when absent. */
  readonly connectTime?: number;
  /** How long a connected peer may take for its OPEN, 240 when absent. */
  readonly openTimeout?: number;
  readonly families: ReadonlySet<Family>;
  /** Never dials: the peer has to. */
  readonly passive?: boolean;
  /** Learned routes kept for inspection, 10,000 when absent. */
  readonly maxLearned?: number;
  /** A limit of the user's: what lies beyond it is not kept, and with `reset` it ends the session with a Cease. */
  readonly maxPrefixes?: { readonly limit: number; readonly action: "warn" | "reset" };
  /** TCP MD5 signatures (RFC 2385). */
  readonly password?: string;
  /** The lowest TTL taken from the peer (RFC 5082). */
  readonly minTtl?: number;
  /** A VRF to be in. */
  readonly vrf?: string;
  /** How long what we wrote may stay unacknowledged. */
  readonly userTimeout?: Micros;
  readonly gracefulRestart?: RestartOffer;
  readonly role?: RoleOffer;
  /** Which way several paths of one prefix may go (RFC 7911). */
  readonly addPaths?: AddPathsOffer;
  /** Capabilities this peer must not be sent. */
  readonly denied?: readonly CapabilityName[];
  /** Which link bandwidth communities the peer gets; the usual ones when absent. */
  readonly linkBandwidth?: "transitive" | "non-transitive" | "both";
}

/** What is taken where the configuration says nothing. */
export const SESSION_DEFAULTS = { port: 179, holdTime: 90, connectTime: 30, idleHold: 60, maxLearned: 10_000 } as const;

/** Whom to dial, once the peer's address is known. */
export function dialTarget(
  config: BgpSessionConfig,
  peer: { readonly address: IpAddress; readonly password: string | undefined },
): BgpDialTarget {
  const { localAddress, minTtl, vrf, userTimeout } = config;
  const zone = peer.address.isLinkLocal ? config.interface : undefined;
  return {
    address: peer.address,
    port: config.peerPort ?? SESSION_DEFAULTS.port,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(zone === undefined ? {} : { zone }),
    ...(peer.password === undefined ? {} : { password: peer.password }),
    ...(minTtl === undefined ? {} : { minTtl }),
    ...(vrf === undefined ? {} : { bindToDevice: vrf }),
    ...(userTimeout === undefined ? {} : { userTimeout }),
  };
}

/** The part of a peer's configuration that its state machine goes by. */
export function fsmConfig(config: BgpSessionConfig): FsmConfig {
  const { gracefulRestart, role, addPaths, denied, openTimeout } = config;
  const families = FAMILIES.filter((family) => config.families.has(family));
  return {
    localAsn: config.localAsn,
    peerAsn: config.peerAsn,
    holdTime: config.holdTime ?? SESSION_DEFAULTS.holdTime,
    keepaliveTime: config.keepaliveTime,
    families,
    passive: config.passive ?? false,
    maxRetry: seconds(config.connectTime ?? SESSION_DEFAULTS.connectTime),
    maxIdleHold: seconds(config.connectTime ?? SESSION_DEFAULTS.idleHold),
    extendedNextHop: isOverIpv6(config) && families.includes(4),
    ...(openTimeout === undefined ? {} : { openTimeout: seconds(openTimeout) }),
    ...(gracefulRestart === undefined ? {} : { gracefulRestart }),
    ...(role === undefined ? {} : { role }),
    ...(addPaths === undefined ? {} : { addPaths }),
    ...(denied === undefined ? {} : { denied }),
  };
}

/** Unnumbered peers are link-local ones. */
function isOverIpv6({ peerAddress }: BgpSessionConfig): boolean {
  return peerAddress === undefined || peerAddress.family === 6;
}
