import { type IncomingMessage, request } from "node:http";
import { PeerError, TransientError } from "../wire/errors.ts";
import type { SpeakerLine } from "./transport.ts";

/** Nobody listens at the socket, or this user may not speak to it. */
class SocketUnreachable extends TransientError {
  readonly code = "ERR_CLI_SOCKET_UNREACHABLE";
}

/** The speaker answered that it will not, or cannot. */
class SpeakerRefused extends PeerError {
  readonly code = "ERR_CLI_SPEAKER_REFUSED";
}

const MOST_COMPLAINTS = 4096;

/** The speaker behind a Unix socket of this machine. */
export function socketLine(path: string): SpeakerLine {
  return { name: path, get: (target, signal) => get(path, target, signal) };
}

async function* get(socketPath: string, path: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const answer = await answerOf(socketPath, path, signal);
  try {
    if (answer.statusCode !== 200) throw new SpeakerRefused(await complaintOf(answer));
    for await (const chunk of answer) yield chunk;
  } catch (cause) {
    throw explained(socketPath, cause, signal);
  } finally {
    answer.destroy();
  }
}

function answerOf(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method: "GET", headers: { host: "herald", connection: "close" }, signal });
    call.once("response", resolve);
    call.on("error", (cause) => reject(explained(socketPath, cause, signal)));
    call.end();
  });
}

function explained(socketPath: string, cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (!(cause instanceof Error) || cause instanceof SpeakerRefused) return cause;
  return new SocketUnreachable(`${socketPath}: ${wordsOf(cause)}`, { cause });
}

function wordsOf(cause: Error): string {
  const code = "code" in cause ? cause.code : undefined;
  if (code === "ENOENT") return "there is no such socket";
  if (code === "ECONNREFUSED") return "no speaker listens there";
  if (code === "EACCES") return "this user may not open it";
  return cause.message;
}

async function complaintOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of answer) text = (text + String(chunk)).slice(0, MOST_COMPLAINTS);
  return messageIn(text) ?? `the speaker answered ${answer.statusCode}`;
}

function messageIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const says = typeof value === "object" && value !== null && "message" in value;
    return says ? String(value.message) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
