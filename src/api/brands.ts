import type { NodeName, PeerName, PoolName, ServiceKey } from "./config.ts";

/** Any text can be a name: Kubernetes decides which names its objects may have. */
export const poolName = (text: string): PoolName => text as PoolName;
export const peerName = (text: string): PeerName => text as PeerName;
export const nodeName = (text: string): NodeName => text as NodeName;

/** `namespace/name`; an object without a namespace counts as one of `default`, as kubectl has it. */
export function serviceKey(namespace: string | undefined, name: string): ServiceKey {
  return `${namespace === undefined || namespace === "" ? "default" : namespace}/${name}` as ServiceKey;
}
