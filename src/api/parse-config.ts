import type { IpPrefix } from "../net/ip-prefix.ts";
import { AddressClaims } from "./address-claims.ts";
import { selectPools } from "./advertisement-pools.ts";
import { aggregationProblems } from "./aggregation.ts";
import { parseBfdProfile } from "./bfd-profile.ts";
import { type BgpAdvertisementSpec, parseBgpAdvertisement, resolveCommunities } from "./bgp-advertisement.ts";
import { parseBgpPeer } from "./bgp-peer.ts";
import { type CommunityValue, parseCommunityObject } from "./community.ts";
import type { BfdProfile, BgpAdvertisement, Config, InvalidObject, Peer, Pool, PoolName } from "./config.ts";
import type { Node, Secret } from "./core.ts";
import { parseIpAddressPool } from "./ip-address-pool.ts";
import { parseL2Advertisement } from "./l2-advertisement.ts";
import { localPrefsConflict } from "./local-pref-conflict.ts";
import type { RawObject } from "./object.ts";
import { ObjectSorter, type Parsed, parseOnce } from "./object-sorter.ts";
import { compareTexts } from "./raw-object.ts";
import type { Problems } from "./read-object.ts";
import { readPasswordSecret } from "./secret-password.ts";

const PARSE = {
  pool: parseOnce(parseIpAddressPool),
  bfdProfile: parseOnce(parseBfdProfile),
  community: parseOnce(parseCommunityObject),
  bgpAdvertisement: parseOnce(parseBgpAdvertisement),
  l2Advertisement: parseOnce(parseL2Advertisement),
  peer: parseOnce(parseBgpPeer),
};

/** Every object that makes up the configuration, as the API gives it. */
export interface ConfigObjects {
  readonly pools: readonly RawObject[];
  readonly peers: readonly RawObject[];
  readonly bgpAdvertisements: readonly RawObject[];
  readonly l2Advertisements: readonly RawObject[];
  readonly communities: readonly RawObject[];
  readonly bfdProfiles: readonly RawObject[];
  /** Only those that peers name are looked at. */
  readonly secrets: readonly Secret[];
}

/** What the verdict on an object depends on besides the objects. */
export interface ConfigContext {
  /** Where advertisements would meet (rule 4.5); none given, they are taken to meet. */
  readonly nodes: readonly Node[];
  /** What was in use before; none given, everything is new. */
  readonly before?: Established;
}

/** A configuration in use. */
export interface Established {
  /** The ids of objects that are in use as they are now. */
  readonly ids: ReadonlySet<string>;
  readonly config: Config;
}

export interface ParsedConfig {
  readonly config: Config;
  readonly invalid: readonly InvalidObject[];
  /** The ids of invalid objects that go on as what they were in the configuration before. */
  readonly standing: ReadonlySet<string>;
}

/**
 * Parses everything. An object with problems is left out and reported with all of them; its neighbours stay. Of two
 * objects that exclude each other the established one stays, and among equals the older one (creationTimestamp, then
 * name). An established peer or advertisement whose references went away goes on as it was.
 */
export function parseConfig(objects: ConfigObjects, context: ConfigContext): ParsedConfig {
  const sorter = new ObjectSorter(context.before?.ids ?? new Set());
  const pools = byName(parsePools(sorter, objects.pools));
  const bfdProfiles = byName(sorter.parseAll("BFDProfile", objects.bfdProfiles, PARSE.bfdProfile));
  const aliases = parseAliases(sorter, objects.communities);
  const bgpAdvertisements = parseBgpAdvertisements(sorter, objects.bgpAdvertisements, { pools, aliases, ...context });
  const l2Advertisements = sorter
    .parseAll("L2Advertisement", objects.l2Advertisements, PARSE.l2Advertisement)
    .map(({ value: { poolSelection, ...rest } }) => ({ ...rest, pools: selectPools(poolSelection, pools) }));
  const peers = parsePeers(sorter, objects, {
    profiles: bfdProfiles,
    before: context.before?.config.peers ?? new Map(),
  });
  const config = {
    pools,
    peers: byName(peers),
    bgpAdvertisements,
    l2Advertisements: l2Advertisements.sort((a, b) => compareTexts(a.name, b.name)),
    bfdProfiles,
  };
  return { config, invalid: sorter.invalid, standing: sorter.standing };
}

