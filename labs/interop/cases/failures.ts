import { LabCheckError } from "../../runner/errors.ts";
import { ROUTER_ASN } from "../addresses.ts";
import type { InteropCase } from "../case.ts";
import type { SessionSeen } from "../protocol.ts";

const V4 = "203.0.113.1/32";
const V6 = "2001:db8:99::1/128";
const BOTH = [V4, V6];
const ROUTES = BOTH.map((prefix) => ({ prefix }));
/** The shortest that RFC 4271 allows. */
const SHORT = 3;
/** RFC 8326 and RFC 9494. */
const GRACEFUL_SHUTDOWN = "65535:0";
const LLGR_STALE = "65535:6";
const GRACEFUL = { restartTime: 60 };
const WORDS = "maintenance until noon";

/** Sessions that end: who ended them, who noticed, and how the routes come back. */
export const FAILURES: readonly InteropCase[] = [
  {
    name: "router-restart",
    title: "The router restarts",
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.stopRouter("SIGTERM");
      await bench.herald.until("session lost", ({ state }) => (state === "established" ? state : undefined));
      await bench.router.start();
      await bench.established();
      await bench.routes(BOTH);
      return undefined;
    },
  },
  {
    name: "our-restart",
    title: "We are killed and come back: routes gone, routes back",
    run: async (bench) => {
      const session = await bench.up();
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.herald.kill();
      await bench.routes([]);
      await bench.heraldAgain(session, ROUTES);
      await bench.revived();
      await bench.routes(BOTH);
      return undefined;
    },
  },
  {
    name: "graceful-restart",
    title: "Graceful restart: killed, routes stay; back, what is not announced again goes",
    needs: ["graceful restart"],
    run: async (bench) => {
      const session = await bench.up({ herald: { gracefulRestart: GRACEFUL } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.herald.kill();
      await bench.routes(BOTH, ({ stale }) => (stale ? undefined : "not stale"));
      await bench.heraldAgain(session, [{ prefix: V4 }]);
      await bench.revived();
      await bench.routes([V4], ({ stale }) => (stale ? "stale" : undefined));
      return undefined;
    },
  },
  {
    name: "graceful-handover",
    title: "Graceful restart: stopped for the next process, routes stay",
    needs: ["graceful restart"],
    run: async (bench) => {
      const session = await bench.up({ herald: { gracefulRestart: GRACEFUL } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      const kernel = bench.stage.start("router", { name: "kernel-routes", argv: ["ip", "monitor", "route"] });
      await bench.herald.stop("the next one comes", "restarting");
      await bench.herald.kill();
      await bench.routes(BOTH, ({ stale }) => (stale ? undefined : "not stale"));
      await bench.heraldAgain(session, ROUTES);
      await bench.revived();
      await bench.routes(BOTH, ({ stale }) => (stale ? "stale" : undefined));
      // Of a router that forwards: no packet was without a route in between.
      const lost = kernel.tail(1000).filter((line) => /^Deleted .*(203\.0\.113\.|2001:db8:99::)/.test(line));
      if (lost.length > 0) throw new LabCheckError(`the router's kernel lost its routes: ${lost.join("; ")}`);
      return undefined;
    },
  },
  {
    name: "graceful-stop",
    title: "Graceful restart: a stop that is meant withdraws at once",
    needs: ["graceful restart"],
    run: async (bench) => {
      await bench.up({ herald: { gracefulRestart: GRACEFUL } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.herald.stop(WORDS);
      await bench.routes([]);
      return undefined;
    },
  },
  {
    name: "long-lived",
    title: "Long-lived graceful restart: we stay away, the routes stay as a last resort",
    needs: ["long-lived graceful restart"],
    run: async (bench) => {
      const gracefulRestart = { restartTime: 1, staleTime: 60 };
      const session = await bench.up({ router: { longLived: true }, herald: { gracefulRestart } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.herald.kill();
      // RFC 9494 section 4.2: when the restart time is over they are marked, and only then.
      await bench.routes(BOTH, ({ communities }) => (communities.includes(LLGR_STALE) ? undefined : "not LLGR_STALE"));
      await bench.heraldAgain(session, ROUTES);
      await bench.revived();
      await bench.routes(BOTH, ({ communities, stale }) =>
        stale || communities.length > 0 ? "still stale" : undefined,
      );
      return undefined;
    },
  },
  {
    name: "drain",
    title: "Drain: GRACEFUL_SHUTDOWN and LOCAL_PREF 0, then withdrawn, then the session ends with our words",
    run: async (bench) => {
      await bench.up({ router: { heraldAsn: ROUTER_ASN }, herald: { localAsn: ROUTER_ASN } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.herald.routes(BOTH.map((prefix) => ({ prefix, localPref: 0, communities: [GRACEFUL_SHUTDOWN] })));
      await bench.routes(BOTH, ({ communities, localPref }) =>
        localPref === 0 && communities.includes(GRACEFUL_SHUTDOWN)
          ? undefined
          : `LOCAL_PREF ${localPref}, communities ${communities.join(" ") || "none"}`,
      );
      await bench.herald.routes([]);
      await bench.routes([]);
      await bench.routerSession("still Established", ({ up, state }) => (up ? undefined : state));
      await bench.herald.stop(WORDS);
      const wanted = bench.kind.cannot["our-shutdown"] === undefined ? WORDS : "";
      await bench.routerSession("our words", ({ up, why }) => (!up && why.includes(wanted) ? undefined : why));
      return undefined;
    },
  },
  {
    name: "our-shutdown",
    title: "We shut down: the router has our words",
    run: async (bench) => {
      await bench.up();
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      await bench.herald.stop(WORDS);
      await bench.routerSession("our words", ({ up, why }) => (!up && why.includes(WORDS) ? undefined : why));
      await bench.routes([]);
      return undefined;
    },
  },
  {
    name: "router-shutdown",
    title: "The router's operator shuts down: we say why",
    run: async (bench) => {
      await bench.up();
      await bench.router.shutdown(bench.peer, WORDS);
      const wanted = bench.kind.shutdownWords === false ? /Administrative(ly)? Shutdown/i : new RegExp(WORDS);
      await bench.herald.until("the router's words", ends(wanted));
      return undefined;
    },
  },
  {
    name: "we-go-silent",
    title: "We go silent: the router's hold timer ends it",
    run: async (bench) => {
      await bench.up({ router: { holdTime: SHORT }, herald: { holdTime: SHORT } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      bench.herald.freeze();
      await bench.routerSession("hold timer expired", ({ up, why }) => (!up && /hold/i.test(why) ? undefined : why));
      await bench.routes([]);
      bench.herald.thaw();
      await bench.herald.until("loss noticed", ({ established, state }) =>
        state === "established" && established === 1 ? state : undefined,
      );
      await bench.revived();
      await bench.routes(BOTH);
      return undefined;
    },
  },
  {
    name: "router-goes-silent",
    title: "The router goes silent: our hold timer ends it",
    run: async (bench) => {
      await bench.up({ router: { holdTime: SHORT }, herald: { holdTime: SHORT } });
      await bench.herald.routes(ROUTES);
      await bench.routes(BOTH);
      bench.signalRouter("SIGSTOP");
      await bench.herald.until("hold timer expired", ends(/hold time/i));
      bench.signalRouter("SIGCONT");
      await bench.revived();
      await bench.routes(BOTH);
      return undefined;
    },
  },
  {
    name: "prefix-limit",
    title: "Prefix limit of the router: its Cease in our words",
    run: async (bench) => {
      await bench.up({ router: { maxPrefixes: 3 } });
      const many = [1, 2, 3, 4, 5, 6].map((n) => ({ prefix: `203.0.113.${n}/32` }));
      await bench.herald.routes(many);
      await bench.herald.until("told of the limit", ends(/Maximum Number of Prefixes/i));
      return undefined;
    },
  },
  {
    name: "our-prefix-limit",
    title: "Our limit on its routes: our Cease in the router's words",
    run: async (bench) => {
      await bench.open({ router: { announces: true }, herald: { maxPrefixes: 1 } });
      await bench.herald.until("over the limit", ends(/more than 1|limit|Maximum Number of Prefixes/i));
      await bench.routerSession("told of our limit", ({ why }) =>
        /max(imum)?[ -](number of )?prefix|prefix(es)? (limit|count)|Cease, max/i.test(why) ? undefined : why,
      );
      return undefined;
    },
  },
];

/** Wants a session that has ended, at least for a moment, for a reason that fits. */
function ends(reason: RegExp): (seen: SessionSeen) => string | undefined {
  return ({ lastError, reasons, state }) =>
    [lastError, ...reasons].some((one) => reason.test(one))
      ? undefined
      : `${state}: ${[...reasons, lastError].join("; ") || "no error"}`;
}
