import { beforeEach, describe, expect, it } from "vitest";
import { micros } from "../../src/net/micros.ts";
import type { GossipCommand, GossipOptions, GossipReport } from "../../src/speaker/gossip-messages.ts";
import { LanChannels } from "../../src/speaker/lan-channel.ts";
import { LanEngines } from "../../src/speaker/lan-engines.ts";
import type { LanReport } from "../../src/speaker/lan-messages.ts";
import type { Layer2Command, Layer2Report } from "../../src/speaker/layer2-messages.ts";
import { ConfigError } from "../../src/wire/errors.ts";

class Refusal extends ConfigError {
  readonly code = "ERR_TEST_REFUSAL";
}

const LAYER2 = { node: "a", excludedInterfaces: undefined };
const GOSSIP: GossipOptions = {
  node: "a",
  bind: { address: "127.0.0.1", port: 0 },
  advertise: undefined,
  keys: [],
  settings: { probeInterval: micros(1), probeTimeout: micros(1) },
};
const LEFT: GossipReport = { type: "left" };
const CLEARED: Layer2Report = { type: "cleared", ip: "10.0.0.1", at: micros(0) };
const ALL: Layer2Command = { type: "reannounce", ips: undefined };

/** A thread of the test's, with engines that write down what they are told. */
class Scene {
  readonly said: string[] = [];
  readonly heard: string[] = [];
  threads = 0;
  refuse: Error | undefined;
  tellLayer2: (report: Layer2Report) => void = () => {};
  tellGossip: (report: GossipReport) => void = () => {};
  loseThread: (reason: string) => void = () => {};
  #made = 0;
  readonly #stopped: (() => void)[] = [];
  /** Set to hold back what the thread answers to `stop`. */
  slow = false;

  readonly channels = new LanChannels(({ report, lost }) => {
    this.threads += 1;
    this.loseThread = lost;
    const engines = this.#engines((one) => {
      if (one.type === "stopped" && this.slow) this.#stopped.push(() => report(one));
      else report(one);
    });
    return {
      post: (command) => engines.handle(structuredClone(command)),
      close: async () => {
        engines.close();
        this.said.push("thread ends");
      },
    };
  });

  finishStopping(): void {
    for (const stopped of this.#stopped.splice(0)) stopped();
  }

  startLayer2 = () => this.channels.startLayer2(LAYER2, this.#handlers("layer2"));
  startGossip = () => this.channels.startGossip(GOSSIP, this.#handlers("gossip"));

  #engines(report: (report: LanReport) => void): LanEngines {
    return new LanEngines(
      {
        layer2: (_options, tell) => {
          if (this.refuse !== undefined) throw this.refuse;
          this.tellLayer2 = tell;
          return this.#engine<Layer2Command>("layer2");
        },
        gossip: (_options, tell) => {
          this.tellGossip = tell;
          return this.#engine<GossipCommand>("gossip");
        },
      },
      report,
    );
  }

  #engine<Command extends { readonly type: string }>(kind: string) {
    const name = `${kind} ${++this.#made}`;
    this.said.push(`${name} starts`);
    return {
      handle: ({ type }: Command) => void this.said.push(`${name} ${type}`),
      close: () => void this.said.push(`${name} closes`),
    };
  }

  #handlers(kind: string) {
    return {
      report: ({ type }: { readonly type: string }) => void this.heard.push(`${kind} ${type}`),
      lost: (reason: string) => void this.heard.push(`${kind} lost: ${reason}`),
    };
  }
}

describe("the engines of a LAN's thread", () => {
  let scene: Scene;
  beforeEach(() => {
    scene = new Scene();
  });

  it("share one thread, and each is told and heard by itself", () => {
    const layer2 = scene.startLayer2();
    const gossip = scene.startGossip();
    layer2.post(ALL);
    gossip.post({ type: "leave" });
    scene.tellGossip(LEFT);
    scene.tellLayer2(CLEARED);
    expect(scene.threads).toBe(1);
    expect(scene.said).toEqual(["layer2 1 starts", "gossip 2 starts", "layer2 1 reannounce", "gossip 2 leave"]);
    expect(scene.heard).toEqual(["gossip left", "layer2 cleared"]);
  });

  it("one that is closed leaves the other alone, and is not heard any more", async () => {
    const layer2 = scene.startLayer2();
    const gossip = scene.startGossip();
    await layer2.close();
    layer2.post(ALL);
    await layer2.close();
    gossip.post({ type: "leave" });
    scene.tellLayer2(CLEARED);
    expect(scene.said.slice(2)).toEqual(["layer2 1 closes", "gossip 2 leave"]);
    expect(scene.heard).toEqual([]);
  });

  it("one is closed when its engine has stopped, not before", async () => {
    scene.slow = true;
    const layer2 = scene.startLayer2();
    scene.startGossip();
    let closed = false;
    const closing = layer2.close().then(() => {
      closed = true;
    });
    await Promise.resolve();
    expect(closed).toBe(false);
    scene.finishStopping();
    await closing;
  });

  it.each<[string, (scene: Scene, other: { close(): Promise<void> }) => unknown]>([
    ["is lost", ({ loseThread }) => loseThread("exit 1")],
    ["ends with the other engine", (_, other) => other.close()],
  ])("one that waits to be closed need not when the thread %s", async (_, end) => {
    scene.slow = true;
    const layer2 = scene.startLayer2();
    const gossip = scene.startGossip();
    const closing = layer2.close();
    await end(scene, gossip);
    await closing;
  });

  it("the thread ends with the last of them, and the next one has another", async () => {
    const layer2 = scene.startLayer2();
    const gossip = scene.startGossip();
    await Promise.all([gossip.close(), layer2.close()]);
    expect(scene.said.at(-1)).toBe("thread ends");
    scene.startGossip();
    expect(scene.threads).toBe(2);
  });

  it("its loss is told to both, once, and what is posted then goes nowhere", async () => {
    const layer2 = scene.startLayer2();
    const gossip = scene.startGossip();
    scene.loseThread("exit 1");
    layer2.post(ALL);
    gossip.post({ type: "leave" });
    await layer2.close();
    expect(scene.heard).toEqual(["layer2 lost: exit 1", "gossip lost: exit 1"]);
    expect(scene.said).toEqual(["layer2 1 starts", "gossip 2 starts"]);
  });

  it("an engine that cannot be started is lost, and the other is well", () => {
    const gossip = scene.startGossip();
    scene.refuse = new Refusal("no native layer");
    scene.startLayer2().post(ALL);
    gossip.post({ type: "leave" });
    expect(scene.heard).toEqual(["layer2 lost: no native layer"]);
    expect(scene.said).toEqual(["gossip 1 starts", "gossip 1 leave"]);
  });

  it("a thread whose only engine cannot be started ends", () => {
    scene.refuse = new Refusal("no native layer");
    scene.startLayer2();
    expect([scene.heard, scene.said]).toEqual([["layer2 lost: no native layer"], ["thread ends"]]);
  });

  it("what is no refusal but a bug ends the thread", () => {
    scene.refuse = new TypeError("a bug");
    expect(() => scene.startLayer2()).toThrow("a bug");
  });

  it("what an engine of old still says is not its successor's", async () => {
    scene.startGossip();
    const first = scene.startLayer2();
    const tellFirst = scene.tellLayer2;
    await first.close();
    scene.startLayer2();
    tellFirst(CLEARED);
    expect(scene.heard).toEqual([]);
    scene.tellLayer2(CLEARED);
    expect(scene.heard).toEqual(["layer2 cleared"]);
  });
});
