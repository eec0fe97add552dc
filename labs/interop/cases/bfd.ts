import { LabCheckError } from "../../runner/errors.ts";
import { ROUTER_ASN } from "../addresses.ts";
import type { Bench, Wish } from "../bench.ts";
import type { InteropCase } from "../case.ts";
import type { SessionSpec } from "../protocol.ts";

const V4 = "203.0.113.1/32";
const ROUTE = { prefix: V4 };
/** So long that nobody can take the hold timer's work for BFD's. */
const PATIENT = 90;
const GRACEFUL = { restartTime: 60 };
const BOTH = {
  router: { bfd: "usual", holdTime: PATIENT },
  herald: { bfd: "single-hop", holdTime: PATIENT },
} as const satisfies Wish;
const RESTARTING = {
  router: { ...BOTH.router, bfd: "graceful" },
  herald: { ...BOTH.herald, gracefulRestart: GRACEFUL },
} as const satisfies Wish;

/** Who notices silence first, and what it does to the routes. */
export const BFD: readonly InteropCase[] = [
  {
    name: "bfd-up",
    title: "BFD up",
    needs: ["bfd"],
    run: async (bench) => {
      await bench.up(BOTH);
      await bench.bfdUp();
      return undefined;
    },
  },
  {
    name: "bfd-multihop",
    title: "BFD over several hops (port 4784) with an eBGP peer that is not on the link",
    needs: ["bfd"],
    run: async (bench) => {
      const herald = { ...BOTH.herald, bfd: "multihop" } as const;
      await withRoute(bench, { router: { ...BOTH.router, multihop: true }, herald });
      return await silence(bench);
    },
  },
  {
    name: "bfd-ibgp",
    title: "BFD with an iBGP peer",
    needs: ["bfd"],
    run: async (bench) => {
      const router = { ...BOTH.router, heraldAsn: ROUTER_ASN };
      await withRoute(bench, { router, herald: { ...BOTH.herald, localAsn: ROUTER_ASN } });
      return await silence(bench);
    },
  },
  {
    name: "bfd-herald-dies",
    title: "BFD: we fall silent, the router takes the routes out long before its hold timer",
    needs: ["bfd"],
    run: async (bench) => {
      await withRoute(bench, BOTH);
      return await silence(bench);
    },
  },
  {
    name: "bfd-router-dies",
    title: "BFD: the router dies, we notice long before our hold timer",
    needs: ["bfd"],
    run: async (bench) => {
      await bench.up(BOTH);
      await bench.bfdUp();
      await bench.established();
      const { reasons: before } = await bench.herald.seen();
      const start = performance.now();
      bench.signalRouter("SIGSTOP");
      await bench.herald.until("down for BFD", ({ reasons }) =>
        reasons.slice(before.length).some((one) => /BFD/i.test(one)) ? undefined : reasons.at(-1) || "no error",
      );
      return `noticed after ${Math.round(performance.now() - start)} ms`;
    },
  },
  {
    name: "bfd-restart-silent",
    title: "BFD and graceful restart: we fall silent, the routes go (C bit 0)",
    needs: ["bfd", "graceful restart"],
    run: async (bench) => {
      await withRoute(bench, { ...RESTARTING, router: BOTH.router });
      return await silence(bench);
    },
  },
  {
    name: "bfd-restart-killed",
    title: "BFD and graceful restart: we are killed, the restart goes on although BFD ends (BIRD: `bfd graceful`)",
    needs: ["bfd", "graceful restart"],
    run: async (bench) => {
      const session = await withRoute(bench, RESTARTING);
      await bench.herald.kill();
      await bench.bfdLost();
      await keptUntilBack(bench, session);
      return undefined;
    },
  },
  {
    name: "bfd-restart-handover",
    title: "BFD and graceful restart: stopped for the next process, the routes stay (BIRD: `bfd graceful`)",
    needs: ["bfd", "graceful restart"],
    run: async (bench) => {
      const session = await withRoute(bench, RESTARTING);
      await bench.herald.stop("the next one comes", "restarting");
      await bench.herald.kill();
      await bench.bfdLost();
      await keptUntilBack(bench, session);
      return undefined;
    },
  },
];

async function withRoute(bench: Bench, wish: Wish): Promise<SessionSpec> {
  const session = await bench.up(wish);
  await bench.herald.routes([ROUTE]);
  await bench.routes([V4]);
  await bench.bfdUp();
  await bench.established();
  return session;
}

/** Our process stands still, as behind a link that is cut: nothing tells the router but the silence. */
async function silence(bench: Bench): Promise<string> {
  const start = performance.now();
  bench.herald.freeze();
  await bench.routes([]);
  const took = Math.round(performance.now() - start);
  if (took > (PATIENT * 1000) / 3) throw new LabCheckError(`gone after ${took} ms: that was the hold timer`);
  return `gone after ${took} ms`;
}

/** The routes are there without us, and with us again, and BFD too. */
async function keptUntilBack(bench: Bench, session: SessionSpec): Promise<void> {
  await bench.routes([V4], ({ stale }) => (stale ? undefined : "not stale"));
  await bench.heraldAgain(session, [ROUTE]);
  await bench.revived();
  await bench.routes([V4], ({ stale }) => (stale ? "stale" : undefined));
  await bench.bfdUp();
}
