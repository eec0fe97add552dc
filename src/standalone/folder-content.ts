import type { InvalidObject } from "../api/config.ts";
import { serviceKeyOfSlice } from "../api/endpoints.ts";
import { type Manifests, sortManifests } from "../api/manifests.ts";
import { parseConfig } from "../api/parse-config.ts";
import { escapeControls, formatProblems } from "../api/raw-object.ts";
import { documentsOf, type FolderObject, folderObject, identityOf, type Refused, titleOf } from "./folder-object.ts";
import { HEALTH_CHECK_API_VERSION, type HealthCheck, parseHealthCheck } from "./health-check.ts";
import type { Host } from "./host.ts";
import type { FolderReading } from "./manifest-source.ts";

const SERVICE_NAME = "kubernetes.io/service-name";

/** A folder in which everything is right. */
export interface FolderContent {
  readonly objects: readonly FolderObject[];
  readonly checks: readonly HealthCheck[];
  /** What a reader might wonder about. */
  readonly notes: readonly string[];
}

/** A folder that can be used, or each thing that is wrong with it: file, object, field. */
export type FolderVerdict =
  | { readonly content: FolderContent; readonly faults?: never }
  | { readonly faults: readonly string[]; readonly content?: never };

/** Tries objects out as an API server would, without any effect; what it says of each that it refuses. */
export type TryOut = (objects: readonly FolderObject[]) => readonly Refused[];

/**
 * Reads a folder as a whole: it counts as it is, or not at all. What is refused here `kubectl apply` would refuse, or a controller
 * and a speaker would leave out.
 */
export function readFolder({ sources, faults }: FolderReading, host: Host, tryOut: TryOut): FolderVerdict {
  const found = [...faults];
  const all = sources.flatMap((source) => objectsOf(source, host, found));
  const { kept, notes } = leaveOut(all, host);
  found.push(...duplicateFaults(kept));
  const manifests = sortManifests(kept.map(({ raw }) => raw));
  const invalid = [...manifests.invalid, ...invalidConfig(manifests)];
  found.push(...invalid.map((one) => faultOf(one, kept)));
  const checks = readChecks(kept, found);
  // An API server would say the same again, in its own words.
  if (found.length === 0) found.push(...tryOut(kept).map(({ object, message }) => fault(object, message)));
  if (found.length > 0) return { faults: [...new Set(found)] };
  return { content: { objects: kept, checks, notes: [...notes, ...unplaced(manifests, checks)] } };
}

function objectsOf(source: FolderReading["sources"][number], host: Host, faults: string[]): readonly FolderObject[] {
  const { file } = source;
  const documents = documentsOf(source);
  // A file that is being written is empty for a moment: it must not take a service away.
  const isReadable = !faults.some((one) => one.startsWith(`${file}:`));
  if (documents.length === 0 && isReadable)
    faults.push(`${file}: has no object: remove the file to take away what was in it`);
  return documents.flatMap((document, i) => {
    const object = folderObject(file, document, host.namespace);
    if (object !== undefined) return [object];
    const [invalid] = sortManifests([document]).invalid;
    faults.push(`${file}: document ${i + 1}: ${invalid?.message ?? "is not a Kubernetes object"}`);
    return [];
  });
}

/** Objects of a cluster that have no meaning on one host, so that a folder may be shared with one. */
function leaveOut(
  objects: readonly FolderObject[],
  { nodeName }: Host,
): { readonly kept: readonly FolderObject[]; readonly notes: readonly string[] } {
  const manifests = sortManifests(...objects.map(({ raw }) => [raw]));
  const unused = new Set(manifests.ignored.map(({ kind }) => kind).filter((kind) => kind !== "HealthCheck"));
  const isLeftOut = ({ kind, name }: FolderObject): boolean =>
    unused.has(kind) || (kind === "Node" && name !== nodeName);
  const left = objects.filter(isLeftOut);
  return {
    kept: objects.filter((object) => !isLeftOut(object)),
    notes: left.map((object) => `${object.file}: ${titleOf(object)} decides nothing on this host`),
  };
}

function duplicateFaults(objects: readonly FolderObject[]): readonly string[] {
  const first = new Map<string, FolderObject>();
  return objects.flatMap((object) => {
    const before = first.get(identityOf(object));
    if (before === undefined) first.set(identityOf(object), object);
    // Two of one file are told by the reader of manifests.
    if (before === undefined || before.file === object.file) return [];
    return [fault(object, `metadata.name: is in ${before.file} as well`)];
  });
}

function invalidConfig(manifests: Manifests): readonly InvalidObject[] {
  return parseConfig(manifests, { nodes: manifests.nodes }).invalid;
}

function faultOf({ kind, namespace, name, message }: InvalidObject, objects: readonly FolderObject[]): string {
  const object = objects.find(
    (one) => one.kind === kind && one.name === name && (namespace === undefined || one.namespace === namespace),
  );
  return object === undefined ? escapeControls(`${kind} ${name}: ${message}`) : fault(object, message);
}

function readChecks(objects: readonly FolderObject[], faults: string[]): readonly HealthCheck[] {
  const named = new Set(objects.map(identityOf));
  return objects.flatMap((object) => {
    const { kind, namespace, name } = object;
    if (kind !== "HealthCheck") return [];
    if (object.raw.apiVersion !== HEALTH_CHECK_API_VERSION) {
      faults.push(fault(object, `apiVersion: must be ${HEALTH_CHECK_API_VERSION}`));
      return [];
    }
    const { value: check, problems } = parseHealthCheck(object.raw);
    if (check === undefined) {
      faults.push(fault(object, formatProblems(problems)));
      return [];
    }
    const { service } = check;
    if (!named.has(identityOf({ kind: "Service", namespace, name: service })))
      faults.push(fault(object, `spec.service: there is no Service ${namespace}/${service} in the folder`));
    const slice = objects.find((other) => servedBy(other) === `${namespace}/${service}`);
    if (slice !== undefined)
      faults.push(fault(object, `spec.service: ${titleOf(slice)} of ${slice.file} announces it whatever its health`));
    return [{ ...check, namespace, name }];
  });
}

/** The Service of an EndpointSlice. */
function servedBy({ kind, namespace, raw }: FolderObject): string | undefined {
  const service = kind === "EndpointSlice" ? raw.metadata.labels?.[SERVICE_NAME] : undefined;
  return service === undefined ? undefined : `${namespace}/${service}`;
}

/** Services that nothing can ever announce from here. */
function unplaced(manifests: Manifests, checks: readonly HealthCheck[]): readonly string[] {
  const checked = new Set(checks.map(({ namespace, service }) => `${namespace}/${service}`));
  const placed = new Set<string | undefined>(manifests.endpointSlices.map(serviceKeyOfSlice));
  return manifests.services
    .filter(({ spec }) => spec.type === "LoadBalancer")
    .map(({ metadata }) => `${metadata.namespace ?? "default"}/${metadata.name}`)
    .filter((key) => !checked.has(key) && !placed.has(key))
    .map((key) => `Service ${key} has neither a HealthCheck nor an EndpointSlice: it is not announced`);
}

function fault(object: FolderObject, message: string): string {
  return escapeControls(`${object.file}: ${titleOf(object)}: ${message}`);
}
