import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { acceptExec, type ExecCall } from "../../test/support/exec-server.ts";
import { adminSocketOf, kubeconfigOf } from "../runner/control-plane.ts";
import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";

/**
 * What a cluster has and the lab's API has not: `pods/exec`, by which users ask the speakers. Here it is answered as `herald admin-get`
 * in the speaker's pod would; everything else goes on to the API server.
 */
export class PodsExec {
  /** For `herald --kubeconfig`. */
  readonly kubeconfig: string;
  readonly #server: Server;

  private constructor(server: Server, kubeconfig: string) {
    this.#server = server;
    this.kubeconfig = kubeconfig;
  }

  static async open(lab: Lab): Promise<PodsExec> {
    const { state } = lab.paths;
    const api = join(state, "api.sock");
    const sockets = new Set<Duplex>();
    const server = createServer((from, to) => forward(api, from, to));
    server.on("upgrade", (from: IncomingMessage, socket: Duplex) => {
      sockets.add(socket.once("close", () => sockets.delete(socket)));
      acceptExec(from, socket, (call) => adminGet(state, call));
    });
    // Those that were upgraded are the server's no more.
    server.on("close", () => {
      for (const socket of sockets) socket.destroy();
    });
    const port = await listen(server);
    const kubeconfig = join(state, "exec.kubeconfig");
    const text = readFileSync(kubeconfigOf(state), "utf8");
    writeFileSync(kubeconfig, text.replace(/server: .*/, `server: http://127.0.0.1:${port}`), { mode: 0o600 });
    return new PodsExec(server, kubeconfig);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new LabCheckError("the way to the API has no port");
  return address.port;
}

/** An API server that does not answer cuts the connection, as one would that is not there. */
function forward(socketPath: string, from: IncomingMessage, to: ServerResponse): void {
  const { method, url, headers } = from;
  const onward = request({ socketPath, method, path: url, headers }, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(to);
  });
  onward.on("error", () => from.socket.destroy());
  to.on("close", () => onward.destroy());
  from.pipe(onward);
}

/** Pods are called after their nodes. */
function adminGet(state: string, call: ExecCall): void {
  const socketPath = adminSocketOf(state, call.pod.replace(/^speaker-/, ""));
  const path = call.command.at(-1);
  const asked = request({ socketPath, path, headers: { host: "herald" } }, (answer) => {
    answer.on("data", (octets: Buffer) => call.stdout(octets));
    answer.on("end", () => call.exit(answer.statusCode === 200 ? 0 : 1));
  });
  asked.on("error", (error) => {
    call.stderr(`herald: ${error.message}\n`);
    call.exit(1);
  });
  void call.unfed.then(() => asked.destroy());
  asked.end();
}
