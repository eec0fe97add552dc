import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MoveRing } from "../../src/inspection/move.ts";
import { AdminRoutes } from "../../src/speaker/admin-routes.ts";
import { AdminSocket } from "../../src/speaker/admin-socket.ts";
import { type AdminSources, AdminViews } from "../../src/speaker/admin-views.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { silentLog } from "../support/silent-log.ts";

/** What a speaker that does nothing knows. */
function sources(over: Partial<AdminSources> = {}): AdminSources {
  return {
    node: "n1",
    clock: systemClock,
    wallClock: systemWallClock,
    moves: new MoveRing("n1", systemWallClock),
    sessions: () => [],
    routes: () => [],
    decisions: () => [],
    layer2: () => Promise.resolve(undefined),
    gossip: () => Promise.resolve(undefined),
    members: () => undefined,
    ...over,
  };
}

/** A folder of its own for sockets. */
export class SocketFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "herald-admin-"));

  socket(name = "speaker.sock"): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A socket in its own folder, with a speaker's answers. */
export class Admin implements Disposable {
  readonly #folder = new SocketFolder();
  readonly #socket: AdminSocket;
  readonly path = this.#folder.socket();

  private constructor(known: AdminSources) {
    const routes = new AdminRoutes(new AdminViews(known), "test");
    this.#socket = new AdminSocket({ clock: known.clock, log: silentLog }, routes);
  }

  static async of(over: Partial<AdminSources> = {}): Promise<Admin> {
    const admin = new Admin(sources(over));
    await admin.#socket.listen(admin.path);
    return admin;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    this.#folder[Symbol.dispose]();
  }
}

export interface Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: Buffer;
}

/** One request, read to its end. */
export async function ask(socketPath: string, path: string, method = "GET"): Promise<Reply> {
  const answer = await open(socketPath, path, method);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(Buffer.from(chunk));
  return { status: answer.statusCode ?? 0, type: answer.headers["content-type"], body: Buffer.concat(chunks) };
}

/** The same as a value. */
export async function askJson(socketPath: string, path: string): Promise<{ readonly [key: string]: unknown }> {
  return JSON.parse((await ask(socketPath, path)).body.toString());
}

/** A request whose answer is read by the test. */
export function open(socketPath: string, path: string, method = "GET"): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method, headers: { host: "x" } }, resolve);
    call.on("error", reject);
    call.end();
  });
}
