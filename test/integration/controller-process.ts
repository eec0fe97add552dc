import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { ApiProxy } from "../support/api-proxy.ts";
import type { Build, Herald } from "../support/herald.ts";
import type { Site } from "./site.ts";

/** A kubeconfig file for a server that asks for no credentials. */
function kubeconfigFor(folder: string, server: string): string {
  const file = join(folder, "kubeconfig");
  const named = { name: "test" };
  const content = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [{ ...named, cluster: { server } }],
    users: [{ ...named, user: {} }],
    contexts: [{ ...named, context: { cluster: "test", user: "test" } }],
  };
  writeFileSync(file, stringify(content));
  return file;
}

/** A controller as it is shipped, in a process of its own, with a line of its own to the API. */
export class ControllerProcess implements AsyncDisposable {
  readonly name: string;
  readonly line: ApiProxy;
  readonly #site: Site;
  readonly #build: Build;
  readonly #folder = mkdtempSync(join(tmpdir(), "herald-controller-"));
  #herald: Herald | undefined;
  #suspended = false;

  private constructor(build: Build, site: Site, name: string, line: ApiProxy) {
    this.#build = build;
    this.#site = site;
    this.name = name;
    this.line = line;
  }

  static async create(build: Build, site: Site, name: string): Promise<ControllerProcess> {
    return new ControllerProcess(build, site, name, await ApiProxy.start(site.cluster.config));
  }

  get runs(): boolean {
    return this.#herald !== undefined;
  }

  get suspended(): boolean {
    return this.#suspended;
  }

  /** Everything that the present process said. */
  get output(): string {
    return (this.#herald?.stdout ?? "") + (this.#herald?.stderr ?? "");
  }

  start(): void {
    const { system, lbClass } = this.#site;
    const kubeconfig = kubeconfigFor(this.#folder, this.line.url);
    const where = ["--kubeconfig", kubeconfig, "--namespace", system, "--lb-class", lbClass];
    const ports = ["--port", "0", "--health-probe-port", "0"];
    this.#herald = this.#build.start(["controller", ...where, ...ports, "--pod-name", this.name]);
  }

  suspend(): void {
    this.#herald?.signal("SIGSTOP");
    this.#suspended = true;
  }

  resume(): void {
    this.#herald?.signal("SIGCONT");
    this.#suspended = false;
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const herald = this.#herald;
    // Asleep, it would never hear a SIGTERM.
    if (this.#suspended && signal === "SIGTERM") this.resume();
    this.#herald = undefined;
    this.#suspended = false;
    await herald?.end(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
    await this.line[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
