import { attempt, type CommandResult } from "../runner/command.ts";
import { type Explanation, parseExplanation, parseSessions, type SessionLine } from "./answers.ts";

/** Runs the built program as a user does who has a kubeconfig and nothing else. */
export class HeraldAsker {
  readonly #herald: string;
  readonly #kubeconfig: string;

  constructor(herald: string, kubeconfig: string) {
    this.#herald = herald;
    this.#kubeconfig = kubeconfig;
  }

  async run(...args: readonly string[]): Promise<CommandResult> {
    return await attempt([process.execPath, this.#herald, ...args, "--kubeconfig", this.#kubeconfig]);
  }

  /** `herald explain service ...`, as a program reads it. */
  async explain(...args: readonly string[]): Promise<Explanation & Pick<CommandResult, "code">> {
    const { code, stdout, stderr } = await this.run("explain", "service", ...args, "-o", "json");
    return { ...parseExplanation(stdout === "" ? stderr : stdout), code };
  }

  async sessions(peer: string): Promise<readonly SessionLine[]> {
    return parseSessions((await this.run("sessions", "--peer", peer, "-o", "json")).stdout);
  }
}
