import type { Attributes } from "../../src/bgp/attribute/registry.ts";
import type { Capabilities } from "../../src/bgp/capability.ts";
import type { UpdateMessage } from "../../src/bgp/message/update.ts";
import { formatRouterId } from "../../src/bgp/router-id.ts";
import { formatCommunity, formatLargeCommunity } from "../../src/net/community.ts";
import { type ExtendedCommunity, formatExtendedCommunity } from "../../src/net/extended-community.ts";
import type { ExabgpUpdate, GobgpAttribute, GobgpBody, GobgpCapability, GobgpNlri, TsharkNode } from "./corpus.ts";

// Three readers of the same message in the same plain words, so that they can be compared as lists of lines.

const unicast = (afi: number | undefined, safi: number | undefined): boolean => (afi === 1 || afi === 2) && safi === 1;

/** What an UPDATE says, as we read it. */
export function ourWords({ attributes, nlri, withdrawn }: UpdateMessage): readonly string[] {
  return [...attributeWords(attributes), `nlri ${nlri.join()}`, `gone ${withdrawn.join()}`].sort();
}

function attributeWords(attributes: Attributes): readonly string[] {
  const { aggregator, as4Aggregator, mpReach, mpUnreach } = attributes;
  const said = <T>(value: T | undefined, words: (value: T) => string) => (value === undefined ? [] : [words(value)]);
  return [
    said(attributes.origin, (value) => `origin ${value}`),
    said(attributes.asPath, (path) => `path ${path.map(({ asns }) => asns.join(" ")).join("|")}`),
    said(attributes.as4Path, (path) => `path4 ${path.map(({ asns }) => asns.join(" ")).join("|")}`),
    said(attributes.nextHop, (value) => `next hop ${value}`),
    said(attributes.med, (value) => `med ${value}`),
    said(attributes.localPref, (value) => `preference ${value}`),
    said(attributes.atomicAggregate, () => "atomic"),
    said(aggregator, ({ asn, address }) => `aggregator ${asn} ${address}`),
    said(as4Aggregator, ({ asn, address }) => `aggregator4 ${asn} ${address}`),
    said(attributes.communities, (values) => `communities ${values.map(formatCommunity).join(" ")}`),
    said(attributes.originatorId, (value) => `originator ${formatRouterId(value)}`),
    said(attributes.clusterList, (values) => `clusters ${values.map(formatRouterId)}`),
    said(attributes.extendedCommunities, (values) => `extended ${values.map(ourExtended).join(" ")}`),
    said(attributes.largeCommunities, (values) => `large ${values.map(formatLargeCommunity)}`),
    said(attributes.aigp, (values) => `aigp ${values.length}`),
    said(attributes.onlyToCustomer, (value) => `otc ${value}`),
    mpReach?.family === undefined ? [] : [`reach ${mpReach.nextHop.address} ${mpReach.prefixes.join()}`],
    mpUnreach?.family === undefined ? [] : [`unreach ${mpUnreach.prefixes.join()}`],
  ].flat();
}

/** Targets and origins in words; of all others that there is one. */
function ourExtended(community: ExtendedCommunity): string {
  const words = formatExtendedCommunity(community).replace("L:", ":");
  return /^(target|origin):/.test(words) ? words : "other";
}

/** What GoBGP says of an UPDATE. */
export function gobgpWords(body: GobgpBody): readonly string[] {
  const attributes = (body.PathAttributes ?? []).flatMap(gobgpAttribute);
  return [...attributes, `nlri ${prefixes(body.NLRI)}`, `gone ${prefixes(body.WithdrawnRoutes)}`].sort();
}

function prefixes(list: readonly GobgpNlri[] | null | undefined): string {
  return (list ?? []).map(({ NLRI }) => NLRI?.prefix).join();
}

const GOBGP: Readonly<Record<number, (attribute: GobgpAttribute) => string>> = {
  1: ({ value }) => `origin ${["igp", "egp", "incomplete"][Number(value)]}`,
  2: ({ as_paths }) => `path ${pathOf(as_paths)}`,
  3: ({ nexthop }) => `next hop ${nexthop}`,
  4: ({ metric }) => `med ${metric}`,
  5: ({ value }) => `preference ${value}`,
  6: () => "atomic",
  7: ({ as, address }) => `aggregator ${as} ${address}`,
  8: ({ communities }) => `communities ${(communities ?? []).map((n) => `${n >>> 16}:${n & 0xffff}`).join(" ")}`,
  9: ({ value }) => `originator ${value}`,
  10: ({ value }) => `clusters ${value}`,
  16: ({ value }) => `extended ${records(value).map(gobgpExtended).join(" ")}`,
  17: ({ as_paths }) => `path4 ${pathOf(as_paths)}`,
  18: ({ as, address }) => `aggregator4 ${as} ${address}`,
  26: ({ value }) => `aigp ${records(value).length}`,
  // RFC 8092 section 5: a value that comes twice is one.
  32: ({ value }) =>
    `large ${[...new Set(records(value).map((c) => `${c["ASN"]}:${c["LocalData1"]}:${c["LocalData2"]}`))]}`,
  35: ({ value }) => `otc ${Buffer.from(String(value), "base64").readUInt32BE()}`,
};

