import { nodeName, serviceKey } from "../api/brands.ts";
import type { NodeName } from "../api/config.ts";
import type { RawObject } from "../api/object.ts";
import { FieldReader, Problems } from "../api/read-object.ts";
import { readServiceAndNode } from "../api/service-status-meta.ts";
import { stripRawObject } from "../api/strip.ts";
import {
  BGP_SESSION_STATES,
  CONFIGURATION_STATES,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
} from "../kubernetes/resource.ts";
import { isSessionStateName, serviceStatusName, speakerStateName } from "../kubernetes/status-names.ts";

/** A pod that an object goes with. */
export interface OwnerPod {
  readonly name: string;
  readonly uid: string;
}

/** An object in which the speaker of a node says how things are there. */
export interface SpeakerWord {
  readonly resource: Resource;
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly node: NodeName;
  readonly pods: readonly OwnerPod[];
}

type NodeOf = (object: RawObject) => NodeName | undefined;

/** The kinds that speakers write. Undefined for what others have made: the API server makes up the names of MetalLB's. */
const KINDS: readonly (readonly [Resource, NodeOf])[] = [
  [SERVICE_L2_STATUSES, (object) => nodeOfServiceStatus("l2", object)],
  [SERVICE_BGP_STATUSES, (object) => nodeOfServiceStatus("bgp", object)],
  [BGP_SESSION_STATES, nodeOfSessionState],
  [CONFIGURATION_STATES, nodeOfConfigurationState],
];

/** The collections to look into. */
export const WORD_RESOURCES: readonly Resource[] = KINDS.map(([resource]) => resource);

/** The object as a speaker's word; undefined for what is none of ours. */
export function readSpeakerWord(resource: Resource, raw: unknown): SpeakerWord | undefined {
  const object = stripRawObject(raw);
  const node = object && KINDS.find(([kind]) => kind === resource)?.[1](object);
  if (object === undefined || node === undefined) return undefined;
  const owners = FieldReader.of(raw, "", new Problems()).object("metadata")?.objects("ownerReferences") ?? [];
  const pods = owners.flatMap((owner) => {
    const [kind, name, uid] = [owner.string("kind"), owner.string("name"), owner.string("uid")];
    return kind === "Pod" && name !== undefined && uid !== undefined ? [{ name, uid }] : [];
  });
  const { name, uid, resourceVersion } = object.metadata;
  return { resource, name, uid, resourceVersion, node, pods };
}

/** What was made and never filled says it in its labels alone. */
function nodeOfServiceStatus(prefix: "l2" | "bgp", { metadata, status }: RawObject): NodeName | undefined {
  const said = readServiceAndNode(FieldReader.of(status, "status", new Problems())) ?? labelsSay(metadata.labels);
  if (said === undefined) return undefined;
  return metadata.name === serviceStatusName(prefix, said.service, said.node) ? said.node : undefined;
}

function labelsSay(labels: RawObject["metadata"]["labels"] = {}): ReturnType<typeof readServiceAndNode> {
  const {
    "metallb.io/node": node,
    "metallb.io/service-name": name,
    "metallb.io/service-namespace": namespace,
  } = labels;
  if (node === undefined || name === undefined) return undefined;
  return { service: serviceKey(namespace, name), node: nodeName(node) };
}

function nodeOfSessionState({ metadata, status }: RawObject): NodeName | undefined {
  const said = FieldReader.of(status, "status", new Problems()).string("node");
  const name = said ?? metadata.labels?.["frrk8s.metallb.io/node"];
  if (name === undefined) return undefined;
  const node = nodeName(name);
  return isSessionStateName(metadata.name, node) ? node : undefined;
}

function nodeOfConfigurationState({ metadata: { name } }: RawObject): NodeName | undefined {
  const prefix = speakerStateName(nodeName(""));
  return name.startsWith(prefix) ? nodeName(name.slice(prefix.length)) : undefined;
}
