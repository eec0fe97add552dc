import type { Node, Secret } from "../api/core.ts";
import type { RawObject } from "../api/object.ts";
import { type Established, type ParsedConfig, parseConfig } from "../api/parse-config.ts";
import { specReader } from "../api/raw-object.ts";
import type { Item } from "../api/read-object.ts";
import { type ConfigList, type ConfigLists, mapLists } from "./config-kind.ts";

/** The kinds whose verdicts depend on each other, references left aside. */
const JUDGED_WITH: Readonly<Record<ConfigList, readonly ConfigList[]>> = {
  pools: ["pools", "bgpAdvertisements"],
  bgpAdvertisements: ["pools", "bgpAdvertisements"],
  l2Advertisements: ["l2Advertisements"],
  peers: ["peers"],
  communities: ["communities"],
  bfdProfiles: ["bfdProfiles"],
};

/** The part of the configuration that a change of one kind can break. */
export function partOf(own: ConfigList, objects: ConfigLists): ConfigLists {
  return mapLists((list) => (JUDGED_WITH[own].includes(list) ? objects[list] : []));
}

/**
 * Parses a part of the configuration as controller and speakers parse the whole. Whatever it refers to is taken to be
 * there and sound: in one `kubectl apply` a peer may come before its Secret.
 */
export function parsePart(
  part: ConfigLists,
  context: { readonly nodes: readonly Node[]; readonly before?: Established },
): ParsedConfig {
  const standIns = {
    communities: [...part.communities, ...aliasStandIns(part.bgpAdvertisements)],
    bfdProfiles: [...part.bfdProfiles, ...profileStandIns(part.peers)],
    secrets: secretStandIns(part.peers),
  };
  return parseConfig({ ...part, ...standIns }, context);
}

/** What an alias stands for decides nothing about validity. */
function aliasStandIns(advertisements: readonly RawObject[]): readonly RawObject[] {
  const names = new Set(advertisements.flatMap(aliasesOf).map(({ value }) => value));
  if (names.size === 0) return [];
  const communities = [...names].map((name) => ({ name, value: "0:0" }));
  return [{ metadata: { name: "stand-in" }, spec: { communities } }];
}

function profileStandIns(peers: readonly RawObject[]): readonly RawObject[] {
  const names = new Set(peers.flatMap((peer) => profileOf(peer) ?? []));
  return [...names].map((name) => ({ metadata: { name }, spec: {} }));
}

function secretStandIns(peers: readonly RawObject[]): readonly Secret[] {
  const names = new Set(peers.flatMap((peer) => secretOf(peer) ?? []));
  return [...names].map((name) => ({ metadata: { name }, type: "kubernetes.io/basic-auth", data: { password: "" } }));
}

/** The aliases that a BGPAdvertisement names, and where. */
export function aliasesOf(advertisement: RawObject): readonly Item<string>[] {
  return specReader(advertisement)
    .strings("communities")
    .filter(({ value }) => !value.includes(":"));
}

/** The BFDProfile that a BGPPeer names. */
export function profileOf(peer: RawObject): string | undefined {
  return nonEmpty(specReader(peer).string("bfdProfile"));
}

/** The Secret that a BGPPeer names. */
export function secretOf(peer: RawObject): string | undefined {
  return nonEmpty(specReader(peer).object("passwordSecret")?.string("name"));
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