function gobgpAttribute(attribute: GobgpAttribute): readonly string[] {
  const { type, afi, safi, nexthop, value } = attribute;
  if (type === 14) return unicast(afi, safi) ? [`reach ${nexthop} ${prefixes(nlris(value))}`] : [];
  if (type === 15) return unicast(afi, safi) ? [`unreach ${prefixes(nlris(value))}`] : [];
  const words = GOBGP[type];
  return words === undefined ? [] : [words(attribute)];
}

function pathOf(paths: GobgpAttribute["as_paths"]): string {
  return (paths ?? []).map(({ asns }) => asns.join(" ")).join("|");
}

function gobgpExtended({ type, subtype, value }: Readonly<Record<string, unknown>>): string {
  const role = subtype === 2 ? "target" : subtype === 3 ? "origin" : undefined;
  if (role === undefined || typeof type !== "number" || type > 2) return "other";
  // GoBGP prints a four-octet AS number in two halves.
  const halves = /^(\d+)\.(\d+):(\d+)$/.exec(String(value));
  if (halves === null) return `${role}:${value}`;
  return `${role}:${Number(halves[1]) * 65536 + Number(halves[2])}:${halves[3]}`;
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value : [];
}

function nlris(value: unknown): readonly GobgpNlri[] {
  return Array.isArray(value) ? value : [];
}

/** The capabilities GoBGP prints with all that is in them. */
export function gobgpCapabilities(body: GobgpBody): readonly string[] {
  return (body.OptParams ?? []).flatMap(({ Capability }) => (Capability ?? []).flatMap(gobgpCapability)).sort();
}

const family = (n: number | undefined): string => `${(n ?? 0) >>> 16}/${(n ?? 0) & 0xff}`;

function gobgpCapability(capability: GobgpCapability): readonly string[] {
  const { code, value, flags = 0, time } = capability;
  const tuples = capability.tuples ?? [];
  if (capability.hostname !== undefined) return [`host ${capability.hostname} ${capability.domainname}`];
  if (capability.software_version !== undefined) return [`software ${capability.software_version}`];
  switch (code ?? 0) {
    case 1:
      return [`family ${family(Number(value))}`];
    case 5:
      return tuples.map((t) => `next hop ${family(t.nlri_address_family)} ${t.nexthop_address_family}`);
    case 9:
      return [`role ${Buffer.from(String(value), "base64")[0]}`];
    case 64: {
      const kept = tuples.map((t) => ` ${family(t.route_family)} ${(t.flags ?? 0) >= 128}`);
      return [`restart ${time} ${(flags & 8) !== 0} ${(flags & 4) !== 0}${kept.join("")}`];
    }
    case 65:
      return [`as ${value}`];
    case 69:
      return tuples.map((t) => `paths ${family(t.family)} ${t.mode}`);
    case 71:
      return [
        `stale${tuples.map((t) => ` ${family(t.route_family)} ${(t.flags ?? 0) >= 128} ${t.restart_time}`).join("")}`,
      ];
    case 2:
    case 6:
    case 70:
    case 77:
      return [`flag ${code}`];
    default:
      return [`code ${code}`];
  }
}

/** The same, as we read them. */
export function ourCapabilities(capabilities: Capabilities): readonly string[] {
  const { gracefulRestart: restart, hostName } = capabilities;
  const kept = (list: readonly { afi: number; safi: number; preserved: boolean }[]) =>
    list.map(({ afi, safi, preserved }) => ` ${afi}/${safi} ${preserved}`);
  const flag = (code: number, value: true | undefined) => (value === undefined ? [] : [`flag ${code}`]);
  return [
    (capabilities.families ?? []).map(({ afi, safi }) => `family ${afi}/${safi}`),
    (capabilities.extendedNextHop ?? []).map(({ afi, safi, nextHopAfi }) => `next hop ${afi}/${safi} ${nextHopAfi}`),
    capabilities.role === undefined ? [] : [`role ${capabilities.role}`],
    restart === undefined
      ? []
      : [
          `restart ${restart.restartTime} ${restart.restarted} ${restart.notification}${kept(restart.families).join("")}`,
        ],
    capabilities.fourOctetAsn === undefined ? [] : [`as ${capabilities.fourOctetAsn}`],
    (capabilities.addPath ?? []).map(
      ({ afi, safi, receive, send }) => `paths ${afi}/${safi} ${(receive ? 1 : 0) + (send ? 2 : 0)}`,
    ),
    capabilities.longLivedGracefulRestart === undefined
      ? []
      : [
          `stale${capabilities.longLivedGracefulRestart
            .map((one) => `${kept([one]).join("")} ${one.staleTime}`)
            .join("")}`,
        ],
    hostName === undefined ? [] : [`host ${hostName.host} ${hostName.domain}`],
    capabilities.softwareVersion === undefined ? [] : [`software ${capabilities.softwareVersion}`],
    flag(2, capabilities.routeRefresh),
    flag(6, capabilities.extendedMessage),
    flag(70, capabilities.enhancedRouteRefresh),
    flag(77, capabilities.linkLocalNextHop),
    (capabilities.unknown ?? []).map(({ code }) => `code ${code}`),
  ]
    .flat()
    .sort();
}

