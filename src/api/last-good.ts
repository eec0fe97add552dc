import type { Config, InvalidObject } from "./config.ts";
import { objectKey, type RawObject } from "./object.ts";
import { type ConfigContext, type ConfigObjects, type ParsedConfig, parseConfig } from "./parse-config.ts";

type Kind = Exclude<keyof ConfigObjects, "secrets">;

const KINDS: readonly (readonly [Kind, string])[] = [
  ["pools", "IPAddressPool"],
  ["peers", "BGPPeer"],
  ["bgpAdvertisements", "BGPAdvertisement"],
  ["l2Advertisements", "L2Advertisement"],
  ["communities", "Community"],
  ["bfdProfiles", "BFDProfile"],
];

/** What worked before. */
export interface ConfigMemory {
  /** The last version of each object that could be used. */
  readonly objects: ReadonlyMap<string, RawObject>;
  readonly config: Config;
}

/** Nothing has worked yet. */
export const NO_MEMORY: ConfigMemory = {
  objects: new Map(),
  config: { pools: new Map(), peers: new Map(), bgpAdvertisements: [], l2Advertisements: [], bfdProfiles: new Map() },
};

export interface RememberingParse extends ParsedConfig {
  readonly memory: ConfigMemory;
}

/**
 * Parses the configuration so that an edit that breaks an object costs nothing that worked: the object is reported as
 * invalid and goes on as its last good version, until it is mended or deleted. The same holds when what it refers to (a
 * Secret, a Community, a BFDProfile) goes away under it.
 */
export function parseKeepingLastGood(
  objects: ConfigObjects,
  context: ConfigContext,
  before: ConfigMemory,
): RememberingParse {
  const newest = parseConfig(objects, context);
  const broken = ids(newest.invalid);
  if (![...broken].some((id) => before.objects.has(id))) return remembering(newest, objects, before);
  const mended = substitute(objects, broken, before);
  const second = parseConfig(mended, context);
  const config = keepReferrers(second.config, ids(second.invalid), before.config);
  // What is wrong with the newest versions, and what older ones that stand in for them exclude.
  const invalid = [
    ...newest.invalid,
    ...second.invalid.filter((object) => !broken.has(idOf(object.kind, keyOf(object)))),
  ];
  return remembering({ config, invalid }, mended, before, ids(second.invalid));
}

function remembering(
  parsed: ParsedConfig,
  objects: ConfigObjects,
  before: ConfigMemory,
  bad: ReadonlySet<string> = ids(parsed.invalid),
): RememberingParse {
  const next = new Map<string, RawObject>();
  for (const [kind, name] of KINDS) {
    for (const object of objects[kind]) {
      const id = idOf(name, objectKey(object));
      const good = bad.has(id) ? before.objects.get(id) : object;
      if (good !== undefined) next.set(id, good);
    }
  }
  return { ...parsed, memory: { objects: next, config: parsed.config } };
}

function substitute(objects: ConfigObjects, broken: ReadonlySet<string>, before: ConfigMemory): ConfigObjects {
  const swapped = KINDS.map(([kind, name]) => [
    kind,
    objects[kind].map((object) => {
      const id = idOf(name, objectKey(object));
      return broken.has(id) ? (before.objects.get(id) ?? object) : object;
    }),
  ]);
  return { ...objects, ...Object.fromEntries(swapped) };
}

/** Peers and advertisements that even their last good version does not parse any more, because a reference is gone. */
function keepReferrers(config: Config, broken: ReadonlySet<string>, before: Config): Config {
  const names = (kind: string): ReadonlySet<string> =>
    new Set([...broken].filter((id) => id.startsWith(`${kind} `)).map((id) => id.slice(id.lastIndexOf("/") + 1)));
  const kept = <T extends { readonly name: string }>(
    kind: string,
    now: readonly T[],
    then: readonly T[],
  ): readonly T[] => {
    const wanted = names(kind);
    const old = then.filter(({ name }) => wanted.has(name) && !now.some((other) => other.name === name));
    return [...now, ...old].sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  const peers = kept("BGPPeer", [...config.peers.values()], [...before.peers.values()]);
  return {
    ...config,
    peers: new Map(peers.map((peer) => [peer.name, peer])),
    bgpAdvertisements: kept("BGPAdvertisement", config.bgpAdvertisements, before.bgpAdvertisements),
    l2Advertisements: kept("L2Advertisement", config.l2Advertisements, before.l2Advertisements),
  };
}

function ids(invalid: readonly InvalidObject[]): ReadonlySet<string> {
  return new Set(invalid.map((object) => idOf(object.kind, keyOf(object))));
}

function keyOf(object: InvalidObject): string {
  return object.namespace === undefined ? object.name : `${object.namespace}/${object.name}`;
}

/** Neither kinds nor names hold a blank. */
function idOf(kind: string, key: string): string {
  return `${kind} ${key}`;
}
