import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";
import { HeraldAsker } from "./asker.ts";
import type { Fault, Stage } from "./fault.ts";
import { ADDRESS_FAULTS } from "./faults-addresses.ts";
import { ANNOUNCING_FAULTS } from "./faults-announcing.ts";
import { CLUSTER_FAULTS } from "./faults-cluster.ts";
import { LAYER2_FAULTS } from "./faults-layer2.ts";
import { SESSION_FAULTS } from "./faults-sessions.ts";
import { PodsExec } from "./pods-exec.ts";
import { tableRow } from "./readme-table.ts";
import { isNamed } from "./verdict.ts";

const SERVICES = ["web", "six", "lan"] as const;
const FAULTS: readonly (readonly [title: string, faults: readonly Fault[]])[] = [
  ["addresses", ADDRESS_FAULTS],
  ["announcing", ANNOUNCING_FAULTS],
  ["sessions", SESSION_FAULTS],
  ["layer 2", LAYER2_FAULTS],
  ["cluster", CLUSTER_FAULTS],
];

/** Generous: sessions, elections and looking for strangers take seconds, and the machine may be busy. */
const PATIENCE = 40_000;

/** What the lab promises: of each fault, planted alone, `herald explain` names the object, the field and the remedy. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    for (const service of SERVICES) await placeEndpoints(lab, service, { ready: podsOf(lab) });
    return `${objects} objects`;
  });
  const gate = await PodsExec.open(lab);
  try {
    const stage = { lab, herald: new HeraldAsker(lab.paths.herald, gate.kubeconfig) };
    for (const service of SERVICES) {
      await lab.step(`${service}: nothing is wrong with it`, () => healthy(stage, service));
    }
    await plantAll(stage);
  } finally {
    gate.close();
  }
}

async function plantAll(stage: Stage): Promise<void> {
  const { lab } = stage;
  const rows = new Map<string, string | undefined>();
  for (const [title, faults] of FAULTS) {
    for (const fault of faults) {
      rows.set(fault.name, await seen(stage, fault, title));
    }
  }
  const missed = [...rows].filter(([, row]) => row === undefined).map(([name]) => name);
  await lab.step(`${rows.size} faults, each named`, async () => {
    if (missed.length > 0) throw new LabCheckError(`not named: ${missed.join("; ")}`);
    for (const service of SERVICES) await healthy(stage, service);
  });
  await lab.step("README.md has the same table", () => {
    const readme = readFileSync(join(lab.paths.lab, "README.md"), "utf8");
    const lacking = [...rows.values()].filter((row) => row !== undefined && !readme.includes(`${row}\n`));
    if (lacking.length > 0) throw new LabCheckError(`README.md lacks:\n${lacking.join("\n")}`);
    return Promise.resolve();
  });
}

/**
 * Plants one fault, asks, and heals: the row of the table that says what was answered, undefined when that was wrong. The next one is
 * planted whatever the answer was, but not on top of this one.
 */
async function seen(stage: Stage, fault: Fault, title: string): Promise<string | undefined> {
  const { lab } = stage;
  const undo = await fault.plant(stage);
  let row: string | undefined;
  try {
    await lab.step(`${title}: ${fault.name}`, async () => {
      const { value } = await lab.until("herald names it", PATIENCE, () => isNamed(stage, fault));
      row = tableRow(fault, value);
      return value.name;
    });
  } catch (error) {
    if (!(error instanceof LabCheckError)) throw error;
  }
  await undo();
  // A Service of the row's own is gone by now.
  const service = "ask" in fault ? SERVICES.find((name) => name === fault.ask[0]) : "web";
  if (service !== undefined) await healthy(stage, service);
  return row;
}

/** Announced, and nothing is said against it but what cannot be seen from the cluster. */
async function healthy({ lab, herald }: Stage, service: string): Promise<string> {
  const { took } = await lab.until(`nothing is wrong with Service ${service}`, PATIENCE, async () => {
    const { code, answers, causes } = await herald.explain(service);
    const wrong = causes.filter(({ verdict }) => verdict !== "unknown");
    if (code === 0 && answers === "yes" && wrong.length === 0) return { value: true };
    return { seen: `${answers}: ${wrong.map(({ name, words }) => `${name} (${words})`).join("; ")}` };
  });
  return `after ${Math.round(took)} ms`;
}
