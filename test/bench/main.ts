import { cpus, release, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { allocationBench } from "./allocation.ts";
import { type Bench, markdownOf } from "./bench.ts";
import { bfdBench } from "./bfd.ts";
import { bgpBench } from "./bgp.ts";
import { clusterBench } from "./cluster.ts";
import { controllerBench } from "./controller.ts";
import { layer2Bench } from "./layer2.ts";
import { layer2FailoverBench } from "./layer2-failover.ts";
import { membershipBench } from "./membership.ts";

const BENCHES: readonly Bench[] = [
  allocationBench,
  controllerBench,
  clusterBench,
  bgpBench,
  bfdBench,
  layer2Bench,
  layer2FailoverBench,
  membershipBench,
];
const DEFAULT_RUNS = 5;
const DEFAULT_MINUTES = 1;

const list = BENCHES.map(({ name, summary }) => `  ${name.padEnd(14)} ${summary}`).join("\n");
const USAGE = `usage: npm run bench -- NAME... [--runs N] [--minutes N] [--only PART]

Runs benchmarks one after the other and prints their tables as markdown.

${list}
`;

function machine(): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${memory} GiB, Linux ${release()}, Node ${process.version}`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      help: { type: "boolean", short: "h" },
      runs: { type: "string" },
      minutes: { type: "string" },
      only: { type: "string" },
    },
    allowPositionals: true,
  });
  if (values.help === true || positionals.length === 0) {
    process.stdout.write(USAGE);
    return values.help === true ? 0 : 2;
  }
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`no benchmark called ${unknown.join(", ")}\n\n${USAGE}`);
    return 2;
  }
  const runs = Number(values.runs ?? DEFAULT_RUNS);
  if (!Number.isInteger(runs) || runs < 1) {
    process.stderr.write("--runs takes a whole number from 1 up\n");
    return 2;
  }
  const minutes = Number(values.minutes ?? DEFAULT_MINUTES);
  if (!Number.isInteger(minutes) || minutes < 1) {
    process.stderr.write("--minutes takes a whole number from 1 up\n");
    return 2;
  }
  process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${machine()}\n\n`);
  for (const bench of BENCHES.filter(({ name }) => positionals.includes(name))) {
    const tables = await bench.run((text) => process.stderr.write(`${bench.name}: ${text}\n`), {
      runs,
      minutes,
      only: values.only,
    });
    for (const table of tables) process.stdout.write(`${markdownOf(table)}\n`);
  }
  return 0;
}

process.exitCode = await main();
