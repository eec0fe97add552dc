import { addressFromBytes } from "../net/ip-address.ts";
import type { InterfaceAddress, Link, OperState } from "./interfaces.ts";
import { ADDRESS_FLAG, INTERFACE_FLAG, RTNETLINK } from "./native/linux.ts";
import type { Structure } from "./native/memory.ts";
import { type NetlinkMessage, netlinkAttributes, netlinkText } from "./netlink.ts";

/** What one message of rtnetlink says about the machine's interfaces. */
export type InterfaceNews =
  | { readonly type: "link"; readonly link: Link }
  | { readonly type: "link-gone"; readonly index: number }
  | { readonly type: "address"; readonly address: InterfaceAddress }
  | { readonly type: "address-gone"; readonly address: InterfaceAddress };

/** Reads RTM_NEWLINK, DELLINK, NEWADDR and DELADDR; undefined for other messages and for what is cut off. */
export function interfaceNews({ type, body }: NetlinkMessage): InterfaceNews | undefined {
  const { message } = RTNETLINK;
  if (type === message.newLink || type === message.delLink) return linkNews(type === message.delLink, body);
  if (type !== message.newAddress && type !== message.delAddress) return undefined;
  const address = addressOf(body);
  if (address === undefined) return undefined;
  return { type: type === message.newAddress ? "address" : "address-gone", address };
}

/** struct ifinfomsg and ifaddrmsg, before their attributes. */
const LINK_HEADER = 16;
const ADDRESS_HEADER = 8;
const AF_BRIDGE = 7;

function linkNews(gone: boolean, body: Structure): InterfaceNews | undefined {
  // A bridge tells of its ports in messages of the same type: leaving a bridge is not the end of the interface.
  if (body.length < LINK_HEADER || body.u8(0) === AF_BRIDGE) return undefined;
  if (gone) return { type: "link-gone", index: body.i32(4) };
  const attributes = netlinkAttributes(body, LINK_HEADER);
  const { linkAttribute, linkInfoKind } = RTNETLINK;
  const name = netlinkText(attributes.get(linkAttribute.name));
  if (name === undefined) return undefined;
  const flags = body.u32(8);
  const info = attributes.get(linkAttribute.linkInfo);
  return {
    type: "link",
    link: {
      index: body.i32(4),
      name,
      mac: attributes.get(linkAttribute.mac)?.bytes.slice() ?? new Uint8Array(0),
      mtu: attributes.get(linkAttribute.mtu)?.u32(0) ?? 0,
      up: (flags & INTERFACE_FLAG.up) !== 0,
      carrier: (flags & INTERFACE_FLAG.lowerUp) !== 0,
      loopback: (flags & INTERFACE_FLAG.loopback) !== 0,
      broadcast: (flags & INTERFACE_FLAG.broadcast) !== 0,
      resolves: (flags & INTERFACE_FLAG.noArp) === 0,
      operState: OPER_STATES[attributes.get(linkAttribute.operState)?.u8(0) ?? 0] ?? "unknown",
      master: attributes.get(linkAttribute.master)?.u32(0),
      parent: attributes.get(linkAttribute.parent)?.u32(0),
      kind: info === undefined ? undefined : netlinkText(netlinkAttributes(info, 0).get(linkInfoKind)),
    },
  };
}

const OPER_STATES: readonly OperState[] = [
  "unknown",
  "not-present",
  "down",
  "lower-layer-down",
  "testing",
  "dormant",
  "up",
];

function addressOf(body: Structure): InterfaceAddress | undefined {
  if (body.length < ADDRESS_HEADER) return undefined;
  const { addressAttribute } = RTNETLINK;
  const attributes = netlinkAttributes(body, ADDRESS_HEADER);
  // With a peer, as on a point-to-point link, `address` is the peer's and `local` ours.
  const bytes = (attributes.get(addressAttribute.local) ?? attributes.get(addressAttribute.address))?.bytes;
  const address = bytes === undefined ? undefined : addressFromBytes(bytes);
  if (address === undefined) return undefined;
  const flags = attributes.get(addressAttribute.flags)?.u32(0) ?? body.u8(2);
  return {
    interfaceIndex: body.u32(4),
    address,
    prefixLength: body.u8(1),
    tentative: (flags & (ADDRESS_FLAG.tentative | ADDRESS_FLAG.dadFailed)) !== 0,
    deprecated: (flags & ADDRESS_FLAG.deprecated) !== 0,
  };
}