function byName<T extends { readonly name: string }>(parsed: readonly Parsed<T>[]): ReadonlyMap<T["name"], T> {
  const sorted = parsed.map(({ value }) => value).sort((a, b) => compareTexts(a.name, b.name));
  return new Map(sorted.map((value): [T["name"], T] => [value.name, value]));
}

function parsePools(sorter: ObjectSorter, objects: readonly RawObject[]): readonly Parsed<Pool>[] {
  const claims = new AddressClaims();
  return sorter.keep("IPAddressPool", sorter.parseAll("IPAddressPool", objects, PARSE.pool), (pool, problems) => {
    for (const [i, { prefixes }] of pool.blocks.entries()) {
      const conflict = claims.conflictOf(pool.name, prefixes);
      if (conflict !== undefined) problems.add(`spec.addresses[${i}]`, conflict);
    }
    if (problems.list.length > 0) return undefined;
    const all: IpPrefix[] = pool.blocks.flatMap(({ prefixes }) => prefixes);
    claims.claim(pool.name, all);
    return pool;
  });
}

function parseAliases(sorter: ObjectSorter, objects: readonly RawObject[]): ReadonlyMap<string, CommunityValue> {
  const aliases = new Map<string, CommunityValue>();
  const owners = new Map<string, string>();
  sorter.keep("Community", sorter.parseAll("Community", objects, PARSE.community), (own, problems, object) => {
    for (const { value, path } of own) {
      const owner = owners.get(value.name);
      if (owner === undefined) continue;
      problems.add(path, `duplicate definition of community "${value.name}": already defined by Community "${owner}"`);
    }
    if (problems.list.length > 0) return undefined;
    for (const { value } of own) {
      aliases.set(value.name, value.value);
      owners.set(value.name, object.metadata.name);
    }
    return own;
  });
  return aliases;
}

interface AdvertisementContext extends ConfigContext {
  readonly pools: ReadonlyMap<PoolName, Pool>;
  readonly aliases: ReadonlyMap<string, CommunityValue>;
}

function parseBgpAdvertisements(
  sorter: ObjectSorter,
  objects: readonly RawObject[],
  context: AdvertisementContext,
): readonly BgpAdvertisement[] {
  const kept: BgpAdvertisement[] = [];
  const clashing = (own: BgpAdvertisement) => kept.filter((other) => clash(other, own, context));
  const specs = sorter.parseAll("BGPAdvertisement", objects, PARSE.bgpAdvertisement);
  const resolve = (spec: BgpAdvertisementSpec, problems: Problems): BgpAdvertisement => {
    const advertisement = resolveAdvertisement(spec, context, problems);
    for (const other of clashing(advertisement)) problems.add("spec.localPref", localPrefMessage(advertisement, other));
    if (problems.list.length === 0) kept.push(advertisement);
    return advertisement;
  };
  // What it was had other communities or pools, so it may fit where what it would be now does not.
  const before = ({ name }: BgpAdvertisementSpec): BgpAdvertisement | undefined => {
    const then = context.before?.config.bgpAdvertisements ?? [];
    const fitting = then.filter((old) => old.name === name && clashing(old).length === 0);
    kept.push(...fitting);
    return fitting[0];
  };
  sorter.keep("BGPAdvertisement", specs, resolve, before);
  return kept.sort((a, b) => compareTexts(a.name, b.name));
}

