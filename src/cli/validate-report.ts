import type { ClusterObjects, Operation } from "../admission/change.ts";
import { listOfKind } from "../admission/config-kind.ts";
import { reviewChange } from "../admission/review.ts";
import { planAllocation } from "../allocation/plan.ts";
import { isUnmet } from "../allocation/reason.ts";
import { isInScope } from "../announcement/service-survey.ts";
import { type Manifests, sortManifests } from "../api/manifests.ts";
import { objectKey, type RawObject } from "../api/object.ts";
import { parseConfig } from "../api/parse-config.ts";
import { compareTexts } from "../api/raw-object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { withClusterIps } from "./plan-defaults.ts";

/** What is judged, and in which surroundings. */
export interface Proposal {
  /** What somebody is about to apply, in its order. */
  readonly documents: readonly unknown[];
  /** What is there already. */
  readonly present: readonly unknown[];
  /** Where configuration belongs. */
  readonly namespace: string;
  readonly loadBalancerClass: string | undefined;
}

/** One object, and what is said of it. The fields are the interface of `-o json`. */
export interface ValidationRow {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  /** Undefined for objects that nobody judges at admission. */
  readonly operation?: Operation | undefined;
  readonly verdict: "refused" | "warning" | "fine";
  /** Who says so: the webhook at admission; controller and speakers afterwards, when they leave the object out. */
  readonly by: "webhook" | "controller" | "speaker" | "reader";
  readonly field?: string | undefined;
  readonly message: string;
}

const LISTS = ["pools", "bfdProfiles", "communities", "peers", "bgpAdvertisements", "l2Advertisements"] as const;

/** Everything that would be said if the documents were applied one after the other. */
export function validate({ documents, present, namespace, loadBalancerClass }: Proposal): readonly ValidationRow[] {
  const proposed = inNamespace(sortManifests(documents), namespace);
  const before = sortManifests(present);
  const judged = judgeAll(proposed, { ...before, namespace });
  const merged = inNamespace(sortManifests(present, documents), namespace);
  const rows = [
    ...proposed.invalid.map((one) => row(one, "refused", "reader", one.message)),
    ...judged.rows,
    ...leftOut(merged, proposed, judged.rows),
    ...unserved(merged, proposed, loadBalancerClass),
  ];
  const mentioned = new Set(rows.map(idOf));
  const fine = allOf(proposed).filter(({ kind, object }) => !mentioned.has(idOf({ kind, ...nameOf(object) })));
  return [...rows, ...fine.map(({ kind, object }) => row({ kind, ...nameOf(object) }, "fine", "webhook", ""))].sort(
    (a, b) => ORDER[a.verdict] - ORDER[b.verdict] || compareTexts(a.kind, b.kind) || compareTexts(a.name, b.name),
  );
}

const ORDER = { refused: 0, warning: 1, fine: 2 } as const;

/** Each change as the webhook sees it: after those before it that passed. */
function judgeAll(proposed: Manifests, cluster: ClusterObjects): { readonly rows: readonly ValidationRow[] } {
  const rows: ValidationRow[] = [];
  let now: ClusterObjects = cluster;
  for (const { kind, object } of allOf(proposed)) {
    const list = listOfKind(kind);
    if (list === undefined) continue;
    const oldObject = now[list].find((other) => objectKey(other) === objectKey(object));
    const operation = oldObject === undefined ? "CREATE" : "UPDATE";
    const about = { kind, ...nameOf(object), operation } as const;
    const change = { operation, kind, namespace: about.namespace, name: about.name, object } as const;
    const verdict = reviewChange(oldObject === undefined ? change : { ...change, oldObject }, now);
    rows.push(...verdict.warnings.map((warning) => warningRow(about, warning)));
    if (!verdict.allowed) {
      rows.push(
        ...verdict.causes.map(({ field, message }) => ({ ...row(about, "refused", "webhook", message), field })),
      );
      continue;
    }
    now = { ...now, [list]: [...now[list].filter((other) => other !== oldObject), object] };
  }
  return { rows };
}

