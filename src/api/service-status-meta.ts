import { nodeName, serviceKey } from "./brands.ts";
import type { NodeName, ServiceKey } from "./config.ts";
import type { ObjectMeta } from "./object.ts";
import type { FieldReader } from "./read-object.ts";

/** Of which Service a node speaks, and in which namespace the objects about it are. */
export interface OwnStatus {
  readonly service: { readonly namespace: string; readonly name: string };
  readonly node: NodeName;
  /** Herald's own. */
  readonly namespace: string;
}

/** The pod whose end takes the object with it. */
export interface StatusOwner {
  readonly name: string;
  readonly uid: string;
}

const LONGEST_LABEL = 63;

/** The labels are how MetalLB's users find these objects (reference 2.4): the names are made up by the API server. */
export function serviceStatusMeta(
  generateName: string,
  { service, node, namespace }: OwnStatus,
  owner: StatusOwner | undefined,
): Omit<ObjectMeta, "name"> {
  return {
    generateName,
    namespace,
    labels: {
      // A node's name may be longer than a label can be; the status says it in full.
      ...(node.length > LONGEST_LABEL ? {} : { "metallb.io/node": node }),
      "metallb.io/service-name": service.name,
      "metallb.io/service-namespace": service.namespace,
    },
    ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: "v1", kind: "Pod", ...owner }] }),
  };
}

/** Of which Service and node a status speaks; undefined while it says nothing. */
export function readServiceAndNode(
  reader: FieldReader,
): { readonly service: ServiceKey; readonly node: NodeName } | undefined {
  const node = reader.string("node");
  const name = reader.string("serviceName");
  if (node === undefined || name === undefined) return undefined;
  return { service: serviceKey(reader.string("serviceNamespace"), name), node: nodeName(node) };
}
