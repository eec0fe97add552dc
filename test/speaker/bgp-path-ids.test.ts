import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Agent, ip, NamespacePair, whyNoNamespaces } from "../support/network-namespace.ts";
import { until, untilEqual } from "../support/until.ts";
import type { SessionCall, SessionReport } from "./bgp-agent.ts";

/** A router with two sessions of ours, and a path of its own to a prefix that both announce. */
interface Router {
  readonly name: string;
  readonly programs: readonly string[];
  /** Its table of 203.0.113.1: the path identifier, AS path and OTC of what our sessions announced, as far as it shows them. */
  readonly wants: readonly string[];
  start(folder: string, inside: (argv: readonly string[]) => ChildProcess): RunningRouter;
}

interface RunningRouter {
  readonly process: ChildProcess;
  ready(): boolean;
  table(): readonly string[];
}

const NEIGHBOURS = [
  { address: "10.77.0.1", asn: 64512 },
  { address: "10.77.0.3", asn: 64513 },
] as const;

const frr: Router = {
  name: "FRR",
  programs: ["/usr/lib/frr/bgpd", "/usr/bin/vtysh"],
  wants: ["1 64512", "1 64513"],
  start(folder, inside) {
    const neighbours = NEIGHBOURS.flatMap(({ address, asn }) => [
      ` neighbor ${address} remote-as ${asn}`,
      ` neighbor ${address} passive`,
      ` neighbor ${address} addpath-tx-all-paths`,
    ]);
    const head = ["router bgp 65000", " bgp router-id 10.77.0.2", " no bgp ebgp-requires-policy"];
    const lines = [...head, " no bgp network import-check", ...neighbours, " network 203.0.113.1/32", ""];
    writeFileSync(join(folder, "bgpd.conf"), lines.join("\n"));
    writeFileSync(join(folder, "vtysh.conf"), "");
    const words = ["--vty_socket", folder, "--config_dir", folder];
    return {
      process: inside([
        "/usr/lib/frr/bgpd",
        ..."-Z -S -u root -g root -P 0 --log file:/dev/null".split(" "),
        ...["-f", join(folder, "bgpd.conf"), "-i", join(folder, "pid"), "--vty_socket", folder],
      ]),
      ready: () => existsSync(join(folder, "bgpd.vty")),
      table() {
        const text = execFileSync("vtysh", [...words, "-c", "show bgp ipv4 unicast 203.0.113.1/32 json"], {
          encoding: "utf8",
        });
        const { paths = [] } = JSON.parse(text) as {
          readonly paths?: readonly { readonly addpathRxId: number; readonly aspath: { readonly string: string } }[];
        };
        return paths
          .filter(({ aspath }) => aspath.string !== "Local")
          .map((one) => `${one.addpathRxId} ${one.aspath.string}`);
      },
    };
  },
};

const bird: Router = {
  name: "BIRD",
  programs: ["/usr/sbin/bird", "/usr/sbin/birdc"],
  wants: ["64512 otc 64512", "64513"],
  start(folder, inside) {
    const neighbours = NEIGHBOURS.map(
      ({ address, asn }) => `protocol bgp {
  local 10.77.0.2 as 65000;
  neighbor ${address} as ${asn};
  passive;
  ipv4 { import all; export all; add paths on; };
}`,
    );
    const own =
      "protocol device {}\nprotocol direct { ipv4; }\nprotocol static { ipv4; route 203.0.113.1/32 blackhole; }";
    writeFileSync(join(folder, "bird.conf"), `router id 10.77.0.2;\n${own}\n${neighbours.join("\n")}\n`);
    const control = join(folder, "ctl");
    return {
      process: inside([
        "/usr/sbin/bird",
        "-f",
        "-c",
        join(folder, "bird.conf"),
        "-s",
        control,
        "-P",
        join(folder, "pid"),
      ]),
      ready: () => existsSync(control),
      table() {
        const show = ["-s", control, "show route 203.0.113.1/32 all"];
        const paths = execFileSync("/usr/sbin/birdc", show, { encoding: "utf8" }).split("unicast [");
        return paths.slice(1).map((path) => {
          const otc = /otc: (\d+)/.exec(path)?.[1];
          return `${/as_path: (\d+)/.exec(path)?.[1]}${otc === undefined ? "" : ` otc ${otc}`}`;
        });
      },
    };
  },
};

