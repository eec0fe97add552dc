import { type BfdPath, Demultiplexer } from "../bfd/demultiplexer.ts";
import { decodeEcho, type EchoPacket, encodeEcho } from "../bfd/echo-packet.ts";
import { PacketRefused, type Refusal } from "../bfd/error.ts";
import { SOURCE_PORT } from "../bfd/iana.ts";
import { type ControlPacket, type Discriminator, decodePacket, discriminator, encodePacket } from "../bfd/packet.ts";
import type { Parameters } from "../bfd/session.ts";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { micros, seconds } from "../net/micros.ts";
import type { Timer } from "../system/clock.ts";
import { InvariantError, SystemError } from "../wire/errors.ts";
import { BfdDriver } from "./bfd-driver.ts";
import type { BfdCommand, BfdInspection, BfdReport, PathMessage } from "./bfd-messages.ts";
import type { BfdDatagram, BfdEnginePorts, BfdLoop, BfdSender } from "./bfd-ports.ts";

/** How long to wait before the port is tried again that another program holds. */
const LISTEN_AGAIN = seconds(1);

/** How long a removed session goes on telling a peer that has not taken notice. */
const FAREWELL = seconds(3);

interface Entry {
  readonly id: number;
  readonly driver: BfdDriver;
  path: BfdPath;
  sourcePort: number;
  sender: BfdSender | undefined;
  lastFailure: string | undefined;
  farewell: Timer | undefined;
}

/** All sessions of one thread with their sockets. Commands in, reports out, both plain data. */
export class BfdEngine {
  readonly #ports: BfdEnginePorts;
  readonly #tell: (report: BfdReport) => void;
  readonly #entries = new Map<number, Entry>();
  readonly #demultiplexer = new Demultiplexer<Entry>();
  readonly #listeners = new Map<string, { close(): void }>();
  #loop: BfdLoop | undefined;
  #listenAgain: Timer | undefined;
  #worstLateness = micros(0);
  readonly #refused: Partial<Record<Refusal, number>> = {};

  constructor(ports: BfdEnginePorts, tell: (report: BfdReport) => void) {
    this.#ports = ports;
    this.#tell = tell;
  }

  handle(command: BfdCommand): void {
    switch (command.type) {
      case "add":
        this.#add(command.id, pathOf(command.path), command.parameters);
        return;
      case "update":
        this.#update(command.id, command.parameters, command.minimumTtl);
        return;
      case "admin-down":
      case "admin-up":
        this.#driver(command.id)?.dispatch({ type: command.type });
        return;
      case "remove":
        this.#remove(command.id);
        return;
      case "inspect":
        this.#tell({ type: "inspected", request: command.request, inspection: this.#inspect() });
        return;
    }
  }

  /** Closes everything at once, without a word to anybody. */
  close(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
    this.#listenAgain?.cancel();
  }

