import type { Layer2ChannelHandlers, Layer2Start } from "../../src/speaker/layer2-channel.ts";
import type { Layer2Command, Layer2Report } from "../../src/speaker/layer2-messages.ts";
import type { Layer2EngineOptions } from "../../src/speaker/layer2-ports.ts";

/** An engine that writes down what it is told and says what the test wants: on request, also what a real one on a quiet LAN would. */
export class FakeLayer2 {
  readonly started: Layer2EngineOptions[] = [];
  readonly commands: Layer2Command[] = [];
  /** Announces what it is to hold for the first time, and releases what it is to let go, at once. */
  obliging = false;
  /** What it was told to hold and on which interfaces, by address; silent about all of it while it is fenced. */
  readonly held = new Map<string, readonly string[]>();
  fenced = false;
  closed = 0;
  #handlers: Layer2ChannelHandlers | undefined;

  readonly start: Layer2Start = (options, handlers) => {
    this.started.push(options);
    this.#handlers = handlers;
    return {
      post: (command) => {
        this.commands.push(command);
        const isNews = command.type !== "hold" || !this.held.has(command.address.ip);
        this.#note(command);
        if (this.obliging && isNews) queueMicrotask(() => this.#oblige(command));
      },
      close: () => {
        this.closed += 1;
        return Promise.resolve();
      },
    };
  };

  report(report: Layer2Report): void {
    this.#handlers?.report(report);
  }

  announced(...ips: readonly string[]): void {
    for (const ip of ips) this.report({ type: "announced", ip, interfaces: ["eth0"], at: AT });
  }

  released(...ips: readonly string[]): void {
    for (const ip of ips) this.report({ type: "released", ip, because: "successor-heard", at: AT });
  }

  lose(reason = "crashed"): void {
    this.#handlers?.lost(reason);
  }

  /** What it was told since the last call, in short. */
  taken(): readonly string[] {
    return this.commands.splice(0).map(inShort);
  }

  #note(command: Layer2Command): void {
    if (command.type === "hold") this.held.set(command.address.ip, command.address.interfaces);
    if (command.type === "release") this.held.delete(command.ip);
    if (command.type === "fence") this.fenced = command.on;
  }

  #oblige(command: Layer2Command): void {
    if (command.type === "hold") this.announced(command.address.ip);
    if (command.type === "release") this.released(command.ip);
  }
}

const AT = 0 as Extract<Layer2Report, { type: "announced" }>["at"];

function inShort(command: Layer2Command): string {
  switch (command.type) {
    case "hold": {
      const { ip, interfaces, refresh, probe } = command.address;
      const where = interfaces.length === 0 ? "all" : interfaces.join("+");
      return `hold ${ip} ${where} ${refresh / 1_000_000}s${probe ? " probe" : ""}`;
    }
    case "release":
      return `release ${command.ip} ${command.how}`;
    case "reannounce":
      return `reannounce ${command.ips?.join() ?? "all"}`;
    case "fence":
      return `fence ${command.on ? "on" : "off"}`;
    case "speakers":
      return `speakers ${command.names.join()}`;
    case "inspect":
      return "inspect";
  }
}
