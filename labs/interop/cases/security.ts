import type { InteropCase } from "../case.ts";

const V4 = "203.0.113.1/32";
const NEW = "203.0.113.2/32";
const PASSWORD = "lb-secret-4711";
const NEXT_PASSWORD = "lb-secret-4712";

/** Who may talk to whom. */
export const SECURITY: readonly InteropCase[] = [
  {
    name: "md5",
    title: "TCP MD5",
    needs: ["md5"],
    run: async (bench) => {
      await bench.up({ router: { password: PASSWORD }, herald: { password: PASSWORD } });
      await bench.herald.routes([{ prefix: V4 }]);
      await bench.routes([V4]);
      return undefined;
    },
  },
  {
    name: "md5-over-ipv6",
    title: "TCP MD5 over IPv6",
    needs: ["md5"],
    run: async (bench) => {
      await bench.up({ transport: 6, router: { password: PASSWORD }, herald: { password: PASSWORD } });
      return undefined;
    },
  },
  {
    name: "md5-wrong",
    title: "TCP MD5, wrong password: no session, and we hint at it",
    needs: ["md5"],
    run: async (bench) => {
      await bench.open({ router: { password: PASSWORD }, herald: { password: "not the one" } });
      await bench.stage.until("the router's kernel refused us", async () => {
        const refused = await bench.stage.kernelCounter("router", "TCPMD5Failure");
        return refused > 0 ? { value: refused } : { seen: "no segment with a wrong signature" };
      });
      await bench.herald.until("a word on passwords", ({ lastError }) =>
        /password|MD5/i.test(lastError) ? undefined : lastError || "no error",
      );
      await bench.routerSession("not Established", ({ up, state }) => (up ? state : undefined));
      return undefined;
    },
  },
  {
    name: "md5-missing",
    title: "TCP MD5, we have no password: no session",
    run: async (bench) => {
      await bench.open({ router: { password: PASSWORD } });
      await bench.stage.until("the router's kernel refused us", async () => {
        const refused = await bench.stage.kernelCounter("router", "TCPMD5NotFound");
        return refused > 0 ? { value: refused } : { seen: "no segment without a signature" };
      });
      await bench.routerSession("not Established", ({ up, state }) => (up ? state : undefined));
      return undefined;
    },
  },
  {
    name: "md5-rotation",
    title: "TCP MD5, another password on both sides, without a restart of ours",
    needs: ["md5"],
    run: async (bench) => {
      await bench.up({ router: { password: PASSWORD }, herald: { password: PASSWORD } });
      await bench.herald.routes([{ prefix: V4 }]);
      await bench.routes([V4]);
      await bench.router.rekey?.(bench.peer, NEXT_PASSWORD);
      await bench.herald.rekey(NEXT_PASSWORD);
      // Something that only the new signature can bring over.
      await bench.herald.routes([{ prefix: V4 }, { prefix: NEW }]);
      await bench.revived();
      await bench.routes([V4, NEW]);
      const { established } = await bench.herald.seen();
      return established === 1 ? "the session went on" : "the router began a new session";
    },
  },
  {
    name: "gtsm",
    title: "GTSM (TTL security)",
    needs: ["gtsm"],
    run: async (bench) => {
      const listen = bench.kind.gtsmDials === true;
      await bench.up({
        listen,
        router: { gtsm: true, passive: !listen },
        herald: { ttlSecurity: true, passive: listen },
      });
      await bench.herald.routes([{ prefix: V4 }]);
      await bench.routes([V4]);
      return undefined;
    },
  },
  {
    name: "gtsm-missing",
    title: "GTSM at the router alone: no session",
    run: async (bench) => {
      await bench.open({ router: { gtsm: true } });
      await bench.stage.until("the router's kernel refused us", async () => {
        const refused = await bench.stage.kernelCounter("router", "TCPMinTTLDrop");
        return refused > 0 ? { value: refused } : { seen: "no segment from too far" };
      });
      await bench.routerSession("not Established", ({ up, state }) => (up ? state : undefined));
      return undefined;
    },
  },
];
