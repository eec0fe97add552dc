import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { systemSockets } from "../../src/system/native/socket.ts";

/** Why native sockets cannot be tried in network namespaces here, as a remark; undefined when they can. In CI that is a failure. */
export function whyNoNamespaces(): string | undefined {
  const reason = systemSockets.available ? whyNotAllowed() : "native sockets are not built";
  if (reason !== undefined && process.env["CI"] === "true") throw new Error(`CI must run these tests: ${reason}`);
  return reason === undefined ? undefined : ` (skipped: ${reason})`;
}

function whyNotAllowed(): string | undefined {
  return process.getuid?.() === 0 ? failureOf(["netns", "list"]) : "network namespaces need root";
}

function failureOf(words: readonly string[]): string | undefined {
  try {
    run(["ip", ...words]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Runs a program to its end; what it prints. @throws when it fails */
export function run([program = "", ...args]: readonly string[], input = ""): string {
  return execFileSync(program, args, { input, encoding: "utf8", stdio: "pipe" });
}

/** Runs one `ip` command line. */
export function ip(line: string): string {
  return run(["ip", ...line.split(" ")]);
}

/** Two network namespaces with a wire between them: `eth0` of each. */
export class NamespacePair {
  readonly names: readonly [string, string];
  readonly #agents: Agent[] = [];

  private constructor(names: readonly [string, string]) {
    this.names = names;
  }

  /** Makes both, with addresses `10.77.0.1` and `.2`, `fd77::1` and `::2`, and no duplicate address detection. */
  static create(prefix: string): NamespacePair {
    removeAbandoned(prefix);
    const pair = new NamespacePair([`${prefix}-${process.pid}-a`, `${prefix}-${process.pid}-b`]);
    const [a, b] = pair.names;
    for (const name of pair.names) {
      ip(`netns add ${name}`);
      setSysctls(name, SYSCTLS);
    }
    ip(`link add eth0 netns ${a} type veth peer name eth0 netns ${b}`);
    for (const [i, name] of pair.names.entries()) {
      ip(`-n ${name} link set lo up`);
      ip(`-n ${name} link set eth0 up`);
      ip(`-n ${name} address add 10.77.0.${i + 1}/24 dev eth0`);
      ip(`-n ${name} address add fd77::${i + 1}/64 dev eth0`);
    }
    return pair;
  }

  /** Starts a program that serves calls in one of the namespaces. */
  agent(side: 0 | 1, module: string): Agent {
    const agent = new Agent(this.names[side], module);
    this.#agents.push(agent);
    return agent;
  }

  /** The link-local address of one side. */
  linkLocal(side: 0 | 1): string {
    const found = /inet6 (fe80::[0-9a-f:]+)/.exec(ip(`-n ${this.names[side]} -6 address show dev eth0`))?.[1];
    if (found === undefined) throw new Error(`no link-local address in ${this.names[side]}`);
    return found;
  }

  sysctl(side: 0 | 1, setting: string): void {
    setSysctls(this.names[side], [setting]);
  }

  async remove(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    for (const name of this.names) failureOf(["netns", "delete", name]);
  }
}

/** Runs that were killed could not clean up. */
function removeAbandoned(prefix: string): void {
  for (const [name, , pid] of ip("netns list").matchAll(new RegExp(`^((?:${prefix})-(\\d+)-[ab])\\b`, "gm"))) {
    if (!existsSync(`/proc/${pid}`)) failureOf(["netns", "delete", name]);
  }
}

function setSysctls(namespace: string, settings: readonly string[]): void {
  run(["nsenter", `--net=/run/netns/${namespace}`, "sysctl", "-qw", ...settings]);
}

const SYSCTLS = ["net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"];

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process in a network namespace whose functions are called by name. */
export class Agent {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #next = 1;

  constructor(namespace: string, module: string) {
    this.#child = fork(module, {
      execPath: "nsenter",
      execArgv: [`--net=/run/netns/${namespace}`, process.execPath, "--import", "tsx"],
    });
    this.#child.on("message", (message: { id: number; result?: unknown; error?: string }) => {
      const pending = this.#pending.get(message.id);
      this.#pending.delete(message.id);
      if (message.error === undefined) pending?.resolve(message.result);
      else pending?.reject(new Error(message.error));
    });
    this.#child.on("exit", (code) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`the agent left with ${code}`));
    });
  }

  call(name: string, args: unknown = {}): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#child.send({ id, name, args });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill();
    await once(this.#child, "exit");
  }
}

/** The other side of an agent: answers calls until its parent is gone. */
export function serveCalls(functions: Readonly<Record<string, (args: never) => unknown>>): void {
  process.on("disconnect", () => process.exit());
  process.on("message", ({ id, name, args }: { id: number; name: string; args: never }) => {
    void (async () => {
      try {
        process.send?.({ id, result: await functions[name]?.(args) });
      } catch (error) {
        process.send?.({ id, error: error instanceof Error ? `${error.stack}` : String(error) });
      }
    })();
  });
}
