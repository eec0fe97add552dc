import { type Command, Option } from "commander";
import { seconds } from "../net/micros.ts";
import { systemClock } from "../system/clock.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { USUAL_SOCKET } from "./reach.ts";
import { follow } from "./transport.ts";
import { socketLine } from "./transport-socket.ts";

interface AdminGetFlags {
  readonly adminSocket: string;
  readonly whileFed: boolean;
}

const PATIENCE = seconds(30);

/** Adds `herald admin-get`: what `kubectl exec` runs in a speaker's pod, which has no other way in. */
export function registerAdminGet(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  program
    .command("admin-get", { hidden: true })
    .description("Copies what a speaker of this machine answers to stdout.")
    .argument("<path>", "such as /v1/sessions")
    .addOption(
      new Option("--admin-socket <path>", "the speaker's socket").env("HERALD_ADMIN_SOCKET").default(USUAL_SOCKET),
    )
    .option("--while-fed", "end when stdin does: whoever asked is gone then", false)
    .action(async (path: string, flags: AdminGetFlags) => {
      await copy(path, flags, ports);
      done(0);
    });
}

async function copy(path: string, { adminSocket, whileFed }: AdminGetFlags, ports: CliPorts): Promise<void> {
  const unfed = new AbortController();
  if (whileFed) void ports.fed?.().then(() => unfed.abort());
  const signal = AbortSignal.any([ports.signal, unfed.signal]);
  try {
    const options = { clock: systemClock, signal, timeout: PATIENCE };
    for await (const octets of follow(socketLine(adminSocket), path, options)) await ports.octets?.(octets);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
