import { at, listOf, parseJson, textOf } from "./json.ts";
import type { Lab } from "./lab.ts";

/** What a kernel believes about one address of its LAN. */
export interface Neighbour {
  readonly ip: string;
  /** Empty while nobody has answered. */
  readonly mac: string;
  readonly states: readonly string[];
}

/** The entries in what `ip -j neigh show` printed. */
export function parseNeighbours(text: string): readonly Neighbour[] {
  return listOf(text.trim() === "" ? [] : parseJson(text)).map((entry) => ({
    ip: textOf(at(entry, "dst")),
    mac: textOf(at(entry, "lladdr")),
    states: listOf(at(entry, "state")).map(textOf),
  }));
}

/** What a node's kernel believes about an address; undefined when it never asked, or has forgotten. */
export async function neighbour(lab: Lab, node: string, ip: string): Promise<Neighbour | undefined> {
  const text = await lab.exec(node, ["ip", "-j", "neigh", "show", "to", ip]);
  return parseNeighbours(text).find((entry) => entry.ip === ip);
}

/** Waits until a node's kernel has this node's hardware address for an address: from here on its packets go there. */
export async function neighbourIs(
  lab: Lab,
  where: string,
  goal: { readonly ip: string; readonly node: string },
): Promise<string> {
  const { ip, node } = goal;
  const { took } = await lab.until(`${where}'s kernel has ${ip} at ${node}`, 20_000, async () => {
    const entry = await neighbour(lab, where, ip);
    const owner = entry === undefined || entry.mac === "" ? "nobody" : lab.nodeOfMac(entry.mac);
    return owner === node ? { value: entry } : { seen: `${owner} (${entry?.states.join() ?? "no entry"})` };
  });
  return `${where} ${Math.round(took)} ms`;
}