const gobgp: Router = {
  name: "GoBGP",
  programs: ["/usr/bin/gobgpd", "/usr/bin/gobgp"],
  wants: ["1 64512", "1 64513"],
  start(folder, inside) {
    const neighbours = NEIGHBOURS.map(
      ({ address, asn }) => `[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${asn}
  [neighbors.transport.config]
    passive-mode = true
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv4-unicast"
    [neighbors.afi-safis.add-paths.config]
      receive = true
      send-max = 8
`,
    );
    const head = `[global.config]\n  as = 65000\n  router-id = "10.77.0.2"\n  local-address-list = ["10.77.0.2"]\n`;
    writeFileSync(join(folder, "gobgpd.toml"), `${head}${neighbours.join("")}`);
    const socket = join(folder, "api");
    const ask = (...words: string[]): string =>
      execFileSync("/usr/bin/gobgp", ["--target", `unix://${socket}`, ...words], { encoding: "utf8" });
    const file = join(folder, "gobgpd.toml");
    return {
      process: inside(["/usr/bin/gobgpd", "-f", file, "--log-level", "error", "--api-hosts", `unix://${socket}`]),
      ready() {
        if (!existsSync(socket)) return false;
        ask("global", "rib", "add", "203.0.113.1/32");
        return true;
      },
      table: () =>
        NEIGHBOURS.flatMap(({ address }) => ask("neighbor", address, "adj-in").split("\n"))
          .filter((line) => line.includes("203.0.113.1/32"))
          .map((line) => line.trim().split(/\s+/))
          .map((words) => `${words[0]} ${words[3]}`),
    };
  },
};

const why = whyNoNamespaces();

describe.skipIf(why !== undefined)(`path identifiers with routers${why ?? ""}`, () => {
  let pair: NamespacePair;
  beforeAll(() => {
    pair = NamespacePair.create("hpid");
    ip(`-n ${pair.names[0]} address add 10.77.0.3/24 dev eth0`);
  });
  afterAll(() => pair.remove());

  function begin(router: Router): RunningRouter {
    const folder = mkdtempSync(join(tmpdir(), "hpid-"));
    chmodSync(folder, 0o755);
    const running = router.start(folder, (argv) =>
      spawn("nsenter", [`--net=/run/netns/${pair.names[1]}`, "--", ...argv], { stdio: "ignore" }),
    );
    onTestFinished(() => {
      running.process.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    });
    return running;
  }

  async function sessions(): Promise<Agent> {
    const agent = pair.agent(0, "test/speaker/bgp-agent.ts");
    onTestFinished(() => agent.stop());
    const addPaths = { send: true, receive: true };
    const [first, second] = NEIGHBOURS;
    // As its provider, the first tells the router OTC as well (RFC 9234 section 5).
    const role = { role: "provider", strict: false } as const;
    const a: SessionCall = { name: "a", asn: first.asn, from: first.address, addPaths, role };
    const b: SessionCall = { name: "b", asn: second.asn, from: second.address, addPaths };
    for (const call of [a, b]) {
      await agent.call("start", call);
      await agent.call("routes", { name: call.name, prefixes: ["203.0.113.1/32", "203.0.113.2/32"] });
    }
    return agent;
  }

  it.for([frr, bird, gobgp])(
    "$name takes ours and sends several paths of one prefix, and forgets the one we withdraw",
    async (router, { skip }) => {
      if (!router.programs.every((program) => existsSync(program))) {
        if (process.env["CI"] === "true") throw new Error(`CI must run this test: ${router.name} is not installed`);
        skip(`${router.name} is not installed`);
      }
      const running = begin(router);
      await until(`${router.name} listens`, () => running.ready());
      const agent = await sessions();
      const paths = async (): Promise<readonly string[]> => {
        const report = (await agent.call("report", "b")) as SessionReport;
        const own = report.learned.filter(({ prefix }) => prefix === "203.0.113.1/32");
        // What came from ourselves some routers send back and some do not.
        return own
          .map(({ asPath }) => `${asPath}`)
          .filter((path) => !path.includes("64513"))
          .toSorted();
      };
      await untilEqual(`${router.name} has both paths`, () => running.table().toSorted(), router.wants);
      await untilEqual("we have both of the others", paths, ["65000", "65000 64512"]);
      const { send, receive, learned } = (await agent.call("report", "b")) as SessionReport;
      expect([send, receive]).toEqual([[4], [4]]);
      const ids = learned.filter(({ prefix }) => prefix === "203.0.113.1/32").map(({ pathId }) => pathId);
      expect(new Set(ids).size).toBe(ids.length);
      await agent.call("routes", { name: "a", prefixes: ["203.0.113.2/32"] });
      await untilEqual(`${router.name} has one path`, () => running.table().toSorted(), router.wants.slice(1));
      await untilEqual("we have one of the others", paths, ["65000"]);
    },
  );
});
