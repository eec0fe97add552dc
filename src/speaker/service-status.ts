import { peerName, serviceKey } from "../api/brands.ts";
import type { NodeName, ServiceKey } from "../api/config.ts";
import { defined } from "../api/defined.ts";
import type { KubernetesObject, RawObject } from "../api/object.ts";
import { FieldReader, Problems } from "../api/read-object.ts";
import { newServiceBgpStatus, parseServiceBgpStatus, serviceBgpFields } from "../api/service-bgp-status.ts";
import { newServiceL2Status, parseServiceL2Status, serviceL2Fields } from "../api/service-l2-status.ts";
import { type OwnStatus, type StatusOwner, serviceStatusMeta } from "../api/service-status-meta.ts";
import { stripRawObject } from "../api/strip.ts";
import { type Resource, SERVICE_BGP_STATUSES, SERVICE_L2_STATUSES } from "../kubernetes/resource.ts";
import { serviceStatusName } from "../kubernetes/status-names.ts";

/** On a ServiceL2Status: the addresses that its node has announced, with commas between them. */
const ADDRESSES = "herald.io/addresses";

/** One of the two kinds of objects in which nodes say what they do for a Service. */
export interface StatusKind {
  readonly resource: Resource;
  readonly prefix: "l2" | "bgp";
  /** Only one node has one for a Service: whoever writes it deletes the others'. */
  readonly exclusive: boolean;
  readonly parse: (object: RawObject) => StatusWords | undefined;
  readonly create: (
    own: OwnStatus,
    owner: StatusOwner | undefined,
  ) => Pick<RawObject, "apiVersion" | "kind"> & { readonly metadata: object };
  /** The fields of its status; null takes one away. */
  readonly fields: (own: OwnStatus, names: readonly string[]) => object;
}

/** What such an object says. */
interface StatusWords {
  readonly service: ServiceKey;
  readonly node: NodeName;
  readonly names: readonly string[];
}

export const L2_STATUS: StatusKind = {
  resource: SERVICE_L2_STATUSES,
  prefix: "l2",
  exclusive: true,
  parse: (object) => {
    const said = parseServiceL2Status(object);
    return said && { ...said, names: said.interfaces };
  },
  create: newServiceL2Status,
  fields: (own, names) => ({ interfaces: null, ...serviceL2Fields(own, names) }),
};

export const BGP_STATUS: StatusKind = {
  resource: SERVICE_BGP_STATUSES,
  prefix: "bgp",
  exclusive: false,
  parse: (object) => {
    const said = parseServiceBgpStatus(object);
    return said && { ...said, names: said.peers };
  },
  create: newServiceBgpStatus,
  fields: (own, names) => serviceBgpFields(own, names.map(peerName)),
};

/** What a node means to say of a Service. */
export interface StatusClaim {
  /** Interfaces or peers, sorted. */
  readonly names: readonly string[];
  /** Sorted; undefined says nothing of them. */
  readonly addresses: readonly string[] | undefined;
}

/** A ServiceL2Status or ServiceBGPStatus as the API has it. */
export interface StatusRecord extends KubernetesObject {
  /** Undefined while its status is still to be written, or was never right. */
  readonly words: StatusWords | undefined;
  readonly addresses: readonly string[] | undefined;
  /** The uids of who owns it. */
  readonly owners: readonly string[];
}

/** Reads an object that anybody may have edited. */
export function stripStatus(kind: StatusKind, raw: unknown): StatusRecord | undefined {
  const object = stripRawObject(raw);
  if (object === undefined) return undefined;
  const meta = FieldReader.of(raw, "", new Problems()).object("metadata");
  return {
    metadata: object.metadata,
    words: kind.parse(object),
    addresses: meta?.stringMap("annotations")[ADDRESSES]?.split(","),
    owners: (meta?.objects("ownerReferences") ?? []).flatMap((owner) => owner.string("uid") ?? []),
  };
}

/** Whose object it is that a writer writes. */
export interface StatusAuthor {
  readonly node: NodeName;
  readonly namespace: string;
  /** The speaker's pod, so that the object goes when the pod goes. */
  readonly pod: StatusOwner | undefined;
}

/** The one name that this node's object for the Service has. */
export function statusName({ prefix }: StatusKind, service: ServiceKey, node: NodeName): string {
  return serviceStatusName(prefix, service, node);
}

/** The object without its status, to create or to patch. */
export function statusObject(kind: StatusKind, service: ServiceKey, author: StatusAuthor, claim: StatusClaim): object {
  const { metadata, apiVersion, kind: name } = kind.create(ownOf(service, author), author.pod);
  const annotations = claim.addresses && { [ADDRESSES]: claim.addresses.join(",") };
  return {
    apiVersion,
    kind: name,
    metadata: { ...metadata, ...defined({ annotations }), name: statusName(kind, service, author.node) },
  };
}

/** The merge patch of its status. */
export function statusPatch(kind: StatusKind, service: ServiceKey, author: StatusAuthor, claim: StatusClaim): object {
  return { status: kind.fields(ownOf(service, author), claim.names) };
}

/** Whether the object's labels, annotation and owner are as they should be. */
export function hasRightMetadata(
  record: StatusRecord,
  service: ServiceKey,
  author: StatusAuthor,
  claim: StatusClaim,
): boolean {
  const owned = author.pod === undefined || record.owners.includes(author.pod.uid);
  const { labels = {} } = record.metadata;
  const wanted = Object.entries(serviceStatusMeta("", ownOf(service, author), undefined).labels ?? {});
  return (
    owned &&
    wanted.every(([key, value]) => labels[key] === value) &&
    record.addresses?.join() === claim.addresses?.join()
  );
}

/** Whether the object's status says what it should. */
export function hasRightStatus({ words }: StatusRecord, author: StatusAuthor, claim: StatusClaim): boolean {
  return words !== undefined && words.node === author.node && words.names.join() === claim.names.join();
}

/** The Service that an object is about: its status says so, and before that its labels. */
export function serviceOfStatus({ words, metadata }: StatusRecord): ServiceKey | undefined {
  if (words !== undefined) return words.service;
  const { "metallb.io/service-namespace": namespace, "metallb.io/service-name": name } = metadata.labels ?? {};
  return name === undefined ? undefined : serviceKey(namespace, name);
}

function ownOf(service: ServiceKey, { node, namespace }: StatusAuthor): OwnStatus {
  const [of = "", name = ""] = service.split("/");
  return { service: { namespace: of, name }, node, namespace };
}
