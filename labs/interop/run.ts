import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { allDone, attempt, run } from "../runner/command.ts";
import { InterruptedError, LabConfigError } from "../runner/errors.ts";
import { parseJson } from "../runner/json.ts";
import { Report, seconds } from "../runner/report.ts";
import { RunGuard, unusedRunName } from "../runner/run-guard.ts";
import type { Cell, InteropCase } from "./case.ts";
import { CASES } from "./cases/catalogue.ts";
import type { Feature } from "./features.ts";
import type { RouterKind } from "./router.ts";
import { ROUTERS } from "./routers/catalogue.ts";
import { runSuite } from "./suite.ts";

const ROOT = dirname(dirname(import.meta.dirname));
const OUT = join(ROOT, "dist/interop");
/** The native sockets, when they are built; the engine looks for them beside itself. */
const ADDON = join(ROOT, "src/system/native/netraw.node");

/** Where things are. */
export const FILES = { readme: join(ROOT, "README.md"), results: join(OUT, "results.json") } as const;

/** What a run found; kept when it was complete. */
export interface Results {
  readonly routers: readonly { readonly name: string; readonly title: string; readonly version: string }[];
  readonly cases: readonly { readonly name: string; readonly title: string }[];
  readonly cells: readonly Cell[];
}

/** Plays the cases with the routers and says how it went. Returns the exit code: 0 all held, 1 something did not. */
export async function runInterop(
  kinds: readonly RouterKind[],
  cases: readonly InteropCase[],
  jobs: number,
): Promise<number> {
  await requireMachine(kinds);
  const report = new Report((line) => process.stderr.write(`${line}\n`));
  const name = unusedRunName();
  const state = mkdtempSync(join(tmpdir(), `${name}-`));
  chmodSync(state, 0o755);
  const guard = new RunGuard(name, [state]);
  const forget = guard.catchSignals();
  const start = performance.now();
  try {
    const logs = join(OUT, "logs");
    mkdirSync(logs, { recursive: true });
    const engine = await bundleEngine(state);
    const features = await featuresOf(engine);
    const versions = await allDone(kinds.map((kind) => kind.version()));
    report.line(`interop ${name}: ${kinds.map(({ title }, i) => `${title} ${versions[i]}`).join(", ")}`);
    const cells = await runSuite(kinds, cases, {
      run: name,
      state,
      logs,
      engine,
      features,
      jobs,
      signal: guard.signal,
      report,
    });
    if (kinds.length === ROUTERS.length && cases.length === CASES.length) keep(kinds, cases, versions, cells);
    return conclude(cells, performance.now() - start, report);
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    report.line("interrupted");
    return 1;
  } finally {
    guard.cleanUp();
    forget();
  }
}

/** Says what is missing before anything is made. */
async function requireMachine(kinds: readonly RouterKind[]): Promise<void> {
  const problems: string[] = [];
  if (process.getuid?.() !== 0) problems.push("network namespaces need root");
  for (const { title, programs, debian } of kinds) {
    const found = await allDone(programs.map((program) => attempt(["which", program])));
    if (found.some(({ code }) => code !== 0)) problems.push(`${title} is not here: apt-get install ${debian}`);
  }
  if (problems.length > 0) throw new LabConfigError("this machine cannot run the suite", { problems });
}

/** The driver with the engine as the sources have it, in files that start fast; BFD's thread has one of its own. */
async function bundleEngine(folder: string): Promise<string> {
  await build({
    entryPoints: {
      engine: join(import.meta.dirname, "engine.ts"),
      "bfd-worker": join(ROOT, "src/speaker/bfd-worker.ts"),
    },
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    logLevel: "warning",
    // Some dependencies are CommonJS and call require() for Node's own modules.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);',
    },
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  if (existsSync(ADDON)) copyFileSync(ADDON, join(folder, basename(ADDON)));
  return join(folder, "engine.js");
}

async function featuresOf(engine: string): Promise<readonly Feature[]> {
  const text = await run([process.execPath, engine, "--features"]);
  return parseJson(text) as readonly Feature[];
}

function keep(
  kinds: readonly RouterKind[],
  cases: readonly InteropCase[],
  versions: readonly string[],
  cells: readonly Cell[],
): void {
  const results: Results = {
    routers: kinds.map(({ name, title }, i) => ({ name, title, version: versions[i] ?? "?" })),
    cases: cases.map(({ name, title }) => ({ name, title })),
    cells: cells.toSorted((a, b) => `${a.case} ${a.router}`.localeCompare(`${b.case} ${b.router}`)),
  };
  rmSync(FILES.results, { force: true });
  writeFileSync(FILES.results, `${JSON.stringify(results, null, 2)}\n`);
}

function conclude(cells: readonly Cell[], took: number, report: Report): number {
  const count = (verdict: Cell["verdict"]): number => cells.filter((cell) => cell.verdict === verdict).length;
  const counts = (["ok", "failed", "not yet", "n/a"] as const).map((verdict) => `${count(verdict)} ${verdict}`);
  report.line(`interop: ${counts.join(", ")} in ${seconds(took).trim()}`);
  const bad = cells.filter(({ verdict }) => verdict === "failed");
  for (const { router, case: name } of bad)
    report.line(`  logs of ${router} ${name}: ${join(OUT, "logs")}/${router}-${name}`);
  return bad.length === 0 ? 0 : 1;
}
