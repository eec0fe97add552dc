import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import { LanTap } from "../runner/lan-tap.ts";
import { addressesOf, type Vip } from "../runner/service-address.ts";
import { tally } from "../runner/traffic.ts";
import { placeEndpoints } from "../runner/workload.ts";

export const LAN = "lan";
export const CLIENT = "client";
export const ROUTER = "r1";
/** A client on the router's other side. */
export const FAR = "far";
export const NODES = ["n1", "n2", "n3"];
export const PODS = ["p1", "p2", "p3"];
export const EVEN = [1, 2, 3, 4, 5, 6, 7].map((i) => `even-${i}`);

export const SERVICES = ["web", "web-local", "web-sticky", ...EVEN];

/** What all parts of the check look at. */
export interface Stage {
  readonly lab: Lab;
  /** On the client's side of the LAN, and on the router's. */
  readonly taps: { readonly near: LanTap; readonly afar: LanTap };
  /** By the name of the service. */
  readonly addresses: Map<string, readonly Vip[]>;
}

/** Every Service has its endpoints and its address, and is asked for. */
export async function prepare(lab: Lab): Promise<Stage> {
  await lab.step("manifests applied, endpoints of three pods", async () => {
    const objects = await lab.applyManifests();
    const everywhere = ["web", "web-sticky", ...EVEN];
    await allDone(everywhere.map((service) => placeEndpoints(lab, service, { ready: PODS })));
    await placeEndpoints(lab, "web-local", { ready: ["p1"] });
    return `${objects} objects`;
  });
  const taps = { near: await LanTap.on(lab, "watch1"), afar: await LanTap.on(lab, "watch2") };
  const stage: Stage = { lab, taps, addresses: new Map() };
  await lab.step("every service has its address", async () => {
    for (const name of SERVICES) {
      const { vips } = await addressesOf(lab, name, name === "web" ? [4, 6] : [4]);
      stage.addresses.set(name, vips);
      for (const { address } of vips) taps.near.ask(address);
    }
    for (const { address } of stage.addresses.get("web") ?? []) taps.afar.ask(address);
    return `${stage.addresses.size} services`;
  });
  return stage;
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
