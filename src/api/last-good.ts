import type { Config, InvalidObject } from "./config.ts";
import type { RawObject } from "./object.ts";
import { compareInvalid, objectId } from "./object-sorter.ts";
import {
  type ConfigContext,
  type ConfigObjects,
  type Established,
  type ParsedConfig,
  parseConfig,
} from "./parse-config.ts";

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
  /** Those of them that the configuration holds: others were in the way of something, and may fit again. */
  readonly active: ReadonlySet<string>;
  readonly config: Config;
}

/** Nothing has worked yet. */
export const NO_MEMORY: ConfigMemory = {
  objects: new Map(),
  active: new Set(),
  config: { pools: new Map(), peers: new Map(), bgpAdvertisements: [], l2Advertisements: [], bfdProfiles: new Map() },
};

export interface RememberingParse extends ParsedConfig {
  readonly memory: ConfigMemory;
}

/**
 * Parses the configuration so that an edit costs nothing that worked: an object that breaks, or that gets in the way of
 * one nobody touched, is reported as invalid and goes on as its last good version, until it is mended or deleted. The
 * same holds when what it refers to (a Secret, a Community, a BFDProfile) goes away under it.
 */
export function parseKeepingLastGood(
  objects: ConfigObjects,
  context: ConfigContext,
  before: ConfigMemory,
): RememberingParse {
  const invalid = new Map<string, InvalidObject>();
  let current = objects;
  // A version that stands in may exclude a newer one that has a stand-in itself. Each object is swapped once at most.
  for (;;) {
    const parsed = parseConfig(current, { ...context, before: established(current, before) });
    const broken = new Map(parsed.invalid.map((object) => [invalidId(object), object]));
    for (const [id, object] of broken) if (!invalid.has(id)) invalid.set(id, object);
    const next = substitute(current, broken, before);
    if (next === undefined) {
      const memory = remember(current, parsed, before);
      return { ...parsed, invalid: [...invalid.values()].sort(compareInvalid), memory };
    }
    current = next;
  }
}

/** The objects that are in use just as they are now. */
function established(objects: ConfigObjects, { objects: good, active, config }: ConfigMemory): Established {
  const ids = entries(objects).flatMap(([id, object]) => {
    const old = good.get(id);
    return old !== undefined && active.has(id) && sameContent(old, object) ? [id] : [];
  });
  return { ids: new Set(ids), config };
}

/** Whether two versions of an object say the same. */
function sameContent(a: RawObject, b: RawObject): boolean {
  return a === b || content(a) === content(b);
}

function content({ apiVersion, metadata: { labels = {} }, spec }: RawObject): string {
  return JSON.stringify([apiVersion, labels, spec]);
}

/** Puts the last good versions in the place of broken ones; undefined when there are none left to put. */
function substitute(
  objects: ConfigObjects,
  broken: ReadonlyMap<string, InvalidObject>,
  before: ConfigMemory,
): ConfigObjects | undefined {
  let swaps = 0;
  const swapped = KINDS.map(([kind, name]) => [
    kind,
    objects[kind].map((object) => {
      const id = objectId(name, object);
      const good = broken.has(id) ? before.objects.get(id) : undefined;
      if (good === undefined || sameContent(good, object)) return object;
      swaps++;
      return good;
    }),
  ]);
  return swaps === 0 ? undefined : { ...objects, ...Object.fromEntries(swapped) };
}

function remember(objects: ConfigObjects, parsed: ParsedConfig, before: ConfigMemory): ConfigMemory {
  const left = new Set(parsed.invalid.map(invalidId).filter((id) => !parsed.standing.has(id)));
  const next = new Map<string, RawObject>();
  const active = new Set<string>();
  for (const [id, object] of entries(objects)) {
    const good = left.has(id) ? before.objects.get(id) : object;
    if (good !== undefined) next.set(id, good);
    if (!left.has(id)) active.add(id);
  }
  return { objects: next, active, config: parsed.config };
}

function entries(objects: ConfigObjects): readonly (readonly [string, RawObject])[] {
  return KINDS.flatMap(([kind, name]) => objects[kind].map((object) => [objectId(name, object), object] as const));
}

function invalidId({ kind, namespace = "", name }: InvalidObject): string {
  return objectId(kind, { metadata: { name, namespace } });
}
