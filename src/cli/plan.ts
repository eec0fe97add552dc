import { type Command, Option } from "commander";
import { escapeControls } from "../api/raw-object.ts";
import { clusterDocuments } from "./cluster-documents.ts";
import { readManifestSets } from "./manifest-files.ts";
import { documentText, isForPeople, repeatable, styleOf } from "./output.ts";
import { diffDocuments, type PlanChange } from "./plan-diff.ts";
import { PLAN_FORMATS, type PlanFormat, renderPlan } from "./plan-render.ts";
import { type PlanOptions, planDocuments } from "./plan-report.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { painted, type Tone } from "./table.ts";
import { userClient } from "./user-client.ts";

interface PlanFlags {
  readonly filename: readonly string[];
  readonly output: PlanFormat;
  readonly namespace?: string;
  readonly lbClass: string;
  readonly ignoreExcludeLb?: true;
  readonly node: readonly string[];
  readonly diff?: true;
  readonly kubeconfig?: string;
}

const EXAMPLES = `
Examples:
  herald plan -f manifests/                  what every node would announce, and what not and why
  herald plan -f cluster.yaml --node worker1 the same for one node
  herald plan -f cluster.yaml -o json        for programs
  herald plan -f new-pool.yaml --diff        what it would change in the cluster
  kubectl get -A -o yaml svc,endpointslices,nodes,ns,ipaddresspools,bgppeers,bgpadvertisements,l2advertisements,communities,bfdprofiles > now.yaml
  herald plan -f now.yaml -f new-pool.yaml   what a change would do to a cluster as it is

An object of a later -f replaces the one of the same kind, namespace and name of an earlier -f.
Passwords are in Secrets: peers with passwordSecret need them in the input as well.
Services keep the addresses their status names as far as the configuration allows. A Service written by hand, without
spec.clusterIPs, is taken as the API server would make it.
--diff compares with the cluster instead: - goes and + comes when the files are applied (metallb.io objects of --namespace, or
metallb-system): addresses, routes and answers of each node. ! is refused, and changes nothing: what worked goes on.
Exit code: 0 valid, 2 some objects are invalid and left out, 1 the input cannot be read.
`;

/** Adds `herald plan`. */
export function registerPlan(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  program
    .command("plan")
    .summary("show what manifests would assign and announce, without a cluster")
    .description(
      "Shows which addresses Services get and what every node announces, and names the reason where it does not.",
    )
    .requiredOption(
      "-f, --filename <path>",
      "YAML or JSON file, or folder with all below it; may be given again",
      repeatable,
    )
    .addOption(new Option("-o, --output <format>", "output format").choices(PLAN_FORMATS).default("table"))
    .option("-n, --namespace <name>", "namespace of the metallb.io objects; others are ignored (default: all)")
    .addOption(
      new Option("--lb-class <class>", "handle only Services of this loadBalancerClass").default(
        "",
        "those without one",
      ),
    )
    .option("--diff", "show what the files change in the cluster", false)
    .addOption(new Option("--kubeconfig <file>", "how to reach the cluster, for --diff").env("KUBECONFIG"))
    .option("--ignore-exclude-lb", "announce from nodes that carry the exclude label too")
    .addOption(
      new Option("--node <name>", "show only this node; may be given again").argParser(repeatable).default([], "all"),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: PlanFlags) =>
      done(flags.diff === true ? await runDiff(flags, ports) : runPlan(flags, ports)),
    );
}

/** Runs the command. @throws InputUnreadable when a file is missing or broken. */
function runPlan(flags: PlanFlags, { stdout, stderr }: Pick<CliPorts, "stdout" | "stderr">): ExitCode {
  const report = planDocuments(readManifestSets(flags.filename), optionsOf(flags));
  for (const note of report.notes) stderr(`note: ${note}\n`);
  for (const piece of renderPlan(report, flags.output)) stdout(piece);
  for (const { kind, name, message } of report.invalid)
    stderr(`invalid: ${escapeControls(`${kind} ${name}`)}: ${message}\n`);
  return report.invalid.length === 0 ? 0 : 2;
}

function optionsOf(flags: PlanFlags): PlanOptions {
  return {
    namespace: flags.namespace,
    loadBalancerClass: flags.lbClass === "" ? undefined : flags.lbClass,
    ignoreExcludeLb: flags.ignoreExcludeLb === true,
    nodes: flags.node,
  };
}

/** What applying the files would change. @throws {ApiError} @throws {ApiUnreachable} */
async function runDiff(flags: PlanFlags, ports: CliPorts): Promise<ExitCode> {
  const files = readManifestSets(flags.filename);
  const namespace = flags.namespace ?? "metallb-system";
  const note = (text: string): void => ports.stderr(`note: ${text}\n`);
  const client = userClient(flags);
  try {
    const present = await clusterDocuments({ client, note }, namespace);
    const { changes, valid } = diffDocuments(present, files, { ...optionsOf(flags), namespace });
    print(changes, flags, ports);
    return valid ? 0 : 2;
  } finally {
    client.close();
  }
}

const SIGNS: Record<PlanChange["change"], readonly [sign: string, tone: Tone]> = {
  removed: ["-", "bad"],
  added: ["+", "good"],
  refused: ["!", "doubtful"],
};

function print(changes: readonly PlanChange[], { output }: PlanFlags, ports: CliPorts): void {
  const flags = { output, headers: true };
  if (!isForPeople(flags)) {
    ports.stdout(documentText({ items: changes }, flags));
    return;
  }
  const { colours } = styleOf(flags, ports);
  for (const { change, object, what } of changes) {
    const [sign, tone] = SIGNS[change];
    const line = `${sign} ${escapeControls(`${object}: ${what}`)}`;
    ports.stdout(`${colours === true ? painted(line, tone) : line}\n`);
  }
  if (changes.length === 0) ports.stderr("Nothing changes.\n");
}
