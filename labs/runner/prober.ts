import { join } from "node:path";
import { attempt } from "./command.ts";
import { LabCheckError } from "./errors.ts";
import { at, listOf, parseJson, textOf } from "./json.ts";
import type { Lab } from "./lab.ts";

/** What `prober.mjs` counted. */
export interface Probed {
  readonly asked: number;
  readonly answered: number;
  readonly macs: readonly string[];
}

/** Asks who has an IPv6 address, from `eth1` of a node, by a program that shares no code with Herald. */
export async function solicit(lab: Lab, node: string, target: string, flags: readonly string[] = []): Promise<Probed> {
  const script = join(lab.paths.root, "labs/runner/prober.mjs");
  const words = ["neighbour-solicitation", target, "--interface", "eth1", "--timeout", "500", ...flags];
  const { code, stdout, stderr } = await attempt(lab.inside(node, [process.execPath, script, ...words]));
  if (code > 1) throw new LabCheckError(stderr.trim());
  return parseProbed(stdout);
}

/** Reads the summary that `prober.mjs` ends with. */
function parseProbed(text: string): Probed {
  const summary = parseJson(text.trim().split("\n").at(-1) ?? "");
  return {
    asked: Number(at(summary, "asked")),
    answered: Number(at(summary, "answered")),
    macs: listOf(at(summary, "macs")).map(textOf),
  };
}