function resolveAdvertisement(
  spec: BgpAdvertisementSpec,
  context: AdvertisementContext,
  problems: Problems,
): BgpAdvertisement {
  const { poolSelection, communityTexts, ...rest } = spec;
  const pools = selectPools(poolSelection, context.pools);
  for (const name of pools) {
    const pool = context.pools.get(name);
    const found = pool === undefined ? [] : aggregationProblems(spec.aggregationLength, pool);
    for (const { family, message } of found) {
      problems.add(family === 4 ? "spec.aggregationLength" : "spec.aggregationLengthV6", message);
    }
  }
  return { ...rest, pools, ...resolveCommunities(communityTexts, context.aliases, problems) };
}

/** Advertisements with serviceSelectors are judged per Service, when both match it. */
function clash(a: BgpAdvertisement, b: BgpAdvertisement, context: AdvertisementContext): boolean {
  return (
    a.localPref !== b.localPref &&
    a.serviceSelectors.length === 0 &&
    b.serviceSelectors.length === 0 &&
    localPrefsConflict(a, b, {
      pools: poolsOf(a.pools.size < b.pools.size ? a : b, context.pools),
      nodes: context.nodes,
    })
  );
}

/** One at a time: most pairs of advertisements are told apart before the first is asked for. */
function* poolsOf({ pools }: BgpAdvertisement, all: ReadonlyMap<PoolName, Pool>): Iterable<Pool> {
  for (const name of pools) {
    const pool = all.get(name);
    if (pool !== undefined) yield pool;
  }
}

function localPrefMessage(own: BgpAdvertisement, other: BgpAdvertisement): string {
  const [a, b] = [own, other].map(({ name, localPref }) => `"${name}" (${localPref ?? "unset"})`);
  return `invalid local preferences: BGPAdvertisements ${a} and ${b} set different ones for the same prefix, peer and node`;
}

interface PeerContext {
  readonly profiles: ReadonlyMap<string, BfdProfile>;
  readonly before: Config["peers"];
}

function parsePeers(
  sorter: ObjectSorter,
  objects: ConfigObjects,
  { profiles, before }: PeerContext,
): readonly Parsed<Peer>[] {
  const secrets = new Map(objects.secrets.map((secret) => [secret.metadata.name, secret]));
  const seen = new Map<string, string>();
  const resolve = (peer: Peer, problems: Problems): Peer => {
    const key = identity(peer);
    const twin = seen.get(key);
    if (twin !== undefined) problems.add("", `peer ${peer.name} already exists: it is identical to peer ${twin}`);
    if (peer.bfdProfile !== undefined && !profiles.has(peer.bfdProfile)) {
      const message = `peer ${peer.name} referencing non existing bfd profile ${peer.bfdProfile}`;
      problems.addTransient("spec.bfdProfile", message);
    }
    const password = resolvePassword(peer, problems, secrets);
    if (problems.list.length === 0) seen.set(key, peer.name);
    return { ...peer, password };
  };
  // Two established peers are never twins, and all others come later: only its references can have gone away.
  const stand = (peer: Peer): Peer | undefined => {
    seen.set(identity(peer), peer.name);
    return before.get(peer.name);
  };
  return sorter.keep("BGPPeer", sorter.parseAll("BGPPeer", objects.peers, PARSE.peer), resolve, stand);
}

/** What makes two peers one. */
function identity(peer: Peer): string {
  return JSON.stringify({ ...peer, name: "" });
}

function resolvePassword(peer: Peer, problems: Problems, secrets: ReadonlyMap<string, Secret>): string | undefined {
  if (peer.passwordSecret === undefined) return peer.password;
  const path = "spec.passwordSecret";
  const secret = secrets.get(peer.passwordSecret);
  if (secret === undefined) {
    problems.addTransient(path, `secret "${peer.passwordSecret}" not found for peer ${peer.name}`);
    return undefined;
  }
  const found = readPasswordSecret(secret);
  if (found.problem !== undefined) problems.add(path, found.problem);
  return found.password;
}
