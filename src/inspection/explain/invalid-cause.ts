import type { InvalidObject } from "../../api/config.ts";
import { type Cause, RANK } from "./finding.ts";

/** An object that is left out, as the cause of something. */
export function invalidCause({ kind, namespace, name, problems, message }: InvalidObject): Cause {
  const [first] = problems;
  const transient = problems.every((problem) => problem.transient === true);
  return {
    name: transient ? "reference-missing" : "invalid-object",
    rank: RANK.configuration,
    object: { kind, namespace, name },
    field: first?.path === "" ? undefined : first?.path,
    words: `${kind} ${name} is left out: ${message}`,
    change: transient
      ? `create what ${first?.path ?? "the object"} of ${kind} ${name} names, or name what is there`
      : `mend ${first === undefined || first.path === "" ? "it" : first.path} of ${kind} ${name}`,
  };
}
