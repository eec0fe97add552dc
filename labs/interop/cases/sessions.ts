import { LabCheckError } from "../../runner/errors.ts";
import type { Bench } from "../bench.ts";
import type { InteropCase } from "../case.ts";

const BIG_ROUTER = 4_200_000_001;
const BIG_HERALD = 4_200_000_000;
/** A router that reads AS4_PATH shows the number behind it. */
const AS_TRANS = 23456;
const ROUTE = { prefix: "203.0.113.1/32" };

/** Who dials whom, over what, from which AS. */
export const SESSIONS: readonly InteropCase[] = [
  {
    name: "session-ipv4",
    title: "Session over IPv4, both families",
    run: async (bench) => {
      await bench.up();
      return await bothFamilies(bench);
    },
  },
  {
    name: "session-ipv6",
    title: "Session over IPv6, both families",
    run: async (bench) => {
      await bench.up({ transport: 6 });
      return await bothFamilies(bench);
    },
  },
  {
    name: "we-wait",
    title: "The router dials, we wait",
    run: async (bench) => {
      await bench.open({ router: { passive: false }, herald: { passive: true }, listen: true });
      await bench.established();
      return undefined;
    },
  },
  {
    name: "collision",
    title: "Both dial: one connection stays",
    run: async (bench) => {
      await bench.open({ router: { passive: false }, listen: true });
      await bench.established();
      await bench.herald.routes([ROUTE]);
      await bench.routes([ROUTE.prefix]);
      const text = await bench.stage.exec("router", [
        "ss",
        "-Htn",
        "state",
        "established",
        "( sport = :179 or dport = :179 )",
      ]);
      const connections = text.trim().split("\n").length;
      return connections === 1 ? undefined : `${connections} connections for a moment`;
    },
  },
  {
    name: "four-octet-as",
    title: "AS numbers of four octets",
    run: async (bench) => {
      await bench.up({
        router: { asn: BIG_ROUTER, heraldAsn: BIG_HERALD },
        herald: { localAsn: BIG_HERALD, peerAsn: BIG_ROUTER },
      });
      await bench.herald.routes([ROUTE]);
      await bench.routes([ROUTE.prefix], ({ asPath }) =>
        asPath === `${BIG_HERALD}` ? undefined : `AS path ${asPath}`,
      );
      return undefined;
    },
  },
  {
    name: "two-octet-as",
    title: "AS 4200000000 to a router of two-octet AS numbers",
    run: async (bench) => {
      await bench.up({ router: { heraldAsn: BIG_HERALD, twoOctet: true }, herald: { localAsn: BIG_HERALD } });
      await bench.herald.until("two octets", ({ fourOctetAsn }) => (fourOctetAsn ? "four octets" : undefined));
      await bench.herald.routes([ROUTE]);
      await bench.routes([ROUTE.prefix], ({ asPath }) =>
        [AS_TRANS, BIG_HERALD].includes(Number(asPath)) ? undefined : `AS path ${asPath}`,
      );
      return undefined;
    },
  },
  {
    name: "wrong-as",
    title: "Wrong AS: refused, and we say why",
    run: async (bench) => {
      await bench.open({ herald: { localAsn: 65002 } });
      await bench.herald.until("refused for the AS", ({ lastError }) =>
        /peer AS/i.test(lastError) ? undefined : lastError,
      );
      await bench.routerSession("not Established", ({ up, state }) => (up ? state : undefined));
      return undefined;
    },
  },
  {
    name: "one-family",
    title: "Router without IPv6: IPv4 alone, and we say so",
    run: async (bench) => {
      await bench.up({ router: { families: [4] } });
      await bench.herald.routes([ROUTE, { prefix: "2001:db8:99::1/128" }]);
      await bench.routes([ROUTE.prefix]);
      const { families } = await bench.herald.seen();
      if (`${families}` !== "4") throw new LabCheckError(`families ${families}`);
      return undefined;
    },
  },
  {
    name: "no-common-family",
    title: "The router has IPv6 alone, we IPv4 alone: refused, and we say why",
    run: async (bench) => {
      await bench.open({ router: { families: [6] }, herald: { families: [4] } });
      await bench.herald.until("refused for the family", ({ lastError, reasons }) =>
        [lastError, ...reasons].some((one) => /address family in common|Unsupported Capability/i.test(one))
          ? undefined
          : lastError,
      );
      await bench.routerSession("not Established", ({ up, state }) => (up ? state : undefined));
      return undefined;
    },
  },
  {
    name: "no-capabilities",
    title: "Router without capabilities (RFC 5492): IPv4 alone",
    run: async (bench) => {
      await bench.up({ router: { families: [4], noCapabilities: true } });
      await bench.herald.routes([ROUTE, { prefix: "2001:db8:99::1/128" }]);
      await bench.routes([ROUTE.prefix]);
      const { families } = await bench.herald.seen();
      if (`${families}` !== "4") throw new LabCheckError(`families ${families}`);
      return undefined;
    },
  },
  {
    name: "role-mismatch",
    title: "BGP roles that do not fit: refused, and we say why",
    needs: ["roles"],
    run: async (bench) => {
      await bench.open({ router: { role: "customer" }, herald: { role: "customer" } });
      await bench.herald.until("refused for the role", ({ lastError }) =>
        /role/i.test(lastError) ? undefined : lastError,
      );
      return undefined;
    },
  },
  {
    name: "unnumbered",
    title: "Unnumbered: found by router advertisements",
    needs: ["unnumbered"],
    run: async (bench) => {
      await bench.up({ unnumbered: true });
      await bench.herald.routes([ROUTE, { prefix: "2001:db8:99::1/128" }]);
      await bench.routes([ROUTE.prefix, "2001:db8:99::1/128"]);
      return undefined;
    },
  },
];

async function bothFamilies(bench: Bench): Promise<undefined> {
  await bench.herald.until("both families", ({ families }) => (families.length === 2 ? undefined : `${families}`));
}
