import { escapeControls } from "../api/raw-object.ts";
import { bgpAdvertisementWarnings, l2AdvertisementWarnings } from "./advertisement-warnings.ts";
import { communityWarnings } from "./community-warnings.ts";
import type { ConfigList } from "./config-kind.ts";
import { bfdProfileWarnings, peerWarnings } from "./peer-warnings.ts";
import { poolWarnings } from "./pool-warnings.ts";
import type { AllowedChange, WarningRules } from "./warning-rule.ts";

const RULES: Readonly<Record<ConfigList, WarningRules>> = {
  pools: poolWarnings,
  peers: peerWarnings,
  bgpAdvertisements: bgpAdvertisementWarnings,
  l2Advertisements: l2AdvertisementWarnings,
  communities: communityWarnings,
  bfdProfiles: bfdProfileWarnings,
};

/** The API server passes on 4 KiB of warnings, and cuts each after 256 letters. */
const MAX_WARNINGS = 10;

/** What is legal and surely not meant about a change. */
export function warningsOf(list: ConfigList, change: AllowedChange): readonly string[] {
  const all = Object.values(RULES[list]).flatMap((find) => find(change));
  const shown = all.slice(0, MAX_WARNINGS).map(escapeControls);
  return all.length > shown.length ? [...shown, `and ${all.length - shown.length} more warnings`] : shown;
}
