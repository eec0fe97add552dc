import { parseArgs } from "node:util";
import type { Subject } from "./subject.ts";
import { SUBJECTS } from "./subjects.ts";

const SLICE_MILLIS = 1000;

const USAGE = `usage: npm run fuzz -- [--time SECONDS] [--seed N] [--only NAME]

Feeds each of ${SUBJECTS.length} subjects in turn with broken messages until the time is up: BGP, BFD, layer 2 and gossip, from decoders to whole engines.
Each finding is printed with its seed and ends the run with exit code 1.

${SUBJECTS.map(({ name }) => `  ${name}`).join("\n")}
`;

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly subjects: readonly Subject[];
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      time: { type: "string" },
      seed: { type: "string" },
      only: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const seconds = Number(values.time ?? 20);
  const seed = Number(values.seed ?? Math.trunc(Math.random() * 2 ** 31));
  const subjects = SUBJECTS.filter(({ name }) => values.only === undefined || name === values.only);
  const fine = seconds > 0 && Number.isInteger(seed) && subjects.length > 0;
  return values.help === true || !fine ? undefined : { seconds, seed, subjects };
}

/** Each subject in turn for a second, with another seed each time. */
function fuzz({ seconds, seed, subjects }: Options): boolean {
  const end = performance.now() + seconds * 1000;
  const runs = new Map(subjects.map(({ name }) => [name, 0]));
  for (let round = 0; performance.now() < end; round++) {
    const subject = subjects[round % subjects.length];
    if (subject === undefined) return false;
    const left = end - performance.now();
    const result = subject.run((seed + round) | 0, Math.min(SLICE_MILLIS, left));
    runs.set(subject.name, (runs.get(subject.name) ?? 0) + result.runs);
    if (result.finding === undefined) continue;
    process.stdout.write(`${subject.name}, seed ${seed}:\n${result.finding}\n`);
    return false;
  }
  const counts = [...runs].map(([name, count]) => `${name} ${count}`).join(", ");
  process.stdout.write(`${runs.size} subjects, nothing found in ${seconds} s with seed ${seed}: ${counts}\n`);
  return [...runs.values()].every((count) => count > 0);
}

const options = readOptions();
if (options === undefined) process.stderr.write(USAGE);
process.exitCode = options === undefined ? 2 : fuzz(options) ? 0 : 1;
