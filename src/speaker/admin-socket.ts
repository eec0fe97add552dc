import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { Clock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { SystemError } from "../wire/errors.ts";
import { type AdminAnswer, BadAdminRequest, NoSuchView } from "./admin-answer.ts";
import type { AdminRoutes } from "./admin-routes.ts";
import { send } from "./admin-stream.ts";

/** The admin socket cannot be had where it should be. */
export class AdminSocketNotServed extends SystemError {
  readonly code = "ERR_SPEAKER_ADMIN_SOCKET";
}

export interface AdminSocketPorts {
  readonly clock: Clock;
  readonly log: Log;
}

/** Readers at once: who comes later has to wait for one of them to go. */
const MOST_READERS = 64;
const HEADERS_WITHIN_MS = 5000;
const MOST_HEADER_OCTETS = 8192;
/** The socket is its owner's alone from the moment it is there. */
const OWNER_ONLY = 0o600;
const ALL_BUT_OWNER = 0o177;

/**
 * Tells what the speaker knows over HTTP on a Unix socket, which only its owner may open. Reading is all there is; nobody who reads
 * slowly, never, or nonsense costs more than a bounded buffer.
 */
export class AdminSocket {
  readonly #ports: AdminSocketPorts;
  readonly #routes: Pick<AdminRoutes, "answer">;
  readonly #server: Server;
  #place: { readonly path: string; readonly inode: number } | undefined;

  constructor(ports: AdminSocketPorts, routes: Pick<AdminRoutes, "answer">) {
    this.#ports = { ...ports, log: ports.log.child({ component: "admin" }) };
    this.#routes = routes;
    this.#server = createServer(
      { maxHeaderSize: MOST_HEADER_OCTETS, headersTimeout: HEADERS_WITHIN_MS, requestTimeout: HEADERS_WITHIN_MS },
      (request, response) => this.#onRequest(request, response),
    );
    this.#server.maxConnections = MOST_READERS;
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  /**
   * Listens. A socket that a process left behind when it died is replaced.
   * @throws AdminSocketNotServed where another process listens, or something else lies in the way
   */
  async listen(path: string): Promise<void> {
    try {
      mkdirSync(dirname(path), { recursive: true });
      await refuseOccupied(path);
      // Made elsewhere and moved: at its name there is never one that anybody could open, or nobody answers.
      const fresh = `${path}.${process.pid}`;
      rmSync(fresh, { force: true });
      await this.#bind(fresh);
      chmodSync(fresh, OWNER_ONLY);
      renameSync(fresh, path);
      this.#place = { path, inode: lstatSync(path).ino };
    } catch (cause) {
      this.#server.close();
      if (cause instanceof AdminSocketNotServed || !(cause instanceof Error)) throw cause;
      throw new AdminSocketNotServed(`admin socket ${path}: ${cause.message}`, { cause });
    }
  }

  /** Stops answering, cuts who still reads, and takes the socket away unless it is another's by now. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    const place = this.#place;
    this.#place = undefined;
    if (place !== undefined && statusOf(place.path)?.ino === place.inode) rmSync(place.path, { force: true });
  }

  #bind(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const before = process.umask(ALL_BUT_OWNER);
      this.#server.once("error", reject);
      this.#server.listen({ path }, resolve);
      process.umask(before);
    });
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("connection", "close");
    // A body is of no use here.
    request.resume();
    const answer = this.#answerTo(request, response);
    if (answer === undefined) return;
    response.writeHead(200, { "content-type": answer.type, "cache-control": "no-store" });
    send(this.#ports.clock, response, answer.body).catch((error: unknown) => {
      this.#ports.log.error("admin request failed", errorFields(error));
      response.destroy();
    });
  }

  #answerTo({ method, url = "" }: IncomingMessage, response: ServerResponse): AdminAnswer | undefined {
    if (method !== "GET") {
      refuse(response, 405, { code: "ERR_ADMIN_METHOD", message: "only GET is answered" });
      return undefined;
    }
    try {
      return this.#routes.answer(url);
    } catch (error) {
      if (error instanceof NoSuchView) refuse(response, 404, error);
      else if (error instanceof BadAdminRequest) refuse(response, 400, error);
      else {
        this.#ports.log.error("admin request failed", errorFields(error));
        refuse(response, 500, { code: "ERR_ADMIN_FAILED", message: "an internal error, see the log" });
      }
      return undefined;
    }
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  { code, message }: { readonly code: string; readonly message: string },
): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify({ code, message })}\n`);
}

async function refuseOccupied(path: string): Promise<void> {
  const status = statusOf(path);
  if (status === undefined) return;
  if (!status.isSocket()) throw new AdminSocketNotServed(`admin socket ${path}: something else lies there`);
  if (await isAnswered(path)) throw new AdminSocketNotServed(`admin socket ${path}: another process listens there`);
}

function statusOf(path: string): ReturnType<typeof lstatSync> {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** Whoever died listens no more: the kernel refuses. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error) => resolve(!("code" in error && error.code === "ECONNREFUSED")));
  });
}
