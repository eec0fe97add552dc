import { at, listOf, parseJson, textOf } from "./json.ts";

/** The gateways of the first route in what `ip -j route show` printed, sorted; empty when there is no such route. */
export function parseNextHops(text: string): readonly string[] {
  const [route] = listOf(text.trim() === "" ? [] : parseJson(text));
  const hops = listOf(at(route, "nexthops"));
  const gateways = (hops.length > 0 ? hops : [route]).map(
    (hop) => textOf(at(hop, "gateway")) || textOf(at(hop, "via", "host")),
  );
  return gateways.filter((gateway) => gateway !== "").toSorted();
}

/** The weight of each gateway of the first route in what `ip -j route show` printed; empty unless it has several. */
export function parseWeights(text: string): ReadonlyMap<string, number> {
  const [route] = listOf(text.trim() === "" ? [] : parseJson(text));
  const hops = listOf(at(route, "nexthops"));
  return new Map(
    hops.map((hop) => [textOf(at(hop, "gateway")) || textOf(at(hop, "via", "host")), Number(at(hop, "weight") ?? 1)]),
  );
}

export interface InterfaceAddress {
  readonly port: string;
  readonly address: string;
  readonly scope: string;
}

/** The addresses in what `ip -j addr show` printed, link-local ones included. */
export function parseAddresses(text: string): readonly InterfaceAddress[] {
  return listOf(parseJson(text)).flatMap((link) =>
    listOf(at(link, "addr_info")).map((info) => ({
      port: textOf(at(link, "ifname")),
      address: textOf(at(info, "local")),
      scope: textOf(at(info, "scope")),
    })),
  );
}

/** An interface of a node. */
export interface Port {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  /** Without link-local ones. */
  readonly addresses: readonly string[];
}

/** The interfaces in what `ip -j addr show` printed, `lo` left out. */
export function parsePorts(text: string): readonly Port[] {
  return listOf(parseJson(text)).flatMap((link) => {
    const index = at(link, "ifindex");
    if (typeof index !== "number" || at(link, "link_type") !== "ether") return [];
    const infos = listOf(at(link, "addr_info")).filter((info) => at(info, "scope") === "global");
    const addresses = infos.map((info) => textOf(at(info, "local")));
    return [{ name: textOf(at(link, "ifname")), index, mac: textOf(at(link, "address")), addresses }];
  });
}
