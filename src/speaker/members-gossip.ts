import { nodeName } from "../api/brands.ts";
import type { NodeName } from "../api/config.ts";
import { DEFAULT_SETTINGS } from "../membership/settings.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type {
  GossipChannel,
  GossipInspection,
  GossipOptions,
  GossipReport,
  GossipSeed,
  GossipStart,
} from "./gossip-messages.ts";
import type { Members, MembersHandlers } from "./members.ts";
import type { GossipKeys } from "./members-keys.ts";
import type { SpeakerPods } from "./members-pods.ts";

export interface GossipMembersPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly start: GossipStart;
  /** Where other speakers are found; without, only those that were named. */
  readonly pods: Pick<SpeakerPods, "start" | "onChange" | "synced" | "addressesBut"> | undefined;
  /** Without, gossip is plain text. */
  readonly keys: Pick<GossipKeys, "current" | "start"> | undefined;
}

export interface GossipMembersOptions extends Omit<GossipOptions, "keys" | "settings"> {
  /** Speakers that were named, beside those that are found. */
  readonly join: readonly GossipSeed[];
}

/** How long a speaker that has others to look for stands for no election before it takes itself for the only one. */
const ALONE_AFTER = seconds(3);
/** How long the engine may take to say goodbye. */
const LEAVE = seconds(2);
const FAILED = seconds(5);
const RESTART = { first: seconds(1), longest: seconds(30) };

/** The speakers that gossip finds alive. A member that dies is found in well under a second. */
export class GossipMembers implements Members {
  readonly #ports: GossipMembersPorts;
  readonly #options: GossipMembersOptions;
  readonly #inspections = new Map<number, (inspection: GossipInspection | undefined) => void>();
  #members: ReadonlySet<NodeName>;
  /**
   * What is decided on. Who decides alone before it has found the others would answer for what they answer for: nobody stands until
   * then, and when the engine starts anew, those of before do.
   */
  #view: ReadonlySet<NodeName> = new Set();
  /** Who said goodbye and was not heard since. */
  readonly #goodbyes = new Set<string>();
  #settled = false;
  /** The socket failed, and nobody was heard since. */
  #mute: { died: boolean; readonly timer: Timer } | undefined;
  #handlers: MembersHandlers | undefined;
  #channel: GossipChannel | undefined;
  #restart: Timer | undefined;
  #alone: Timer | undefined;
  #losses = 0;
  #left: (() => void) | undefined;
  #leaving = false;
  #requests = 0;

  constructor(ports: GossipMembersPorts, options: GossipMembersOptions) {
    this.#ports = { ...ports, log: ports.log.child({ component: "gossip" }) };
    this.#options = options;
    this.#members = new Set([nodeName(options.node)]);
  }

  current(): ReadonlySet<NodeName> {
    return this.#mute === undefined ? this.#view : new Set();
  }

  trouble(): string | undefined {
    if (this.#handlers !== undefined && this.#channel === undefined) return "the gossip engine does not run";
    return this.#mute === undefined ? undefined : "the gossip socket failed, and nobody was heard since";
  }

  start(signal: AbortSignal, handlers: MembersHandlers): void {
    this.#handlers = handlers;
    const { pods, keys, log } = this.#ports;
    if (keys === undefined || keys.current().length === 0)
      log.warn("gossip is neither signed nor encrypted", { reason: "no-secret" });
    this.#engage();
    pods?.onChange(() => this.#sendSeeds());
    pods?.start(signal);
    keys?.start(signal, () => this.#channel?.post({ type: "keys", keys: keys.current() }));
    signal.addEventListener("abort", () => this.#alone?.cancel(), { once: true });
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    const channel = this.#channel;
    if (channel === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = this.#ports.clock.after(LEAVE, resolve);
      this.#left = () => {
        timer.cancel();
        resolve();
      };
      channel.post({ type: "leave" });
    });
  }

  async stop(): Promise<void> {
    this.#leaving = true;
    this.#restart?.cancel();
    this.#alone?.cancel();
    this.#mute?.timer.cancel();
    const channel = this.#channel;
    this.#channel = undefined;
    this.#answerAll();
    await channel?.close();
  }

  /** What the engine knows at this moment; undefined when none runs. */
  async inspect(): Promise<GossipInspection | undefined> {
    const channel = this.#channel;
    if (channel === undefined) return undefined;
    const request = ++this.#requests;
    return await new Promise((resolve) => {
      this.#inspections.set(request, resolve);
      channel.post({ type: "inspect", request });
    });
  }

  #engage(): void {
    const { start, keys } = this.#ports;
    const { join: _, ...options } = this.#options;
    const handlers = {
      report: (report: GossipReport) => this.#onReport(report),
      lost: (reason: string) => this.#onLost(reason),
    };
    this.#channel = start({ ...options, settings: DEFAULT_SETTINGS, keys: keys?.current() ?? [] }, handlers);
    this.#sendSeeds();
  }

  /** The engine has begun to look for the others: its thread may have taken a while to start. */
  #began(): void {
    if (this.#settled || this.#alone !== undefined) return;
    this.#alone = this.#ports.clock.after(ALONE_AFTER, () => this.#settle("alone"));
    const listed = this.#ports.pods?.synced ?? Promise.resolve();
    void listed.then(() => {
      if (this.#seeds().length === 0) this.#settle("no-other-speaker-known");
    });
  }

  #seeds(): readonly GossipSeed[] {
    const { node, bind, join } = this.#options;
    const found = this.#ports.pods?.addressesBut(nodeName(node)) ?? [];
    return [...join, ...found.map((address) => ({ address, port: bind.port }))];
  }

  #sendSeeds(): void {
    this.#channel?.post({ type: "seeds", seeds: this.#seeds() });
  }