/** What controller and speakers would leave out once all is applied, beyond what is refused at the door. */
function leftOut(merged: Manifests, proposed: Manifests, judged: readonly ValidationRow[]): readonly ValidationRow[] {
  const refused = new Set(judged.filter(isRefused).map(idOf));
  const told = new Set(judged.map((one) => `${idOf(one)} ${one.field}`));
  const own = new Set(allOf(proposed).map(({ kind, object }) => idOf({ kind, ...nameOf(object) })));
  const { invalid } = parseConfig(merged, { nodes: merged.nodes });
  return invalid
    .filter((one) => own.has(idOf(one)) && !refused.has(idOf(one)))
    .flatMap((one) =>
      one.problems.map(({ path, message, transient }) => ({
        ...row(one, transient === true ? ("warning" as const) : ("refused" as const), "speaker", message),
        field: path === "" ? undefined : path,
      })),
    )
    .filter((one) => one.verdict === "refused" || !told.has(`${idOf(one)} ${one.field}`));
}

/** Services that would not get what they ask for. */
function unserved(
  merged: Manifests,
  { services: own }: Manifests,
  loadBalancerClass: string | undefined,
): readonly ValidationRow[] {
  const wanted = new Set(own.filter((one) => isInScope(one, loadBalancerClass)).map(keyOfService));
  const { config } = parseConfig(merged, { nodes: merged.nodes });
  const namespaces = new Map(merged.namespaces.map(({ metadata: { name, labels } }) => [name, labels ?? {}]));
  const services = merged.services.map(withClusterIps);
  const scope = loadBalancerClass === undefined ? {} : { loadBalancerClass };
  return planAllocation({ services, pools: config.pools, namespaces, ...scope })
    .filter(({ key, outcome }) => wanted.has(key) && isUnmet(outcome))
    .map(({ key, outcome, message }) => {
      const [namespace, name = ""] = key.split("/");
      return row({ kind: "Service", namespace, name }, "warning", "controller", message === "" ? outcome : message);
    });
}

interface Named {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly operation?: Operation | undefined;
}

function row(
  { kind, namespace, name, operation }: Named,
  verdict: ValidationRow["verdict"],
  by: ValidationRow["by"],
  message: string,
): ValidationRow {
  return { kind, namespace, name, operation, verdict, by, message };
}

/** A warning of the webhook is one text, which mostly begins with its field. */
function warningRow(about: Named, warning: string): ValidationRow {
  const [, field, message] = /^(spec\.\S+): (.+)$/s.exec(warning) ?? [];
  return { ...row(about, "warning", "webhook", message ?? warning), field };
}

function isRefused({ verdict }: ValidationRow): boolean {
  return verdict === "refused";
}

function idOf({ kind, namespace = "", name }: Named): string {
  return JSON.stringify([kind, namespace, name]);
}

function nameOf({ metadata: { namespace = "", name } }: RawObject): {
  readonly namespace: string;
  readonly name: string;
} {
  return { namespace, name };
}

/** The kinds that others refer to come first, as whoever applies a folder would have it in the end. */
function allOf(manifests: Manifests): readonly { readonly kind: string; readonly object: RawObject }[] {
  const config = LISTS.flatMap((list) => manifests[list].map((object) => ({ kind: KINDS[list], object })));
  return [...config, ...manifests.services.map((object) => ({ kind: "Service", object }))];
}

const KINDS: Record<(typeof LISTS)[number], string> = {
  pools: "IPAddressPool",
  bfdProfiles: "BFDProfile",
  communities: "Community",
  peers: "BGPPeer",
  bgpAdvertisements: "BGPAdvertisement",
  l2Advertisements: "L2Advertisement",
};

/** An object that names no namespace goes where whoever applies it says: to ours, it is to be hoped. */
function inNamespace(manifests: Manifests, namespace: string): Manifests {
  const placed = (objects: readonly RawObject[]): readonly RawObject[] =>
    objects.map((object) =>
      (object.metadata.namespace ?? "") === "" ? { ...object, metadata: { ...object.metadata, namespace } } : object,
    );
  return {
    ...manifests,
    pools: placed(manifests.pools),
    peers: placed(manifests.peers),
    bgpAdvertisements: placed(manifests.bgpAdvertisements),
    l2Advertisements: placed(manifests.l2Advertisements),
    communities: placed(manifests.communities),
    bfdProfiles: placed(manifests.bfdProfiles),
  };
}
