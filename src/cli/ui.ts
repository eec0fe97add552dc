import { randomBytes } from "node:crypto";
import { type Command, Option } from "commander";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { LookingGlass, type LookingGlassCluster } from "../looking-glass/looking-glass.ts";
import { readPageFiles } from "../looking-glass/page-files.ts";
import { isLoopbackHost } from "../looking-glass/request-guard.ts";
import { aborted } from "../system/aborted.ts";
import { shippedUiFolder } from "../system/assets.ts";
import { openBrowser } from "../system/browser.ts";
import { systemClock, systemWallClock } from "../system/clock.ts";
import { systemRandom } from "../system/random.ts";
import { pinoLog } from "../telemetry/pino-log.ts";
import { CodedError, ConfigError } from "../wire/errors.ts";
import { surroundings } from "./cluster-documents.ts";
import { parsePort } from "./daemon-options.ts";
import { factsOf } from "./explain-facts.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { addReachFlags, type ReachFlags } from "./reach.ts";
import { ExplainThread } from "./ui-explain-thread.ts";
import { rosterOf } from "./ui-speakers.ts";
import { userClient } from "./user-client.ts";

interface UiFlags extends ReachFlags {
  readonly port: number;
  readonly address: string;
  readonly open: boolean;
  readonly lbClass?: string;
}

/** The pages are for the user of this machine alone. */
class NotLoopback extends ConfigError {
  readonly code = "ERR_CLI_UI_NOT_LOOPBACK";
}

const EXAMPLES = `
Examples:
  herald ui                                     the looking glass of the cluster in the kubeconfig, in the browser
  herald ui --no-open --port 8080               only prints where it is; from elsewhere: ssh -L 8080:127.0.0.1:8080 HOST
  herald ui --socket /run/herald/speaker.sock   of one node, or of herald standalone, without an API
  herald ui --kubeconfig FILE --socket PATH     of an API, with speakers behind sockets: as herald demo --keep prints them

It asks with your own rights: to list and watch Services, EndpointSlices, Nodes, Namespaces and the metallb.io objects, and, to see what
speakers do, pods and pods/exec in Herald's namespace. What may not be read is said and left out. It changes nothing, asks for nothing
elsewhere, and answers on this machine alone, to whoever has the token in the URL. The same is there as JSON:
  curl -H "Authorization: Bearer TOKEN" http://127.0.0.1:PORT/api/v1/overview
`;

/** Adds `herald ui`. */
export function registerUi(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("ui")
    .summary("look at everything in the browser: sessions, routes, Services, pools, as they change")
    .description("Serves the looking glass on loopback and opens the browser.")
    .option("--port <port>", "where to serve it; 0 takes a free one", parsePort, 0)
    .option("--address <address>", "loopback address to serve it on", "127.0.0.1")
    .option("--no-open", "do not open the browser")
    .addOption(
      new Option("--lb-class <class>", "the class that Herald looks after (default: as its controller is started)"),
    )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: UiFlags) => done(await runUi(flags, ports)));
  addReachFlags(command);
}

async function runUi(flags: UiFlags, ports: CliPorts): Promise<ExitCode> {
  const { address } = flags;
  if (!isLoopbackHost(address.includes(":") ? `[${address}]` : address)) {
    throw new NotLoopback(`--address ${address} is not loopback: to look from elsewhere, forward the port with ssh -L`);
  }
  const folder = shippedUiFolder();
  if (folder === undefined)
    ports.stderr("note: the pages are not built (npm run build): only the JSON API is served\n");
  const client = asksApi(flags) ? userClient(flags) : undefined;
  const thread = new ExplainThread(flags);
  try {
    const glass = new LookingGlass(
      {
        clock: systemClock,
        wallClock: systemWallClock,
        random: systemRandom,
        log: pinoLog("error", { component: "cli" }, STDERR),
        secret: () => randomBytes(24).toString("base64url"),
        roster: rosterOf(flags),
        cluster: client && { ...(await clusterOf(client, flags, ports)), explain: thread.explain },
      },
      folder === undefined ? [] : readPageFiles(folder),
    );
    await glass.start(flags, ports.signal);
    ports.stdout(`${glass.url}\n`);
    const opened = flags.open && folder !== undefined && openBrowser(glass.ticket(), ports.env);
    ports.stderr(`${opened ? "Opened in the browser. " : ""}It is there, for whoever has this URL, until Ctrl-C.\n`);
    await aborted(ports.signal);
    return 0;
  } finally {
    client?.close();
    await thread.close();
  }
}

const STDERR = 2;

/** Sockets alone are enough: an API is asked as well only where one is named. */
function asksApi({ socket, kubeconfig }: UiFlags): boolean {
  return socket.length === 0 || (kubeconfig !== undefined && kubeconfig !== "");
}

async function clusterOf(
  client: KubernetesClient,
  flags: UiFlags,
  ports: CliPorts,
): Promise<Omit<LookingGlassCluster, "explain">> {
  const loadBalancerClass = flags.lbClass ?? (await classOf(client, flags, ports));
  return {
    client,
    namespace: flags.namespace,
    loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass,
  };
}

/** As the controller is started; who may not see that is taken to use none. */
async function classOf(client: KubernetesClient, flags: UiFlags, ports: CliPorts): Promise<string | undefined> {
  try {
    const around = await surroundings({ client, note: () => {} }, flags.namespace);
    const options = { namespace: flags.namespace, loadBalancerClass: undefined, ignoreExcludeLb: false };
    return factsOf([[...around]], options, undefined).loadBalancerClass;
  } catch (error) {
    ports.signal.throwIfAborted();
    if (!(error instanceof CodedError)) throw error;
    ports.stderr(`note: the API does not answer yet: ${error.message}\n`);
    return undefined;
  }
}
