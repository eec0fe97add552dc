import type { InvalidObject } from "./config.ts";
import type { EndpointSlice, Namespace, Node, Secret, Service } from "./core.ts";
import type { KubernetesObject, RawObject } from "./object.ts";
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

/** What we write ourselves: no input. */
const STATUS_KINDS: readonly string[] = ["ServiceL2Status", "ServiceBGPStatus", "ConfigurationState"];

/** Sorts parsed documents (YAML or JSON) by kind. Lists are taken apart; empty documents are passed over. */
export function sortManifests(documents: readonly unknown[]): Manifests {
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
  const seen = new Set<string>();
  for (const [i, document] of documents.entries()) {
    for (const { raw, where } of flatten(document, `document ${i + 1}`)) addObject(raw, where, bundle, seen);
  }
  return bundle;
}

interface Found {
  readonly raw: unknown;
  /** For an object without a name. */
  readonly where: string;
}

/** The objects of a list (`List`, `ServiceList`, ...), or the document itself. Items of a typed list may leave out their kind. */
function flatten(document: unknown, where: string): readonly Found[] {
  if (document === null || document === undefined) return [];
  if (!isFields(document)) return [{ raw: document, where }];
  const { kind, apiVersion, items } = document;
  if (typeof kind !== "string" || !kind.endsWith("List") || !Array.isArray(items)) return [{ raw: document, where }];
  const implied = kind === "List" ? {} : { kind: kind.slice(0, -"List".length), apiVersion };
  return items.flatMap((item: unknown, i) =>
    flatten(isFields(item) ? { ...implied, ...item } : (item ?? "null"), `${where}, items[${i}]`),
  );
}

function addObject(raw: unknown, where: string, bundle: Bundle, seen: Set<string>): void {
  const problems = new Problems();
  const identity = identify(raw, where, problems);
  if (problems.list.length === 0) {
    const row = rowOf(identity, problems);
    if (row === undefined && problems.list.length === 0) bundle.ignored.push(identity);
    checkUnique(identity, problems, seen);
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

function checkUnique({ apiVersion, kind, namespace, name }: Identity, problems: Problems, seen: Set<string>): void {
  const key = JSON.stringify([groupOf(apiVersion), kind, namespace ?? "", name]);
  if (seen.has(key)) problems.add("metadata.name", `duplicate definition of ${kind} "${name}"`);
  seen.add(key);
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
