import { AS_TRANS, type Asn } from "../net/asn.ts";
import { type Community, compareCommunities, compareLargeCommunities, type LargeCommunity } from "../net/community.ts";
import type { Family, IpAddress } from "../net/ip-address.ts";
import type { IpPrefix } from "../net/ip-prefix.ts";
import type { MpNextHop } from "./attribute/mp-reach.ts";
import type { Attributes } from "./attribute/registry.ts";
import type { CodecContext } from "./codec-context.ts";
import { MAX_MESSAGE_LENGTH } from "./message/header.ts";
import { encodeUpdate, type UpdateMessage } from "./message/update.ts";
import { nlriBatches } from "./nlri.ts";
import { attributeKey, isWithdrawal, type PendingChange } from "./rib.ts";
import type { Route } from "./route.ts";

/** What this end puts into every route it sends over one session. */
export interface Origination extends CodecContext {
  readonly localAsn: Asn;
  readonly nextHops: Readonly<Record<Family, MpNextHop | undefined>>;
}

const DEFAULT_LOCAL_PREF = 100;

/** The attributes of a route without its next hop: all that routes of one UPDATE share. */
export function originate(route: Route, origination: Origination): Attributes {
  const { communities, largeCommunities } = route;
  return {
    origin: "igp",
    ...ourPath(origination),
    ...(origination.internal ? { localPref: route.localPref ?? DEFAULT_LOCAL_PREF } : {}),
    ...(communities.length > 0 ? { communities: sortedCommunities(communities) } : {}),
    ...(largeCommunities.length > 0 ? { largeCommunities: sortedLargeCommunities(largeCommunities) } : {}),
  };
}

/** RFC 4271 section 5.1.2; RFC 6793 section 4.2.2 for a peer that cannot read four octets. */
function ourPath({ internal, localAsn, fourOctetAsn }: Origination): Pick<Attributes, "asPath" | "as4Path"> {
  if (internal) return { asPath: [] };
  const ours = [{ type: "sequence", asns: [localAsn] }] as const;
  if (fourOctetAsn || localAsn <= 0xffff) return { asPath: ours };
  return { asPath: [{ type: "sequence", asns: [AS_TRANS] }], as4Path: ours };
}

function sortedCommunities(values: readonly Community[]): readonly Community[] {
  return [...new Set(values)].sort(compareCommunities);
}

/** RFC 8092 section 5: no value twice. */
function sortedLargeCommunities(values: readonly LargeCommunity[]): readonly LargeCommunity[] {
  return values.toSorted(compareLargeCommunities).filter((value, i, all) => {
    const before = all[i - 1];
    return before === undefined || compareLargeCommunities(before, value) !== 0;
  });
}

/** Why a route cannot be sent over this session. */
export type NotSent = "no-next-hop" | "attributes-too-large";

/** One UPDATE and the routes it settles, or the routes that no UPDATE can carry and why. */
export type PackedUpdate =
  | { readonly prefixes: readonly IpPrefix[]; readonly bytes: Uint8Array; readonly notSent?: never }
  | { readonly prefixes: readonly IpPrefix[]; readonly notSent: NotSent; readonly bytes?: never };

/**
 * The UPDATEs for a set of changes, withdrawals first. Routes with the same attributes share messages, as many to each as its
 * 4096 octets hold.
 */
export function* packChanges(changes: Iterable<PendingChange>, origination: Origination): Generator<PackedUpdate> {
  const { withdrawn, groups } = sortOut(changes, origination);
  for (const family of [4, 6] as const) yield* packWithdrawals(family, withdrawn[family], origination);
  for (const { route, prefixes } of groups) yield* packGroup(route, prefixes, origination);
}

interface Group {
  readonly route: Route;
  readonly prefixes: IpPrefix[];
}

