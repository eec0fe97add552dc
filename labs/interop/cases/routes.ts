import { LabCheckError } from "../../runner/errors.ts";
import { HERALD, HERALD_ASN, ROUTER_ASN, ROUTERS_OWN } from "../addresses.ts";
import type { InteropCase } from "../case.ts";
import type { RouteSpec } from "../protocol.ts";
import type { RouterRoute } from "../router.ts";

const V4 = "203.0.113.1/32";
const V6 = "2001:db8:99::1/128";
const BOTH = [V4, V6];
/** Every kind of community, more than one of each. */
const COMMUNITIES = { communities: ["65001:100", "65001:200"], large: ["65001:1:2", "4200000000:4294967295:0"] };

/** What arrives at the router, what changes there, and what is gone. */
export const ROUTES: readonly InteropCase[] = [
  {
    name: "attributes",
    title: "eBGP: ORIGIN, AS_PATH, next hop, communities, large communities",
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, ...COMMUNITIES })));
      await bench.routes(BOTH, (route) => differs(route, { asPath: `${HERALD_ASN}`, ...COMMUNITIES }));
      return undefined;
    },
  },
  {
    name: "attributes-over-ipv6",
    title: "The same over IPv6",
    run: async (bench) => {
      await bench.up({ transport: 6 });
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, ...COMMUNITIES })));
      await bench.routes(BOTH, (route) => differs(route, { asPath: `${HERALD_ASN}`, ...COMMUNITIES }));
      return undefined;
    },
  },
  {
    name: "attributes-ibgp",
    title: "iBGP: LOCAL_PREF, empty AS_PATH",
    run: async (bench) => {
      await bench.up({ router: { heraldAsn: ROUTER_ASN }, herald: { localAsn: ROUTER_ASN } });
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, localPref: 150, ...COMMUNITIES })));
      await bench.routes(BOTH, (route) => differs(route, { asPath: "", localPref: 150, ...COMMUNITIES }));
      return undefined;
    },
  },
  {
    name: "med",
    title: "MULTI_EXIT_DISC",
    needs: ["med"],
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, med: 50 })));
      await bench.routes(BOTH, (route) => differs(route, { med: 50 }));
      return undefined;
    },
  },
  {
    name: "prepend",
    title: "AS_PATH prepended",
    needs: ["prepend"],
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, prepend: 2 })));
      await bench.routes(BOTH, (route) => differs(route, { asPath: `${HERALD_ASN} ${HERALD_ASN} ${HERALD_ASN}` }));
      return undefined;
    },
  },
  {
    name: "bandwidth",
    title: "Link bandwidth community",
    needs: ["link bandwidth"],
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, bandwidth: 3_000_000 })));
      await bench.routes(BOTH, (route) => differs(route, { bandwidth: 3_000_000 }));
      return undefined;
    },
  },
  {
    name: "change",
    title: "Changed attributes",
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, communities: ["65001:1"] })));
      await bench.routes(BOTH, (route) => differs(route, { communities: ["65001:1"] }));
      await bench.herald.change([{ prefix: V4, communities: ["65001:2"], large: ["65001:0:7"] }]);
      await bench.routes([V4], (route) => differs(route, { communities: ["65001:2"], large: ["65001:0:7"] }));
      await bench.herald.change([{ prefix: V6 }]);
      await bench.routes([V6], (route) => differs(route, { communities: [] }));
      return undefined;
    },
  },
  {
    name: "withdraw",
    title: "Withdrawn routes",
    run: async (bench) => {
      await bench.up();
      const more = ["203.0.113.2/32", "2001:db8:99::2/128"];
      await bench.herald.routes([...BOTH, ...more].map((prefix) => ({ prefix })));
      await bench.routes([...BOTH, ...more]);
      await bench.herald.change([], BOTH);
      await bench.routes(more);
      await bench.herald.routes([]);
      await bench.routes([]);
      return undefined;
    },
  },
  {
    name: "route-refresh",
    title: "The router asks for everything again",
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix })));
      await bench.routes(BOTH);
      const before = await bench.router.updates(bench.peer);
      await bench.router.refresh(bench.peer);
      await bench.stage.until("the router got them again", async () => {
        const now = await bench.router.updates(bench.peer);
        return now >= before + BOTH.length ? { value: true } : { seen: `${before} UPDATEs before, ${now} now` };
      });
      await bench.routes(BOTH);
      return undefined;
    },
  },
  {
    name: "learned",
    title: "What the router announces is shown, and not sent back",
    run: async (bench) => {
      await bench.up({ router: { announces: true } });
      const own = Object.values(ROUTERS_OWN).toSorted();
      await bench.herald.until("the router's routes", ({ learned }) =>
        learned.join() === own.join() ? undefined : learned.join(),
      );
      const { routesSent } = await bench.herald.seen();
      if (routesSent !== 0) throw new LabCheckError(`${routesSent} routes sent`);
      return undefined;
    },
  },
  {
    name: "thousand",
    title: "2,000 routes arrive complete",
    run: async (bench) => {
      const routes: RouteSpec[] = [];
      for (let i = 0; i < 1000; i++) {
        const communities = [`65001:${i % 10}`];
        routes.push({ prefix: `198.18.${i >> 8}.${i & 255}/32`, communities });
        routes.push({ prefix: `2001:db8:99::${(i + 1).toString(16)}/128`, communities });
      }
      await bench.up();
      await bench.herald.routes(routes);
      await bench.routes(routes.map(({ prefix }) => prefix));
      return undefined;
    },
  },
];

/** What of a route is not as wanted; a next hop of ours and ORIGIN IGP are always. */
function differs(route: RouterRoute, wanted: Partial<RouterRoute>): string | undefined {
  const ours: readonly string[] = [...HERALD[4], ...HERALD[6]];
  if (route.origin !== "igp") return `origin ${route.origin}`;
  if (!ours.includes(route.nextHop)) return `next hop ${route.nextHop}`;
  for (const [key, value] of Object.entries(wanted)) {
    const seen: unknown = Reflect.get(route, key);
    if (JSON.stringify(sorted(seen)) !== JSON.stringify(sorted(value))) return `${key} ${JSON.stringify(seen)}`;
  }
  return undefined;
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? value.toSorted() : value;
}
