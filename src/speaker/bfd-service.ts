import type { BfdProfile } from "../api/config.ts";
import type { BfdState } from "../bfd/packet.ts";
import type { ChangeReason, Parameters } from "../bfd/session.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { type Micros, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { BfdChannel, BfdStart } from "./bfd-channel.ts";
import type { BfdInspection, BfdReport, BfdSessionReport, PathMessage } from "./bfd-messages.ts";
import { bfdMinimumTtl, bfdParameters } from "./bfd-parameters.ts";

export interface BfdRequest {
  readonly peer: IpAddress;
  /** The kernel's choice when absent. */
  readonly localAddress?: IpAddress;
  /** Needed for link-local peers. */
  readonly interface?: string;
  readonly multihop: boolean;
  readonly profile: BfdProfile | undefined;
}

/** A change of state; `detector-lost` says that nobody watches the peer for a moment, not that it is dead. */
export interface BfdEvent {
  readonly from: BfdState;
  readonly to: BfdState;
  readonly reason: ChangeReason | "detector-lost";
  /** Of the machine's monotonic clock. */
  readonly at: Micros;
}

export interface BfdView {
  readonly peer: IpAddress;
  readonly interface: string | undefined;
  readonly multihop: boolean;
  readonly state: BfdState;
  readonly lastChange: BfdEvent | undefined;
  /** As of the last change of state or intervals; undefined before the first. */
  readonly session: BfdSessionReport | undefined;
  /** Why the sockets cannot be had, in words. */
  readonly lastError: string | undefined;
}

/** One user's hold on a session. Users of the same path share one session, as the peer has only one (RFC 5881 section 2). */
export interface BfdHandle {
  /** Calls back after every change of state; the returned function ends that. */
  onChange(listener: (event: BfdEvent) => void): () => void;
  /** New intervals are negotiated without a flap. */
  update(profile: BfdProfile | undefined): void;
  adminDown(): void;
  adminUp(): void;
  /** The last user's close tells the peer that this is on purpose. */
  close(): void;
  readonly view: BfdView;
}

/** A session's numbers, for metrics. */
export interface BfdReading {
  readonly peer: IpAddress;
  readonly interface: string | undefined;
  readonly state: BfdState;
  /** Times it came up, and went down again. */
  readonly ups: number;
  readonly downs: number;
  /** What the engine has counted; undefined when none runs. */
  readonly packets: BfdSessionReport | undefined;
}

export interface BfdReadings {
  readonly sessions: readonly BfdReading[];
  readonly engine: BfdInspection | undefined;
}

export interface BfdServicePorts {
  readonly start: BfdStart;
  readonly clock: Clock;
  readonly log: Log;
}

interface Shared {
  readonly id: number;
  readonly key: string;
  readonly request: BfdRequest;
  readonly listeners: Set<(event: BfdEvent) => void>;
  profile: BfdProfile | undefined;
  users: number;
  adminDown: boolean;
  state: BfdState;
  ups: number;
  downs: number;
  lastChange: BfdEvent | undefined;
  report: BfdSessionReport | undefined;
  lastError: string | undefined;
}

/** Until a lost engine is started again. */
const RESTART = seconds(1);
/** How long `stop` lets the engine tell the peers; a little longer than the engine itself does. */
const STOP = seconds(4);

/** BFD for the rest of the speaker: sessions are asked for here and run in an engine, which this keeps alive. */
export class BfdService {
  readonly #ports: BfdServicePorts;
  readonly #byKey = new Map<string, Shared>();
  readonly #byId = new Map<number, Shared>();
  readonly #leaving = new Set<number>();
  readonly #inspections = new Map<number, (inspection: BfdInspection | undefined) => void>();
  #channel: BfdChannel | undefined;
  #restart: Timer | undefined;
  #left: (() => void) | undefined;
  #numbers = 0;
  #stopped = false;

  constructor(ports: BfdServicePorts) {
    this.#ports = { ...ports, log: ports.log.child({ component: "bfd" }) };
  }

  /** Starts a session, or joins the one that runs to this peer already; the newest profile counts. */
  open(request: BfdRequest): BfdHandle {
    const key = keyOf(request);
    const running = this.#byKey.get(key);
    const shared = running ?? this.#add(key, request);
    if (running !== undefined) this.#update(shared, request.profile);
    shared.users += 1;
    return this.#handle(shared);
  }

  /** What the engine knows at this moment; undefined when none runs. */
  async inspect(): Promise<BfdInspection | undefined> {
    const channel = this.#channel;
    if (channel === undefined) return undefined;
    const request = ++this.#numbers;
    return await new Promise((resolve) => {
      this.#inspections.set(request, resolve);
      channel.post({ type: "inspect", request });
    });
  }

