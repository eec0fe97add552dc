import { describe, expect, test } from "vitest";
import type { Peer, PeerName } from "../../src/api/config.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session.ts";
import { sessionConfigs } from "../../src/speaker/session-config.ts";
import { type RunningSession, SessionSet } from "../../src/speaker/session-set.ts";
import { ip, peer } from "../announcement/cluster.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";

class FakeSession implements RunningSession {
  readonly config: BgpSessionConfig;
  stopped: string | undefined;
  gone: () => void = () => {};
  constructor(config: BgpSessionConfig) {
    this.config = config;
  }
  setRoutes(): void {}
  stop(reason: string): Promise<void> {
    this.stopped = reason;
    return new Promise((resolve) => {
      this.gone = resolve;
    });
  }
}

function makeSet(): { set: SessionSet<FakeSession>; opened: FakeSession[] } {
  const opened: FakeSession[] = [];
  const open = (_peer: PeerName, config: BgpSessionConfig): FakeSession => {
    const session = new FakeSession(config);
    opened.push(session);
    return session;
  };
  return { set: new SessionSet<FakeSession>({ log: silentLog, open }), opened };
}

const wanted = (...peers: readonly Peer[]) => sessionConfigs(peers, "node-a").sessions;

describe("SessionSet", () => {
  test("opens what is new and leaves alone what is equal", () => {
    const { set, opened } = makeSet();
    expect(set.apply(wanted(peer("a"), peer("b")))).toEqual(["a", "b"]);
    expect(set.apply(wanted(peer("b"), peer("a"), peer("c")))).toEqual(["c"]);
    expect(opened).toHaveLength(3);
    expect(set.entries().map(([name]) => name)).toEqual(["a", "b", "c"]);
  });

  test("closes what is gone, with the reason", () => {
    const { set, opened } = makeSet();
    set.apply(wanted(peer("a"), peer("b")));
    expect(set.apply(wanted(peer("b")))).toEqual([]);
    expect(opened.map(({ stopped }) => stopped)).toEqual(["peer removed", undefined]);
    expect(set.entries().map(([name]) => name)).toEqual(["b"]);
  });

  test.each<[string, Partial<Peer> & { address?: string }]>([
    ["address", { address: "192.0.2.2" }],
    ["port", { port: 1179 }],
    ["hold time", { holdTime: 30 }],
    ["source address", { sourceAddress: ip("192.0.2.9") }],
    ["router id", { routerId: ip("1.2.3.4") }],
    ["families", { dualStack: true }],
    ["remote AS", { remote: { type: "external" } }],
  ])("4.6 another %s makes a new session at once, the old one says goodbye beside it", (_name, fields) => {
    const { set, opened } = makeSet();
    set.apply(wanted(peer("a"), peer("b")));
    expect(set.apply(wanted(peer("a", fields), peer("b")))).toEqual(["a"]);
    expect(opened.map(({ stopped }) => stopped)).toEqual(["configuration changed", undefined, undefined]);
    expect(set.entries().map(([, session]) => session)).toEqual([opened[1], opened[2]]);
  });

  test("a stop waits for every goodbye, earlier ones too", async () => {
    const { set, opened } = makeSet();
    set.apply(wanted(peer("a"), peer("b")));
    set.apply(wanted(peer("b")));
    let done = false;
    const stopping = set.stop("over").then(() => {
      done = true;
    });
    expect(opened.map(({ stopped }) => stopped)).toEqual(["peer removed", "over"]);
    opened[1]?.gone();
    await settle();
    expect(done).toBe(false);
    opened[0]?.gone();
    await stopping;
    expect(set.entries()).toEqual([]);
  });
});
