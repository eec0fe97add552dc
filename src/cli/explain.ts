import { type Command, Option } from "commander";
import { serviceKey } from "../api/brands.ts";
import type { ServiceKey } from "../api/config.ts";
import { escapeControls } from "../api/raw-object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { explain } from "../inspection/explain/explain.ts";
import type { ExplainFacts, Observed } from "../inspection/explain/facts.ts";
import { ApiUnreachable } from "../kubernetes/errors.ts";
import { ConfigError, TransientError } from "../wire/errors.ts";
import { clusterDocuments, surroundings } from "./cluster-documents.ts";
import { type FactOptions, factsOf } from "./explain-facts.ts";
import { observe } from "./explain-observe.ts";
import { renderExplanation } from "./explain-render.ts";
import { addInspectFlags, type InspectFlags } from "./inspect.ts";
import { readManifestSets } from "./manifest-files.ts";
import { documentText, isForPeople, repeatable, styleOf } from "./output.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { USUAL_SOCKET } from "./reach.ts";
import { userClient } from "./user-client.ts";

interface ExplainFlags extends InspectFlags {
  readonly filename: readonly string[];
  readonly peer?: string;
  readonly lbClass?: string;
  readonly ignoreExcludeLb?: true;
}

/** Nothing can be explained of a cluster that cannot be read. */
class NothingToRead extends TransientError {
  readonly code = "ERR_CLI_NOTHING_TO_READ";
}

/** The question names nothing that there is. */
class NothingToExplain extends ConfigError {
  readonly code = "ERR_CLI_NOTHING_TO_EXPLAIN";
}

const EXAMPLES = `
Examples:
  herald explain service default/web                 why it answers or not, link by link, and what to change first
  herald explain service web --node worker1          why it is or is not announced from one node
  herald explain service web --peer tor1             and to one router
  herald explain service web -f manifests/           by files alone, without a cluster
  herald explain service web -o json                 for programs: causes[0] is what to change first

Marks: ✓ holds, ✗ does not, ! is worth a look, ? cannot be known from here, - is not meant to be.
Lines are what the objects come to; those that begin with "seen" are what speakers, routers and statuses say.
It asks with your own rights: to list Services, EndpointSlices, Nodes, Namespaces and the metallb.io objects, and, to see more,
pods and pods/exec in Herald's namespace. What may not be read is said and left out.
Exit code: 0 it is announced (also if not everywhere), 1 it is not, or nobody knows, 2 bad input or no such Service.
`;

/** Adds `herald explain`. */
export function registerExplain(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const group = program
    .command("explain")
    .summary("say why a Service answers or not, and what to change")
    .description("Explains what becomes of an object, link by link.");
  const command = group
    .command("service")
    .alias("svc")
    .summary("say why a Service answers or not, and what to change")
    .description("Follows a Service from its class to what routers were told, and ends with the one thing to change.")
    .argument("<namespace/name>", "the Service; without a namespace it is one of default")
    .option("-f, --filename <path>", "explain these files instead of a cluster; may be given again", repeatable, [])
    .option("--peer <name>", "only this BGPPeer")
    .addOption(
      new Option("--lb-class <class>", "the class that Herald looks after (default: as its controller is started)"),
    )
    .option("--ignore-exclude-lb", "as speakers do that are started with it")
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: ExplainFlags, self: Command) =>
      done(await runExplain(name, { ...flags, given: self.getOptionValueSource("namespace") !== "default" }, ports)),
    );
  addInspectFlags(command);
}

interface Asked extends ExplainFlags {
  /** The user said a namespace. */
  readonly given: boolean;
}

async function runExplain(name: string, flags: Asked, ports: CliPorts): Promise<ExitCode> {
  const service = parseName(name);
  const node = flags.node.at(-1);
  const facts =
    flags.filename.length > 0 ? await ofFiles(flags, service, ports) : await ofCluster(flags, service, ports);
  const question = { service, node, peer: flags.peer };
  if (node !== undefined && !facts.manifests.nodes.some(({ metadata }) => metadata.name === node)) {
    throw new NothingToExplain(`there is no Node ${node}`);
  }
  const explanation = explain(facts, question);
  if (explanation === undefined) throw noService(facts, service);
  const { colours = false } = styleOf(flags, ports);
  ports.stdout(isForPeople(flags) ? renderExplanation(explanation, colours) : documentText(explanation, flags));
  return explanation.answers === "yes" || explanation.answers === "partly" ? 0 : 1;
}

/** One that is there and cannot be read, or that is in another namespace, is not simply missing. */
function noService({ manifests, parsed }: ExplainFacts, service: ServiceKey): NothingToExplain {
  const broken = parsed.invalid.find(
    ({ kind, namespace, name }) => kind === "Service" && serviceKey(namespace, name) === service,
  );
  if (broken !== undefined)
    return new NothingToExplain(escapeControls(`Service ${service} is left out: ${broken.message}`));
  const namesakes = manifests.services.map(keyOfService).filter((key) => nameOf(key) === nameOf(service));
  const meant = namesakes.length === 0 ? "" : `, but ${namesakes.join(" and ")}`;
  return new NothingToExplain(`there is no Service ${service}${meant}`);
}

function nameOf(service: ServiceKey): string | undefined {
  return service.split("/")[1];
}

function parseName(text: string): ServiceKey {
  const parts = text.split("/");
  const [namespace, name] = parts.length === 1 ? [undefined, parts[0]] : parts;
  if (parts.length > 2 || name === undefined || name === "" || namespace === "") {
    throw new NothingToExplain(`"${text}" is no Service: it has to be NAMESPACE/NAME or NAME`);
  }
  return serviceKey(namespace, name);
}

function optionsOf(flags: Asked, namespace: string | undefined): FactOptions {
  return { namespace, loadBalancerClass: flags.lbClass, ignoreExcludeLb: flags.ignoreExcludeLb === true };
}

/** Speakers are asked as well where sockets are named. */
async function ofFiles(flags: Asked, service: ServiceKey, ports: CliPorts): Promise<ExplainFacts> {
  const sets = readManifestSets(flags.filename);
  const facts = factsOf(sets, optionsOf(flags, flags.given ? flags.namespace : undefined), service);
  const asked = { services: [service], around: sets.flat() };
  return { ...facts, observed: flags.socket.length === 0 ? undefined : await observe(flags, ports, asked) };
}

async function ofCluster(flags: Asked, service: ServiceKey, ports: CliPorts): Promise<ExplainFacts> {
  const client = userClient(flags);
  const note = (text: string): void => ports.stderr(`note: ${text}\n`);
  try {
    const reading = { client, note };
    const [documents, around] = await Promise.all([
      clusterDocuments(reading, flags.namespace),
      surroundings(reading, flags.namespace),
    ]);
    const facts = factsOf([[...documents, ...around]], optionsOf(flags, flags.namespace), service);
    const observed: Observed = await observe(flags, ports, { services: [service], around });
    return { ...facts, observed };
  } catch (error) {
    throw error instanceof ApiUnreachable ? withoutApi(error) : error;
  } finally {
    client.close();
  }
}

/** Speakers go on with what they know, and can be asked where they run. */
function withoutApi(cause: ApiUnreachable): NothingToRead {
  const ask = `ask a speaker on its node: herald sessions --socket ${USUAL_SOCKET}`;
  const message = `the API server does not answer: ${cause.message}\nWhat is announced goes on. Look at the API server and at the kubeconfig; meanwhile ${ask}`;
  return new NothingToRead(message, { cause });
}
