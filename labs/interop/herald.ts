import { join } from "node:path";
import { at, parseJson } from "../runner/json.ts";
import type { Look } from "../runner/poll.ts";
import type { LabProcess } from "../runner/processes.ts";
import { InteropError } from "./errors.ts";
import type { Goodbye, Request, RouteSpec, SessionSeen, SessionSpec } from "./protocol.ts";
import type { Stage } from "./stage.ts";

/** Our engine in its namespace, and the wire to it. */
export class Herald {
  readonly #stage: Stage;
  readonly #process: LabProcess;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#process = stage.start("herald", {
      name: "engine",
      argv: [process.execPath, "--enable-source-maps", stage.engine, "--state-dir", join(stage.state, "engine")],
      onLine: (line) => this.#waiting.shift()?.(line),
    });
  }

  async open(session: SessionSpec, routes: readonly RouteSpec[] = []): Promise<void> {
    await this.#ask({ do: "open", session, routes });
  }

  async listen(): Promise<void> {
    await this.#ask({ do: "listen" });
  }

  /** All routes this peer should have. */
  async routes(routes: readonly RouteSpec[], name = "router"): Promise<void> {
    await this.#ask({ do: "routes", name, routes });
  }

  /** Some that changed, and some that are gone. */
  async change(routes: readonly RouteSpec[], gone: readonly string[] = [], name = "router"): Promise<void> {
    await this.#ask({ do: "change", name, routes, gone });
  }

  /** Another password from now on. */
  async rekey(password: string, name = "router"): Promise<void> {
    await this.#ask({ do: "rekey", name, password });
  }

  async seen(name = "router"): Promise<SessionSeen> {
    return (await this.#ask({ do: "view", name })) as SessionSeen;
  }

  /** Waits until the engine's word on a session is as wanted; `wanted` answers with what is wrong, or nothing. */
  async until(what: string, wrong: (seen: SessionSeen) => string | undefined, name = "router"): Promise<SessionSeen> {
    return await this.#stage.until(`engine: ${what}`, async (): Promise<Look<SessionSeen>> => {
      const seen = await this.seen(name);
      const problem = wrong(seen);
      return problem === undefined ? { value: seen } : { seen: problem };
    });
  }

  /** Ends all sessions as a speaker does that stops, for good or to come back at once. */
  async stop(reason: string, goodbye: Goodbye = "shutdown"): Promise<void> {
    await this.#ask({ do: "stop", reason, goodbye });
  }

  /** The end of the process without a word to anybody. */
  async kill(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }

  freeze(): void {
    this.#process.signal("SIGSTOP");
  }

  thaw(): void {
    this.#process.signal("SIGCONT");
  }

  async #ask(request: Request): Promise<unknown> {
    const line = new Promise<string>((resolve) => this.#waiting.push(resolve));
    this.#process.write(JSON.stringify(request));
    const answer = parseJson(await line);
    const error = at(answer, "error");
    if (error !== undefined) throw new InteropError(`engine: ${String(error)}`);
    return at(answer, "value");
  }
}
