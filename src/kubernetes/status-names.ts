import { createHash } from "node:crypto";
import type { NodeName, ServiceKey } from "../api/config.ts";

/** The one name that a node's ServiceL2Status or ServiceBGPStatus for a Service has: making it twice is impossible. */
export function serviceStatusName(prefix: "l2" | "bgp", service: ServiceKey, node: NodeName): string {
  return `${prefix}-${digestOf(`${service}#${node}`, 16)}`;
}

/** The one name of the BGPSessionState for a node's session with a BGPPeer. */
export function sessionStateName(node: NodeName, peer: string): string {
  return sessionStatePrefix(node) + digestOf(`${node}#${peer}`, 10);
}

/** Whether a BGPSessionState of the node has a name of ours: the peer that it was made of need not be known. */
export function isSessionStateName(name: string, node: NodeName): boolean {
  const prefix = sessionStatePrefix(node);
  return name.startsWith(prefix) && /^[0-9a-f]{10}$/.test(name.slice(prefix.length));
}

/** The name of a speaker's ConfigurationState, which is MetalLB's. */
export function speakerStateName(node: NodeName): string {
  return `speaker-${node}`;
}

function sessionStatePrefix(node: NodeName): string {
  return `${node.slice(0, 200).replace(/[^a-z0-9]+$/, "")}-`;
}

function digestOf(text: string, characters: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, characters);
}
