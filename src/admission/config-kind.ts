import { objectKey, type RawObject } from "../api/object.ts";
import type { ConfigObjects } from "../api/parse-config.ts";
import type { ClusterObjects, ProposedChange } from "./change.ts";

/** Where objects of a kind of configuration are found. */
export type ConfigList = Exclude<keyof ConfigObjects, "secrets">;
export type ConfigLists = Readonly<Record<ConfigList, readonly RawObject[]>>;

/** Each list's kind. */
export const KIND_OF: Readonly<Record<ConfigList, string>> = {
  pools: "IPAddressPool",
  peers: "BGPPeer",
  bgpAdvertisements: "BGPAdvertisement",
  l2Advertisements: "L2Advertisement",
  communities: "Community",
  bfdProfiles: "BFDProfile",
};
const LISTS: readonly ConfigList[] = [
  "pools",
  "peers",
  "bgpAdvertisements",
  "l2Advertisements",
  "communities",
  "bfdProfiles",
];

/** Undefined for a kind that is no configuration. */
export function listOfKind(kind: string): ConfigList | undefined {
  return LISTS.find((list) => KIND_OF[list] === kind);
}

/** Each object with its list. */
export function allObjects(objects: ConfigLists): readonly (readonly [ConfigList, RawObject])[] {
  return LISTS.flatMap((list) => objects[list].map((object) => [list, object] as const));
}

/** Makes each list anew. */
export function mapLists(make: (list: ConfigList) => readonly RawObject[]): ConfigLists {
  return {
    pools: make("pools"),
    peers: make("peers"),
    bgpAdvertisements: make("bgpAdvertisements"),
    l2Advertisements: make("l2Advertisements"),
    communities: make("communities"),
    bfdProfiles: make("bfdProfiles"),
  };
}

/** The configuration without the object that changes: a cache may have it in any version, or not at all. */
export function neighbours({ namespace, name }: ProposedChange, own: ConfigList, cluster: ClusterObjects): ConfigLists {
  const key = objectKey({ metadata: { name, namespace } });
  return mapLists((list) =>
    list === own ? cluster[list].filter((object) => objectKey(object) !== key) : cluster[list],
  );
}
