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
