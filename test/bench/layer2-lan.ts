import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, ip, run } from "../support/network-namespace.ts";
import { until } from "../support/until.ts";

const PREFIX = "hbl2";
const ROLES = ["client", "node", "peer"] as const;
const KEEPALIVED = "/usr/sbin/keepalived";
/** In one VRRP packet there is room for so many addresses; the others are left out of it. */
const IN_PACKET = 20;

export type Role = (typeof ROLES)[number];

/** A client, a node of Herald's and a host with keepalived on one bridge, each in a network namespace. */
export class BenchLan {
  readonly #agents: Agent[] = [];
  readonly #programs: ChildProcess[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "herald-bench-"));

  static create(): BenchLan {
    removeAbandoned();
    ip(`netns add ${nameOf("switch")}`);
    ip(`-n ${nameOf("switch")} link add br0 type bridge forward_delay 0`);
    ip(`-n ${nameOf("switch")} link set br0 up`);
    for (const [i, role] of ROLES.entries()) {
      const [name, port] = [nameOf(role), `port${i}`];
      ip(`netns add ${name}`);
      run(["nsenter", `--net=/run/netns/${name}`, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
      ip(`link add eth0 netns ${name} type veth peer name ${port} netns ${nameOf("switch")}`);
      ip(`-n ${nameOf("switch")} link set ${port} master br0 up`);
      ip(`-n ${name} link set lo up`);
      ip(`-n ${name} link set eth0 up`);
      ip(`-n ${name} address add 10.78.0.${i + 1}/16 dev eth0`);
    }
    return new BenchLan();
  }

  /** The namespace's name. */
  nameOf(role: Role): string {
    return nameOf(role);
  }

  /** Starts a program that serves calls there. */
  agent(role: Role, module: string): Agent {
    const agent = new Agent(nameOf(role), module);
    this.#agents.push(agent);
    return agent;
  }

  /** Starts keepalived as the owner of the addresses; its memory is that of all its processes, in MB. */
  async keepalived(addresses: readonly string[]): Promise<{ stop(): Promise<void>; megabytes(): number }> {
    const file = join(this.#folder, "keepalived.conf");
    writeFileSync(file, configuration(addresses));
    const pids = ["-p", join(this.#folder, "main.pid"), "-r", join(this.#folder, "vrrp.pid")];
    const argv = [`--net=/run/netns/${nameOf("peer")}`, KEEPALIVED, "-n", "--vrrp", "-f", file, ...pids];
    const child = spawn("nsenter", argv, { stdio: "ignore" });
    this.#programs.push(child);
    await until("keepalived's addresses", () => {
      if (child.exitCode !== null) throw new Error(`keepalived left with ${child.exitCode}`);
      const shown = ip(`-n ${nameOf("peer")} -o address show dev eth0`);
      return [...shown.matchAll(/inet /g)].length > addresses.length;
    });
    return {
      megabytes: () => familyOf(child.pid ?? 0).reduce((sum, pid) => sum + residentMegabytes(pid), 0),
      stop: () => end(child),
    };
  }

  async remove(): Promise<void> {
    await Promise.all([...this.#agents.map((agent) => agent.stop()), ...this.#programs.map(end)]);
    for (const role of [...ROLES, "switch"])
      if (existsSync(`/run/netns/${nameOf(role)}`)) ip(`netns delete ${nameOf(role)}`);
    rmSync(this.#folder, { recursive: true });
  }
}

/** Whether keepalived is here to be measured beside Herald. */
export const hasKeepalived = existsSync(KEEPALIVED);

function configuration(addresses: readonly string[]): string {
  const lines = addresses.map((address) => `    ${address}/32 dev eth0`);
  return `global_defs {
  vrrp_garp_master_refresh 0
}
vrrp_instance bench {
  state MASTER
  interface eth0
  virtual_router_id 7
  priority 255
  advert_int 1
  virtual_ipaddress {
${lines.slice(0, IN_PACKET).join("\n")}
  }
  virtual_ipaddress_excluded {
${lines.slice(IN_PACKET).join("\n")}
  }
}
`;
}

function nameOf(role: string): string {
  return `${PREFIX}-${process.pid}-${role}`;
}

/** Runs that were killed could not clean up. */
function removeAbandoned(): void {
  for (const [name, pid] of ip("netns list").matchAll(new RegExp(`^${PREFIX}-(\\d+)-\\w+`, "gm"))) {
    if (!existsSync(`/proc/${pid}`)) ip(`netns delete ${name}`);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, "exit");
}

function familyOf(pid: number): readonly number[] {
  const children = run(["cat", `/proc/${pid}/task/${pid}/children`])
    .split(" ")
    .map(Number)
    .filter((one) => one > 0);
  return [pid, ...children.flatMap(familyOf)];
}

function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(run(["cat", `/proc/${pid}/status`]))?.[1];
  return Number(kilobytes ?? 0) / 1024;
}
