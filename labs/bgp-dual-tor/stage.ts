import { allDone } from "../runner/command.ts";
import type { Lab } from "../runner/lab.ts";
import { established, routedVia } from "../runner/router-view.ts";
import { type AddressedService, addressesOf } from "../runner/service-address.ts";
import { placeEndpoints } from "../runner/workload.ts";

export const SPINES = ["s1", "s2"];
export const TORS = ["t1", "t2"];
export const NODES = ["n1", "n2", "n3"];
export const PODS = ["p1", "p2", "p3"];
/** A speaker waits between attempts, and so does the switch before it listens to one that failed. */
export const RECONNECT = 60_000;

/** What each tier's kernels have as next hops. */
export interface Paths {
  readonly spines: Readonly<Record<string, readonly string[]>>;
  readonly tors: Readonly<Record<string, readonly string[]>>;
}

export const EVERYTHING: Paths = { spines: { s1: TORS, s2: TORS }, tors: { t1: NODES, t2: NODES } };

/** Everything is up: sessions, the address, the routes of all tiers. */
export async function prepare(lab: Lab): Promise<AddressedService> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web", { ready: PODS });
    return `${objects} objects`;
  });
  await lab.step("each ToR has a session with each node, each spine with each ToR", () => allSessions(lab));
  let web: AddressedService = { name: "web", vips: [] };
  await lab.step("web has an address", async () => {
    web = await addressesOf(lab, "web", [4]);
    return web.vips.map((vip) => vip.address).join(", ");
  });
  await lab.step("kernels: spines use both ToRs, ToRs all three nodes", () => routed(lab, web, EVERYTHING));
  return web;
}

export async function allSessions(lab: Lab): Promise<string> {
  const nodes = TORS.map((tor, i) => {
    const addresses = NODES.map((_, n) => `10.98.${i + 1}.${11 + n}`);
    return established(lab, tor, addresses, RECONNECT);
  });
  const fabric = SPINES.map((spine) => established(lab, spine, torsAt(spine), RECONNECT));
  await allDone([...nodes, ...fabric]);
  return `${TORS.length * NODES.length + SPINES.length * TORS.length} sessions`;
}

/** The addresses that the ToRs have on their links to a spine. */
export function torsAt(spine: string): readonly string[] {
  return TORS.map((tor) => `10.97.${tor.slice(1)}${spine.slice(1)}.2`);
}

export async function routed(lab: Lab, service: AddressedService, { spines, tors }: Paths): Promise<string> {
  const since = performance.now();
  const wanted = Object.entries({ ...spines, ...tors });
  const told = await allDone(
    wanted.map(async ([router, nodes]) => `${router} ${await routedVia(lab, { router, service, nodes }, { since })}`),
  );
  return told.join(", ").replaceAll("IPv4 ", "");
}