/** What tshark says of an UPDATE: its plain fields, in an order of their own. */
export function tsharkWords(tree: TsharkNode): readonly string[] {
  const words: string[] = [];
  visit(tree, (name, value) => {
    const word = TSHARK[name];
    if (word !== undefined) words.push(`${word} ${Number.isNaN(Number(value)) ? value : Number(value)}`);
  });
  return [...new Set(words)].sort();
}

const TSHARK: Readonly<Record<string, string>> = {
  "bgp.update.path_attribute.origin": "origin",
  "bgp.update.path_attribute.next_hop": "next hop",
  "bgp.update.path_attribute.multi_exit_disc": "med",
  "bgp.update.path_attribute.local_pref": "preference",
  "bgp.update.path_attribute.originator_id": "originator",
  "bgp.nlri_prefix": "nlri",
  "bgp.withdrawn_prefix": "gone",
  "bgp.nlri_path_id": "path id",
  "bgp.large_communities.ga": "large",
};

function visit(node: TsharkNode, seen: (name: string, value: string) => void, name = ""): void {
  if (typeof node === "string") seen(name, node);
  else if (isArray(node)) for (const one of node) visit(one, seen, name);
  else for (const [key, value] of Object.entries(node)) visit(value, seen, key);
}

function isArray(node: TsharkNode): node is readonly TsharkNode[] {
  return Array.isArray(node);
}

/** The same fields, as we read them. */
export function ourPlainWords(update: UpdateMessage): readonly string[] {
  const { origin, nextHop, med, localPref, originatorId, largeCommunities } = update.attributes;
  const words = [
    origin === undefined ? [] : [`origin ${["igp", "egp", "incomplete"].indexOf(origin)}`],
    nextHop === undefined ? [] : [`next hop ${nextHop}`],
    med === undefined ? [] : [`med ${med}`],
    localPref === undefined ? [] : [`preference ${localPref}`],
    originatorId === undefined ? [] : [`originator ${formatRouterId(originatorId)}`],
    update.nlri.map(({ address }) => `nlri ${address}`),
    update.withdrawn.map(({ address }) => `gone ${address}`),
    [...(update.nlriPathIds ?? []), ...(update.withdrawnPathIds ?? [])].map((id) => `path id ${id}`),
    (largeCommunities ?? []).map(({ global }) => `large ${global}`),
  ].flat();
  return [...new Set(words)].sort();
}

/** What ExaBGP says of an UPDATE of IPv4 and IPv6 unicast, in our words. */
export function exabgpWords({ announce, withdraw, attribute }: ExabgpUpdate): readonly string[] {
  const routes = FAMILY_NAMES.flatMap((name) => [
    ...Object.entries(announce?.[name] ?? {}).flatMap(([hop, list]) =>
      records(list).map((one) => `+${routeOf(one)} ${hop}`),
    ),
    ...records(withdraw?.[name]).map((one) => `-${routeOf(one)}`),
  ]);
  const { origin, med, "local-preference": preference } = attribute ?? {};
  const facts = Object.entries({ origin, med, preference }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} ${value}`],
  );
  return [...routes, ...facts].sort();
}

const FAMILY_NAMES = ["ipv4 unicast", "ipv6 unicast"];

function routeOf(one: Readonly<Record<string, unknown>>): string {
  const id = one["path-information"];
  return id === undefined ? String(one["nlri"]) : `${one["nlri"]} ${id}`;
}

/** The same, as we read it. */
export function ourRouteWords(update: UpdateMessage): readonly string[] {
  const { mpReach, mpUnreach, nextHop, origin, med, localPref } = update.attributes;
  const withId = (prefix: unknown, id: number | undefined) =>
    id === undefined ? `${prefix}` : `${prefix} ${formatRouterId(id)}`;
  const reach = mpReach?.family === undefined ? undefined : mpReach;
  const unreach = mpUnreach?.family === undefined ? undefined : mpUnreach;
  return [
    update.nlri.map((prefix, i) => `+${withId(prefix, update.nlriPathIds?.[i])} ${nextHop}`),
    update.withdrawn.map((prefix, i) => `-${withId(prefix, update.withdrawnPathIds?.[i])}`),
    (reach?.prefixes ?? []).map((prefix, i) => `+${withId(prefix, reach?.pathIds?.[i])} ${reach?.nextHop.address}`),
    (unreach?.prefixes ?? []).map((prefix, i) => `-${withId(prefix, unreach?.pathIds?.[i])}`),
    origin === undefined ? [] : [`origin ${origin}`],
    med === undefined ? [] : [`med ${med}`],
    localPref === undefined ? [] : [`preference ${localPref}`],
  ]
    .flat()
    .sort();
}
