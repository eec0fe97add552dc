import type { LabelRequirement, LabelSelector } from "./label-selector.ts";
import { type FieldReader, reportDuplicates } from "./read-object.ts";

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;
const LABEL_NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_PREFIX = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

/** Reads one metav1.LabelSelector; a broken part is a problem and left out. */
export function readLabelSelector(reader: FieldReader): LabelSelector {
  const matchLabels = reader.stringMap("matchLabels");
  for (const [key, value] of Object.entries(matchLabels)) {
    checkKey(reader, `${reader.pathOf("matchLabels")}.${key}`, key);
    checkValue(reader, `${reader.pathOf("matchLabels")}.${key}`, value);
  }
  const readers = reader.objects("matchExpressions");
  const parsed = readers.map((value) => ({ value: readRequirement(value), path: value.path }));
  const items = parsed.flatMap(({ value, path }) => (value === undefined ? [] : [{ value, path }]));
  reportDuplicates(items, reader.problems, (requirement) => ({
    key: requirementKey(requirement),
    label: `match expression on "${requirement.key}"`,
  }));
  return { matchLabels, matchExpressions: items.map(({ value }) => value) };
}

/** Reads a list of alternative selectors, of which none may stand twice. */
export function readLabelSelectors(reader: FieldReader, key: string): readonly LabelSelector[] {
  const items = reader.objects(key).map((item) => ({ value: readLabelSelector(item), path: item.path }));
  reportDuplicates(items, reader.problems, (selector) => ({ key: selectorKey(selector), label: "label selector" }));
  return items.map(({ value }) => value);
}

/** Equal for selectors that say the same in another order. */
export function selectorKey(selector: LabelSelector): string {
  const labels = Object.entries(selector.matchLabels).map(([key, value]) => JSON.stringify([key, value]));
  return [...labels.sort(), "", ...selector.matchExpressions.map(requirementKey).sort()].join("\n");
}

function requirementKey({ key, operator, values }: LabelRequirement): string {
  return JSON.stringify([key, operator, values.toSorted()]);
}

function readRequirement(reader: FieldReader): LabelRequirement | undefined {
  const { problems } = reader;
  const key = reader.string("key");
  if (key === undefined) {
    if (!reader.has("key")) problems.add(reader.pathOf("key"), "must be set");
  } else checkKey(reader, reader.pathOf("key"), key);
  const operator = reader.oneOf("operator", OPERATORS);
  if (!reader.has("operator")) problems.add(reader.pathOf("operator"), "must be set");
  const values = reader.distinctStrings("values", "match expression value");
  for (const { value, path } of values) checkValue(reader, path, value);
  if (key === undefined || operator === undefined) return undefined;
  const wantsValues = operator === "In" || operator === "NotIn";
  if (wantsValues && !hasItems(reader))
    problems.add(reader.pathOf("values"), `invalid selector: ${operator} needs values`);
  if (!wantsValues && hasItems(reader))
    problems.add(reader.pathOf("values"), `invalid selector: ${operator} takes no values`);
  return { key, operator, values: values.map(({ value }) => value) };
}

function hasItems(reader: FieldReader): boolean {
  const values = reader.raw("values");
  return Array.isArray(values) && values.length > 0;
}

function checkKey(reader: FieldReader, path: string, key: string): void {
  const slash = key.indexOf("/");
  const valid = LABEL_NAME.test(key.slice(slash + 1)) && (slash < 0 || LABEL_PREFIX.test(key.slice(0, slash)));
  if (!valid) reader.problems.add(path, `invalid selector: "${key}" is no label name`);
}

function checkValue(reader: FieldReader, path: string, value: string): void {
  if (value !== "" && !LABEL_NAME.test(value))
    reader.problems.add(path, `invalid selector: "${value}" is no label value`);
}
