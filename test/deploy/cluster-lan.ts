import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { ip, run } from "../support/network-namespace.ts";

const PREFIX = "hB";
/** Carries what a program in a namespace says to a port of its loopback to a socket in the file system, which all namespaces share. */
const DOOR = `
const net = require("node:net");
net.createServer((near) => {
  const far = net.connect(process.argv[1]);
  near.pipe(far).pipe(near);
  for (const one of [near, far]) one.on("error", () => { near.destroy(); far.destroy(); });
}).listen(6443, "127.0.0.1", () => console.log("open"));
`;

/** Nodes as network namespaces on one bridge, which is a station of its own: whoever is none of us. */
export class Lan implements AsyncDisposable {
  readonly nodes: readonly string[];
  readonly #bridge: string;
  readonly #doors: ChildProcess[] = [];

  constructor(count: number) {
    removeAbandoned();
    this.#bridge = `${PREFIX}-${process.pid}-lan`;
    this.nodes = Array.from({ length: count }, (_, i) => `${PREFIX}-${process.pid}-n${i + 1}`);
    ip(`netns add ${this.#bridge}`);
    ip(`-n ${this.#bridge} link add br0 type bridge`);
    ip(`-n ${this.#bridge} link set br0 up`);
    for (const [i, node] of this.nodes.entries()) this.#attach(i, node);
  }

  /** The address of a node, counted from 0. */
  address(node: number): string {
    return `10.78.0.${node + 1}`;
  }

  /** Opens port 6443 of each node's loopback to a Unix socket. */
  async open(socket: string): Promise<void> {
    for (const node of this.nodes) {
      const argv = [`--net=/run/netns/${node}`, process.execPath, "-e", DOOR, socket];
      const child = spawn("nsenter", argv, { stdio: ["ignore", "pipe", "inherit"] });
      this.#doors.push(child);
      await once(child.stdout, "data");
    }
  }

  /** Somebody who is none of us takes an address. */
  squat(address: string): void {
    ip(`-n ${this.#bridge} address add ${address}/24 dev br0`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const door of this.#doors) {
      if (door.exitCode !== null || door.signalCode !== null) continue;
      door.kill();
      await once(door, "exit");
    }
    for (const name of [...this.nodes, this.#bridge]) remove(name);
  }

  #attach(i: number, node: string): void {
    ip(`netns add ${node}`);
    run(["nsenter", `--net=/run/netns/${node}`, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]);
    ip(`link add eth0 netns ${node} type veth peer name port${i} netns ${this.#bridge}`);
    ip(`-n ${this.#bridge} link set port${i} master br0 up`);
    ip(`-n ${node} link set lo up`);
    ip(`-n ${node} link set eth0 up`);
    ip(`-n ${node} address add ${this.address(i)}/24 dev eth0`);
    ip(`-n ${node} address add fd78::${i + 1}/64 dev eth0`);
  }
}

function remove(name: string): void {
  ip(`netns delete ${name}`);
}

/** Runs that were killed could not clean up. */
function removeAbandoned(): void {
  for (const [, name = "", pid] of ip("netns list").matchAll(new RegExp(`^(${PREFIX}-(\\d+)-\\w+)`, "gm"))) {
    if (!existsSync(`/proc/${pid}`)) remove(name);
  }
}