  #onReport(report: GossipReport): void {
    switch (report.type) {
      case "members":
        this.#onMembers(report);
        return;
      case "left":
        this.#left?.();
        return;
      case "refused":
        this.#ports.log.warn("gossip packets refused", {
          reason: report.reason,
          count: report.count,
          address: report.from,
        });
        return;
      case "socket-failed":
        this.#onSocketFailed(report.message);
        return;
      case "inspected":
        this.#inspections.get(report.request)?.(report.inspection);
        this.#inspections.delete(report.request);
        return;
    }
  }

  #onMembers({ members, change }: Extract<GossipReport, { type: "members" }>): void {
    this.#members = new Set(members.map(nodeName));
    this.#began();
    if (change !== undefined) {
      const { member, to, reason } = change;
      if (this.#mute !== undefined && to === "dead") this.#mute.died = true;
      if (to === "alive") this.#onAlive(member);
      this.#ports.log.info("gossip member changed", { member, to, reason, members: members.length });
      if (to === "left") this.#onLeft(member);
    }
    if (!this.#settled && members.length > 1) this.#settle("joined");
    else if (this.#settled) this.#use();
  }

  #onAlive(member: string): void {
    this.#unmute();
    if (!this.#goodbyes.delete(member)) this.#handlers?.met();
  }

  #onLeft(member: string): void {
    this.#goodbyes.add(member);
    this.#handlers?.left([member]);
  }

  /** The others take this node for dead, so that it must not stand; unless there are none. */
  #onSocketFailed(message: string): void {
    this.#ports.log.error("gossip socket failed", { "err.message": message });
    if (this.#mute !== undefined || (this.#members.size <= 1 && this.#seeds().length === 0)) return;
    // With a socket that stays away all others are found dead by then.
    const timer = this.#ports.clock.after(FAILED, () => {
      if (this.#mute?.died === false) this.#unmute();
    });
    this.#mute = { died: false, timer };
    this.#handlers?.changed();
  }

  #unmute(): void {
    if (this.#mute === undefined) return;
    this.#mute.timer.cancel();
    this.#mute = undefined;
    this.#handlers?.changed();
  }

  #settle(reason: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#alone?.cancel();
    this.#losses = 0;
    this.#ports.log.info("gossip members known", { reason, members: [...this.#members] });
    this.#use();
  }

  #use(): void {
    this.#view = this.#members;
    this.#handlers?.changed();
  }

  /** The members stay what they were: an engine that is gone for a moment says nothing of them. */
  #onLost(reason: string): void {
    this.#losses += 1;
    this.#settled = false;
    this.#alone?.cancel();
    this.#alone = undefined;
    this.#channel = undefined;
    this.#answerAll();
    this.#left?.();
    if (this.#leaving) return;
    const wait: Micros = micros(Math.min(RESTART.first * 2 ** (this.#losses - 1), RESTART.longest));
    this.#ports.log.error("gossip engine lost", { reason, "retry.ms": wait / millis(1) });
    this.#restart = this.#ports.clock.after(wait, () => this.#engage());
  }

  #answerAll(): void {
    for (const resolve of this.#inspections.values()) resolve(undefined);
    this.#inspections.clear();
  }
}
