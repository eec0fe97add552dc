import { at, isObject, listOf, parseJson } from "../../runner/json.ts";
import { HERALD } from "../addresses.ts";
import type { InteropCase } from "../case.ts";

const V4 = "203.0.113.1/32";

/** Two nodes announce one address: how the router's kernel shares the packets. */
export const WEIGHTS: readonly InteropCase[] = [
  {
    name: "bandwidth-weights",
    title: "Link bandwidth 3:1 becomes next-hop weights 3:1 in the router's kernel",
    needs: ["link bandwidth"],
    run: async (bench) => {
      const first = await bench.open({ router: { peers: HERALD[4] } });
      await bench.herald.open({ ...first, name: "second", localAddress: HERALD[4][1], routerId: HERALD[4][1] });
      await bench.established();
      await bench.herald.routes([{ prefix: V4, bandwidth: 3_000_000 }]);
      await bench.herald.routes([{ prefix: V4, bandwidth: 1_000_000 }], "second");
      const weights = await bench.stage.until("weights 3:1 in the kernel", async () => {
        const seen = weightsOf(await bench.stage.exec("router", ["ip", "-j", "route", "show", V4]));
        const [large, small] = HERALD[4].map((hop) => seen.get(hop) ?? 0);
        const fits = large !== undefined && small !== undefined && small > 0 && Math.abs(large / small - 3) < 0.2;
        return fits ? { value: [...seen.values()].join(":") } : { seen: JSON.stringify([...seen]) };
      });
      return `weights ${weights}`;
    },
  },
];

/** The weight of each next hop as `ip -j route` has it. */
function weightsOf(text: string): ReadonlyMap<string, number> {
  const [route] = listOf(parseJson(text));
  const hops = listOf(at(route, "nexthops")).filter(isObject);
  return new Map(hops.map((hop) => [String(hop["gateway"]), Number(hop["weight"] ?? 1)]));
}
