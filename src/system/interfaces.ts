import type { IpAddress } from "../net/ip-address.ts";

/** A network interface as the kernel has it now. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** The hardware address; empty where there is none. */
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** Switched on by the administrator. */
  readonly up: boolean;
  /** The wire is there: frames pass. */
  readonly carrier: boolean;
  readonly loopback: boolean;
  /** Frames can be sent to all at once. */
  readonly broadcast: boolean;
  /** Hardware addresses of neighbours are asked for; not so with the flag NOARP. */
  readonly resolves: boolean;
  readonly operState: OperState;
  /** The bridge, bond or VRF it is a port of. */
  readonly master: number | undefined;
  /** The interface a VLAN or macvlan is made on; with veth, the other end, which may be in another namespace. */
  readonly parent: number | undefined;
  /** `bridge`, `bond`, `vlan`, `vrf`, `veth`; undefined for hardware. */
  readonly kind: string | undefined;
}

/** RFC 2863's operational state. */
export type OperState = "unknown" | "not-present" | "down" | "lower-layer-down" | "testing" | "dormant" | "up";

/** An address of an interface. */
export interface InterfaceAddress {
  readonly interfaceIndex: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** Not usable: duplicate address detection is running, or found another owner. */
  readonly tentative: boolean;
  /** Not to be used for new connections. */
  readonly deprecated: boolean;
}

/** Everything at one moment. */
export interface InterfaceView {
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly InterfaceAddress[];
}

/** The machine's interfaces, and being told when they change. */
export interface Interfaces {
  /** What is known now: nothing before the first change is told. */
  readonly view: InterfaceView;
  /** Calls after each change with the new view; returns what stops it. */
  onChange(changed: (view: InterfaceView) => void): () => void;
}

/** The interface of this name. */
export function linkNamed(view: InterfaceView, name: string): Link | undefined {
  for (const link of view.links.values()) if (link.name === name) return link;
  return undefined;
}
