import { type Command, InvalidArgumentError, Option } from "commander";
import { type Action, applyActions, revertActions } from "../adoption/actions.ts";
import { runs } from "../adoption/installation.ts";
import { adoptionScene, type Scene, type SceneOptions } from "../adoption/report.ts";
import { type Micros, seconds } from "../net/micros.ts";
import { systemClock } from "../system/clock.ts";
import { ConfigError, SystemError } from "../wire/errors.ts";
import { type AdoptPorts, describeAction, perform, readCluster, STEP_PATIENCE } from "./adopt-cluster.ts";
import { ADOPT_FORMATS, type AdoptFormat, renderAdoption } from "./adopt-render.ts";
import { readManifestFiles } from "./manifest-files.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { userClient } from "./user-client.ts";

interface AdoptFlags {
  readonly filename: readonly string[];
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly lbClass?: string;
  readonly output: AdoptFormat;
  readonly apply?: true;
  readonly revert?: true;
  readonly yes?: true;
  readonly timeout: Micros;
}

/** Something that was found stands in the way of a change. */
class AdoptionBlocked extends SystemError {
  readonly code = "ERR_CLI_ADOPT_BLOCKED";
}

/** The flags do not go together, or a change was not confirmed. */
class AdoptFlagsUnfit extends ConfigError {
  readonly code = "ERR_CLI_ADOPT_FLAGS";
}

/** After the change the cluster is not as it should be. */
class AdoptionUnproved extends SystemError {
  readonly code = "ERR_CLI_ADOPT_UNPROVED";
}

const EXAMPLES = `
Examples:
  herald adopt                           what a switch from MetalLB would change, and how to do it; changes nothing
  herald adopt -f dump/                  the same for objects that kubectl get -o yaml wrote, without a cluster
  herald adopt --lb-class herald.io/lb   for a Herald beside MetalLB, with Services of its own
  herald adopt --apply --yes             stop MetalLB, step by step: nothing is deleted
  herald adopt --revert --yes            start it again as it was

  kubectl get -A -o yaml svc,endpointslices,nodes,ns,deploy,ds,cm,crd,validatingwebhookconfigurations > dump/core.yaml
  kubectl get -A -o yaml ipaddresspools,bgppeers,bgpadvertisements,l2advertisements,communities,bfdprofiles > dump/metallb.yaml
  kubectl get -A -o yaml servicel2statuses,servicebgpstatuses > dump/statuses.yaml

--apply sets MetalLB's controller to 0 replicas, gives its DaemonSets a node selector that fits no node, sets the webhook's
failurePolicy to Ignore, marks the resource definitions as to be kept and hides the Helm release from Helm, which would delete
them. It stops at the first step that does not take, can be run again, and --revert undoes all but the mark.
Exit code: 0 nothing stands in the way, 2 a finding of severity error does (or bad flags), 1 failed.
`;

/** Adds `herald adopt`. */
export function registerAdopt(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const repeatable = (value: string, before: readonly string[]): readonly string[] => [...before, value];
  program
    .command("adopt")
    .summary("check a cluster that runs MetalLB, and switch it over")
    .description(
      "Says what would change if Herald took MetalLB's place, and gives the steps. Changes nothing without --apply.",
    )
    .addOption(
      new Option("-f, --filename <path>", "read objects from a file or folder instead of a cluster; may be given again")
        .argParser(repeatable)
        .default([], "a cluster"),
    )
    .addOption(
      new Option(
        "--kubeconfig <file>",
        "how to reach the API (default: ~/.kube/config, in a pod its service account)",
      ).env("KUBECONFIG"),
    )
    .option("--namespace <name>", "where MetalLB is (default: found)")
    .option("--lb-class <class>", "loadBalancerClass that Herald will serve (default: what MetalLB serves)")
    .addOption(new Option("-o, --output <format>", "output format").choices(ADOPT_FORMATS).default("table"))
    .option("--apply", "stop MetalLB, keeping everything needed to start it again")
    .option("--revert", "start MetalLB again")
    .option("--yes", "really change the cluster")
    .addOption(
      new Option("--timeout <seconds>", "how long each step may take")
        .argParser(parseSeconds)
        .default(STEP_PATIENCE, "60"),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: AdoptFlags) => {
      checkFlags(flags);
      if (flags.filename.length > 0) {
        done(show(adoptionScene(readManifestFiles(flags.filename), sceneOptions(flags)), flags, ports));
        return;
      }
      done(await onCluster(flags, ports));
    });
}

function checkFlags({ apply, revert, yes, filename }: AdoptFlags): void {
  if (apply && revert) throw new AdoptFlagsUnfit("--apply and --revert exclude each other");
  if (yes && !apply && !revert) throw new AdoptFlagsUnfit("--yes goes with --apply or --revert");
  if ((apply || revert) && filename.length > 0) throw new AdoptFlagsUnfit("files cannot be changed: leave out -f");
}

function sceneOptions({ namespace, lbClass }: AdoptFlags): SceneOptions {
  return { namespace, loadBalancerClass: lbClass };
}

