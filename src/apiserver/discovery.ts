import type { Registry } from "./registry.ts";
import { compareVersions } from "./registry.ts";
import type { ResourceType, ResourceVersion } from "./resource.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS = ["get", "patch", "update"];
const ASK_VERBS = ["create"];
/** How a ServiceAccount's token is asked for: the kind belongs to another group. */
const TOKEN = { kind: "TokenRequest", group: "authentication.k8s.io", version: "v1" };

interface Served {
  readonly type: ResourceType;
  readonly version: ResourceVersion;
}

function servedIn(registry: Registry, group: string, version: string): readonly Served[] {
  return registry
    .types()
    .flatMap((type) =>
      type.versions.filter((v) => v.group === group && v.name === version).map((v) => ({ type, version: v })),
    )
    .sort((a, b) => (a.type.plural < b.type.plural ? -1 : 1));
}

function apiResources({ type }: Served): readonly object[] {
  const common = { singularName: type.singular, namespaced: type.namespaced, kind: type.kind };
  const main = {
    name: type.plural,
    ...common,
    verbs: type.answer === undefined ? VERBS : ASK_VERBS,
    ...(type.shortNames.length === 0 ? {} : { shortNames: type.shortNames }),
    ...(type.categories.length === 0 ? {} : { categories: type.categories }),
  };
  const status = { name: `${type.plural}/status`, ...common, singularName: "", verbs: STATUS_VERBS };
  const token = { ...common, name: `${type.plural}/token`, singularName: "", ...TOKEN, verbs: ASK_VERBS };
  return [main, ...(type.statusSubresource ? [status] : []), ...(hasTokens(type) ? [token] : [])];
}

/** Whether objects of this kind have a `token` subresource. */
export function hasTokens(type: ResourceType): boolean {
  return type.kind === "ServiceAccount" && type.group === "";
}

/** `GET /api/v1` and `GET /apis/<group>/<version>`; undefined when nothing is served there. */
export function resourceList(registry: Registry, group: string, version: string): object | undefined {
  const served = servedIn(registry, group, version);
  if (served.length === 0) return undefined;
  const groupVersion = group === "" ? version : `${group}/${version}`;
  return { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: served.flatMap(apiResources) };
}

function apiGroup(group: string, versions: readonly string[]): object {
  const rows = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: rows, preferredVersion: rows[0] };
}

/** `GET /apis/<group>`. */
export function groupOf(registry: Registry, group: string): object | undefined {
  const versions = registry.groups().get(group);
  if (versions === undefined || group === "") return undefined;
  return { kind: "APIGroup", apiVersion: "v1", ...apiGroup(group, versions) };
}

/** `GET /apis`. */
export function groupList(registry: Registry): object {
  const groups = [...registry.groups()].filter(([group]) => group !== "");
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: groups.map(([group, versions]) => apiGroup(group, versions)),
  };
}

/** `GET /api`. */
export function coreVersions(address: string): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: "0.0.0.0/0", serverAddress: address }];
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs };
}

function aggregatedResource({ type, version }: Served): object {
  const responseKind = { group: version.group, version: version.name, kind: type.kind };
  const status = { subresource: "status", responseKind, verbs: STATUS_VERBS };
  const token = { subresource: "token", responseKind: TOKEN, verbs: ASK_VERBS };
  const subresources = [...(type.statusSubresource ? [status] : []), ...(hasTokens(type) ? [token] : [])];
  return {
    resource: type.plural,
    responseKind,
    scope: type.namespaced ? "Namespaced" : "Cluster",
    singularResource: type.singular,
    verbs: type.answer === undefined ? VERBS : ASK_VERBS,
    ...(type.shortNames.length === 0 ? {} : { shortNames: type.shortNames }),
    ...(type.categories.length === 0 ? {} : { categories: type.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

/** `GET /api` or `GET /apis` in the aggregated form, which saves a client one request per group and version. */
export function aggregatedDiscovery(registry: Registry, apiVersion: string, core: boolean): object {
  const groups = [...registry.groups()].filter(([group]) => (group === "") === core);
  const items = groups.map(([group, versions]) => ({
    metadata: group === "" ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
    versions: [...versions].sort(compareVersions).map((version) => ({
      version,
      freshness: "Current",
      resources: servedIn(registry, group, version).map(aggregatedResource),
    })),
  }));
  return { kind: "APIGroupDiscoveryList", apiVersion, metadata: {}, items };
}

/** `GET /version`: the Kubernetes release whose behaviour this server follows. */
export const VERSION = {
  major: "1",
  minor: "35",
  gitVersion: "v1.35.0+herald",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2025-12-17T00:00:00Z",
  goVersion: "none",
  compiler: "none",
  platform: "linux/amd64",
};
