import type { Family } from "../net/ip-address.ts";
import { type MacAddress, macFromBytes } from "../net/mac-address.ts";
import type { InterfaceView, Link } from "../system/interfaces.ts";
import { ConfigError } from "../wire/errors.ts";

/** An interface that can carry announcements. */
export interface UsableInterface {
  readonly index: number;
  readonly name: string;
  readonly mac: MacAddress;
  readonly mtu: number;
  /** Of which addresses: 4 by ARP, 6 by neighbour discovery. */
  readonly families: readonly Family[];
}

/** MetalLB's own list: interfaces of containers and of virtual networks, whose LAN ends on this machine. */
const EXCLUDED = [
  "^docker.*",
  "^cbr.*",
  "^dummy.*",
  "^virbr.*",
  "^lxcbr.*",
  "^veth.*",
  "^lo$",
  "^cali.*",
  "^tunl.*",
  "^flannel.*",
  "^kube-ipvs.*",
  "^cni.*",
  "^nodelocaldns.*",
  "^lxc.*",
];

/** The pattern of interfaces that are left alone is no regular expression. */
class BadExcludePattern extends ConfigError {
  readonly code = "ERR_LAYER2_BAD_EXCLUDE_PATTERN";
}

/** Reads the pattern of interfaces that are left alone, or takes MetalLB's. @throws BadExcludePattern */
export function excludePattern(text: string | undefined): RegExp {
  try {
    return new RegExp(text ?? EXCLUDED.map((pattern) => `(${pattern})`).join("|"));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new BadExcludePattern(`excluded interfaces: ${cause.message}`, { cause });
  }
}

/** The interfaces that can carry announcements, sorted by name. */
export function usableInterfaces(view: InterfaceView, excluded: RegExp): readonly UsableInterface[] {
  const addressed = new Set<number>();
  for (const { interfaceIndex, address, tentative } of view.addresses)
    if (address.family === 6 && !tentative) addressed.add(interfaceIndex);
  const usable: UsableInterface[] = [];
  for (const link of view.links.values()) {
    const mac = macFromBytes(link.mac);
    if (mac === undefined || mac === 0 || excluded.test(link.name) || !carriesNeighbours(link)) continue;
    const families = familiesOf(link, addressed.has(link.index));
    if (families.length > 0) usable.push({ index: link.index, name: link.name, mac, mtu: link.mtu, families });
  }
  return usable.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The port of a bridge or bond is not used, its master is: the master's address is what the LAN sees. */
function carriesNeighbours({ up, carrier, loopback, resolves, master }: Link): boolean {
  return up && carrier && !loopback && resolves && master === undefined;
}

/**
 * Any usable IPv6 address says that the interface speaks IPv6. MetalLB wants a link-local one, because its socket is bound to it;
 * ours is not, so that an interface whose link-local address is a duplicate serves as well.
 */
function familiesOf({ broadcast }: Link, speaksIpv6: boolean): readonly Family[] {
  return [...(broadcast ? [4 as const] : []), ...(speaksIpv6 ? [6 as const] : [])];
}
