import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";
import { parseJson } from "./json.ts";
import { inNamespace } from "./namespaces.ts";
import { until } from "./poll.ts";
import type { LabProcess, Processes } from "./processes.ts";

const DAEMON_FOLDER = "/usr/lib/frr";

export interface FrrSpec {
  readonly node: string;
  readonly namespace: string;
  /** A short path: Unix sockets live here, whose names hold about a hundred characters. */
  readonly folder: string;
  readonly config: string;
  /** Text of FRR's `daemons` file. */
  readonly daemons: string;
}

/** The daemons that FRR's own `daemons` file switches on, zebra first: it always runs. */
export function enabledDaemons(text: string): readonly string[] {
  const on = [...text.matchAll(/^\s*([a-z0-9]+)\s*=\s*["']?yes["']?\s*(?:#.*)?$/gim)].map((m) => m[1] ?? "");
  return ["zebra", ...on.filter((name) => name !== "zebra" && /^[a-z0-9]+d$/.test(name))];
}

/** FRR of one node: its own state folder, so that no system service and no other lab is touched. */
export class FrrRouter {
  readonly #spec: FrrSpec;

  constructor(spec: FrrSpec) {
    this.#spec = spec;
  }

  /** Starts the daemons and loads the configuration. */
  async start(processes: Processes, signal: AbortSignal): Promise<void> {
    const { folder } = this.#spec;
    await run(["install", "-d", "-o", "frr", "-g", "frr", "-m", "755", folder]);
    await run(["install", "-o", "frr", "-g", "frr", "-m", "644", this.#spec.config, join(folder, "frr.conf")]);
    await run(["install", "-o", "frr", "-g", "frr", "-m", "644", "/dev/null", join(folder, "vtysh.conf")]);
    const [zebra = "zebra", ...others] = enabledDaemons(this.#spec.daemons);
    processes.start(this.#process(zebra));
    await this.#listening([zebra], signal);
    for (const daemon of others) processes.start(this.#process(daemon));
    await this.#listening(others, signal);
    await this.#configure();
  }

  /** Starts a daemon again that was ended, and tells it its configuration. */
  async startAgain(daemon: LabProcess, signal: AbortSignal): Promise<void> {
    // One that was killed leaves its socket behind.
    rmSync(join(this.#spec.folder, `${daemon.spec.name}.vty`), { force: true });
    daemon.start();
    await this.#listening([daemon.spec.name], signal);
    await this.#configure();
  }

  /** What a `show ... json` command answers. */
  async json(command: string): Promise<unknown> {
    return parseJson(await this.text(command));
  }

  async text(command: string): Promise<string> {
    return await run(["vtysh", ...this.#vtyshOptions(), "-c", command]);
  }

  /** Changes the running configuration by these lines, as somebody at its terminal would. */
  async configure(...lines: readonly string[]): Promise<void> {
    const commands = ["configure terminal", ...lines].flatMap((line) => ["-c", line]);
    await run(["vtysh", ...this.#vtyshOptions(), ...commands]);
  }

  /** A command line for people. */
  get shellCommand(): string {
    return ["vtysh", ...this.#vtyshOptions()].join(" ");
  }

  async #listening(daemons: readonly string[], signal: AbortSignal): Promise<void> {
    const { folder, node } = this.#spec;
    await until(`${node}: ${daemons.join(", ")} listening`, { within: 20_000, signal }, async () => {
      const missing = daemons.filter((daemon) => !existsSync(join(folder, `${daemon}.vty`)));
      return missing.length === 0 ? { value: true } : { seen: `no socket of ${missing.join(", ")}` };
    });
  }

  async #configure(): Promise<void> {
    await run(["vtysh", ...this.#vtyshOptions(), "-f", join(this.#spec.folder, "frr.conf")]);
  }

  #vtyshOptions(): readonly string[] {
    return ["--vty_socket", this.#spec.folder, "--config_dir", this.#spec.folder];
  }

  #process(daemon: string): { node: string; name: string; argv: readonly string[] } {
    const { folder, namespace, node } = this.#spec;
    const options = ["--vty_socket", folder, "-i", join(folder, `${daemon}.pid`), "-z", join(folder, "zserv.api")];
    if (daemon === "bfdd") options.push("--bfdctl", join(folder, "bfdd.sock"));
    const rest = ["-u", "frr", "-g", "frr", "-P", "0", "-f", "/dev/null", "--log", "stdout"];
    return { node, name: daemon, argv: inNamespace(namespace, [join(DAEMON_FOLDER, daemon), ...options, ...rest]) };
  }
}
