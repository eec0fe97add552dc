import { type Command, Option } from "commander";
import { clusterDocuments } from "./cluster-documents.ts";
import { readManifestFiles } from "./manifest-files.ts";
import { addOutputFlags, isForPeople, type OutputFlags, print, repeatable } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import type { Column, Tone } from "./table.ts";
import { type ApiFlags, addApiFlags, userClient } from "./user-client.ts";
import { type ValidationRow, validate } from "./validate-report.ts";

interface ValidateFlags extends ApiFlags, OutputFlags {
  readonly filename: readonly string[];
  readonly offline?: true;
  readonly all?: true;
  readonly lbClass: string;
}

const EXAMPLES = `
Examples:
  herald validate -f new-pool.yaml             what the cluster would say if this were applied
  herald validate -f manifests/ --offline      the same for files that are all there is, without a cluster
  herald validate -f manifests/ --all -o json  with the objects that nothing is said of, for programs

Refused is what the webhook refuses, and what controller and speakers leave out. A warning is legal and waits for something, or
is surely not meant. Files are judged one object after the other; nothing is changed. Types and ranges that the API server
itself checks by its schemas are not all looked at: kubectl apply --dry-run=server does that.
Exit code: 0 nothing is refused, 1 the cluster or a file cannot be read, 2 something is refused, or bad flags.
`;

/** Adds `herald validate`. */
export function registerValidate(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("validate")
    .summary("say what webhook, controller and speakers would say of manifests")
    .description("Judges manifests as a change to the cluster, or by themselves, and changes nothing.")
    .requiredOption(
      "-f, --filename <path>",
      "YAML or JSON file, or folder with all below it; may be given again",
      repeatable,
    )
    .option("--offline", "the files are all there is: ask no cluster")
    .option("--all", "show also objects that nothing is said of")
    .addOption(
      new Option("--lb-class <class>", "the class of Services that Herald looks after").default(
        "",
        "those without one",
      ),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: ValidateFlags) => done(await runValidate(flags, ports)));
  addOutputFlags(addApiFlags(command));
}

const TONES: Record<ValidationRow["verdict"], Tone> = { refused: "bad", warning: "doubtful", fine: "good" };

const COLUMNS: readonly Column<ValidationRow>[] = [
  { title: "VERDICT", read: ({ verdict }) => verdict, tone: ({ verdict }) => TONES[verdict] },
  { title: "BY", read: ({ by, verdict }) => (verdict === "fine" ? "" : by) },
  { title: "KIND", read: ({ kind }) => kind },
  { title: "NAMESPACE", read: ({ namespace }) => namespace, wide: true },
  { title: "NAME", read: ({ name }) => name },
  { title: "FIELD", read: ({ field }) => field },
  { title: "MESSAGE", read: ({ message }) => message },
];

async function runValidate(flags: ValidateFlags, ports: CliPorts): Promise<ExitCode> {
  const documents = readManifestFiles(flags.filename);
  const present = flags.offline === true ? [] : await presentObjects(flags, ports);
  const loadBalancerClass = flags.lbClass === "" ? undefined : flags.lbClass;
  const all = validate({ documents, present, namespace: flags.namespace, loadBalancerClass });
  const rows = all.filter(({ verdict }) => flags.all === true || verdict !== "fine");
  const refused = all.filter(({ verdict }) => verdict === "refused").length;
  if (rows.length > 0 || !isForPeople(flags))
    print(ports, flags, { columns: COLUMNS, rows, document: { items: rows } });
  const fine = new Set(all.map(({ kind, namespace, name }) => `${kind} ${namespace} ${name}`)).size;
  if (refused === 0 && isForPeople(flags)) ports.stderr(`Nothing is refused: ${fine} objects were looked at.\n`);
  return refused === 0 ? 0 : 2;
}

async function presentObjects(flags: ValidateFlags, ports: CliPorts): Promise<readonly unknown[]> {
  const client = userClient(flags);
  try {
    const note = (text: string): void => ports.stderr(`note: ${text}\n`);
    return await clusterDocuments({ client, note }, flags.namespace);
  } finally {
    client.close();
  }
}
