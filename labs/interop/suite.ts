import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { InterruptedError } from "../runner/errors.ts";
import { messageOf, type Report, seconds } from "../runner/report.ts";
import { Bench } from "./bench.ts";
import type { Cell, InteropCase } from "./case.ts";
import type { Feature } from "./features.ts";
import type { RouterKind } from "./router.ts";
import { Stage } from "./stage.ts";

export interface SuiteOptions {
  readonly run: string;
  readonly state: string;
  readonly logs: string;
  readonly engine: string;
  readonly features: readonly Feature[];
  /** Cells at a time. */
  readonly jobs: number;
  readonly signal: AbortSignal;
  readonly report: Report;
}

interface Job {
  readonly kind: RouterKind;
  readonly one: InteropCase;
  readonly id: string;
}

/** Runs every case with every router, several at a time, each in namespaces of its own. */
export async function runSuite(
  kinds: readonly RouterKind[],
  cases: readonly InteropCase[],
  options: SuiteOptions,
): Promise<readonly Cell[]> {
  const jobs = cases.flatMap((one) => kinds.map((kind) => ({ kind, one })));
  const queue = jobs.map((job, i): Job => ({ ...job, id: `c${i}` }));
  const cells: Cell[] = [];
  const worker = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      if (options.signal.aborted) throw new InterruptedError("interrupted");
      const cell = await settle(job, options);
      tell(cell, options.report);
      cells.push(cell);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  return cells;
}

async function settle(job: Job, options: SuiteOptions): Promise<Cell> {
  const { kind, one } = job;
  const cell = { router: kind.name, case: one.name, took: 0 };
  const cannot = kind.cannot[one.name] ?? one.needs?.map((feature) => kind.lacks[feature]).find(isThere);
  if (cannot !== undefined) return { ...cell, verdict: "n/a", detail: cannot };
  const missing = (one.needs ?? []).filter((feature) => !options.features.includes(feature));
  if (missing.length > 0) return { ...cell, verdict: "not yet", detail: missing.join(", ") };
  return await play(job, options);
}

function isThere(reason: string | undefined): boolean {
  return reason !== undefined;
}

async function play({ kind, one, id }: Job, options: SuiteOptions): Promise<Cell> {
  const logs = join(options.logs, `${kind.name}-${one.name}`);
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  const { engine, signal } = options;
  const stage = new Stage({ run: `${options.run}-${id}`, state: join(options.state, id), logs, engine, signal });
  const start = performance.now();
  const cell = { router: kind.name, case: one.name };
  try {
    await stage.up();
    const detail = (await one.run(new Bench(stage, kind))) ?? "";
    const took = Math.round(performance.now() - start);
    rmSync(logs, { recursive: true, force: true });
    return { ...cell, verdict: "ok", took, detail };
  } catch (error) {
    if (error instanceof InterruptedError) throw error;
    return { ...cell, verdict: "failed", took: Math.round(performance.now() - start), detail: messageOf(error) };
  } finally {
    await stage.down();
  }
}

function tell({ router, case: name, verdict, took, detail }: Cell, report: Report): void {
  const time = verdict === "ok" || verdict === "failed" ? seconds(took) : "";
  report.line(`  ${verdict.padEnd(8)}${router.padEnd(10)}${name.padEnd(24)}${time.padEnd(10)}${detail}`);
}
