import type { Node } from "../../src/api/core.ts";
import type { RawObject } from "../../src/api/object.ts";
import { type ConfigObjects, type ParsedConfig, parseConfig } from "../../src/api/parse-config.ts";

/** An object as the API gives it; `day` is how old: a lower day is older. */
export function raw(kind: string, name: string, spec?: unknown, day?: number): RawObject {
  const time = day === undefined ? {} : { creationTimestamp: `2026-01-${String(day).padStart(2, "0")}T00:00:00Z` };
  const version = kind === "BGPPeer" ? "v1beta2" : "v1beta1";
  const object = {
    apiVersion: `metallb.io/${version}`,
    kind,
    metadata: { name, namespace: "metallb-system", ...time },
  };
  return spec === undefined ? object : { ...object, spec };
}

export const pool = (name: string, addresses: readonly string[], day?: number): RawObject =>
  raw("IPAddressPool", name, { addresses }, day);
export const peer = (name: string, changes: object = {}, day?: number): RawObject =>
  raw("BGPPeer", name, { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.1", ...changes }, day);
export const bgp = (name: string, spec: object = {}, day?: number): RawObject =>
  raw("BGPAdvertisement", name, spec, day);
export const l2 = (name: string, spec?: object): RawObject => raw("L2Advertisement", name, spec);
export const node = (name: string, labels: Readonly<Record<string, string>> = {}): Node => ({
  metadata: { name, labels },
});

/** Parses a configuration in which only some lists have objects. */
export function parse(objects: Partial<ConfigObjects>, nodes: readonly Node[] = []): ParsedConfig {
  const none: ConfigObjects = {
    pools: [],
    peers: [],
    bgpAdvertisements: [],
    l2Advertisements: [],
    communities: [],
    bfdProfiles: [],
    secrets: [],
  };
  return parseConfig({ ...none, ...objects }, { nodes });
}

/** The objects left out, as `kind name: message`. */
export function refusals(objects: Partial<ConfigObjects>, nodes: readonly Node[] = []): readonly string[] {
  return parse(objects, nodes).invalid.map(({ kind, name, message }) => `${kind} ${name}: ${message}`);
}
