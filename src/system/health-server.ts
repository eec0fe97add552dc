import { createServer, type Server } from "node:http";
import { SystemError } from "../wire/errors.ts";

/** The address of the probes is taken, or not this host's. */
class ProbesNotServed extends SystemError {
  readonly code = "ERR_SYSTEM_PROBES_NOT_SERVED";
}

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

  /** Listens. @throws ProbesNotServed when the address is taken. */
  listen(port: number, address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (cause: Error): void =>
        reject(
          new ProbesNotServed(
            `cannot serve health probes on ${address} port ${port}: ${cause.message}; --health-probe-port takes another port, or 0 for none`,
            { cause },
          ),
        );
      this.#server.once("error", failed);
      this.#server.listen(port, address, () => {
        this.#server.off("error", failed);
        resolve();
      });
    });
  }

  /** Stops answering. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
