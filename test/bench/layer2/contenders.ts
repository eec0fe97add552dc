import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allDone } from "../../../labs/runner/command.ts";
import { killNode, reviveNode } from "../../../labs/runner/faults.ts";
import type { Lab } from "../../../labs/runner/lab.ts";
import { monotonic } from "../../../labs/runner/monotonic.ts";
import type { LabProcess } from "../../../labs/runner/processes.ts";
import { LAN } from "./topology.ts";

/** The address all of them answer for. */
export const VIP = "10.98.0.100";

/** One that keeps an address answered by one of several nodes. */
export interface Contender {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL, and the node's link goes dark; the moment it was. */
  kill(node: string): Promise<number>;
  revive(node: string): Promise<void>;
  /** Takes the address off a node that is well. */
  moveAway(node: string): Promise<void>;
  moveBack(node: string): Promise<void>;
}

/** Herald's speakers, with default settings. */
export function herald(lab: Lab, nodes: readonly string[]): Contender {
  const drain = (node: string, value: string | null): Promise<void> =>
    lab.api.patch({ kind: "Node", name: node }, { metadata: { annotations: { "herald.io/drain": value } } });
  return {
    name: "Herald",
    start: async () => {
      for (const node of nodes) if (!lab.speaker(node).running) lab.speaker(node).start();
    },
    stop: async () => {
      await allDone(nodes.map((node) => lab.speaker(node).stop("SIGTERM")));
    },
    kill: (node) => killNode(lab, LAN, node),
    revive: (node) => reviveNode(lab, LAN, node),
    moveAway: (node) => drain(node, "bench"),
    moveBack: (node) => drain(node, null),
  };
}

const KEEPALIVED = "/usr/sbin/keepalived";

/** Whether Debian's keepalived is here to compare with. */
export const keepalivedInstalled = existsSync(KEEPALIVED);

/** How keepalived is set up: `fast` announces ten times a second, the default once. */
export interface KeepalivedSetting {
  readonly name: string;
  /** Seconds between VRRP advertisements. */
  readonly interval: number;
  readonly version: 2 | 3;
}

/** keepalived on the same nodes: VRRP, the first node with the highest priority. The service rules stay. */
export function keepalived(lab: Lab, nodes: readonly string[], setting: KeepalivedSetting): Contender {
  const daemons = new Map<string, LabProcess>();
  const folder = join(lab.paths.state, `keepalived-${setting.interval}`);
  const start = (node: string): void => {
    for (const kind of ["pid", "vrrp.pid"]) rmSync(join(folder, `${node}.${kind}`), { force: true });
    const daemon = daemons.get(node);
    if (daemon === undefined) daemons.set(node, lab.start({ node, name: "keepalived", argv: command(folder, node) }));
    else daemon.start();
  };
  const stop = async (node: string): Promise<void> => {
    await daemons.get(node)?.stop("SIGTERM");
  };
  return {
    name: setting.name,
    start: async () => {
      mkdirSync(folder, { recursive: true });
      for (const [i, node] of nodes.entries()) {
        writeFileSync(join(folder, `${node}.conf`), configuration(setting, 200 - i));
        start(node);
      }
    },
    stop: async () => {
      await allDone(nodes.map(stop));
    },
    kill: async (node) => {
      const moment = monotonic();
      await lab.exec(LAN, ["ip", "link", "set", node, "down"]);
      // Its child first, which speaks VRRP and would say goodbye when its parent is gone.
      process.kill(Number(readFileSync(join(folder, `${node}.vrrp.pid`), "utf8")), "SIGKILL");
      await daemons.get(node)?.stop("SIGKILL");
      return moment;
    },
    revive: async (node) => {
      // A node that boots has no addresses of the past.
      await lab.exec(node, ["ip", "addr", "flush", "dev", "eth1", "to", `${VIP}/32`]);
      await lab.exec(LAN, ["ip", "link", "set", node, "up"]);
      start(node);
    },
    moveAway: stop,
    moveBack: async (node) => start(node),
  };
}

function command(folder: string, node: string): readonly string[] {
  const file = (kind: string): string => join(folder, `${node}.${kind}`);
  return [KEEPALIVED, "-n", "-l", "-D", "-P", "-f", file("conf"), "-p", file("pid"), "-r", file("vrrp.pid")];
}

function configuration({ interval, version }: KeepalivedSetting, priority: number): string {
  return `global_defs {
  vrrp_version ${version}
}
vrrp_instance service {
  state BACKUP
  interface eth1
  virtual_router_id 51
  priority ${priority}
  advert_int ${interval}
  virtual_ipaddress {
    ${VIP}/32
  }
}
`;
}
