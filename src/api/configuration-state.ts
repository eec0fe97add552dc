import type { InvalidObject } from "./config.ts";

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

/** Whether two say the same, whenever they were said. */
export function sameVerdict(a: ConfigurationStatus, b: ConfigurationStatus): boolean {
  return a.result === b.result && a.errorSummary === b.errorSummary;
}
