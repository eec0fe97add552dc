import { createServer, type Server } from "node:http";
import { listenAt } from "./listen.ts";

/** Answers `/healthz` while the process lives and `/readyz` when `ready()` has nothing to wait for. */
export class HealthServer {
  readonly #server: Server;

  /** `ready` names what is still missing; empty means ready. */
  constructor(ready: () => readonly string[]) {
    this.#server = createServer((request, response) => {
      const missing = request.url === "/readyz" ? ready() : [];
      const known = request.url === "/healthz" || request.url === "/readyz";
      response.writeHead(known ? (missing.length === 0 ? 200 : 503) : 404, { "content-type": "text/plain" });
      response.end(known ? (missing.length === 0 ? "ok\n" : `waiting for ${missing.join(", ")}\n`) : "not found\n");
    });
  }

  /** Listens. @throws PortNotServed when the address is taken. */
  listen(port: number, address: string): Promise<void> {
    return listenAt(this.#server, { port, address, what: "health probes", flag: "--health-probe-port" });
  }

  /** Stops answering. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
