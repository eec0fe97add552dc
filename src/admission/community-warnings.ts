import type { RawObject } from "../api/object.ts";
import { specReader } from "../api/raw-object.ts";
import { aliasesOf } from "./partial-config.ts";
import { type AllowedChange, nameSome, type WarningRules } from "./warning-rule.ts";

/** What may be wrong about a Community. */
export const communityWarnings: WarningRules = { "alias-in-use": aliasInUse };

/** MetalLB lets an alias go that is in use, and so do we: advertisements that were in use stay what they were. */
function aliasInUse({ object, old, others }: AllowedChange): readonly string[] {
  const left = new Set([...others.communities, ...(object === undefined ? [] : [object])].flatMap(aliasNames));
  return (old === undefined ? [] : aliasNames(old))
    .filter((alias) => !left.has(alias))
    .flatMap((alias) => {
      const users = others.bgpAdvertisements.filter((ad) => aliasesOf(ad).some(({ value }) => value === alias));
      const names = nameSome(users.map(({ metadata }) => `"${metadata.name}"`));
      return users.length === 0
        ? []
        : [`spec.communities: nothing defines "${alias}" then, used by BGPAdvertisement ${names}`];
    });
}

/** The aliases that a Community defines, be they sound or not. */
export function aliasNames(community: RawObject): readonly string[] {
  return specReader(community)
    .objects("communities")
    .flatMap((alias) => alias.string("name") ?? []);
}
