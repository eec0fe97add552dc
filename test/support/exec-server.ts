import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** What a command in a pod writes, and how it ends. */
export interface ExecCall {
  readonly pod: string;
  readonly container: string | undefined;
  readonly command: readonly string[];
  stdout(octets: Uint8Array): void;
  stderr(text: string): void;
  /** Ends with this exit code. */
  exit(code: number): void;
  /** Cuts the connection, as a node that goes away does. */
  cut(): void;
  /** Resolves when whoever asked has closed its end, and with it the command's stdin. */
  readonly unfed: Promise<void>;
}

/** RFC 6455 section 1.3. */
const ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CHANNEL = { stdout: 1, stderr: 2, status: 3 } as const;

/** As much of an API server as `pods/exec` needs: a list of pods, and channels over a WebSocket (v4.channel.k8s.io). */
export class ExecServer implements AsyncDisposable {
  readonly #server = createServer();
  readonly #sockets = new Set<Duplex>();
  readonly requests: string[] = [];

  private constructor(pods: readonly object[], exec: ((call: ExecCall) => void) | "forbidden") {
    this.#server.on("request", (request, response) => {
      this.requests.push(request.url ?? "");
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ apiVersion: "v1", kind: "PodList", metadata: { resourceVersion: "1" }, items: pods }),
      );
    });
    this.#server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
      this.requests.push(request.url ?? "");
      this.#sockets.add(socket);
      if (exec === "forbidden") socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      else acceptExec(request, socket, exec);
    });
  }

  /** With `forbidden`, nobody may exec. */
  static async start(pods: readonly object[], exec: ((call: ExecCall) => void) | "forbidden"): Promise<ExecServer> {
    const server = new ExecServer(pods, exec);
    await new Promise<void>((resolve) => void server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** A kubeconfig that leads here. */
  kubeconfig(): string {
    const { port } = this.#server.address() as AddressInfo;
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Those that were upgraded are the server's no more.
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A Pod of a speaker. */
export function speakerPod(name: string, node: string, phase = "Running"): object {
  return {
    metadata: { name, namespace: "metallb-system" },
    spec: { nodeName: node, containers: [{ name: "helper" }, { name: "speaker" }] },
    status: { phase },
  };
}

/** Answers a request for `pods/exec`, once its connection was upgraded. */
export function acceptExec(request: IncomingMessage, socket: Duplex, exec: (call: ExecCall) => void): void {
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}${ACCEPT}`).digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write(
    [...head, `Sec-WebSocket-Accept: ${accept}`, "Sec-WebSocket-Protocol: v4.channel.k8s.io", "", ""].join("\r\n"),
  );
  const unfed = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
    socket.once("end", () => resolve());
  });
  socket.on("error", () => {});
  socket.resume();
  const url = new URL(request.url ?? "", "http://x");
  const send = (channel: number, data: Uint8Array): void => void socket.write(frame(Buffer.from([channel, ...data])));
  exec({
    pod: url.pathname.split("/").at(-2) ?? "",
    container: url.searchParams.get("container") ?? undefined,
    command: url.searchParams.getAll("command"),
    stdout: (octets) => send(CHANNEL.stdout, octets),
    stderr: (text) => send(CHANNEL.stderr, Buffer.from(text)),
    exit(code) {
      const causes = [{ reason: "ExitCode", message: `${code}` }];
      const failed = { status: "Failure", message: `command terminated with exit code ${code}`, details: { causes } };
      send(CHANNEL.status, Buffer.from(JSON.stringify(code === 0 ? { status: "Success" } : failed)));
    },
    cut: () => socket.destroy(),
    unfed,
  });
}

/** RFC 6455 section 5.2: one whole binary message, not masked. */
function frame(payload: Buffer): Buffer {
  const short = payload.length < 126;
  const head = Buffer.alloc(short ? 2 : 10);
  head[0] = 0x82;
  head[1] = short ? payload.length : 127;
  if (!short) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}
