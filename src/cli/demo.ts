import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { runDemo } from "../demo/demo.ts";
import type { Speaker } from "../speaker/speaker.ts";
import { shippedCrdFolder } from "../system/assets.ts";
import { systemClock, systemWallClock } from "../system/clock.ts";
import { systemRandom } from "../system/random.ts";
import { LOG_LEVELS, type LogLevel, pinoLog } from "../telemetry/pino-log.ts";
import { readManifestFiles } from "./manifest-files.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { serveAdmin } from "./speaker-admin.ts";

const STDERR = 2;

interface DemoFlags {
  readonly keep: boolean;
  readonly logLevel: LogLevel;
}

const EXAMPLES = `
Examples:
  herald demo                    everything at once, on loopback, without root, in a few seconds
  herald demo --keep             and leave it running for kubectl
  herald demo --log-level info   with what Herald's parts log, on stderr
`;

/** Adds `herald demo`. */
export function registerDemo(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  program
    .command("demo")
    .summary("see it work: an API, a controller, three speakers and a router on loopback")
    .description("Runs a whole cluster's worth of Herald on loopback and shows addresses becoming routes.")
    .option("--keep", "stay up until Ctrl-C and print how kubectl gets there", false)
    .addOption(new Option("--log-level <level>", "how much to log, on stderr").choices(LOG_LEVELS).default("error"))
    .addHelpText("after", EXAMPLES)
    .action(async (flags: DemoFlags) => {
      await runWithScratch(flags, ports);
      done(0);
    });
}

async function runWithScratch(flags: DemoFlags, ports: CliPorts): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "herald-demo-"));
  const saveKubeconfig = (text: string): string => {
    const path = join(scratch, "kubeconfig");
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const log = pinoLog(flags.logLevel, {}, STDERR);
  const demo = {
    clock: systemClock,
    wallClock: systemWallClock,
    random: systemRandom,
    log,
    say: ports.stdout,
    saveKubeconfig,
    inspect: async (speaker: Speaker, node: string) => {
      const path = join(scratch, `${node}.sock`);
      const socket = await serveAdmin(path, speaker, log);
      return { path, close: () => socket.close() };
    },
  };
  try {
    await runDemo(demo, { crds: readManifestFiles([shippedCrdFolder()]), keep: flags.keep }, ports.signal);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
