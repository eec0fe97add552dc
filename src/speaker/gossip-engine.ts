import type { GossipCommand, GossipOptions, GossipReport } from "./gossip-messages.ts";
import type { GossipEnginePorts } from "./gossip-ports.ts";

/** The membership of one node with its socket. Commands in, reports out, both plain data. */
export class GossipEngine {
  readonly #options: GossipOptions;
  readonly #tell: (report: GossipReport) => void;

  constructor(_ports: GossipEnginePorts, options: GossipOptions, tell: (report: GossipReport) => void) {
    this.#options = options;
    this.#tell = tell;
    this.#tell({ type: "members", members: [this.#options.node], change: undefined });
  }

  handle(command: GossipCommand): void {
    switch (command.type) {
      case "seeds":
      case "keys":
        return;
      case "leave":
        this.#tell({ type: "left" });
        return;
      case "inspect":
        return;
    }
  }

  /** Stops at once, without a word to the members. */
  close(): void {}
}