async function onCluster(flags: AdoptFlags, cli: CliPorts): Promise<ExitCode> {
  const client = userClient(flags);
  const note = (text: string): void => cli.stderr(`${text}\n`);
  const ports: AdoptPorts = { client, clock: systemClock, note, signal: cli.signal };
  try {
    const scene = await look(ports, flags);
    if (flags.apply || flags.revert) checkMeant(scene);
    if (flags.apply) await apply(ports, scene, flags);
    else if (flags.revert) await revert(ports, scene, flags);
    else return show(scene, flags, cli);
    return 0;
  } finally {
    client.close();
  }
}

async function look(ports: AdoptPorts, flags: AdoptFlags): Promise<Scene> {
  const { documents, unread } = await readCluster(ports, flags.namespace);
  return adoptionScene(documents, { ...sceneOptions(flags), unread });
}

function show({ report }: Scene, { output }: AdoptFlags, { stdout, terminal, env }: CliPorts): ExitCode {
  const bold = (text: string): string =>
    terminal === true && env["NO_COLOR"] === undefined ? `\u001b[1m${text}\u001b[0m` : text;
  stdout(renderAdoption(report, output, bold));
  return report.findings.some(({ severity }) => severity === "error") ? 2 : 0;
}

/** @throws {AdoptFlagsUnfit} where MetalLB stays, {AdoptionBlocked} where not all of the cluster can be seen */
function checkMeant({ beside, report }: Scene): void {
  if (beside)
    throw new AdoptFlagsUnfit(
      "--lb-class names Services that are not MetalLB's: MetalLB stays, and nothing is changed",
    );
  const unread = report.findings.filter(({ name }) => name === "not-readable");
  if (unread.length > 0) {
    const lines = unread.map(({ message }) => message);
    throw new AdoptionBlocked(`nothing was changed, because not everything may be read:\n  ${lines.join("\n  ")}`);
  }
}

/** Stops MetalLB and proves that nobody lost or doubled anything. */
async function apply(ports: AdoptPorts, before: Scene, flags: AdoptFlags): Promise<void> {
  const { metallb, report } = before;
  if (metallb === undefined) {
    ports.note("there is no MetalLB to stop");
    return;
  }
  const errors = report.findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    const lines = errors.map(({ name, object, message }) => `${name} ${object}: ${message}`);
    throw new AdoptionBlocked(`nothing was changed, because\n  ${lines.join("\n  ")}`);
  }
  const actions = applyActions(metallb, before.objects);
  if (!confirmed(ports, actions, { flags, nothing: "MetalLB is stopped already" })) return;
  await perform(ports, actions, flags.timeout);
  prove(before, await look(ports, flags));
  ports.note("MetalLB is stopped, every Service has the address it had, and nobody announces it: install Herald now");
}

async function revert(ports: AdoptPorts, { metallb, installations, objects }: Scene, flags: AdoptFlags): Promise<void> {
  if (metallb === undefined) {
    ports.note("there is no MetalLB to start");
    return;
  }
  const rival = installations.find(
    (one) => one.product === "herald" && runs(one) && one.loadBalancerClass === metallb.loadBalancerClass,
  );
  if (rival !== undefined) {
    throw new AdoptionBlocked(
      `Herald runs in ${rival.namespace} for the same Services: helm uninstall herald --namespace ${rival.namespace} first, so that no Service has two owners`,
    );
  }
  const actions = revertActions(metallb, objects);
  if (!confirmed(ports, actions, { flags, nothing: "MetalLB is as it was" })) return;
  await perform(ports, actions, flags.timeout);
  ports.note("MetalLB is started again");
}

/** False when there is nothing to do. @throws {AdoptFlagsUnfit} without --yes */
function confirmed(
  ports: AdoptPorts,
  actions: readonly Action[],
  { flags, nothing }: { readonly flags: AdoptFlags; readonly nothing: string },
): boolean {
  if (actions.length === 0) {
    ports.note(nothing);
    return false;
  }
  if (flags.yes) return true;
  for (const action of actions) ports.note(`would be done: ${describeAction(action)}`);
  throw new AdoptFlagsUnfit("nothing was changed: --yes is not given");
}

/** @throws {AdoptionUnproved} */
function prove(before: Scene, after: Scene): void {
  const had = new Map(before.report.addresses.map((row) => [row.service, row.before.join()]));
  const changed = after.report.addresses.filter(({ service, before: has }) => (had.get(service) ?? "") !== has.join());
  const running = after.installations.filter((one) => one.product === "metallb" && runs(one));
  const owners = after.report.findings.filter(({ name }) => name === "two-owners" || name === "service-claimed");
  const faults = [
    ...changed.map(
      ({ service, before: has }) =>
        `${service} has ${has.join() || "no address"} now, not ${had.get(service) || "none"}`,
    ),
    ...running
      .filter(({ namespace }) => namespace === before.metallb?.namespace)
      .map(({ namespace }) => `MetalLB in ${namespace} runs`),
    ...owners.map(({ object, message }) => `${object}: ${message}`),
  ];
  if (faults.length > 0) throw new AdoptionUnproved(`MetalLB was stopped, but\n  ${faults.join("\n  ")}`);
}

function parseSeconds(text: string): Micros {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("want a number of seconds");
  return seconds(Number(text));
}
