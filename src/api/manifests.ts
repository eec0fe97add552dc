import type { InvalidObject, Problem } from "./config.ts";
import type { EndpointSlice, Namespace, Node, Secret, Service } from "./core.ts";
import type { KubernetesObject, RawObject } from "./object.ts";
import { nameProblem } from "./object-name.ts";
import type { ConfigObjects } from "./parse-config.ts";
import { formatProblems } from "./raw-object.ts";
import { FieldReader, isFields, Problems } from "./read-object.ts";
import {
  type Strip,
  stripEndpointSlice,
  stripNamespace,
  stripNode,
  stripRawObject,
  stripSecret,
  stripService,
} from "./strip.ts";

/** What a set of manifests says, sorted by kind and in the order of the documents. */
export interface Manifests extends ConfigObjects {
  readonly services: readonly Service[];
  readonly endpointSlices: readonly EndpointSlice[];
  readonly nodes: readonly Node[];
  readonly namespaces: readonly Namespace[];
  /** Objects of kinds that decide nothing here. */
  readonly ignored: readonly IgnoredObject[];
  /** Documents that are no such object as they claim to be: they are in no list above. */
  readonly invalid: readonly InvalidObject[];
  /** How many objects of earlier sets gave way to one of a later set. */
  readonly replaced: number;
}

interface IgnoredObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
}

interface Bundle {
  readonly services: Service[];
  readonly endpointSlices: EndpointSlice[];
  readonly nodes: Node[];
  readonly namespaces: Namespace[];
  readonly secrets: Secret[];
  readonly pools: RawObject[];
  readonly peers: RawObject[];
  readonly bgpAdvertisements: RawObject[];
  readonly l2Advertisements: RawObject[];
  readonly communities: RawObject[];
  readonly bfdProfiles: RawObject[];
  readonly ignored: IgnoredObject[];
  readonly invalid: InvalidObject[];
}

interface KindRow {
  readonly apiVersions: readonly string[];
  /** Adds the object to its list, unless it has problems. */
  readonly add: (raw: unknown, problems: Problems, bundle: Bundle) => void;
}

const METALLB = ["metallb.io/v1beta1"];

const KINDS: ReadonlyMap<string, KindRow> = new Map([
  ["Service", row(["v1"], inNamespace(stripService), (bundle) => bundle.services)],
  ["EndpointSlice", row(["discovery.k8s.io/v1"], inNamespace(stripEndpointSlice), (bundle) => bundle.endpointSlices)],
  ["Node", row(["v1"], stripNode, (bundle) => bundle.nodes)],
  ["Namespace", row(["v1"], stripNamespace, (bundle) => bundle.namespaces)],
  ["Secret", row(["v1"], inNamespace(stripSecret), (bundle) => bundle.secrets)],
  ["IPAddressPool", row(METALLB, stripRawObject, (bundle) => bundle.pools)],
  ["BGPPeer", row([...METALLB, "metallb.io/v1beta2"], stripRawObject, (bundle) => bundle.peers)],
  ["BGPAdvertisement", row(METALLB, stripRawObject, (bundle) => bundle.bgpAdvertisements)],
  ["L2Advertisement", row(METALLB, stripRawObject, (bundle) => bundle.l2Advertisements)],
  ["Community", row(METALLB, stripRawObject, (bundle) => bundle.communities)],
  ["BFDProfile", row(METALLB, stripRawObject, (bundle) => bundle.bfdProfiles)],
]);

/** Kinds whose objects go to `default` when they name no namespace. */
const NAMESPACED: ReadonlySet<string> = new Set(["Service", "EndpointSlice", "Secret"]);

/** Kinds whose names are one DNS label; those of the others may have dots. */
const LABEL_NAMED: ReadonlySet<string> = new Set(["Service", "Namespace"]);

/** What we write ourselves: no input. */
const STATUS_KINDS: readonly string[] = ["ServiceL2Status", "ServiceBGPStatus", "ConfigurationState"];

/**
 * Sorts parsed documents (YAML or JSON) by kind. Lists are taken apart; empty documents are passed over. An object takes the
 * place of those of its kind, namespace and name in earlier sets; twice in one set it is a duplicate.
 */
export function sortManifests(...sets: readonly (readonly unknown[])[]): Manifests {
  const bundle: Bundle = {
    services: [],
    endpointSlices: [],
    nodes: [],
    namespaces: [],
    secrets: [],
    pools: [],
    peers: [],
    bgpAdvertisements: [],
    l2Advertisements: [],
    communities: [],
    bfdProfiles: [],
    ignored: [],
    invalid: [],
  };
  const claims = identifyAll(sets);
  const lastSet = new Map(claims.map(({ key, set }) => [key, set]));
  const kept = claims.filter(({ key, set }) => key === undefined || lastSet.get(key) === set);
  const seen = new Set<string>();
  for (const claim of kept) addObject(claim, bundle, seen);
  return { ...bundle, replaced: claims.length - kept.length };
}

/** A document that may be an object, and which one it says it is. */
interface Claim {
  readonly raw: unknown;
  readonly set: number;
  readonly identity: Identity;
  readonly problems: Problems;
  /** Equal for one object; undefined when it does not say which one it is. */
  readonly key: string | undefined;
}

