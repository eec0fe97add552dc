import { spawn } from "node:child_process";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { Micros } from "../net/micros.ts";
import type { HttpProbe, Probe } from "./health-check.ts";
import type { CheckResult } from "./health-state.ts";

const OK: CheckResult = { ok: true };
const LAST_WORDS = 200;

/** Asks a service as the machine can. */
export async function runProbe(probe: Probe, timeout: Micros, signal: AbortSignal): Promise<CheckResult> {
  const late = new AbortController();
  const limit = Math.max(1, Math.round(timeout / 1000));
  const timer = new Deadline(limit, () => late.abort());
  const result = await start(probe, AbortSignal.any([late.signal, signal]));
  timer.cancel();
  return result.ok || !late.signal.aborted ? result : failed(`no answer within ${limit} ms`);
}

/** How late a timer may be before it means that this process was held up, and not the service. */
const HELD_UP = 50;

/** A time limit that begins once more when this process itself had no time: its own slowness is not the service's. */
class Deadline {
  #timer: NodeJS.Timeout;

  constructor(limit: number, over: () => void) {
    const due = performance.now() + limit;
    this.#timer = setTimeout(() => {
      if (performance.now() - due < HELD_UP) over();
      else this.#timer = setTimeout(over, limit);
    }, limit);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

function start(probe: Probe, until: AbortSignal): Promise<CheckResult> {
  switch (probe.type) {
    case "tcp":
      return probeTcp(probe, until);
    case "http":
      return probeHttp(probe, until);
    case "exec":
      return probeExec(probe.command, until);
  }
}

function probeTcp(
  where: { readonly address: string; readonly port: number },
  until: AbortSignal,
): Promise<CheckResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: where.address, port: where.port, signal: until });
    socket.once("connect", () => {
      socket.destroy();
      resolve(OK);
    });
    socket.once("error", (error) => resolve(failed(codeOf(error))));
  });
}

function probeHttp(probe: HttpProbe, until: AbortSignal): Promise<CheckResult> {
  const { address, port, path, host } = probe;
  const options = {
    host: address,
    port,
    path,
    agent: false,
    signal: until,
    headers: { connection: "close", "user-agent": "herald", ...(host === undefined ? {} : { host }) },
  };
  return new Promise((resolve) => {
    const answered = (response: IncomingMessage): void => {
      const { statusCode = 0 } = response;
      response.destroy();
      resolve(isWanted(probe, statusCode) ? OK : failed(`HTTP status ${statusCode}`));
    };
    const request =
      probe.scheme === "HTTP"
        ? httpRequest(options, answered)
        : httpsRequest({ ...options, rejectUnauthorized: probe.verify, ...serverName(host) }, answered);
    request.once("error", (error) => resolve(failed(codeOf(error))));
    request.end();
  });
}

/** A name without the port that a Host header may carry; addresses are not asked for by name (RFC 6066 section 3). */
function serverName(host: string | undefined): { readonly servername?: string } {
  return host === undefined || host.startsWith("[") ? {} : { servername: host.replace(/:\d+$/, "") };
}

function isWanted({ statuses }: HttpProbe, status: number): boolean {
  return statuses.length === 0 ? status >= 200 && status < 400 : statuses.includes(status);
}

/** In a process group of its own, so that what it started ends with it. */
function probeExec([program = "", ...args]: readonly string[], until: AbortSignal): Promise<CheckResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], shell: false });
    let words = "";
    const hear = (chunk: Buffer): void => {
      words = (words + chunk.toString()).slice(-LAST_WORDS);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const kill = (): void => killGroup(child.pid);
    until.addEventListener("abort", kill, { once: true });
    const over = (result: CheckResult): void => {
      until.removeEventListener("abort", kill);
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(result);
    };
    child.once("error", (error) => over(failed(codeOf(error))));
    child.once("exit", (code, signal) => over(code === 0 ? OK : failed(exitText(code, signal, words))));
    if (until.aborted) kill();
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // It ended by itself in this moment.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function exitText(code: number | null, signal: string | null, words: string): string {
  const said = words.trim().split("\n").at(-1) ?? "";
  const how = code === null ? `ended by ${signal}` : `exit status ${code}`;
  return said === "" ? how : `${how}: ${said}`;
}

function failed(reason: string): CheckResult {
  return { ok: false, reason };
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
