import { createServer, type Server, type ServerResponse } from "node:http";
import { listenAt } from "../system/listen.ts";
import { errorFields, type Log } from "./log.ts";

/** What is served. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Answers `GET /metrics` over plain HTTP, which is for addresses that only this host reaches. */
export class MetricsServer {
  readonly #server: Server;

  constructor(metrics: MetricsText, log: Log) {
    this.#server = createServer((request, response) => {
      const known = request.url?.split("?", 1)[0] === "/metrics";
      if (known) void answer(metrics, response, log);
      else response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    });
  }

  /** Listens. @throws PortNotServed when the address is taken. */
  listen(port: number, address: string): Promise<void> {
    return listenAt(this.#server, { port, address, what: "metrics", flag: "--port" });
  }

  /** Where it listens, once it does. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Stops answering. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** A scrape that fails must not look like a process without metrics, nor end the process. */
async function answer(metrics: MetricsText, response: ServerResponse, log: Log): Promise<void> {
  try {
    const text = await metrics.text();
    response.writeHead(200, { "content-type": metrics.contentType }).end(text);
  } catch (error) {
    log.error("metrics cannot be read", errorFields(error));
    response.writeHead(500, { "content-type": "text/plain" }).end("metrics cannot be read\n");
  }
}
