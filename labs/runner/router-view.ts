import { allDone } from "./command.ts";
import { at, objectOf, textOf } from "./json.ts";
import type { Lab } from "./lab.ts";
import { seconds } from "./report.ts";
import type { AddressedService, Vip } from "./service-address.ts";

/** Generous, because the machine may be busy; what is printed is what it took. */
const PATIENCE = 20_000;

interface Timing {
  /** What the printed time counts from; the call itself when left out. */
  readonly since?: number;
  /** Milliseconds until it counts as failed. */
  readonly within?: number;
}

/** Waits until a router has an Established session with each of the nodes, over IPv4 and over IPv6. */
export async function sessionsUp(
  lab: Lab,
  router: string,
  nodes: readonly string[],
  within = PATIENCE,
): Promise<string> {
  const neighbours = nodes.flatMap((node) => ([4, 6] as const).map((family) => lab.addressOf(node, family)));
  return await established(lab, router, neighbours, within);
}

/** Waits until a router has an Established session with each of these neighbours, by the names it has for them. */
export async function established(
  lab: Lab,
  router: string,
  neighbours: readonly string[],
  within = PATIENCE,
): Promise<string> {
  await lab.until(`${router}: sessions of ${neighbours.join(", ")} Established`, within, async () => {
    const states = await sessionStates(lab, router);
    const wrong = neighbours.filter((neighbour) => states.get(neighbour) !== "Established");
    if (wrong.length === 0) return { value: true };
    const seen = wrong.map((neighbour) => `${lab.nodeOf(neighbour)} (${neighbour})`);
    return { seen: `not Established: ${seen.join(", ")}` };
  });
  return `${neighbours.length} sessions`;
}

/** The router's word on every neighbour, by the neighbour's address or interface. */
async function sessionStates(lab: Lab, router: string): Promise<ReadonlyMap<string, string>> {
  const summary = await lab.router(router).json("show bgp summary json");
  const peers = ["ipv4Unicast", "ipv6Unicast"].flatMap((family) =>
    Object.entries(objectOf(at(summary, family, "peers"))),
  );
  return new Map(peers.map(([address, peer]) => [address, textOf(at(peer, "state"))]));
}

/** Waits until a router says that it lost both sessions of a node for the given reason. */
export async function lostBecause(lab: Lab, router: string, node: string, wanted: RegExp): Promise<void> {
  for (const family of [4, 6] as const) {
    const address = lab.addressOf(node, family);
    await lab.until(`${router} lost ${address} for ${wanted}`, PATIENCE, async () => {
      const neighbour = at(await lab.router(router).json(`show bgp neighbors ${address} json`), address);
      const why = [at(neighbour, "lastNotificationReason"), at(neighbour, "lastResetDueTo")].map(textOf).join("; ");
      return wanted.test(why) ? { value: why } : { seen: why };
    });
  }
}

export interface RouteGoal {
  readonly router: string;
  readonly service: AddressedService;
  /** Exactly these, in order of name; none: there is no route. */
  readonly nodes: readonly string[];
}

/** Waits until the router's kernel sends every address of a service to exactly these nodes; says when, per family. */
export async function routedVia(lab: Lab, { router, service, nodes }: RouteGoal, timing: Timing = {}): Promise<string> {
  const start = timing.since ?? performance.now();
  const route = async (vip: Vip): Promise<string> => {
    const wanted = `${router}: ${vip.prefix} via ${nodes.join(", ") || "nobody"}`;
    await lab.until(wanted, timing.within ?? PATIENCE, async () => {
      const hops = await lab.kernelNextHops(router, vip.prefix);
      return hops.join() === nodes.join() ? { value: hops } : { seen: `via ${hops.join(", ") || "nobody"}` };
    });
    return `IPv${vip.family} ${seconds(performance.now() - start).trim()}`;
  };
  return (await allDone(service.vips.map(route))).join(", ");
}
