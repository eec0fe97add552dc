import { isFields } from "../api/read-object.ts";
import { type NodeRow, type PlanOptions, type PlanReport, planDocuments } from "./plan-report.ts";

/** One difference. The fields are the interface of `-o json`. */
export interface PlanChange {
  readonly change: "removed" | "added" | "refused";
  /** `Kind name`. */
  readonly object: string;
  readonly what: string;
}

/** What applying files to a cluster comes to. */
export interface PlanDiff {
  readonly changes: readonly PlanChange[];
  readonly notes: readonly string[];
  readonly valid: boolean;
}

type Documents = readonly unknown[];

/**
 * What files change in a cluster. An object that is invalid changes nothing: the webhook refuses it, and controller and speakers go on
 * with the last version that worked.
 */
export function diffDocuments(present: Documents, files: readonly Documents[], options: PlanOptions): PlanDiff {
  const before = planDocuments([present], options);
  const whole = planDocuments([present, ...files], options);
  const known = new Set(before.invalid.map(({ kind, name, message }) => JSON.stringify([kind, name, message])));
  const broken = whole.invalid.filter(({ kind, name, message }) => !known.has(JSON.stringify([kind, name, message])));
  const names = new Set(broken.map(({ kind, name }) => `${kind} ${name}`));
  const sound = files.map((documents) => documents.flatMap((one) => withoutObjects(one, names)));
  const after = broken.length === 0 ? whole : planDocuments([present, ...sound], options);
  const there = new Set(present.flatMap((one) => nameOf(one) ?? []));
  const refused = broken.map(({ kind, name, message }): PlanChange => {
    const object = `${kind} ${name}`;
    return { change: "refused", object, what: `${there.has(object) ? "stays as it is" : "is left out"}: ${message}` };
  });
  return { changes: [...refused, ...diffPlans(before, after)], notes: after.notes, valid: whole.invalid.length === 0 };
}

function diffPlans(before: PlanReport, after: PlanReport): readonly PlanChange[] {
  const [old, young] = [linesOf(before), linesOf(after)];
  const gone = [...old].filter(([key]) => !young.has(key)).map(([, line]) => ({ change: "removed" as const, ...line }));
  const come = [...young].filter(([key]) => !old.has(key)).map(([, line]) => ({ change: "added" as const, ...line }));
  return [...gone, ...come].toSorted((a, b) => compare(keyOf(a), keyOf(b)) || compare(b.change, a.change));
}

type Line = Omit<PlanChange, "change">;

function linesOf({ services, nodes, invalid }: PlanReport): ReadonlyMap<string, Line> {
  const lines: Line[] = [];
  for (const { namespace, name, ips, pool, reason } of services) {
    const what = ips.length === 0 ? `no address: ${reason}` : `${ips.join(",")} of ${pool}`;
    lines.push({ object: `Service ${namespace}/${name}`, what });
  }
  for (const node of nodes) lines.push(...nodeLines(node));
  for (const { kind, name, message } of invalid) {
    lines.push({ object: `${kind} ${name}`, what: `is left out: ${message}` });
  }
  return new Map(lines.map((line) => [keyOf(line), line]));
}

function keyOf({ object, what }: Line): string {
  return `${object}: ${what}`;
}

function nodeLines({ name, bgp, layer2 }: NodeRow): readonly Line[] {
  const object = `Node ${name}`;
  const routes = bgp.map(({ services: _, ...route }) => {
    const { peer, prefix, localPref, communities, largeCommunities, med, asPathPrepend, linkBandwidth } = route;
    const attributes = {
      localPref,
      communities: [...communities, ...largeCommunities].join(","),
      med,
      asPathPrepend,
      linkBandwidth,
    };
    const set = Object.entries(attributes).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const words = set.map(([key, value]) => ` ${key} ${value}`).join("");
    return { object, what: `route ${prefix} to ${peer}${words}` };
  });
  const answers = layer2.map(({ ip, interfaces }) => {
    return { object, what: `answers for ${ip} on ${interfaces.join(",") || "all interfaces"}` };
  });
  return [...routes, ...answers];
}

/** The document without these objects: a list keeps the others. */
function withoutObjects(document: unknown, names: ReadonlySet<string>): Documents {
  if (isFields(document) && Array.isArray(document["items"])) {
    const items: readonly unknown[] = document["items"];
    return [{ ...document, items: items.flatMap((item) => withoutObjects(item, names)) }];
  }
  const name = nameOf(document);
  return name !== undefined && names.has(name) ? [] : [document];
}

function nameOf(document: unknown): string | undefined {
  if (!isFields(document) || !isFields(document["metadata"])) return undefined;
  return `${document["kind"]} ${document["metadata"]["name"]}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
