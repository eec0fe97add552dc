import { type ExecFileException, execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const CACHED = join(import.meta.dirname, "../../dist/tools/kubectl");

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Finds kubectl: $KUBECTL, then PATH, then what `test/tooling/fetch-tools.sh` put into dist/tools. */
export async function findKubectl(): Promise<string | undefined> {
  const onPath = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "kubectl"));
  const given = process.env["KUBECTL"];
  for (const candidate of [...(given === undefined ? [] : [given]), ...onPath, CACHED]) {
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

/** What one run of kubectl printed, and how it ended. */
export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function exitCode(error: ExecFileException | null): number {
  if (error === null) return 0;
  return typeof error.code === "number" ? error.code : -1;
}

/** kubectl with a home of its own, so that no discovery cache of another server is believed. */
export class Kubectl {
  readonly #binary: string;
  readonly #home: string;

  private constructor(binary: string, home: string) {
    this.#binary = binary;
    this.#home = home;
  }

  static async create(binary: string, kubeconfig: string): Promise<Kubectl> {
    const home = await mkdtemp(join(tmpdir(), "herald-kubectl-"));
    await writeFile(join(home, "config"), kubeconfig, { mode: 0o600 });
    return new Kubectl(binary, home);
  }

  /** Writes a manifest into the home and returns its path. */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.#home, name);
    await writeFile(path, text);
    return path;
  }

  /** Runs to the end; a watch is stopped by `timeoutMs`. */
  run(
    args: readonly string[],
    also: { readonly env?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
  ): Promise<KubectlResult> {
    const env = { PATH: process.env["PATH"], HOME: this.#home, KUBECONFIG: join(this.#home, "config"), ...also.env };
    return new Promise((done) => {
      execFile(this.#binary, args, { env, timeout: also.timeoutMs ?? 15_000 }, (error, stdout, stderr) =>
        done({ code: exitCode(error), stdout, stderr }),
      );
    });
  }

  /** Runs and expects success. @throws Error with what kubectl said. */
  async ok(...args: readonly string[]): Promise<string> {
    const result = await this.run(args);
    if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, { recursive: true, force: true });
  }
}
