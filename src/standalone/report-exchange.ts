import { createHash, hkdfSync } from "node:crypto";
import { createServer, connect as openPlain, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, connect as openTls, type TLSSocket } from "node:tls";
import { pause } from "../kubernetes/backoff.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { listenAt } from "../system/listen.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { formatReport, type HostReport, LONGEST_REPORT, parseReport } from "./host-report.ts";

/** Where a host listens. */
export interface HostPlace {
  readonly address: string;
  readonly port: number;
}

export interface ReportExchangePorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The texts of the secrets, the first to call with, all to be called with; empty is plain text. */
  readonly keys: () => readonly Uint8Array[];
  /** What this host has to say now. */
  readonly report: () => HostReport;
  /** Told of what another host says. */
  readonly heard: (report: HostReport) => void;
}

const AGAIN: Micros = seconds(1);
/** How often the same is said again, and how long nothing may be heard: TCP alone notices a host that died after minutes. */
const REPEAT: Micros = seconds(5);
const SILENCE_MS = 15_000;
/** Who calls without a key says nothing at all. */
const HANDSHAKE_MS = 3_000;
/** So many hosts share addresses at most; strangers are not to keep them out. */
const MOST_CONNECTIONS = 256;
/** TLS 1.2 with forward secrecy: for pre-shared keys, Node has no word in 1.3. */
const TLS = { ciphers: "ECDHE-PSK-CHACHA20-POLY1305", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
const PURPOSE = "herald standalone reports";

/**
 * How hosts tell each other what works on them: each calls all the others and listens, line by line, for as long as both live. With
 * keys both ends must have one of them: TLS with a pre-shared key, of which each connection makes another one.
 */
export class ReportExchange {
  readonly #ports: ReportExchangePorts;
  readonly #listeners = new Set<Socket>();
  #server: Server | undefined;

  constructor(ports: ReportExchangePorts) {
    this.#ports = { ...ports, log: ports.log.child({ component: "reports" }) };
  }

  /** Listens, and calls the others until the signal is aborted. @throws PortNotServed when the address is taken */
  async start(own: HostPlace, others: readonly HostPlace[], signal: AbortSignal): Promise<void> {
    const server = this.#listen();
    this.#server = server;
    await listenAt(server, { ...own, what: "reports of other hosts", flag: "--member-port" });
    signal.addEventListener("abort", () => this.#close(), { once: true });
    void this.#repeat(signal);
    for (const other of others) void this.#follow(other, signal);
  }

  /** Where it listens, once it does. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Tells all who listen. */
  changed(): void {
    const line = `${formatReport(this.#ports.report())}\n`;
    for (const socket of this.#listeners) {
      // Who does not read what was said would be told something old: it calls again.
      if (socket.writableLength > LONGEST_REPORT) socket.destroy();
      else socket.write(line);
    }
  }

  #listen(): Server {
    const { keys } = this.#ports;
    const server =
      keys().length === 0
        ? createServer()
        : createTlsServer({ ...TLS, handshakeTimeout: HANDSHAKE_MS, pskCallback: (_, id) => this.#keyOf(id) });
    server.maxConnections = MOST_CONNECTIONS;
    const greet = (socket: Socket): void => {
      this.#listeners.add(socket);
      socket.on("close", () => this.#listeners.delete(socket));
      socket.on("error", () => socket.destroy());
      // Nobody has anything to say on it.
      socket.on("data", () => socket.destroy());
      socket.write(`${formatReport(this.#ports.report())}\n`);
    };
    server.on(keys().length === 0 ? "connection" : "secureConnection", greet);
    server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      this.#ports.log.debug("a caller was refused", { ...errorFields(error), address: socket.remoteAddress });
      // Node leaves open who did not even begin to shake hands.
      socket.destroy();
    });
    return server;
  }

  #keyOf(identity: string): Buffer | null {
    // Node's word for a key that is not known.
    return (
      this.#ports
        .keys()
        .map(sharedKey)
        .find(({ id }) => id === identity)?.psk ?? null
    );
  }

  #close(): void {
    this.#server?.close();
    for (const socket of this.#listeners) socket.destroy();
  }

  async #repeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#ports.clock, REPEAT, signal);
      if (!signal.aborted) this.changed();
    }
  }

  /** Listens to another host for ever; what is wrong is said once, until it is well again. */
  async #follow(other: HostPlace, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#ports;
    let wasHeard = true;
    while (!signal.aborted) {
      const { heard, reason } = await this.#listenTo(other, signal);
      if (signal.aborted) return;
      if (wasHeard || heard) log.warn("another host does not say what works there", { address: other.address, reason });
      wasHeard = heard;
      await pause(clock, AGAIN, signal);
    }
  }

  #listenTo(other: HostPlace, signal: AbortSignal): Promise<Heard> {
    const socket = this.#call(other);
    const state = { heard: false, reason: "closed by the other end" };
    const give = (reason: string): void => {
      state.reason = reason;
      socket.destroy();
    };
    const heard = (report: HostReport): void => {
      if (!state.heard)
        this.#ports.log.info("another host says what works there", { address: other.address, node: report.node });
      state.heard = true;
      this.#ports.heard(report);
    };
    const end = (): void => give("this host stops");
    signal.addEventListener("abort", end, { once: true });
    socket.setEncoding("utf8").setTimeout(SILENCE_MS, () => give(`silent for ${SILENCE_MS / 1000} s`));
    socket.on("error", (error) => give(String(errorFields(error)["err.message"])));
    socket.on("data", lineReader(heard, give));
    return new Promise((resolve) => {
      socket.on("close", () => {
        signal.removeEventListener("abort", end);
        resolve(state);
      });
    });
  }

  #call({ address: host, port }: HostPlace): Socket {
    const [secret] = this.#ports.keys();
    if (secret === undefined) return openPlain({ host, port });
    const { psk, id: identity } = sharedKey(secret);
    // There is no certificate: who has the key is who is meant.
    return openTls({
      ...TLS,
      host,
      port,
      pskCallback: () => ({ psk, identity }),
      checkServerIdentity: () => undefined,
    });
  }
}

interface Heard {
  readonly heard: boolean;
  readonly reason: string;
}

/** Takes what a socket brings; the last of several whole lines says it all. */
function lineReader(heard: (report: HostReport) => void, give: (reason: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    rest += text;
    if (rest.length > LONGEST_REPORT) return give("its report is too long");
    // Looked at again for each octet, a long line that comes octet by octet would take all the time there is.
    if (!text.includes("\n")) return;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    const report = parseReport(lines.at(-1) ?? "");
    if (report === undefined) give("what it says is no report of this version");
    else heard(report);
  };
}

/** A key for this purpose alone, and a name that says nothing of it. */
function sharedKey(secret: Uint8Array): { readonly psk: Buffer; readonly id: string } {
  const psk = Buffer.from(hkdfSync("sha256", secret, "", PURPOSE, 32));
  return { psk, id: createHash("sha256").update(PURPOSE).update(psk).digest("hex").slice(0, 16) };
}
