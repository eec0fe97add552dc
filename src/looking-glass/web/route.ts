import type { ObjectName } from "../../inspection/explain/finding.ts";
import type { Place } from "../model.ts";

/** The pages, in the order of the navigation; `key` is pressed after `g`. */
export const PAGES = [
  { page: "overview", title: "Overview", key: "o" },
  { page: "services", title: "Services", key: "s" },
  { page: "sessions", title: "Sessions", key: "b" },
  { page: "topology", title: "Topology", key: "t" },
  { page: "routes", title: "Routes", key: "r" },
  { page: "pools", title: "Pools", key: "p" },
  { page: "layer2", title: "Layer 2", key: "l" },
  { page: "journal", title: "Journal", key: "j" },
] as const;

export type PageName = (typeof PAGES)[number]["page"];

/** Where the reader is: a page, what of it, and the filters. */
export interface Location {
  readonly page: PageName;
  readonly ids: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** Reads the fragment of the URL; what is no page is the overview. */
export function parseLocation(hash: string): Location {
  const [path = "", search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [first = "", ...ids] = path.split("/").map(decoded);
  const page = PAGES.find((one) => one.page === first)?.page ?? "overview";
  return { page, ids: ids.filter((id) => id !== ""), query: Object.fromEntries(new URLSearchParams(search)) };
}

/** The fragment of a page. Filters without a value are left out. */
export function hashOf(
  page: PageName,
  ids: readonly string[] = [],
  query: Readonly<Record<string, string | undefined>> = {},
): string {
  const path = [page, ...ids].map(encodeURIComponent).join("/");
  return `#/${path}${searchOf(query)}`;
}

/** `?a=1&b=2`, or nothing. */
export function searchOf(query: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === "" ? [] : [[name, `${value}`]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/** The page that shows this. */
export function hashOfPlace(place: Place): string {
  switch (place.page) {
    case "session":
      return hashOf("sessions", [place.node, place.peer]);
    case "service":
      return hashOf("services", [place.namespace, place.name]);
    case "pool":
      return hashOf("pools", [place.name]);
    case "layer2":
      return hashOf("layer2", [], { q: place.address });
    case "topology":
      return hashOf("topology", [], { node: place.node });
  }
}

/** The page of an object of the cluster, where there is one. */
export function hashOfObject({ kind, namespace, name }: ObjectName): string | undefined {
  if (name === "") return undefined;
  if (kind === "Service" && namespace !== undefined) return hashOf("services", [namespace, name]);
  if (kind === "IPAddressPool") return hashOf("pools", [name]);
  if (kind === "Node") return hashOf("topology", [], { node: name });
  if (kind === "BGPPeer") return hashOf("sessions", [], { peer: name });
  return undefined;
}

/** The page of a Service by `namespace/name`. */
export function hashOfService(key: string): string {
  const [namespace = "", name = ""] = key.split("/", 2);
  return hashOf("services", [namespace, name]);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part;
    throw error;
  }
}
