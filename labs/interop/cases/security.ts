import type { InteropCase } from "../case.ts";

const V4 = "203.0.113.1/32";
const PASSWORD = "lb-secret-4711";

/** Who may talk to whom, and who notices silence first. */
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
  {
    name: "bfd-up",
    title: "BFD up",
    needs: ["bfd"],
    run: async (bench) => {
      await bench.up({ router: { bfd: true }, herald: { bfd: true } });
      await bench.bfdUp();
      return undefined;
    },
  },
  {
    name: "bfd-herald-dies",
    title: "BFD: we die, the router takes the routes out long before its hold timer",
    needs: ["bfd"],
    run: async (bench) => {
      await bench.up({ router: { bfd: true, holdTime: 90 }, herald: { bfd: true, holdTime: 90 } });
      await bench.herald.routes([{ prefix: V4 }]);
      await bench.routes([V4]);
      await bench.bfdUp();
      await bench.established();
      const start = performance.now();
      bench.herald.freeze();
      await bench.routes([]);
      return `gone after ${Math.round(performance.now() - start)} ms`;
    },
  },
  {
    name: "bfd-router-dies",
    title: "BFD: the router dies, we notice long before our hold timer",
    needs: ["bfd"],
    run: async (bench) => {
      await bench.up({ router: { bfd: true, holdTime: 90 }, herald: { bfd: true, holdTime: 90 } });
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
];
