import type { MpNextHop } from "../bgp/attribute/mp-reach.ts";
import type { Negotiated } from "../bgp/negotiation.ts";
import { marksOnlyToCustomer, type Origination } from "../bgp/packing.ts";
import { type Family, IpAddress } from "../net/ip-address.ts";
import type { BgpConnection, BgpPorts } from "./bgp-ports.ts";
import type { BgpSessionConfig } from "./bgp-session-config.ts";

interface OriginationFacts {
  readonly negotiated: Negotiated;
  readonly nextHopFor: BgpPorts["nextHopFor"];
}

/** What we put into every route we send over this connection. */
export function origination(
  { localAsn, linkBandwidth, role }: BgpSessionConfig,
  { localAddress }: BgpConnection,
  { negotiated, nextHopFor }: OriginationFacts,
): Origination {
  const { internal, fourOctetAsn, extendedMessages, extendedNextHop, addPathSend = [] } = negotiated;
  const beside = (family: Family) => nextHopFor?.(family, localAddress);
  return {
    internal,
    fourOctetAsn,
    localAsn,
    ...(extendedMessages === undefined ? {} : { extendedMessages }),
    ...(addPathSend.length === 0 ? {} : { addPathSend }),
    ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
    // RFC 9234 section 4: roles are between ASes.
    ...(role !== undefined && !internal && marksOnlyToCustomer(role.role) ? { onlyToCustomer: true as const } : {}),
    nextHops: {
      4: ipv4NextHop(localAddress, beside, extendedNextHop === true),
      6: ipv6NextHop(localAddress, beside),
    },
  };
}

type Beside = (family: Family) => IpAddress | undefined;

/**
 * On a link without addresses an IPv4 address of ours, if there is one at all, is no way for the router to reach us: where IPv6 next
 * hops were agreed on, those come first (RFC 8950). On any other link the IPv4 address is what every router can use.
 */
function ipv4NextHop(local: IpAddress, beside: Beside, extended: boolean): MpNextHop | undefined {
  if (local.family === 4) return only(local);
  if (extended && local.isLinkLocal) return ipv6NextHop(local, beside);
  return only(beside(4)) ?? (extended ? ipv6NextHop(local, beside) : undefined);
}

/** RFC 2545 section 3: the link-local address goes along when that is what we speak from. */
function ipv6NextHop(local: IpAddress, beside: Beside): MpNextHop | undefined {
  if (local.family === 4) return only(beside(6) ?? mapped(local));
  return local.isLinkLocal ? { address: beside(6) ?? local, linkLocal: local } : only(local);
}

function only(address: IpAddress | undefined): MpNextHop | undefined {
  return address === undefined ? undefined : { address, linkLocal: undefined };
}

/** ::ffff:a.b.c.d, which is all that IPv4 transport can say of itself to an IPv6 route. */
function mapped(local: IpAddress): IpAddress {
  return new IpAddress(6, (0xffffn << 32n) | local.value);
}
