import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostText, setCommunity } from "./routes.ts";
import type { SubjectTask } from "./subject-task.ts";

/** The AS of what is measured, and of the peers around it. */
const SUBJECT_ASN = 64512;
export const ROUTER = { asn: 65008, address: "127.0.0.8" } as const;
export const FEEDER = { asn: 65009, address: "127.0.0.9" } as const;

/** What a daemon is to hold before the clock starts. */
interface Table {
  readonly routes: number;
  readonly perSet: number | undefined;
}

/** A running daemon. */
export interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

/** One of those that are measured. */
export interface Daemon {
  readonly name: string;
  /** Undefined: not installed here. */
  readonly program: string | undefined;
  /** The routes come from a feeder before the measurement; otherwise it has them from its configuration. */
  readonly fed: boolean;
  start(port: number, table: Table): Running;
}

/** Herald itself, out of the bundle at `bundle`. */
export function herald(bundle: string): Daemon {
  return {
    name: "Herald",
    program: process.execPath,
    fed: false,
    start(port, { routes, perSet }) {
      const task: SubjectTask = { type: "serve", port, routes, ...(perSet === undefined ? {} : { perSet }) };
      return subject(bundle, task);
    },
  };
}

/** A process of ours that does the task. */
export function subject(bundle: string, task: SubjectTask): Running & { readonly child: ChildProcess } {
  return run(process.execPath, [bundle, JSON.stringify(task)], {});
}

export const bird: Daemon = {
  name: "BIRD",
  program: installed("/usr/sbin/bird"),
  fed: false,
  start(port, table) {
    const routes = list(table, (n, set) => {
      const community =
        set === undefined
          ? ""
          : ` { bgp_community.add((${setCommunity(set) >>> 16}, ${setCommunity(set) & 0xffff})); }`;
      return `route ${hostText(n)}/32 blackhole${community};`;
    });
    const config = `router id 127.0.0.1;
protocol device {}
protocol static { ipv4 {}; ${routes} }
protocol bgp receiver {
  local 127.0.0.1 port ${port} as ${SUBJECT_ASN};
  neighbor ${ROUTER.address} as ${ROUTER.asn};
  multihop; passive;
  ipv4 { import all; export all; next hop self; };
}
`;
    return inFolder({ "bird.conf": config }, (folder) => [
      "/usr/sbin/bird",
      ["-f", "-c", join(folder, "bird.conf"), "-s", join(folder, "ctl"), "-P", join(folder, "pid")],
      {},
    ]);
  },
};

export const gobgp: Daemon = {
  name: "GoBGP",
  program: installed("/usr/bin/gobgpd"),
  fed: true,
  start(port) {
    const neighbor = ({ asn, address }: { readonly asn: number; readonly address: string }): string => `
[[neighbors]]
  [neighbors.config]
    neighbor-address = "${address}"
    peer-as = ${asn}
  [neighbors.transport.config]
    passive-mode = true
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 8
`;
    const config = `[global.config]
  as = ${SUBJECT_ASN}
  router-id = "127.0.0.1"
  port = ${port}
  local-address-list = ["127.0.0.1"]
${neighbor(ROUTER)}${neighbor(FEEDER)}`;
    return inFolder({ "gobgpd.toml": config }, (folder) => [
      "/usr/bin/gobgpd",
      ["-f", join(folder, "gobgpd.toml"), "--api-hosts", `127.0.0.1:${port + 1}`, "--log-level", "error"],
      {},
    ]);
  },
};

export const frr: Daemon = {
  name: "FRR",
  program: installed("/usr/lib/frr/bgpd"),
  fed: true,
  start(port) {
    const neighbor = ({ asn, address }: { readonly asn: number; readonly address: string }): string =>
      [`remote-as ${asn}`, "passive", "ebgp-multihop 8", "disable-connected-check"]
        .map((line) => ` neighbor ${address} ${line}`)
        .join("\n");
    const config = `router bgp ${SUBJECT_ASN}
 bgp router-id 127.0.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
${neighbor(ROUTER)}
${neighbor(FEEDER)}
`;
    return inFolder({ "bgpd.conf": config }, (folder) => [
      "/usr/lib/frr/bgpd",
      [
        ..."-Z -S -u root -g root -P 0 -l 127.0.0.1 --log file:/dev/null".split(" "),
        ...["-p", `${port}`, "-f", join(folder, "bgpd.conf"), "-i", join(folder, "pid"), "--vty_socket", folder],
      ],
      {},
    ]);
  },
};

export const openbgpd: Daemon = {
  name: "OpenBGPD",
  program: installed("/usr/sbin/bgpd"),
  fed: true,
  start(port) {
    const neighbor = ({ asn, address }: { readonly asn: number; readonly address: string }): string =>
      `neighbor ${address} {\n  remote-as ${asn}\n  passive\n  multihop 8\n  announce IPv4 unicast\n}`;
    // The home of its user, which it shuts itself up in. Debian's service makes it.
    mkdirSync("/run/openbgpd", { recursive: true });
    return inFolder({}, (folder) => {
      const config = `AS ${SUBJECT_ASN}
router-id 127.0.0.1
fib-update no
nexthop qualify via default
socket "${join(folder, "ctl")}"
listen on 127.0.0.1 port ${port}
${neighbor(ROUTER)}
${neighbor(FEEDER)}
allow from any
allow to any
`;
      const file = join(folder, "bgpd.conf");
      // Others may not read it: it could hold passwords.
      writeFileSync(file, config, { mode: 0o600 });
      return ["/usr/sbin/bgpd", ["-d", "-f", file], {}];
    });
  },
};

export const exabgp: Daemon = {
  name: "ExaBGP",
  program: installed("/usr/sbin/exabgp"),
  fed: false,
  start(port, table) {
    const routes = list(table, (n, set) => {
      const community =
        set === undefined ? "" : ` community [ ${setCommunity(set) >>> 16}:${setCommunity(set) & 0xffff} ]`;
      return `route ${hostText(n)}/32 next-hop 127.0.0.1${community};`;
    });
    const config = `neighbor ${ROUTER.address} {
  router-id 127.0.0.1;
  local-address 127.0.0.1;
  local-as ${SUBJECT_ASN};
  peer-as ${ROUTER.asn};
  passive true;
  family { ipv4 unicast; }
  static { ${routes} }
}
`;
    const env = {
      "exabgp.tcp.bind": "127.0.0.1",
      "exabgp.tcp.port": `${port}`,
      "exabgp.daemon.user": "root",
      "exabgp.daemon.drop": "false",
      "exabgp.log.all": "false",
    };
    return inFolder({ "exabgp.conf": config }, (folder) => ["/usr/sbin/exabgp", [join(folder, "exabgp.conf")], env]);
  },
};

function installed(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

function list({ routes, perSet }: Table, line: (n: number, set: number | undefined) => string): string {
  const set = (n: number): number | undefined => (perSet === undefined ? undefined : Math.floor(n / perSet));
  return Array.from({ length: routes }, (_, n) => line(n, set(n))).join("\n");
}

type Command = readonly [program: string, args: readonly string[], env: Readonly<Record<string, string>>];

function inFolder(files: Readonly<Record<string, string>>, command: (folder: string) => Command): Running {
  const folder = mkdtempSync(join(tmpdir(), "hben-"));
  chmodSync(folder, 0o755);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const [program, args, env] = command(folder);
  const running = run(program, args, env);
  return {
    pid: running.pid,
    async stop() {
      await running.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Running & { readonly child: ChildProcess } {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  if (child.pid === undefined) throw new Error(`${program} does not start`);
  return {
    pid: child.pid,
    child,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
