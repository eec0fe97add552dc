import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import type { LanTap } from "../runner/lan-tap.ts";
import type { Vip } from "../runner/service-address.ts";

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
