import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import type { LanTap } from "../runner/lan-tap.ts";
import type { Vip } from "../runner/service-address.ts";
import { tally } from "../runner/traffic.ts";

export const LAN = "lan";
export const CLIENT = "client";
export const ROUTER = "r1";
/** A client on the router's other side. */
export const FAR = "far";
export const NODES = ["n1", "n2", "n3"];
export const PODS = ["p1", "p2", "p3"];
export const EVEN = [1, 2, 3, 4, 5, 6, 7].map((i) => `even-${i}`);

/** What all parts of the check look at. */
export interface Stage {
  readonly lab: Lab;
  /** On the client's side of the LAN, and on the router's. */
  readonly taps: { readonly near: LanTap; readonly afar: LanTap };
  /** By the name of the service. */
  readonly addresses: Map<string, readonly Vip[]>;
}

/** The address of a service, of a family. */
export function vipOfService({ addresses }: Stage, name: string, family: 4 | 6 = 4): Vip {
  const vip = addresses.get(name)?.find((one) => one.family === family);
  if (vip === undefined) throw new LabCheckError(`${name} has no IPv${family} address`);
  return vip;
}

/** Waits until each of these nodes answers for so many of the seven, and no other for any. */
export async function evenly(
  { lab, taps, addresses }: Stage,
  { nodes, share }: { readonly nodes: readonly string[]; readonly share: readonly number[] },
): Promise<string> {
  const { value } = await lab.until(
    `each of ${nodes.join(", ")} answers for ${share.join(" or ")}`,
    20_000,
    async () => {
      const owners: string[] = [];
      for (const name of EVEN) {
        for (const { address } of addresses.get(name) ?? []) owners.push((await taps.near.owner(address)).node);
      }
      const counts = tally(owners);
      const told = [...counts]
        .map(([node, n]) => `${node} ${n}`)
        .toSorted()
        .join(", ");
      const even = nodes.every((node) => share.includes(counts.get(node) ?? 0)) && counts.size === nodes.length;
      return even ? { value: told } : { seen: told };
    },
  );
  return value;
}
