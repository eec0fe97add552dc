import { bgpFinding } from "./bgp-findings.ts";
import type { ExplainFacts, Question } from "./facts.ts";
import { type Cause, type Finding, formatObject } from "./finding.ts";
import { layer2Finding } from "./layer2-findings.ts";
import { type Scene, setScene } from "./scene.ts";
import {
  addressFinding,
  classFinding,
  clusterFindings,
  configurationFindings,
  endpointFinding,
} from "./service-findings.ts";

/** Whether a Service can be reached at its address as far as can be known, and why not. The fields are the interface of `-o json`. */
export interface Explanation {
  readonly service: string;
  readonly node?: string | undefined;
  readonly peer?: string | undefined;
  /** `partly`: it answers, and something that should help does not. `unknown`: who should know was not heard. */
  readonly answers: "yes" | "partly" | "no" | "unknown";
  /** False where only objects were looked at. */
  readonly observed: boolean;
  readonly findings: readonly Finding[];
  /** What stands in the way, the root first; then what is in doubt; then what cannot be known from here. */
  readonly causes: readonly RankedCause[];
  /** What to change first. */
  readonly change?: string | undefined;
}

/** A cause, how sure it is, and where it was found. */
export interface RankedCause extends Cause {
  readonly verdict: "no" | "doubt" | "unknown";
  /** Objects that it holds back, such as nodes. */
  readonly at: readonly string[];
}

/** Explains one Service; undefined where there is none of that name. */
export function explain(facts: ExplainFacts, question: Question): Explanation | undefined {
  const scene = setScene(facts, question);
  if (scene === undefined) return undefined;
  const chain = chainOf(scene);
  const findings = [...chain, ...configurationFindings(scene), ...clusterFindings(scene)];
  const causes = causesOf(findings);
  const answers = answersOf(chain);
  const { service, node, peer } = question;
  const [first] = causes;
  const hint = answers === "yes" ? undefined : first?.change;
  return { service, node, peer, answers, observed: facts.observed !== undefined, findings, causes, change: hint };
}

/** From the Service to its routes; what comes after a link that nothing can pass is left out. */
function chainOf(scene: Scene): readonly Finding[] {
  const ours = classFinding(scene);
  if (ours.verdict === "no") return [ours];
  const address = addressFinding(scene);
  const endpoints = endpointFinding(scene);
  if (address.verdict === "no" && address.basis === "intent") return [ours, address, endpoints];
  const asked = scene.question.peer === undefined ? [layer2Finding(scene)] : [];
  return [ours, address, endpoints, bgpFinding(scene), ...asked];
}

/** The first links all have to hold; of the two protocols one is enough. */
function answersOf(chain: readonly Finding[]): Explanation["answers"] {
  const isProtocol = ({ step }: Finding): boolean => step === "bgp" || step === "layer2";
  const needed = chain.filter((finding) => !isProtocol(finding));
  const protocols = chain.filter(isProtocol).filter(({ verdict }) => verdict !== "quiet");
  const some = (verdict: Finding["verdict"]): boolean => protocols.some((finding) => finding.verdict === verdict);
  if (needed.some(({ verdict }) => verdict === "no")) return "no";
  if (protocols.every(({ verdict }) => verdict === "no")) return "no";
  if (some("no") || some("doubt")) return "partly";
  return some("yes") ? "yes" : "unknown";
}

const ORDER = { no: 0, doubt: 1, unknown: 2 } as const;

/** Each cause once, wherever it was found. */
function causesOf(findings: readonly Finding[]): readonly RankedCause[] {
  const merged = new Map<string, RankedCause>();
  for (const { finding, path } of flatten(findings, [])) {
    const { cause, verdict } = finding;
    if (cause === undefined || verdict === "yes" || verdict === "quiet") continue;
    const key = JSON.stringify([cause.name, cause.object, cause.field]);
    const known = merged.get(key);
    const at = [...new Set([...(known?.at ?? []), ...path])];
    const worse = known === undefined || ORDER[verdict] < ORDER[known.verdict];
    merged.set(key, worse ? { ...cause, verdict, at } : { ...known, at });
  }
  return [...merged.values()].toSorted((a, b) => ORDER[a.verdict] - ORDER[b.verdict] || a.rank - b.rank);
}

function flatten(
  findings: readonly Finding[],
  path: readonly string[],
): readonly { readonly finding: Finding; readonly path: readonly string[] }[] {
  return findings.flatMap((finding) => {
    const isNode = finding.step === "node" && finding.object !== undefined;
    const here = isNode && finding.object !== undefined ? [...path, formatObject(finding.object)] : path;
    return [{ finding, path: here }, ...flatten(finding.below, here)];
  });
}
