import { type InterfaceAddress, parseAddresses, parsePorts } from "./routes.ts";

/** Whose an address is, of all the nodes of a lab: IP addresses, link-local ones included, and hardware addresses. */
export class AddressBook {
  readonly #nodeOfAddress = new Map<string, string>();
  readonly #nodeOfMac = new Map<string, string>();
  readonly #addresses = new Map<string, readonly InterfaceAddress[]>();

  /** Takes what `ip -j addr show` printed on a node. */
  learn(node: string, text: string): void {
    const addresses = parseAddresses(text);
    for (const { mac } of parsePorts(text)) this.#nodeOfMac.set(mac, node);
    this.#addresses.set(node, addresses);
    for (const { address, scope } of addresses) if (scope !== "host") this.#nodeOfAddress.set(address, node);
  }

  nodeOf(address: string): string | undefined {
    return this.#nodeOfAddress.get(address);
  }

  nodeOfMac(mac: string): string | undefined {
    return this.#nodeOfMac.get(mac);
  }

  /** The global address of a family that a node has on the first of these ports that carries one. */
  addressOn(node: string, ports: readonly string[], family: 4 | 6): string | undefined {
    const fits = ({ address, scope }: InterfaceAddress): boolean =>
      scope === "global" && address.includes(":") === (family === 6);
    const known = (this.#addresses.get(node) ?? []).filter(fits);
    const found = ports.flatMap((port) => known.find((one) => one.port === port) ?? []);
    return found[0]?.address;
  }
}
