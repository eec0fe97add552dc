import type { NodeName, ServiceKey } from "./config.ts";
import type { ObjectMeta, RawObject } from "./object.ts";
import { FieldReader, Problems } from "./read-object.ts";
import { type OwnStatus, readServiceAndNode, type StatusOwner, serviceStatusMeta } from "./service-status-meta.ts";

/** Which node answers for a Service by layer 2, as its ServiceL2Status says (reference 6.7). */
export interface ServiceL2Status {
  /** Name of the object, which says nothing. */
  readonly name: string;
  readonly service: ServiceKey;
  readonly node: NodeName;
  /** Sorted; empty is all of them. */
  readonly interfaces: readonly string[];
}

/** What the speaker that answers creates: the API server drops the status at creation, so that it has to be patched in after. */
export function newServiceL2Status(
  own: OwnStatus,
  owner: StatusOwner | undefined,
): Omit<RawObject, "metadata"> & {
  readonly metadata: Omit<ObjectMeta, "name">;
} {
  return {
    apiVersion: "metallb.io/v1beta1",
    kind: "ServiceL2Status",
    metadata: serviceStatusMeta("l2-", own, owner),
    spec: {},
  };
}

/** The `status` of the object. Interfaces are left out where the Service is answered for on all. */
export function serviceL2Fields({ service, node }: OwnStatus, interfaces: readonly string[]): object {
  return {
    node,
    serviceName: service.name,
    serviceNamespace: service.namespace,
    ...(interfaces.length === 0 ? {} : { interfaces: interfaces.toSorted().map((name) => ({ name })) }),
  };
}

/** Undefined while nothing is said in the status, whoever made the object. */
export function parseServiceL2Status({ metadata, status }: RawObject): ServiceL2Status | undefined {
  const reader = FieldReader.of(status, "status", new Problems());
  const about = readServiceAndNode(reader);
  if (about === undefined) return undefined;
  return {
    name: metadata.name,
    ...about,
    interfaces: reader
      .objects("interfaces")
      .flatMap((item) => item.string("name") ?? [])
      .sort(),
  };
}
