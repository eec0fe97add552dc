import { Build } from "../support/herald.ts";
import { type Bench, type BenchOptions, median, type Table } from "./bench.ts";
import type { Usage } from "./cluster/daemon.ts";
import { READERS } from "./cluster/informers.ts";
import { type Phase, type Run, runOnce } from "./cluster/run.ts";
import { ENDPOINTS_EACH, type Size } from "./cluster/world.ts";

const SIZES: Readonly<Record<string, Size>> = {
  tiny: { services: 100, nodes: 20 },
  small: { services: 1_000, nodes: 100 },
  full: { services: 10_000, nodes: 1_000 },
};
/** The CRD takes peer ports up to 16384. */
const FIRST_PORT = 12_000;
const MOST_RUNS = 3;

async function run(note: (text: string) => void, { runs, only = "full" }: BenchOptions): Promise<readonly Table[]> {
  const size = SIZES[only];
  if (size === undefined) throw new Error(`--only takes one of ${Object.keys(SIZES).join(", ")}`);
  using build = await Build.make();
  const all: Run[] = [];
  for (let i = 0; i < Math.min(runs, MOST_RUNS); i++) {
    note(`run ${i + 1} of ${Math.min(runs, MOST_RUNS)}`);
    const port = FIRST_PORT + ((process.pid % 100) * MOST_RUNS + i) * 4;
    all.push(await runOnce({ bundle: build.file, size, port, note }));
  }
  const { services, nodes } = size;
  const what = `${count(services)} Services, ${count(nodes)} nodes, ${count(services * ENDPOINTS_EACH)} endpoints`;
  return [phaseTable(what, all), requestTable(what, all), changeTable(what, all), readerTable(what, all)];
}

type Who = "controller" | "speaker";

function phaseTable(what: string, runs: readonly Run[]): Table {
  const columns = ["phase", "time ms"];
  for (const who of ["controller", "speaker"])
    columns.push(`${who} CPU s`, "peak RSS MiB", "turns p99 ms", "longest ms");
  return {
    title: `Cluster: ${what}`,
    columns: [...columns, "API CPU s"],
    rows: phaseNames(runs).map((name, i) => {
      const of = (pick: (phase: Phase) => number): number => median(phasesAt(runs, i).map(pick));
      const used = (["controller", "speaker"] as const).flatMap((who) => usageCells(runs, i, who));
      return [
        name,
        number(of(({ ms }) => ms)),
        ...used,
        number(
          of(({ api }) => api.cpuSeconds),
          2,
        ),
      ];
    }),
    remark:
      `Medians of ${runs.length}. The API, one controller and one speaker of the bundle are processes of their own; the router only counts, on loopback. ` +
      "Times of starts are from the start of the process, Node's own included, to the last route at the router; those of changes from before the first write to the API " +
      "until its last UPDATE. CPU is what the phase and all that follows from it took, up to a minute; of the speaker's start until the last route. A node that is lost is not Ready any " +
      "more and takes all endpoints of every tenth Service along, slice by slice, 32 writes in flight. A turn is how long whatever comes up has to wait for " +
      "the event loop, p99 of moments 5 ms apart.",
  };
}

function usageCells(runs: readonly Run[], phase: number, who: Who): readonly string[] {
  const usages = phasesAt(runs, phase).flatMap((one) => one[who] ?? []);
  if (usages.length === 0) return ["", "", "", ""];
  const of = (pick: (usage: Usage) => number): number => median(usages.map(pick));
  return [
    number(
      of(({ cpuSeconds }) => cpuSeconds),
      2,
    ),
    number(of(({ peakMib }) => peakMib)),
    number(of(({ turns }) => turns.p99)),
    number(of(({ turns }) => turns.longest)),
  ];
}

function requestTable(what: string, runs: readonly Run[]): Table {
  const rows = phaseNames(runs).flatMap((name, i) =>
    (["controller", "speaker"] as const).flatMap((who) => requestRow(runs, { name, i, who })),
  );
  return {
    title: `Cluster: requests to the API, ${what}`,
    columns: ["phase", "daemon", "requests", "a second"],
    rows,
    remark:
      "As the daemons' own metrics count them, in the last run; the time is that of the phase, what follows from it not included.",
  };
}

function requestRow(
  runs: readonly Run[],
  { name, i, who }: { readonly name: string; readonly i: number; readonly who: Who },
): readonly (readonly string[])[] {
  const phase = phasesAt(runs, i).at(-1);
  const requests = [...(phase?.[who]?.requests ?? [])];
  if (phase === undefined || requests.length === 0) return [];
  const total = requests.reduce((sum, [, one]) => sum + one, 0);
  const verbs = requests.map(([verb, one]) => `${verb} ${count(one)}`).join(", ");
  return [[name, who, verbs, number(total / (phase.ms / 1000), 1)]];
}

function changeTable(what: string, runs: readonly Run[]): Table {
  const row = (name: string, key: keyof Run["changes"]): readonly string[] => {
    const sorted = runs.flatMap(({ changes }) => changes[key]).sort((a, b) => a - b);
    return [name, count(sorted.length), number(median(sorted), 1), number(sorted.at(-1), 1)];
  };
  return {
    title: `Cluster: one change to its UPDATE, ${what}`,
    columns: ["change", "times", "p50 ms", "worst ms"],
    rows: [
      row("endpoints of a Service go or come back", "endpoints"),
      row("new Service, its address included", "service"),
    ],
    remark: "From before the write to the API until the UPDATE is at the router: API, watch, decision and session.",
  };
}

function readerTable(what: string, runs: readonly Run[]): Table {
  return {
    title: `Cluster: reading Services, EndpointSlices and Nodes, ${what}`,
    columns: ["client", "objects", "time ms", "CPU s", "peak RSS MiB", "RSS after 5 s MiB"],
    rows: READERS.map((kind) => {
      const figures = runs.map(({ readers }) => readers[kind]);
      const of = (pick: (one: (typeof figures)[number]) => number, digits = 0): string =>
        number(median(figures.map(pick)), digits);
      const name = kind === "herald" ? "Herald's informers" : "@kubernetes/client-node, makeInformer";
      const [objects, ms, cpu] = [of((one) => one.objects), of((one) => one.ms), of((one) => one.cpu, 2)];
      return [name, objects, ms, cpu, of(({ peak }) => peak), of(({ rss }) => rss)];
    }),
    remark: `A process that does nothing else, from its start until the three lists are in its cache; medians of ${runs.length}.`,
  };
}

function phaseNames(runs: readonly Run[]): readonly string[] {
  return (runs[0]?.phases ?? []).map(({ name }) => name);
}

function phasesAt(runs: readonly Run[], index: number): readonly Phase[] {
  return runs.flatMap(({ phases }) => phases[index] ?? []);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

function number(value: number | undefined, digits = 0): string {
  return (value ?? Number.NaN).toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export const clusterBench: Bench = {
  name: "cluster",
  summary: "controller and speaker with 10,000 Services, 1,000 nodes and 100,000 endpoints (--only small: a tenth)",
  run,
};
