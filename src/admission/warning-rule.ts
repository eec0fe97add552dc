import type { RawObject } from "../api/object.ts";
import type { ClusterObjects } from "./change.ts";
import type { ConfigLists } from "./config-kind.ts";

/** A change that is allowed, and what it is made in. */
export interface AllowedChange {
  readonly name: string;
  /** Undefined when it is deleted. */
  readonly object: RawObject | undefined;
  /** Undefined when it is created. */
  readonly old: RawObject | undefined;
  /** The configuration without the object. */
  readonly others: ConfigLists;
  readonly cluster: ClusterObjects;
}

/** Looks for one thing that is legal and surely not meant; says what, beginning with the field. */
type WarningRule = (change: AllowedChange) => readonly string[];

/** Rules by name. */
export type WarningRules = Readonly<Record<string, WarningRule>>;

/** A few names, and how many more there are. */
export function nameSome(names: readonly string[]): string {
  const SOME = 3;
  const shown = names.slice(0, SOME);
  if (names.length > SOME) return `${shown.join(", ")} and ${names.length - SOME} more`;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
