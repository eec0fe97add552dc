import { Command, CommanderError } from "commander";
import { CodedError, ConfigError } from "../wire/errors.ts";
import { registerAdminGet } from "./admin-get.ts";
import { registerAdopt } from "./adopt.ts";
import { registerApiserver } from "./apiserver.ts";
import { registerCapture } from "./capture.ts";
import { registerCompletion } from "./completion.ts";
import { registerController } from "./controller.ts";
import { registerDemo } from "./demo.ts";
import { registerDrain } from "./drain.ts";
import { registerExplain } from "./explain.ts";
import { registerLayer2 } from "./layer2.ts";
import { registerMembers } from "./members.ts";
import { registerNodes } from "./nodes.ts";
import { registerPlan } from "./plan.ts";
import { registerPools } from "./pools.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { registerRoutes } from "./routes.ts";
import { registerServices } from "./services.ts";
import { registerSessions } from "./sessions.ts";
import { registerSpeaker } from "./speaker.ts";
import { registerStandalone } from "./standalone.ts";
import { registerUi } from "./ui.ts";
import { registerValidate } from "./validate.ts";
import { version } from "./version.ts";
import { registerWatch } from "./watch.ts";

/** Runs one command line and says how it ended; nothing here ends the process. */
export async function runCli(argv: readonly string[], ports: CliPorts): Promise<number> {
  let code: ExitCode = 0;
  const program = buildProgram(ports, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof CodedError)) throw error;
    ports.stderr(`herald: ${error.message}\n`);
    return error instanceof ConfigError ? 2 : 1;
  }
}

/** The whole command tree, also what completion and the documentation are made from. */
function buildProgram(ports: CliPorts, done: (code: ExitCode) => void): Command {
  const program = new Command(ports.name ?? "herald")
    .description("Addresses for Services of type LoadBalancer on bare metal, announced by BGP or on the LAN.")
    .version(version(), "-V, --version", "print the version")
    .helpCommand("help [command]", "show help for a command")
    .showHelpAfterError("(run with --help for usage and examples)")
    .configureOutput({ writeOut: ports.stdout, writeErr: ports.stderr })
    .exitOverride();
  const commands = [
    registerDemo,
    registerPlan,
    registerExplain,
    registerServices,
    registerPools,
    registerNodes,
    registerValidate,
    registerSessions,
    registerRoutes,
    registerLayer2,
    registerMembers,
    registerWatch,
    registerCapture,
    registerUi,
    registerAdopt,
    registerDrain,
    registerController,
    registerSpeaker,
    registerApiserver,
    registerStandalone,
    registerCompletion,
    registerAdminGet,
  ];
  for (const register of commands) {
    register(program, ports, done);
  }
  inherit(program);
  return program;
}

/** Commands below commands as well: they are made before the settings are. */
function inherit(command: Command): void {
  for (const below of command.commands) {
    below.copyInheritedSettings(command);
    inherit(below);
  }
}