  /** All sessions with what the engine knows of them now. */
  async readings(): Promise<BfdReadings> {
    const engine = await this.inspect();
    const sessions = [...this.#byId.values()].map(({ id, request, state, ups, downs }) => ({
      ...{ peer: request.peer, interface: request.interface, state, ups, downs },
      packets: engine?.sessions[id],
    }));
    return { sessions, engine };
  }

  /** Tells the peers that the sessions end on purpose, and resolves when they have heard, or a few seconds later. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#restart?.cancel();
    for (const shared of [...this.#byId.values()]) this.#remove(shared);
    if (this.#leaving.size > 0)
      await new Promise<void>((resolve) => {
        const timer = this.#ports.clock.after(STOP, resolve);
        this.#left = () => {
          timer.cancel();
          resolve();
        };
      });
    await this.#channel?.close();
    this.#channel = undefined;
  }

  #handle(shared: Shared): BfdHandle {
    const own = new Set<(event: BfdEvent) => void>();
    let open = true;
    return {
      onChange: (listener) => {
        shared.listeners.add(listener);
        own.add(listener);
        return () => shared.listeners.delete(listener);
      },
      update: (profile) => this.#update(shared, profile),
      adminDown: () => this.#setAdmin(shared, true),
      adminUp: () => this.#setAdmin(shared, false),
      close: () => {
        if (!open) return;
        open = false;
        for (const listener of own) shared.listeners.delete(listener);
        shared.users -= 1;
        if (shared.users === 0) this.#remove(shared);
      },
      get view() {
        return viewOf(shared);
      },
    };
  }

  #add(key: string, request: BfdRequest): Shared {
    const shared: Shared = {
      id: ++this.#numbers,
      key,
      request,
      listeners: new Set(),
      profile: request.profile,
      users: 0,
      adminDown: false,
      state: "down",
      ups: 0,
      downs: 0,
      lastChange: undefined,
      report: undefined,
      lastError: undefined,
    };
    this.#byKey.set(key, shared);
    this.#byId.set(shared.id, shared);
    this.#engage(shared);
    return shared;
  }

  #engage(shared: Shared): void {
    if (this.#restart !== undefined || this.#stopped) return;
    this.#channel ??= this.#ports.start({
      report: (report) => this.#onReport(report),
      lost: (reason) => this.#onLost(reason),
    });
    const parameters = parametersOf(shared);
    this.#channel.post({ type: "add", id: shared.id, path: pathOf(shared), parameters });
    if (shared.adminDown) this.#channel.post({ type: "admin-down", id: shared.id });
  }

  #update(shared: Shared, profile: BfdProfile | undefined): void {
    shared.profile = profile;
    const minimumTtl = bfdMinimumTtl(profile);
    const parameters = parametersOf(shared);
    this.#channel?.post({ type: "update", id: shared.id, parameters, minimumTtl });
  }

  #setAdmin(shared: Shared, down: boolean): void {
    shared.adminDown = down;
    this.#channel?.post({ type: down ? "admin-down" : "admin-up", id: shared.id });
  }

  #remove(shared: Shared): void {
    this.#byId.delete(shared.id);
    this.#byKey.delete(shared.key);
    if (this.#channel === undefined) return;
    this.#leaving.add(shared.id);
    this.#channel.post({ type: "remove", id: shared.id });
  }

  #onReport(report: BfdReport): void {
    switch (report.type) {
      case "inspected":
        this.#inspections.get(report.request)?.(report.inspection);
        this.#inspections.delete(report.request);
        return;
      case "removed":
        this.#leaving.delete(report.id);
        if (this.#leaving.size === 0) this.#left?.();
        return;
      case "changed":
      case "negotiated":
      case "socket-failed":
        this.#onSessionReport(report);
        return;
    }
  }

  #onSessionReport(report: Exclude<BfdReport, { type: "inspected" | "removed" }>): void {
    const shared = this.#byId.get(report.id);
    if (shared === undefined) return;
    if (report.type === "socket-failed") {
      shared.lastError = report.message;
      this.#ports.log.warn("bfd socket failed", { peer: `${shared.request.peer}`, "err.message": report.message });
      return;
    }
    shared.report = report.session;
    if (report.type === "changed") this.#announce(shared, report.change);
  }

  #announce(shared: Shared, event: BfdEvent): void {
    shared.state = event.to;
    if (event.to === "up") shared.ups += 1;
    if (event.from === "up") shared.downs += 1;
    shared.lastChange = event;
    shared.lastError = undefined;
    const { from, to, reason } = event;
    this.#ports.log.info("bfd session changed", { peer: `${shared.request.peer}`, from, to, reason });
    for (const listener of [...shared.listeners]) listener(event);
  }

  #onLost(reason: string): void {
    this.#ports.log.error("bfd engine lost", { reason });
    this.#channel = undefined;
    this.#leaving.clear();
    this.#left?.();
    for (const resolve of this.#inspections.values()) resolve(undefined);
    this.#inspections.clear();
    const at = this.#ports.clock.now();
    for (const shared of this.#byId.values()) {
      shared.report = undefined;
      if (shared.state !== "down")
        this.#announce(shared, { from: shared.state, to: "down", reason: "detector-lost", at });
    }
    if (this.#stopped) return;
    this.#restart = this.#ports.clock.after(RESTART, () => {
      this.#restart = undefined;
      for (const shared of this.#byId.values()) this.#engage(shared);
    });
  }
}

function keyOf({ peer, localAddress, interface: name, multihop }: BfdRequest): string {
  return JSON.stringify([`${peer}`, `${localAddress ?? ""}`, name ?? "", multihop]);
}

function parametersOf({ profile, request }: Shared): Parameters {
  return bfdParameters(profile, { multihop: request.multihop, family: request.peer.family });
}

function pathOf({ request, profile }: Shared): PathMessage {
  return {
    peer: `${request.peer}`,
    multihop: request.multihop,
    minimumTtl: bfdMinimumTtl(profile),
    ...(request.localAddress === undefined ? {} : { local: `${request.localAddress}` }),
    ...(request.interface === undefined ? {} : { interface: request.interface }),
  };
}

function viewOf({ request, state, lastChange, report, lastError }: Shared): BfdView {
  const { peer, interface: name, multihop } = request;
  return { peer, interface: name, multihop, state, lastChange, session: report, lastError };
}
