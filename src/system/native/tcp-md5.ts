import { addressBits } from "../../net/ip-address.ts";
import type { IpPrefix } from "../../net/ip-prefix.ts";
import { ConfigError } from "../../wire/errors.ts";
import { OPTION, type SocketOption } from "./linux.ts";
import { Structure } from "./memory.ts";
import { inetSockaddr, mappedAddress } from "./sockaddr.ts";

/** A password that RFC 2385 keys cannot be made of. */
class TcpPasswordUnusable extends ConfigError {
  readonly code = "ERR_SYSTEM_TCP_PASSWORD";
}

/** An option with the structure that sets it. */
export interface OptionValue {
  readonly option: SocketOption;
  readonly value: Uint8Array;
}

const MAX_KEY = 80;
const FLAG_PREFIX = 1;

/**
 * struct tcp_md5sig: the key for connections with these peers, or its removal. `mapped` when the socket is an IPv6 one that
 * also serves IPv4. @throws TcpPasswordUnusable
 */
export function tcpMd5Option(peers: IpPrefix, password: string | undefined, mapped: boolean): OptionValue {
  const key = new TextEncoder().encode(password ?? "");
  if (password === "" || key.length > MAX_KEY)
    throw new TcpPasswordUnusable(`a TCP MD5 password has 1 to ${MAX_KEY} octets, not ${key.length}`);
  const single = peers.length === addressBits(peers.family);
  const peer = mapped ? mappedAddress(peers.address) : peers.address;
  const value = new Structure(216).set(0, inetSockaddr(peer, 0)).setU16(130, key.length).set(136, key);
  if (single) return { option: OPTION.tcpMd5, value: value.bytes };
  return { option: OPTION.tcpMd5Prefix, value: value.setU8(128, FLAG_PREFIX).setU8(129, peers.length).bytes };
}
