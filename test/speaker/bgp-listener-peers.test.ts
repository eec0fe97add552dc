import { describe, expect, it } from "vitest";
import type { IpAddress } from "../../src/net/ip-address.ts";
import { BgpListener, type ListenerPorts } from "../../src/speaker/bgp-listener.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { ip } from "../bgp/values.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { ALIVE, config, OPEN, OURS, PEER } from "./bgp-scene.ts";
import { ScriptedPeer, Wire } from "./bgp-wire.ts";

type Listen = ListenerPorts["listen"];

/** A listener whose socket the test is. */
class Scene {
  readonly wire = new Wire();
  readonly keys: string[] = [];
  readonly listener: BgpListener;
  optionsFor: Parameters<Listen>[0]["optionsFor"];
  refusal: Error | undefined;
  #accepted: Parameters<Listen>[1] = () => {};

  constructor(native = true) {
    const listen: Listen = (where, accepted) => {
      this.optionsFor = where.optionsFor;
      this.#accepted = accepted;
      return Promise.resolve({
        port: 179,
        setPassword: (peers, password) => {
          if (this.refusal !== undefined) throw this.refusal;
          this.keys.push(`${peers} ${password}`);
        },
        close: () => Promise.resolve(),
      });
    };
    this.listener = new BgpListener({ listen, log: silentLog, native });
  }

  session(name: string, change: Partial<BgpSessionConfig> = {}): BgpSession {
    const ports = { clock: new VirtualClock(), random: () => 0, dial: this.wire.dialFrom(OURS), log: silentLog };
    const made = new BgpSession(ports, { ...config, passive: true, name, ...change });
    made.start();
    this.listener.add(made);
    return made;
  }

  call(from: IpAddress, to: IpAddress): ScriptedPeer {
    const [theirs, ours] = this.wire.pair(from, to);
    const peer = new ScriptedPeer(theirs);
    this.#accepted(ours);
    this.wire.settle();
    return peer;
  }
}

describe("several sessions with one peer address", () => {
  it("get a connection each, in their order", async () => {
    const scene = new Scene();
    await scene.listener.start(undefined, 179);
    const sessions = [scene.session("a"), scene.session("b")];
    for (const _ of sessions) {
      scene.call(PEER, OURS).say(OPEN, ALIVE);
      scene.wire.settle();
    }
    expect(sessions.map(({ view }) => view.state)).toEqual(["established", "established"]);
  });

  it("are looked for without their views: a stranger that calls does not make us list what cannot be sent", async () => {
    const scene = new Scene();
    await scene.listener.start(undefined, 179);
    Object.defineProperty(scene.session("a"), "view", {
      get: () => {
        throw new Error("the view was asked for");
      },
    });
    expect(scene.call(ip("10.0.0.8"), OURS).take()).toEqual(["closed"]);
  });

  it("are told apart by the address of ours that was called", async () => {
    const scene = new Scene();
    await scene.listener.start(undefined, 179);
    const sessions = [scene.session("a", { localAddress: ip("10.0.0.8") }), scene.session("b", { localAddress: OURS })];
    scene.call(PEER, OURS);
    expect(sessions.map(({ view }) => view.state)).toEqual(["active", "open-sent"]);
    expect(scene.call(PEER, ip("10.0.0.7")).take()).toEqual(["closed"]);
  });
});

describe("passwords of incoming connections", () => {
  it("are set for sessions that came before and after the socket, changed, and removed with the session", async () => {
    const scene = new Scene();
    const early = scene.session("early", { password: "one" });
    expect(scene.keys).toEqual([]);
    await scene.listener.start(undefined, 179);
    const late = scene.session("late", { peerAddress: ip("10.0.0.3"), password: "two" });
    early.setPassword("three");
    scene.listener.rekey(early);
    scene.listener.remove(late);
    expect(scene.keys).toEqual(["10.0.0.2/32 one", "10.0.0.3/32 two", "10.0.0.2/32 three", "10.0.0.3/32 undefined"]);
  });

  it("of another session with that address stay when one goes", async () => {
    const scene = new Scene();
    await scene.listener.start(undefined, 179);
    const one = scene.session("one", { password: "same" });
    scene.session("two", { password: "same" });
    scene.listener.remove(one);
    expect(scene.keys.at(-1)).toBe("10.0.0.2/32 same");
  });

  it("that cannot be set cost no other session anything", async () => {
    const scene = new Scene();
    await scene.listener.start(undefined, 179);
    scene.refusal = new Error("ENOPROTOOPT");
    expect(scene.session("a", { password: "x" }).view.state).toBe("active");
  });
});

describe("what the system is asked for", () => {
  it("is the lowest TTL of the peer that calls, on its interface", async () => {
    const scene = new Scene();
    await scene.listener.start(undefined, 179);
    scene.session("a", { minTtl: 255 });
    scene.session("b", { peerAddress: ip("fe80::2"), interface: "eth1", minTtl: 254 });
    expect(scene.optionsFor?.({ address: PEER, zone: undefined })).toEqual({ minTtl: 255 });
    expect(scene.optionsFor?.({ address: ip("fe80::2"), zone: "eth1" })).toEqual({ minTtl: 254 });
    expect(scene.optionsFor?.({ address: ip("fe80::2"), zone: "eth2" })).toEqual({});
    expect(scene.optionsFor?.({ address: ip("10.0.0.9"), zone: undefined })).toEqual({});
  });

  it("is nothing at all without the native layer", async () => {
    const scene = new Scene(false);
    await scene.listener.start(undefined, 179);
    expect(scene.optionsFor).toBeUndefined();
  });
});