  #driver(id: number): BfdDriver | undefined {
    return this.#entries.get(id)?.driver;
  }

  #add(id: number, path: BfdPath, parameters: Parameters): void {
    // Who comes back to a path that is being left starts afresh: the peer's first packets name no session.
    for (const other of this.#entries.values())
      if (other.farewell !== undefined && samePath(other.path, path)) this.#drop(other);
    const local = this.#freeDiscriminator();
    const entry: Entry = {
      id,
      path,
      sourcePort: this.#freeSourcePort(),
      sender: undefined,
      lastFailure: undefined,
      farewell: undefined,
      driver: new BfdDriver(
        {
          ...this.#ports,
          send: (packet) => this.#send(entry, packet),
          sendEcho: (sequence) => this.#sendEcho(entry, { discriminator: local, sequence }),
          changed: (change) => this.#onChanged(entry, { ...change, at: this.#ports.clock.now() }),
          late: (by) => {
            this.#worstLateness = micros(Math.max(by, this.#worstLateness));
          },
          negotiated: () => this.#tell({ type: "negotiated", id, session: entry.driver.report }),
        },
        local,
        parameters,
      ),
    };
    this.#entries.set(id, entry);
    this.#demultiplexer.add(local, path, entry);
    this.#listen();
    this.#sender(entry);
    entry.driver.dispatch({ type: "started" });
  }

  #update(id: number, parameters: Parameters, minimumTtl: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.path = { ...entry.path, minimumTtl };
    this.#demultiplexer.add(entry.driver.session.localDiscriminator, entry.path, entry);
    entry.driver.dispatch({ type: "parameters-changed", parameters });
    this.#listen();
  }

  #onChanged(entry: Entry, change: Extract<BfdReport, { type: "changed" }>["change"]): void {
    this.#tell({ type: "changed", id: entry.id, change, session: entry.driver.report });
  }

  #remove(id: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.farewell !== undefined) return;
    entry.farewell = this.#ports.clock.after(FAREWELL, () => this.#drop(entry));
    entry.driver.dispatch({ type: "admin-down" });
    if (!isFollowed(entry)) this.#drop(entry);
  }

  #drop(entry: Entry): void {
    entry.farewell?.cancel();
    entry.driver.close();
    entry.sender?.close();
    this.#demultiplexer.remove(entry.driver.session.localDiscriminator);
    this.#entries.delete(entry.id);
    this.#listen();
    this.#tell({ type: "removed", id: entry.id });
  }

  /** A path that is not there yet, or was taken away, is tried again with each packet. */
  #send(entry: Entry, packet: ControlPacket): void {
    const sender = this.#sender(entry);
    if (sender === undefined) return;
    const failure = sender.send(encodePacket(packet));
    if (failure === undefined) {
      entry.lastFailure = undefined;
      return;
    }
    sender.close();
    entry.sender = undefined;
    this.#report(entry, failure);
  }

  #sender(entry: Entry): BfdSender | undefined {
    try {
      entry.sender ??= this.#ports.udp.open({ ...entry.path, sourcePort: entry.sourcePort });
    } catch (error) {
      this.#onSocketFailed(entry, error);
      // Another program may have the port.
      entry.sourcePort = this.#freeSourcePort();
    }
    return entry.sender;
  }

  #onSocketFailed(entry: Entry, error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    this.#report(entry, error.message);
  }

  #report(entry: Entry, failure: string): void {
    if (entry.lastFailure === failure) return;
    entry.lastFailure = failure;
    this.#tell({ type: "socket-failed", id: entry.id, message: failure });
  }

  /** Listens where a session needs it and nowhere else: the ports may be wanted by another program. */
  #listen(): void {
    this.#listenAgain?.cancel();
    this.#listenAgain = undefined;
    const wanted = new Set<string>();
    for (const entry of this.#entries.values())
      for (const [key, open] of this.#socketsFor(entry)) {
        wanted.add(key);
        if (!this.#listeners.has(key)) this.#tryListen(key, open, entry);
      }
    for (const [key, listener] of this.#listeners) {
      if (wanted.has(key)) continue;
      listener.close();
      this.#listeners.delete(key);
    }
  }

  #socketsFor({ path, driver }: Entry): readonly (readonly [key: string, open: () => { close(): void }])[] {
    const { udp } = this.#ports;
    const { family } = path.peer;
    const { multihop } = path;
    const control = () => udp.listen({ family, multihop }, (datagram) => this.#onDatagram(datagram, multihop));
    const echo = () => udp.reflect(family, (from) => this.#mayReflect(from));
    const controls = [`${family} ${multihop}`, control] as const;
    const { requiredMinEchoRx, desiredMinEchoTx } = driver.session.parameters;
    const echoes = requiredMinEchoRx === 0 ? [] : [[`${family} echo`, echo] as const];
    const loops = desiredMinEchoTx === 0 ? [] : [["loop", () => this.#openLoop()] as const];
    return [controls, ...echoes, ...loops];
  }

  #openLoop(): { close(): void } {
    const loop = this.#ports.udp.loop((payload) => this.#onEcho(payload));
    this.#loop = loop;
    return {
      close: () => {
        this.#loop = undefined;
        loop.close();
      },
    };
  }

  /** Only for neighbours that were told so: nobody else's packets are sent anywhere. */
  #mayReflect(from: IpAddress): boolean {
    for (const { path, driver } of this.#entries.values())
      if (!path.multihop && path.peer.equals(from) && driver.session.parameters.requiredMinEchoRx > 0) return true;
    return false;
  }

  #tryListen(key: string, open: () => { close(): void }, entry: Entry): void {
    try {
      this.#listeners.set(key, open());
    } catch (error) {
      this.#onSocketFailed(entry, error);
      this.#listenAgain ??= this.#ports.clock.after(LISTEN_AGAIN, () => this.#listen());
    }
  }

  #onDatagram(datagram: BfdDatagram, multihop: boolean): void {
    try {
      const packet = decodePacket(datagram.bytes);
      const { from, to, interface: name, ttl } = datagram;
      const entry = this.#demultiplexer.find(packet, { from, to, interface: name, ttl, multihop });
      entry.driver.dispatch({ type: "received", packet });
      if (entry.farewell !== undefined && !isFollowed(entry)) this.#drop(entry);
    } catch (error) {
      if (!(error instanceof PacketRefused)) throw error;
      this.#refused[error.refusal] = (this.#refused[error.refusal] ?? 0) + 1;
    }
  }

  /** What cannot be sent is lost, and lost echo packets have their own consequences. */
  #sendEcho({ path }: Entry, packet: EchoPacket): void {
    if (path.local === undefined) return;
    this.#loop?.send(encodeEcho(packet), { own: path.local, via: path.peer });
  }

  #onEcho(payload: Uint8Array): void {
    const echo = decodeEcho(payload);
    if (echo === undefined) return;
    const entry = [...this.#entries.values()].find(
      ({ driver }) => driver.session.localDiscriminator === echo.discriminator,
    );
    entry?.driver.dispatch({ type: "echo-returned", sequence: echo.sequence });
  }

  #inspect(): BfdInspection {
    const sessions = Object.fromEntries([...this.#entries].map(([id, { driver }]) => [id, driver.report]));
    return { sessions, refused: { ...this.#refused }, worstLateness: this.#worstLateness };
  }

  #freeDiscriminator(): Discriminator {
    for (;;) {
      const local = discriminator(Math.floor(this.#ports.random() * 2 ** 32));
      if (local !== undefined && !this.#demultiplexer.has(local)) return local;
    }
  }

  /** RFC 5881 section 4: unique among the sessions of this system. */
  #freeSourcePort(): number {
    const used = new Set([...this.#entries.values()].map(({ sourcePort }) => sourcePort));
    const count = SOURCE_PORT.last - SOURCE_PORT.first + 1;
    const start = Math.floor(this.#ports.random() * count);
    for (let i = 0; i < count; i++) {
      const port = SOURCE_PORT.first + ((start + i) % count);
      if (!used.has(port)) return port;
    }
    throw new SourcePortsExhausted(`all ${count} source ports are in use`);
  }
}

/** Every source port that BFD may use is taken by a session. */
class SourcePortsExhausted extends SystemError {
  readonly code = "ERR_BFD_SOURCE_PORTS_EXHAUSTED";
}

/** The main thread sent a path that is not one. */
class BadPath extends InvariantError {
  readonly code = "ERR_BFD_BAD_PATH";
}

/** Whether the peer still counts on the session. */
function isFollowed({ driver }: Entry): boolean {
  const { discriminator: known, state } = driver.session.remote;
  return known !== undefined && state !== "down" && state !== "admin-down";
}

function pathOf(message: PathMessage): BfdPath {
  const peer = parseIpAddress(message.peer);
  const local = message.local === undefined ? undefined : parseIpAddress(message.local);
  if (peer === undefined) throw new BadPath(`no address: ${message.peer}`);
  return {
    peer,
    multihop: message.multihop,
    minimumTtl: message.minimumTtl,
    ...(local === undefined ? {} : { local }),
    ...(message.interface === undefined ? {} : { interface: message.interface }),
  };
}

function samePath(a: BfdPath, b: BfdPath): boolean {
  return (
    a.peer.equals(b.peer) &&
    a.multihop === b.multihop &&
    a.interface === b.interface &&
    `${a.local ?? ""}` === `${b.local ?? ""}`
  );
}
