import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CodedError, ConfigError } from "../../src/wire/errors.ts";
import { messageOf, Report } from "../runner/report.ts";
import { check } from "./check.ts";
import { Cluster, findTools } from "./cluster.ts";

const LAB = import.meta.dirname;
const ROOT = dirname(dirname(LAB));
/** The exit code where containers cannot be had: neither that the lab failed nor that it was called wrongly. */
const NOT_HERE = 3;

/** Brings the cluster up, checks it and takes it down again, whatever happens. Returns the exit code: 3 where there is no Docker. */
export async function runWithContainers({ keep }: { readonly keep: boolean }): Promise<number> {
  const report = new Report((line) => process.stderr.write(`${line}\n`));
  const found = await findTools(ROOT);
  if ("missing" in found) {
    report.line("lab real-cluster takes containers, and this machine cannot run it. Missing:");
    for (const line of found.missing) report.line(`  ${line}`);
    report.line(
      "labs/real-cluster/README.md has it step by step; all other labs run without containers: npm run lab -- --list",
    );
    return NOT_HERE;
  }
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const state = mkdtempSync(join(tmpdir(), "herald-real-cluster-"));
  const cluster = new Cluster(found.tools, { root: ROOT, lab: LAB, state }, { report, signal: stop.signal });
  let code = 0;
  try {
    await cluster.up();
    await check(cluster);
    report.line("lab real-cluster passed");
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    if (!report.wasTold(error)) report.line(messageOf(error));
    code = error instanceof ConfigError ? 2 : 1;
  } finally {
    if (keep)
      report.line(
        `the lab stays up; KUBECONFIG=${cluster.kubeconfig}\n  containerlab destroy --topo ${LAB}/real-cluster.clab.yml --cleanup`,
      );
    else {
      await cluster.down();
      rmSync(state, { recursive: true, force: true });
    }
  }
  return code;
}
