import type { GossipChannelHandlers, GossipStart } from "./gossip-messages.ts";
import type { LanCommand, LanReport, LanRun } from "./lan-messages.ts";
import type { Layer2ChannelHandlers, Layer2Start } from "./layer2-channel.ts";
import type { Thread, ThreadHandlers } from "./worker-thread.ts";

/** Starts the thread of the LAN. */
export type LanThreadStart = (handlers: ThreadHandlers<LanReport>) => Thread<LanCommand>;

/**
 * Starts layer-2 engines and gossip engines that share one thread, which is there while one of them is. When it is lost, all
 * are; the next engine that is started has a new one.
 */
export class LanChannels {
  readonly #startThread: LanThreadStart;
  readonly #layer2 = new Map<LanRun, Layer2ChannelHandlers>();
  readonly #gossip = new Map<LanRun, GossipChannelHandlers>();
  /** Who waits for an engine to have stopped. */
  readonly #stopping = new Map<LanRun, () => void>();
  #thread: Thread<LanCommand> | undefined;
  #runs: LanRun = 0;

  constructor(startThread: LanThreadStart) {
    this.#startThread = startThread;
  }

  readonly startLayer2: Layer2Start = (options, handlers) => {
    const run = ++this.#runs;
    this.#layer2.set(run, handlers);
    this.#post({ type: "start", run, engine: "layer2", options });
    return {
      post: (command) => this.#tell(run, { type: "tell", run, engine: "layer2", command }),
      close: () => this.#stop(run),
    };
  };

  readonly startGossip: GossipStart = (options, handlers) => {
    const run = ++this.#runs;
    this.#gossip.set(run, handlers);
    this.#post({ type: "start", run, engine: "gossip", options });
    return {
      post: (command) => this.#tell(run, { type: "tell", run, engine: "gossip", command }),
      close: () => this.#stop(run),
    };
  };

  #post(command: LanCommand): void {
    this.#thread ??= this.#startThread({
      report: (report) => this.#onReport(report),
      lost: (reason) => this.#onLost(reason),
    });
    this.#thread.post(command);
  }

  /** To an engine that is gone nothing is told. */
  #tell(run: LanRun, command: LanCommand): void {
    if (this.#layer2.has(run) || this.#gossip.has(run)) this.#thread?.post(command);
  }

  #onReport(report: LanReport): void {
    switch (report.type) {
      case "report":
        if (report.engine === "layer2") this.#layer2.get(report.run)?.report(report.report);
        else this.#gossip.get(report.run)?.report(report.report);
        return;
      case "refused":
        this.#onRefused(report.run, report.reason);
        return;
      case "stopped":
        this.#stopping.get(report.run)?.();
        this.#stopping.delete(report.run);
        return;
    }
  }

  #onRefused(run: LanRun, reason: string): void {
    const handlers = this.#forget(run);
    void this.#endWhenIdle();
    handlers?.lost(reason);
  }

  #onLost(reason: string): void {
    this.#thread = undefined;
    const lost = [...this.#layer2.values(), ...this.#gossip.values()];
    this.#layer2.clear();
    this.#gossip.clear();
    for (const stopped of this.#stopping.values()) stopped();
    this.#stopping.clear();
    for (const handlers of lost) handlers.lost(reason);
  }

  async #stop(run: LanRun): Promise<void> {
    if (this.#forget(run) === undefined) return;
    const others = this.#layer2.size + this.#gossip.size > 0;
    if (!others) return this.#endWhenIdle();
    await new Promise<void>((resolve) => {
      this.#stopping.set(run, resolve);
      this.#thread?.post({ type: "stop", run });
    });
  }

  #forget(run: LanRun): Layer2ChannelHandlers | GossipChannelHandlers | undefined {
    const handlers = this.#layer2.get(run) ?? this.#gossip.get(run);
    this.#layer2.delete(run);
    this.#gossip.delete(run);
    return handlers;
  }

  async #endWhenIdle(): Promise<void> {
    const thread = this.#thread;
    if (thread === undefined || this.#layer2.size + this.#gossip.size > 0) return;
    this.#thread = undefined;
    for (const stopped of this.#stopping.values()) stopped();
    this.#stopping.clear();
    await thread.close();
  }
}
