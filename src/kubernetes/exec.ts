import { PassThrough } from "node:stream";
import { Exec, type V1Status } from "@kubernetes/client-node";
import { aborted } from "../system/aborted.ts";
import { ApiUnreachable, CommandFailed, ExecForbidden } from "./errors.ts";
import { loadKubeconfig } from "./kubeconfig.ts";

/** A command, and the container to run it in. */
interface PodCommand {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
}

/** Runs a command in a pod and gives what it writes to stdout. */
export type PodExec = (command: PodCommand, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** How the library's WebSocket says that it was answered with 403: its error has nothing else. */
const REFUSED = /Unexpected server response: 403/;

type Socket = Awaited<ReturnType<Exec["exec"]>>;

/** What a command may say on stderr: more is cut off. */
const MOST_COMPLAINTS = 4096;

/**
 * Runs commands with the rights of the kubeconfig: `create` of `pods/exec`. The command's stdin stays open for as long as somebody
 * reads, so that it can tell when nobody does.
 * @throws {NoKubeconfig}
 */
export function podExec(kubeconfig: string | undefined): PodExec {
  const exec = new Exec(loadKubeconfig(kubeconfig));
  return (command, signal) => run(exec, command, signal);
}

async function* run(exec: Exec, about: PodCommand, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const ended = outcomeOf(stdout);
  const complaints = textOf(stderr);
  const connecting = connected(exec, about, { stdin, stdout, stderr, ended: ended.settle });
  const socket = await unlessAborted(connecting, signal);
  const abort = (): void => socket.terminate();
  socket.onclose = () => void stdout.end();
  // What breaks after the beginning closes as well.
  socket.onerror = () => {};
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    for await (const chunk of stdout) yield chunk;
    signal.throwIfAborted();
    const status = ended.status();
    if (status === undefined) throw new ApiUnreachable(`pod ${about.pod}: the connection was cut`);
    if (status.status !== "Success") {
      throw new CommandFailed(`pod ${about.pod}: ${complaints() || (status.message ?? "the command failed")}`);
    }
  } finally {
    signal.removeEventListener("abort", abort);
    stdin.end();
    socket.terminate();
  }
}

/** The library has no way to give up: a connection that comes too late is closed. */
async function unlessAborted(connecting: Promise<Socket>, signal: AbortSignal): Promise<Socket> {
  const given = await Promise.race([connecting, aborted(signal)]);
  if (given !== undefined) return given;
  connecting.then(
    (socket) => socket.terminate(),
    () => {},
  );
  throw signal.reason;
}

interface Streams {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly ended: (status: V1Status) => void;
}

async function connected(
  exec: Exec,
  { namespace, pod, container, command }: PodCommand,
  { stdin, stdout, stderr, ended }: Streams,
): Promise<Socket> {
  try {
    return await exec.exec(namespace, pod, container, [...command], stdout, stderr, stdin, false, ended);
  } catch (cause) {
    const reason = reasonOf(cause);
    if (REFUSED.test(reason)) {
      const message = `pod ${pod}: this user may not create pods/exec in namespace ${namespace}`;
      throw new ExecForbidden(message, { cause });
    }
    throw new ApiUnreachable(`pod ${pod}: ${reason}`, { cause });
  }
}

/** The library rejects with the event of a WebSocket, which is no Error and carries one. */
function reasonOf(cause: unknown): string {
  if (typeof cause === "object" && cause !== null && "message" in cause) return String(cause.message);
  return String(cause);
}

function outcomeOf(stdout: PassThrough): {
  readonly settle: (status: V1Status) => void;
  readonly status: () => V1Status | undefined;
} {
  let last: V1Status | undefined;
  return {
    settle(status) {
      last = status;
      stdout.end();
    },
    status: () => last,
  };
}

function textOf(stderr: PassThrough): () => string {
  let text = "";
  stderr.on("data", (chunk: Buffer) => {
    text = (text + chunk.toString("utf8")).slice(0, MOST_COMPLAINTS);
  });
  return () => text.trim();
}
