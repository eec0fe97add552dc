import type { ChaosField } from "../runner/chaos/run-chaos.ts";
import type { Lab } from "../runner/lab.ts";
import { CLIENT, FAR, LAN, NODES, prepare, SERVICES } from "./stage.ts";

/** Asks who has each address, in place of a host that is measured. */
const WATCH = "watch1";

/**
 * Milliseconds. A speaker that hears neither the API nor the others is fenced after 10 s, and of two that take each other for dead one
 * has given way before: until then both may answer. A dead node is replaced within 1.5 s, and one that begins answers for nothing for
 * 3 s. What the API says takes effect at once. The rest is a busy machine's.
 */
const BOUNDS = { double: 12_000, stray: 6000, reach: 6000 };

/** What chaos may do here: every node, its link, its speaker, and the LAN between them. */
export async function prepareChaos(lab: Lab): Promise<ChaosField> {
  const { taps, addresses } = await prepare(lab);
  for (const tap of [taps.near, taps.afar]) await tap.stop();
  const services = SERVICES.map((name) => {
    const vips = addresses.get(name) ?? [];
    return { name, vips, addresses: vips.map(({ address }) => address), local: name === "web-local" };
  });
  return {
    rules: {
      ports: NODES.map((port) => ({ node: LAN, port })),
      switches: [],
      daemons: [],
      lan: { name: LAN, sides: [...NODES.map((node) => [node]), [CLIENT, WATCH, "n1"], [CLIENT, WATCH, "n2", "n3"]] },
    },
    bounds: BOUNDS,
    services,
    clients: [{ node: CLIENT }, { node: FAR, services: ["web"] }],
    perSecond: 10,
    watch: WATCH,
    routers: [],
  };
}