function sortOut(
  changes: Iterable<PendingChange>,
  { internal }: Origination,
): { readonly withdrawn: Record<Family, IpPrefix[]>; readonly groups: Iterable<Group> } {
  const withdrawn: Record<Family, IpPrefix[]> = { 4: [], 6: [] };
  const groups = new Map<string, Group>();
  let last: Group | undefined;
  for (const change of changes) {
    if (isWithdrawal(change)) {
      withdrawn[change.family].push(change);
      continue;
    }
    // Neighbours in a table mostly share the very same lists: no key has to be made to see that.
    if (last === undefined || !evidentlyAlike(last.route, change)) last = groupOf(groups, change, internal);
    last.prefixes.push(change.prefix);
  }
  return { withdrawn, groups: groups.values() };
}

function groupOf(groups: Map<string, Group>, route: Route, internal: boolean): Group {
  const key = `${route.prefix.family}|${attributeKey(route, internal)}`;
  const known = groups.get(key);
  if (known !== undefined) return known;
  const group: Group = { route, prefixes: [] };
  groups.set(key, group);
  return group;
}

function evidentlyAlike(a: Route, b: Route): boolean {
  return (
    a.prefix.family === b.prefix.family &&
    a.localPref === b.localPref &&
    sameList(a.communities, b.communities) &&
    sameList(a.largeCommunities, b.largeCommunities)
  );
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === 0 && b.length === 0);
}

function* packGroup(route: Route, prefixes: readonly IpPrefix[], origination: Origination): Generator<PackedUpdate> {
  const { family } = route.prefix;
  const nextHop = origination.nextHops[family];
  if (nextHop === undefined) {
    yield { prefixes, notSent: "no-next-hop" };
    return;
  }
  const attributes = originate(route, origination);
  const build =
    family === 4 && nextHop.address.family === 4
      ? (nlri: readonly IpPrefix[]) => classic(nlri, attributes, nextHop.address)
      : (nlri: readonly IpPrefix[]) => multiprotocol(nlri, attributes, { family, nextHop });
  yield* pack(prefixes, build, origination);
}

function* packWithdrawals(family: Family, prefixes: readonly IpPrefix[], cx: CodecContext): Generator<PackedUpdate> {
  const build =
    family === 4
      ? (withdrawn: readonly IpPrefix[]): UpdateMessage => ({ withdrawn, attributes: {}, nlri: [] })
      : (withdrawn: readonly IpPrefix[]): UpdateMessage => ({
          withdrawn: [],
          attributes: { mpUnreach: { family, prefixes: withdrawn } },
          nlri: [],
        });
  yield* pack(prefixes, build, cx);
}

/** The extended length of a multiprotocol attribute needs one octet more than the empty one that was measured. */
const LENGTH_OCTET = 1;
/** A /128: its length and its 16 octets. */
const LONGEST_NLRI = 17;

function* pack(
  prefixes: readonly IpPrefix[],
  build: (prefixes: readonly IpPrefix[]) => UpdateMessage,
  cx: CodecContext,
): Generator<PackedUpdate> {
  if (prefixes.length === 0) return;
  const room = MAX_MESSAGE_LENGTH - encodeUpdate(build([]), cx).length - LENGTH_OCTET;
  if (room < LONGEST_NLRI) yield { prefixes, notSent: "attributes-too-large" };
  else
    for (const batch of nlriBatches(prefixes, room)) yield { bytes: encodeUpdate(build(batch), cx), prefixes: batch };
}

function classic(nlri: readonly IpPrefix[], attributes: Attributes, nextHop: IpAddress): UpdateMessage {
  return { withdrawn: [], attributes: { ...attributes, nextHop }, nlri };
}

function multiprotocol(
  prefixes: readonly IpPrefix[],
  attributes: Attributes,
  { family, nextHop }: { readonly family: Family; readonly nextHop: MpNextHop },
): UpdateMessage {
  return { withdrawn: [], attributes: { ...attributes, mpReach: { family, nextHop, prefixes } }, nlri: [] };
}

/** RFC 4724 section 2: "you have everything of this family now". */
export function endOfRib(family: Family, cx: CodecContext): Uint8Array {
  const attributes: Attributes = family === 4 ? {} : { mpUnreach: { family, prefixes: [] } };
  return encodeUpdate({ withdrawn: [], attributes, nlri: [] }, cx);
}
