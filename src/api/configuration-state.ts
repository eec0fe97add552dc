import type { InvalidObject } from "./config.ts";
import { FieldReader, Problems } from "./read-object.ts";

/** Which reader of configuration speaks: the names are MetalLB's. */
export type ConfigurationCondition = "poolReconcilerValid" | "configReconcilerValid";

/** `status` of a ConfigurationState (reference 9.3). */
export interface ConfigurationStatus {
  readonly result: "Valid" | "Invalid";
  readonly errorSummary: string;
  readonly conditions: readonly [
    {
      readonly type: ConfigurationCondition;
      readonly status: "True" | "False";
      readonly reason: "Reconciled" | "ConfigurationError";
      readonly message: string;
      readonly lastTransitionTime: string;
    },
  ];
}

/** What a condition's message may hold. */
const MOST_CHARACTERS = 32_768;

/** The verdict of one reader. `at` is when it was reached, in RFC 3339. */
export function configurationStatus(
  type: ConfigurationCondition,
  invalid: readonly InvalidObject[],
  at: string,
): ConfigurationStatus {
  const lastTransitionTime = at;
  if (invalid.length === 0) {
    const condition = { type, status: "True", reason: "Reconciled", message: "", lastTransitionTime } as const;
    return { result: "Valid", errorSummary: "", conditions: [condition] };
  }
  const problems = invalid.map(({ kind, name, message: text }) => `${kind} ${name}: ${text}`).join("\n");
  const message = `configuration error: ${problems}`.slice(0, MOST_CHARACTERS);
  const condition = { type, status: "False", reason: "ConfigurationError", message, lastTransitionTime } as const;
  return { result: "Invalid", errorSummary: message, conditions: [condition] };
}

/** Whether an object that anybody may have edited says so, whenever it was said. */
export function saysVerdict(status: unknown, wanted: ConfigurationStatus): boolean {
  const said = FieldReader.of(status, "status", new Problems());
  const conditions = said.objects("conditions");
  const [condition] = conditions;
  const [verdict] = wanted.conditions;
  return (
    said.string("result") === wanted.result &&
    (said.string("errorSummary") ?? "") === wanted.errorSummary &&
    conditions.length === 1 &&
    condition?.string("type") === verdict.type &&
    condition.string("status") === verdict.status &&
    condition.string("reason") === verdict.reason &&
    (condition.string("message") ?? "") === verdict.message &&
    condition.has("lastTransitionTime")
  );
}

/** The same verdict, with the time at which it came to this: also when only the words changed, or the speaker is another one. */
export function transitionTime(wanted: ConfigurationStatus, before: unknown): ConfigurationStatus {
  const said = FieldReader.of(before, "status", new Problems()).objects("conditions");
  const [verdict] = wanted.conditions;
  const same = said.find((one) => one.string("type") === verdict.type && one.string("status") === verdict.status);
  const since = same?.string("lastTransitionTime");
  if (since === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.test(since)) return wanted;
  return { ...wanted, conditions: [{ ...verdict, lastTransitionTime: since }] };
}
