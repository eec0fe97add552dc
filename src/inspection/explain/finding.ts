/** `yes` and `no` decide; `doubt` is worth a look; `unknown` could not be seen; `quiet` is no and is meant to be. */
export type Verdict = "yes" | "no" | "doubt" | "unknown" | "quiet";

/** The links of the chain from a Service to whoever asks for its address. */
export type Step =
  | "class"
  | "configuration"
  | "address"
  | "pool"
  | "endpoints"
  | "bgp"
  | "layer2"
  | "node"
  | "route"
  | "session"
  | "bfd"
  | "router"
  | "responder"
  | "speaker"
  | "cluster";

/** An object of the cluster. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** What is wrong, and the one thing to change. The names are an interface: programs look for them. */
export interface Cause {
  readonly name: string;
  /** Lower is nearer to the root: the first of several causes is the one to mend first. */
  readonly rank: number;
  readonly object?: ObjectName | undefined;
  readonly field?: string | undefined;
  readonly words: string;
  readonly change: string;
}

/** One link of the chain. */
export interface Finding {
  readonly step: Step;
  readonly verdict: Verdict;
  /** `intent` is what the objects come to, `observed` is what somebody saw. */
  readonly basis: "intent" | "observed";
  readonly object?: ObjectName | undefined;
  readonly field?: string | undefined;
  readonly words: string;
  readonly cause?: Cause | undefined;
  readonly below: readonly Finding[];
}

/** Where causes of one kind stand among the others. */
export const RANK = {
  class: 10,
  configuration: 20,
  address: 30,
  endpoints: 40,
  advertisement: 50,
  node: 60,
  peer: 70,
  session: 80,
  route: 90,
  answer: 100,
  speaker: 110,
  cluster: 120,
  beyond: 200,
} as const;

type Details = Partial<Pick<Finding, "object" | "field" | "below">>;

/** A link that the objects decide. */
export function intended(step: Step, verdict: Verdict, words: string, details: Details = {}): Finding {
  return { step, verdict, basis: "intent", words, below: [], ...details };
}

/** A link that somebody saw. */
export function observed(step: Step, verdict: Verdict, words: string, details: Details = {}): Finding {
  return { step, verdict, basis: "observed", words, below: [], ...details };
}

/** A link that is broken, or in doubt, for this reason: it names the same object and field. */
function because(finding: Finding, cause: Cause): Finding {
  const { object, field } = cause;
  return { ...finding, object: finding.object ?? object, field: finding.field ?? field, cause };
}

/** A cause that says why in the words of the finding. */
export function broken(
  at: { readonly step: Step; readonly basis: Finding["basis"]; readonly below?: readonly Finding[] },
  cause: Cause,
  verdict: "no" | "doubt" | "unknown" = "no",
): Finding {
  return because({ step: at.step, basis: at.basis, verdict, words: cause.words, below: at.below ?? [] }, cause);
}

/** `Kind name`, as messages name objects. */
export function formatObject({ kind, namespace, name }: ObjectName): string {
  return namespace === undefined ? `${kind} ${name}` : `${kind} ${namespace}/${name}`;
}