function identifyAll(sets: readonly (readonly unknown[])[]): readonly Claim[] {
  const documents = sets.flatMap((set, i) => set.map((document) => ({ document, set: i })));
  return documents.flatMap(({ document, set }, i) =>
    flatten(document, `document ${i + 1}`).map(({ raw, where, problem }) => {
      const problems = new Problems();
      if (problem !== undefined) problems.addAll([problem]);
      const identity = identify(raw, where, problems);
      return { raw, set, identity, problems, key: problems.list.length === 0 ? keyOf(identity) : undefined };
    }),
  );
}

interface Found {
  readonly raw: unknown;
  /** For an object without a name. */
  readonly where: string;
  readonly problem?: Problem;
}

/** The objects of a list (`List`, `ServiceList`, ...), or the document itself. Items of a typed list may leave out their kind. */
function flatten(document: unknown, where: string): readonly Found[] {
  if (document === null || document === undefined) return [];
  if (!isFields(document)) return [{ raw: document, where }];
  const { kind, apiVersion, items } = document;
  if (typeof kind !== "string" || !kind.endsWith("List")) return [{ raw: document, where }];
  const itemKind = kind.slice(0, -"List".length);
  if (!Array.isArray(items)) {
    const isList = itemKind === "" || KINDS.has(itemKind);
    const raw = isList ? { ...document, metadata: { name: where } } : document;
    return [{ raw, where, ...(isList ? { problem: { path: "items", message: "must be a list" } } : {}) }];
  }
  const implied = itemKind === "" ? {} : { kind: itemKind, apiVersion };
  return items.flatMap((item: unknown, i) =>
    flatten(isFields(item) ? { ...implied, ...item } : (item ?? "null"), `${where}, items[${i}]`),
  );
}

function addObject({ raw, identity, problems, key }: Claim, bundle: Bundle, seen: Set<string>): void {
  if (key !== undefined) {
    const row = rowOf(identity, problems);
    if (row === undefined && problems.list.length === 0) bundle.ignored.push(identity);
    if (row !== undefined) checkNames(identity, problems);
    if (seen.has(key)) problems.add("metadata.name", `duplicate definition of ${identity.kind} "${identity.name}"`);
    seen.add(key);
    row?.add(raw, problems, bundle);
  }
  if (problems.list.length === 0) return;
  const { kind, namespace, name } = identity;
  bundle.invalid.push({ kind, namespace, name, problems: problems.list, message: formatProblems(problems.list) });
}

interface Identity extends IgnoredObject {
  readonly namespace: string | undefined;
}

function identify(raw: unknown, where: string, problems: Problems): Identity {
  const object = FieldReader.of(raw, "", problems);
  const meta = object.object("metadata");
  const [apiVersion, kind] = ["apiVersion", "kind"].map((key) => object.string(key) ?? "");
  const name = meta?.string("name") ?? "";
  if (isFields(raw)) {
    for (const [key, text] of Object.entries({ apiVersion, kind, "metadata.name": name })) {
      if (text === "") problems.add(key, "must be set");
    }
  }
  return {
    apiVersion: apiVersion ?? "",
    kind: kind === undefined || kind === "" ? "unknown" : kind,
    namespace: meta?.string("namespace"),
    name: name === "" ? where : name,
  };
}

/** Undefined for kinds of others. A kind or version that our group does not have is a slip of the pen. */
function rowOf({ apiVersion, kind }: Identity, problems: Problems): KindRow | undefined {
  const row = KINDS.get(kind);
  if (row?.apiVersions.includes(apiVersion) === true) return row;
  const group = groupOf(apiVersion);
  if (row?.apiVersions.some((version) => groupOf(version) === group)) {
    problems.add("apiVersion", `must be ${row.apiVersions.join(" or ")} for kind ${kind}, not "${apiVersion}"`);
  } else if (group === "metallb.io" && !STATUS_KINDS.includes(kind)) {
    problems.add("kind", `metallb.io has no kind "${kind}"`);
  }
  return undefined;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
}

function keyOf({ apiVersion, kind, namespace = "", name }: Identity): string {
  const implied = NAMESPACED.has(kind) ? "default" : "";
  return JSON.stringify([groupOf(apiVersion), kind, namespace === "" ? implied : namespace, name]);
}

/** The API server has no object with another name, so none is planned with one. */
function checkNames({ kind, namespace = "", name }: Identity, problems: Problems): void {
  const badName = nameProblem(name, LABEL_NAMED.has(kind) ? "label" : "subdomain");
  if (badName !== undefined) problems.add("metadata.name", badName);
  const badNamespace = namespace === "" ? undefined : nameProblem(namespace, "label");
  if (badNamespace !== undefined) problems.add("metadata.namespace", badNamespace);
}

function row<T>(apiVersions: readonly string[], strip: Strip<T>, listOf: (bundle: Bundle) => T[]): KindRow {
  return {
    apiVersions,
    add: (raw, problems, bundle) => {
      const object = strip(raw, problems);
      if (object !== undefined && problems.list.length === 0) listOf(bundle).push(object);
    },
  };
}

/** An object without a namespace goes to `default`, as kubectl has it. */
function inNamespace<T extends KubernetesObject>(strip: Strip<T>): Strip<T> {
  return (raw, problems) => {
    const object = strip(raw, problems);
    if (object === undefined || (object.metadata.namespace ?? "") !== "") return object;
    return { ...object, metadata: { ...object.metadata, namespace: "default" } };
  };
}
