import type { RawObject } from "../api/object.ts";
import { FieldReader, isFields, Problems } from "../api/read-object.ts";
import { parseServiceBgpStatus, type ServiceBgpStatus } from "../api/service-bgp-status.ts";
import { parseServiceL2Status, type ServiceL2Status } from "../api/service-l2-status.ts";
import { SERVICE_BGP_STATUSES, SERVICE_L2_STATUSES } from "../kubernetes/resource.ts";

/** What speakers wrote on what they mean to announce. */
export interface SaidStatuses {
  readonly bgp: readonly ServiceBgpStatus[];
  readonly layer2: readonly ServiceL2Status[];
  /** The documents it stands in. */
  readonly objects: ReadonlySet<unknown>;
}

/** The ServiceBGPStatuses and ServiceL2Statuses among these documents. */
export function statusesOf(documents: readonly unknown[]): SaidStatuses {
  const ofKind = (kind: string): readonly unknown[] =>
    documents.filter((document) => isFields(document) && document["kind"] === kind);
  const [bgp, layer2] = [ofKind(SERVICE_BGP_STATUSES.kind), ofKind(SERVICE_L2_STATUSES.kind)];
  return {
    bgp: bgp.flatMap((item) => parseServiceBgpStatus(asObject(item)) ?? []),
    layer2: layer2.flatMap((item) => parseServiceL2Status(asObject(item)) ?? []),
    objects: new Set([...bgp, ...layer2]),
  };
}

/** Its name and status: all that is read of it. */
function asObject(item: unknown): RawObject {
  const meta = FieldReader.of(item, "", new Problems()).object("metadata");
  return { metadata: { name: meta?.string("name") ?? "" }, status: isFields(item) ? item["status"] : undefined };
}
