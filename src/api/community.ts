import { type Community, type LargeCommunity, parseCommunity, parseLargeCommunity } from "../net/community.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import { type Item, type ParseResult, reportDuplicates } from "./read-object.ts";

/** A community of either kind. */
export type CommunityValue =
  | { readonly type: "standard"; readonly community: Community }
  | { readonly type: "large"; readonly community: LargeCommunity };

/** One alias of a Community object. */
export interface CommunityAlias {
  readonly name: string;
  readonly value: CommunityValue;
}

/** Parses a Community object into its aliases, with the path of each. */
export function parseCommunityObject(object: RawObject): ParseResult<readonly Item<CommunityAlias>[]> {
  const spec = specReader(object);
  const { problems } = spec;
  const aliases = spec.objects("communities").flatMap((reader) => {
    const name = reader.string("name") ?? "";
    const text = reader.string("value") ?? "";
    const value = parseCommunityValue(text);
    if (value === undefined) problems.add(reader.pathOf("value"), invalidCommunityMessage(text));
    return [{ value: { name, value }, path: reader.path }];
  });
  reportDuplicates(aliases, problems, ({ name }) => ({ key: name, label: `community "${name}"` }));
  const valid = aliases.flatMap(({ value: { name, value }, path }) =>
    value === undefined ? [] : [{ value: { name, value }, path }],
  );
  return problems.resultOf(valid);
}

/** Parses `1234:1` or `large:1234:1:1`. */
export function parseCommunityValue(text: string): CommunityValue | undefined {
  const standard = parseCommunity(text);
  if (standard !== undefined) return { type: "standard", community: standard };
  const large = parseLargeCommunity(text);
  return large === undefined ? undefined : { type: "large", community: large };
}

/** What is wrong with the text of a community, with the form it should have. */
export function invalidCommunityMessage(text: string): string {
  const hint = text.startsWith("large:")
    ? "expected community to be of format large:<number>:<number>:<number>, each 0 to 4294967295"
    : "expected <number>:<number>, each 0 to 65535, or large:<number>:<number>:<number>";
  return `invalid community format: ${text} (${hint})`;
}
