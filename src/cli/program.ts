import { Command, CommanderError } from "commander";
import { CodedError, ConfigError } from "../wire/errors.ts";
import { registerAdopt } from "./adopt.ts";
import { registerApiserver } from "./apiserver.ts";
import { registerController } from "./controller.ts";
import { registerDemo } from "./demo.ts";
import { registerDrain } from "./drain.ts";
import { registerPlan } from "./plan.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { registerSpeaker } from "./speaker.ts";
import { version } from "./version.ts";

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
  const program = new Command("herald")
    .description("Addresses for Services of type LoadBalancer on bare metal, announced by BGP or on the LAN.")
    .version(version(), "-V, --version", "print the version")
    .helpCommand("help [command]", "show help for a command")
    .showHelpAfterError("(run with --help for usage and examples)")
    .configureOutput({ writeOut: ports.stdout, writeErr: ports.stderr })
    .exitOverride();
  const commands = [
    registerDemo,
    registerPlan,
    registerAdopt,
    registerDrain,
    registerController,
    registerSpeaker,
    registerApiserver,
  ];
  for (const register of commands) {
    register(program, ports, done);
  }
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}
