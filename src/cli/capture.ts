import { type FileHandle, open } from "node:fs/promises";
import type { Command } from "commander";
import { SystemError } from "../wire/errors.ts";
import type { CliPorts, ExitCode } from "./ports.ts";
import { addReachFlags, askOptions, needSpeakers, type ReachFlags, reportSilent } from "./reach.ts";
import { follow } from "./transport.ts";

interface CaptureFlags extends ReachFlags {
  readonly output: string;
  readonly follow: boolean;
}

/** The file cannot be written. */
class CaptureNotWritten extends SystemError {
  readonly code = "ERR_CLI_CAPTURE_NOT_WRITTEN";
}

const EXAMPLES = `
Examples:
  herald capture worker1 tor1 -o tor1.pcap             the latest messages of a session, also from before it was lost
  herald capture worker1 tor1 -o - | tshark -r -       the same without a file
  herald capture worker1 tor1 -o - --follow | wireshark -k -i -

The speaker remembers the latest 64 messages of a session (64 KiB at most) and the OPENs and NOTIFICATIONs before them. Addresses,
ports, times and messages are true; Ethernet, IP and TCP around them are made up, and what was forgotten leaves no gap.
`;

/** Adds `herald capture`. */
export function registerCapture(program: Command, ports: CliPorts, done: (code: ExitCode) => void): void {
  const command = program
    .command("capture")
    .summary("save the messages of a session as a packet capture")
    .description("Writes the messages that a speaker remembers of one BGP session as a pcap for Wireshark.")
    .argument("<node>", "name of the Node")
    .argument("<peer>", "name of the BGPPeer")
    .requiredOption("-o, --output <file>", "where to write, - for stdout")
    .option("--follow", "go on with what passes from now on", false)
    .addHelpText("after", EXAMPLES)
    .action(async (node: string, peer: string, flags: CaptureFlags) =>
      done(await runCapture({ ...flags, node: [node] }, peer, ports)),
    );
  addReachFlags(command);
}

async function runCapture(flags: CaptureFlags, peer: string, ports: CliPorts): Promise<ExitCode> {
  const { lines, silent } = await needSpeakers(flags, ports);
  const [line] = lines;
  if (line === undefined) return reportSilent(ports, { silent });
  const path = `/v1/sessions/${encodeURIComponent(peer)}/capture${flags.follow ? "?follow=1" : ""}`;
  const octets = follow(line, path, askOptions(flags, ports));
  try {
    if (flags.output === "-") for await (const piece of octets) await ports.octets?.(piece);
    else await save(flags.output, octets);
  } catch (error) {
    // Whoever follows ends it so.
    if (!ports.signal.aborted) throw error;
  }
  return 0;
}

/** The file is made only when there is something to put into it. @throws CaptureNotWritten */
async function save(path: string, octets: AsyncIterable<Uint8Array>): Promise<void> {
  let file: FileHandle | undefined;
  try {
    for await (const piece of octets) {
      file ??= await open(path, "w").catch(notWritten(path));
      await file.appendFile(piece).catch(notWritten(path));
    }
  } finally {
    await file?.close();
  }
}

function notWritten(path: string): (cause: unknown) => never {
  return (cause) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CaptureNotWritten(`${path}: ${why}`, { cause });
  };
}
