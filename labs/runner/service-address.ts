import { at, listOf, textOf } from "./json.ts";
import type { Lab } from "./lab.ts";

/** An address of a service, in the forms that a router, a kernel and a client want it. */
export interface Vip {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: string;
  readonly url: string;
  /** Where the pods answer datagrams. */
  readonly echo: string;
}

/** A service and the addresses the controller gave it. */
export interface AddressedService {
  readonly name: string;
  readonly vips: readonly Vip[];
}

/** Waits until a service of the namespace `default` has one address of each of the families. */
export async function addressesOf(lab: Lab, name: string, families: readonly (4 | 6)[]): Promise<AddressedService> {
  const { value } = await lab.until(
    `${name} has an address of each family (${families.join(", ")})`,
    20_000,
    async () => {
      const status = at(await lab.api.get({ kind: "Service", namespace: "default", name }), "status", "loadBalancer");
      const vips = listOf(at(status, "ingress")).map((entry) => vipOf(textOf(at(entry, "ip"))));
      const same =
        vips
          .map((vip) => vip.family)
          .toSorted()
          .join() === families.toSorted().join();
      return same ? { value: vips } : { seen: `status.loadBalancer ${JSON.stringify(status)}` };
    },
  );
  return { name, vips: value };
}

/** The forms of an address. */
export function vipOf(address: string): Vip {
  const v6 = address.includes(":");
  const host = v6 ? `[${address}]` : address;
  return {
    family: v6 ? 6 : 4,
    address,
    prefix: `${address}/${v6 ? 128 : 32}`,
    url: `http://${host}/`,
    echo: `udp://${host}:7`,
  };
}
