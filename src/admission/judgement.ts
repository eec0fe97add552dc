import { aggregationProblems } from "../api/aggregation.ts";
import type { Config, InvalidObject, Problem } from "../api/config.ts";
import type { Node } from "../api/core.ts";
import type { RawObject } from "../api/object.ts";
import { objectId } from "../api/object-sorter.ts";
import type { Established, ParsedConfig } from "../api/parse-config.ts";
import { formatProblems } from "../api/raw-object.ts";
import type { Cause } from "./change.ts";
import { allObjects, type ConfigList, type ConfigLists, KIND_OF, mapLists } from "./config-kind.ts";
import { parsePart, partOf } from "./partial-config.ts";

/** An object as it would be, in its surroundings. */
export interface Candidate {
  readonly list: ConfigList;
  readonly object: RawObject;
  /** Undefined for a new one. */
  readonly old: RawObject | undefined;
  /** The configuration without the object. */
  readonly others: ConfigLists;
  readonly nodes: readonly Node[];
}

/** What parsing says about a candidate. */
interface Judgement {
  /** What the change would break. */
  readonly causes: readonly Cause[];
  /** What was wrong with the object before and still is. */
  readonly lasting: readonly Problem[];
}

const FINE: Judgement = { causes: [], lasting: [] };

/**
 * Parses the part of the configuration that the change can break. Only what is new speaks against it: a neighbour that
 * is broken already takes no part, and a fault that the object had before is no reason to keep it as it was.
 */
export function judge(candidate: Candidate): Judgement {
  const { list, object, old, nodes } = candidate;
  const part = partOf(list, candidate.others);
  // With fewer objects there are never more faults, so nothing has to be told apart where there is none.
  if (parsePart(withObject(part, list, object), { nodes }).invalid.length === 0) return FINE;
  const past = parsePart(withObject(part, list, old), { nodes });
  const broken = new Set(past.invalid.map(idOfInvalid));
  const sound = mapLists((key) => part[key].filter((other) => !broken.has(objectId(KIND_OF[key], other))));
  const ids = new Set(allObjects(sound).map(([key, other]) => objectId(KIND_OF[key], other)));
  const before: Established = { ids, config: past.config };
  const parse = (own: RawObject): ParsedConfig => parsePart(withObject(sound, list, own), { nodes, before });
  return compare(candidate, parse, past.config);
}

function compare({ list, object, old }: Candidate, parse: (own: RawObject) => ParsedConfig, past: Config): Judgement {
  const own = objectId(KIND_OF[list], object);
  const isOwn = (invalid: InvalidObject): boolean => idOfInvalid(invalid) === own;
  const problemsOf = ({ invalid }: ParsedConfig): readonly Problem[] => invalid.find(isOwn)?.problems ?? [];
  const after = parse(object);
  const problems = problemsOf(after);
  const known = new Set(old === undefined || problems.length === 0 ? [] : problemsOf(parse(old)).map(keyOfProblem));
  const isKnown = (problem: Problem): boolean => known.has(keyOfProblem(problem));
  const fresh = problems.filter((problem) => !isKnown(problem));
  const hurt = after.invalid.filter((invalid) => !isOwn(invalid));
  return {
    causes: [
      ...fresh.map(({ path, message }) => ({ field: path === "" ? "spec" : path, message })),
      ...hurt.map((invalid) => causeOf(invalid, { object, old }, { past, present: after.config })),
    ],
    lasting: problems.filter(isKnown),
  };
}

/** Equal for one fault wherever in its list it stands: taking out an entry before it makes it no new one. */
function keyOfProblem({ path, message }: Problem): string {
  return `${path.replace(/\[\d+\]/g, "[]")} ${message}`;
}

function idOfInvalid({ kind, namespace = "", name }: InvalidObject): string {
  return objectId(kind, { metadata: { name, namespace } });
}

function withObject(part: ConfigLists, list: ConfigList, object: RawObject | undefined): ConfigLists {
  return object === undefined ? part : { ...part, [list]: [...part[list], object] };
}

/** A pool can break an advertisement, and nothing else can break what nobody touched. */
function causeOf(
  invalid: InvalidObject,
  { object, old }: Pick<Candidate, "object" | "old">,
  { past, present }: { readonly past: Config; readonly present: Config },
): Cause {
  const message = `${invalid.kind} "${invalid.name}" would become invalid: ${formatProblems(invalid.problems)}`;
  if (sameSpec(object, old)) return { field: "metadata.labels", message };
  const lengths = past.bgpAdvertisements.find(({ name }) => name === invalid.name)?.aggregationLength;
  const pool = [...present.pools.values()].find(({ name }) => name === object.metadata.name);
  const block = pool?.blocks.findIndex(
    (own) => lengths !== undefined && aggregationProblems(lengths, { ...pool, blocks: [own] }).length > 0,
  );
  return { field: block === undefined || block < 0 ? "spec.addresses" : `spec.addresses[${block}]`, message };
}

function sameSpec(object: RawObject, old: RawObject | undefined): boolean {
  return JSON.stringify(object.spec) === JSON.stringify(old?.spec);
}
