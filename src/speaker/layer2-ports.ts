import type { IpAddress } from "../net/ip-address.ts";
import type { Clock } from "../system/clock.ts";
import type { Interfaces } from "../system/interfaces.ts";
import type { Random } from "../system/random.ts";

/** One interface, opened for whole Ethernet frames of ARP and of neighbour discovery. */
export interface PacketLink {
  /** A whole Ethernet frame. False when the kernel has no room now: the frame is lost. @throws SocketError when the link is gone */
  send(frame: Uint8Array): boolean;
  /** The targets whose solicited-node groups (RFC 4291 section 2.7.1) are listened to: joins and leaves by difference. */
  listenFor(targets: readonly IpAddress[]): void;
  close(): void;
}

export interface PacketLinkHandlers {
  /** A whole frame, without VLAN tag, that the kernel's filter let pass: ARP, or ICMPv6 135 and 136. The bytes are used again after the call. */
  received(frame: Uint8Array): void;
  /** The link is of no more use: the interface went down or away. Close it. */
  failed(message: string): void;
}

/** Where a link is. */
export interface LinkPlace {
  readonly index: number;
  readonly name: string;
}

/** Everything the engine uses of the world around it. */
export interface Layer2EnginePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly interfaces: Interfaces;
  /** Opens an interface. @throws CodedError without the addon or the capability NET_RAW */
  readonly openLink: (place: LinkPlace, handlers: PacketLinkHandlers) => PacketLink;
}

/** What an engine is started with. */
export interface Layer2EngineOptions {
  /** The name of this speaker's node. */
  readonly node: string;
  /** Interfaces that never carry announcements: a regular expression, unanchored; undefined takes MetalLB's own list. */
  readonly excludedInterfaces: string | undefined;
}
