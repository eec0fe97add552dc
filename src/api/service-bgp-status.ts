import { peerName } from "./brands.ts";
import type { NodeName, PeerName, ServiceKey } from "./config.ts";
import type { ObjectMeta, RawObject } from "./object.ts";
import { FieldReader, Problems } from "./read-object.ts";
import { type OwnStatus, readServiceAndNode, type StatusOwner, serviceStatusMeta } from "./service-status-meta.ts";

/** To which peers one node means to announce a Service, as its ServiceBGPStatus says (reference 4.7). */
export interface ServiceBgpStatus {
  /** Name of the object, which says nothing. */
  readonly name: string;
  readonly service: ServiceKey;
  readonly node: NodeName;
  /** Sorted. */
  readonly peers: readonly PeerName[];
}

/** What a speaker creates: the API server drops the status at creation, so that it has to be patched in after. */
export function newServiceBgpStatus(
  own: OwnStatus,
  owner: StatusOwner | undefined,
): Omit<RawObject, "metadata"> & {
  readonly metadata: Omit<ObjectMeta, "name">;
} {
  return {
    apiVersion: "metallb.io/v1beta1",
    kind: "ServiceBGPStatus",
    metadata: serviceStatusMeta("bgp-", own, owner),
    spec: {},
  };
}

/** The `status` of the object. */
export function serviceBgpFields({ service, node }: OwnStatus, peers: readonly PeerName[]): object {
  return { node, serviceName: service.name, serviceNamespace: service.namespace, peers: peers.toSorted() };
}

/** Undefined while nothing is said in the status, whoever made the object. */
export function parseServiceBgpStatus({ metadata, status }: RawObject): ServiceBgpStatus | undefined {
  const reader = FieldReader.of(status, "status", new Problems());
  const about = readServiceAndNode(reader);
  if (about === undefined) return undefined;
  return {
    name: metadata.name,
    ...about,
    peers: reader
      .strings("peers")
      .map(({ value }) => peerName(value))
      .sort(),
  };
}
