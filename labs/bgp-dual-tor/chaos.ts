import type { ChaosField } from "../runner/chaos/run-chaos.ts";
import type { Lab } from "../runner/lab.ts";
import { NODES, prepare, SPINES, TORS } from "./stage.ts";

/** Nodes, then spines: a port of a ToR that is down costs no kernel a route it would not get back. */
const PORTS = ["eth1", "eth2", "eth3", "eth4", "eth5"];

/**
 * Milliseconds. BFD finds a dead node after 2.5 s, BGP's hold time whatever else is silent after 9 s; a session is tried again
 * after 2 s. The rest is a busy machine's.
 */
const BOUND = 12_000;

/** What chaos may do here: every link and ToR of the fabric, every node, every program. Spines and the client's links stay. */
export async function prepareChaos(lab: Lab): Promise<ChaosField> {
  const { name, vips } = await prepare(lab);
  return {
    rules: {
      ports: TORS.flatMap((node) => PORTS.map((port) => ({ node, port }))),
      switches: TORS,
      daemons: [
        ...TORS.flatMap((node) => ["bgpd", "bfdd"].map((program) => ({ node, program }))),
        ...SPINES.map((node) => ({ node, program: "bgpd" })),
      ],
    },
    bounds: { double: BOUND, stray: BOUND, reach: BOUND },
    services: [{ name, vips, addresses: vips.map(({ address }) => address), local: true }],
    clients: [{ node: "client" }],
    // Enough for every node to have a share in each second.
    perSecond: 10 * NODES.length,
    routers: [...SPINES, ...TORS],
  };
}
