import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Agent, createServer, request as httpsRequest, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { attributesOf } from "../../src/apiserver/auth/attributes.ts";
import type { AuditRecord } from "../../src/apiserver/auth/guard.ts";
import type { User } from "../../src/apiserver/auth/user.ts";
import { parseRoute } from "../../src/apiserver/http/route.ts";
import { createApiServer } from "../../src/apiserver/server.ts";
import { type ClientConfig, clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { systemWallClock } from "../../src/system/clock.ts";
import { silentLog } from "../support/silent-log.ts";

/** A request of one of the accounts, and how it was answered. */
export interface Call {
  /** The pod. */
  readonly caller: string;
  readonly attributes: ReturnType<typeof attributesOf>;
  readonly status: number;
  /** Of a refusal. */
  readonly message: string;
}

/**
 * The API of the test: embedded with RBAC, or the cluster of `HERALD_TEST_KUBECONFIG`. Accounts reach it through a door that
 * writes down what they ask and what they get; the admin goes straight to it.
 */
export class ClusterApi implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "herald-rbac-"));
  readonly calls: Call[] = [];
  /** What the embedded API says of each request; empty for a real cluster. */
  readonly audit: AuditRecord[] = [];
  /** For the admin. */
  readonly kubeconfig = join(this.folder, "admin");
  /** Where the embedded API finds the webhooks: what a cluster's network would do. */
  readonly services = new Map<string, { readonly host: string; readonly port: number }>();
  readonly #callers = new Map<string, { readonly caller: string; readonly user: User }>();
  readonly #doors: Server[] = [];
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  #authority = "";
  #listener: RequestListener = () => {};
  #identity = { key: "", cert: "" };
  #close: () => Promise<void> = () => Promise.resolve();
  #admin: ClientConfig | undefined;

  static async start(): Promise<ClusterApi> {
    const api = new ClusterApi();
    chmodSync(api.folder, 0o711);
    await api.#certify();
    const given = process.env["HERALD_TEST_KUBECONFIG"] ?? "";
    if (given === "") await api.#startEmbedded();
    else writeFileSync(api.kubeconfig, readFileSync(given), { mode: 0o600 });
    api.#admin = clientConfigFromKubeconfig(api.kubeconfig);
    const { server } = api.#admin;
    api.#listener = (request, response) => api.#pass(new URL(server), request, response);
    return api;
  }

  get admin(): ClientConfig {
    if (this.#admin === undefined) throw new Error("the API is not started");
    return this.#admin;
  }

  /** A door at a port of loopback, or at a path of the file system. */
  async open(at: { readonly port: number } | { readonly path: string }): Promise<number> {
    const door = createServer(this.#identity, this.#listener);
    door.requestTimeout = 0;
    this.#doors.push(door);
    await new Promise<void>((listening) => {
      if ("path" in at) door.listen(at.path, listening);
      else door.listen(at.port, "127.0.0.1", listening);
    });
    const address = door.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** A kubeconfig that goes through the door at this port of loopback with an account's token. */
  kubeconfigFor(name: string, user: User, token: string, port: number): string {
    this.#callers.set(token, { caller: name, user });
    const ca = Buffer.from(this.#authority).toString("base64");
    const file = join(this.folder, name);
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": ca } }],
      users: [{ name: "u", user: { token } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    };
    // Whoever the pod runs as: the token is worth nothing outside this test.
    writeFileSync(file, stringify(config), { mode: 0o644 });
    return file;
  }

  async #certify(): Promise<void> {
    const now = systemWallClock();
    const authority = await makeAuthority({ now, name: "herald test" });
    const { key, certificate } = await issueServerCertificate({
      authority,
      now,
      dnsNames: ["localhost"],
      ipAddresses: ["127.0.0.1"],
    });
    this.#authority = authority.certificate;
    this.#identity = { key, cert: certificate + authority.certificate };
  }

  async #startEmbedded(): Promise<void> {
    const audit = (record: AuditRecord): void => void this.audit.push(record);
    const server = createApiServer(
      { wallClock: systemWallClock, log: silentLog },
      { host: "127.0.0.1", port: 0, crds: [], tls: this.#identity, rbac: { audit }, services: this.services },
    );
    await server.start();
    this.#close = () => server[Symbol.asyncDispose]();
    writeFileSync(this.kubeconfig, server.kubeconfig(), { mode: 0o600 });
  }

  #pass(target: URL, request: IncomingMessage, response: ServerResponse): void {
    const { method = "", headers, url = "" } = request;
    const options = { host: target.hostname, port: target.port, method, path: url, headers, agent: this.#agent };
    const outgoing = httpsRequest(options, (answer) => {
      this.#note(request, answer);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    request.pipe(outgoing);
  }

  #note({ method = "", url = "", headers }: IncomingMessage, answer: IncomingMessage): void {
    const known = this.#callers.get((headers.authorization ?? "").replace(/^Bearer /, ""));
    if (known === undefined) return;
    const [pathname = "", query = ""] = url.split("?");
    const head = { method, pathname, query: new URLSearchParams(query) };
    const attributes = attributesOf(known.user, parseRoute(pathname), head);
    const status = answer.statusCode ?? 0;
    const call = { caller: known.caller, attributes, status };
    if (status < 400) this.calls.push({ ...call, message: "" });
    else {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => this.calls.push({ ...call, message: Buffer.concat(chunks).toString() }));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const door of this.#doors) {
      door.close();
      door.closeAllConnections();
    }
    this.#agent.destroy();
    await this.#close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
