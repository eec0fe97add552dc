import { describe, expect, it } from "vitest";
import type { BfdProfile } from "../../src/api/config.ts";
import { decodePacket } from "../../src/bfd/packet.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { type BfdChannelHandlers, type BfdStart, startInProcess } from "../../src/speaker/bfd-channel.ts";
import { type BfdHandle, BfdService } from "../../src/speaker/bfd-service.ts";
import { silentLog } from "../support/silent-log.ts";
import { BfdNetwork, chances, EngineHost, intervals, ip } from "./bfd-network.ts";

const A = "10.0.0.1";
const B = "10.0.0.2";

function profile(fields: Partial<BfdProfile> = {}): BfdProfile {
  return {
    name: "fast",
    receiveInterval: 50,
    transmitInterval: 50,
    detectMultiplier: 3,
    echoInterval: undefined,
    echoMode: false,
    passiveMode: false,
    minimumTtl: undefined,
    ...fields,
  };
}

/** A service on A whose engine runs in this thread, and a peer on B. */
class Site {
  readonly network = new BfdNetwork();
  readonly peer = new EngineHost(this.network, B, chances(2));
  handlers: BfdChannelHandlers | undefined;
  started = 0;
  kill: () => void = () => {};
  readonly service: BfdService;
  readonly words: string[] = [];

  constructor() {
    const ports = {
      clock: this.network.clock,
      random: chances(1),
      udp: this.network.host(A),
      afterReads: (f: () => void) => f(),
    };
    const start: BfdStart = (handlers) => {
      this.started += 1;
      const channel = startInProcess(ports)({
        report: (report) => handlers.report(structuredClone(report)),
        lost: (reason) => handlers.lost(reason),
      });
      this.kill = () => {
        void channel.close();
        handlers.lost("exit 1");
      };
      return { post: (command) => channel.post(structuredClone(command)), close: () => channel.close() };
    };
    this.service = new BfdService({ start, clock: this.network.clock, log: silentLog });
  }

  open(fields: Partial<BfdProfile> = {}): BfdHandle {
    const handle = this.service.open({ peer: ip(B), multihop: false, profile: profile(fields) });
    handle.onChange(({ from, to, reason }) => this.words.push(`${from}>${to}:${reason}`));
    return handle;
  }

  startPeer(): void {
    const path = { peer: A, multihop: false, minimumTtl: 254 };
    this.peer.engine.handle({ type: "add", id: 1, path, parameters: intervals(50, 50, 3) });
  }

  stopPeer(): void {
    this.network.loses = ({ from }) => from === B;
  }

  up(): BfdHandle {
    const handle = this.open();
    this.startPeer();
    this.network.clock.advance(seconds(3));
    expect(handle.view.state).toBe("up");
    this.words.length = 0;
    return handle;
  }
}

describe("BfdService", () => {
  it("tells a loss to whoever listens, and shows the agreed times", () => {
    const site = new Site();
    const handle = site.up();
    expect(handle.view.session).toMatchObject({
      detectionTime: millis(150),
      transmitInterval: millis(50),
      remoteState: "up",
    });
    site.stopPeer();
    site.network.clock.advance(millis(150));
    expect(site.words).toEqual(["up>down:detection-expired"]);
    expect(handle.view.lastChange).toMatchObject({ to: "down", reason: "detection-expired" });
  });

  it("a peer without BFD is no news", () => {
    const site = new Site();
    const handle = site.open();
    site.network.clock.advance(seconds(60));
    expect(site.words).toEqual([]);
    expect(handle.view.state).toBe("down");
  });

  it("users of one path share one session, and the last to leave ends it on purpose", () => {
    const site = new Site();
    const first = site.up();
    const second = site.open({ transmitInterval: 80 });
    site.network.clock.advance(seconds(1));
    expect(second.view).toMatchObject({ state: "up", session: { transmitInterval: millis(80) } });
    first.close();
    first.close();
    site.network.clock.advance(seconds(1));
    expect(second.view.state).toBe("up");
    second.close();
    site.network.clock.advance(seconds(1));
    expect(site.peer.words.at(-1)).toBe("up>down:neighbor-admin-down");
    expect(site.words).toEqual([]);
  });

  it("changes a profile without a flap", () => {
    const site = new Site();
    const handle = site.up();
    handle.update(profile({ receiveInterval: 200, transmitInterval: 300 }));
    site.network.clock.advance(seconds(2));
    expect(handle.view.session).toMatchObject({ transmitInterval: millis(300), detectionTime: millis(600) });
    handle.update(undefined);
    site.network.clock.advance(seconds(2));
    expect(handle.view.session).toMatchObject({ transmitInterval: millis(300), detectionTime: millis(900) });
    expect(site.words).toEqual([]);
  });

  it("switches off and on again", () => {
    const site = new Site();
    const handle = site.up();
    handle.adminDown();
    site.network.clock.advance(seconds(1));
    expect(site.peer.words.at(-1)).toBe("up>down:neighbor-admin-down");
    handle.adminUp();
    site.network.clock.advance(seconds(3));
    expect(handle.view.state).toBe("up");
  });

  it("an engine that dies is started again with every session, and is not taken for a dead peer", () => {
    const site = new Site();
    const handle = site.up();
    site.kill();
    expect(site.words).toEqual(["up>down:detector-lost"]);
    expect(handle.view.session).toBeUndefined();
    site.open({ detectMultiplier: 5 });
    site.network.clock.advance(seconds(5));
    expect(site.started).toBe(2);
    expect(handle.view.state).toBe("up");
  });

  it("an engine that dies while a session is switched off leaves it off", () => {
    const site = new Site();
    const handle = site.up();
    handle.adminDown();
    site.kill();
    site.network.clock.advance(seconds(5));
    expect(handle.view.state).toBe("admin-down");
  });

  it("stops when the peers have heard, or after a while", async () => {
    const site = new Site();
    site.up();
    const stopped = site.service.stop();
    site.network.clock.advance(millis(1));
    await stopped;
    expect(site.peer.words.at(-1)).toBe("up>down:neighbor-admin-down");
    expect(site.network.open).toBe(2);

    const deaf = new Site();
    deaf.up();
    deaf.stopPeer();
    const given = deaf.service.stop();
    deaf.network.clock.advance(seconds(4));
    await given;
    deaf.kill();
    expect(deaf.started).toBe(1);
  });

  it("stops at once when nothing ran, and while an engine is being replaced", async () => {
    await new Site().service.stop();
    const site = new Site();
    site.up();
    site.kill();
    await site.service.stop();
    site.network.clock.advance(seconds(10));
    expect(site.started).toBe(1);
  });

  it("inspects what the engine knows", async () => {
    const site = new Site();
    expect(await site.service.inspect()).toBeUndefined();
    site.up();
    expect(await site.service.inspect()).toMatchObject({ sessions: { 1: { state: "up" } }, refused: {} });
  });

  it("with echo mode lets the neighbour send echo packets, and nobody else", () => {
    const site = new Site();
    const handle = site.open({ echoMode: true });
    site.startPeer();
    site.network.clock.advance(seconds(3));
    expect(handle.view.state).toBe("up");
    const last = site.network.sent.findLast(({ from }) => from === A);
    expect(decodePacket(last?.bytes ?? new Uint8Array(0)).requiredMinEchoRx).toBe(millis(50));
    expect(site.network.reflectors.get(A)?.(ip(B))).toBe(true);
    expect(site.network.reflectors.get(A)?.(ip("10.0.0.3"))).toBe(false);
    handle.update(profile({ echoMode: false }));
    site.network.clock.advance(seconds(1));
    expect(site.network.reflectors.size).toBe(0);
    expect(handle.view.state).toBe("up");
  });

  it("RFC 5883 4.4: has no echo over several hops", () => {
    const site = new Site();
    site.service.open({ peer: ip(B), multihop: true, profile: profile({ echoMode: true }) });
    expect(site.network.reflectors.size).toBe(0);
  });

  it("paths differ by source address, interface and hops", () => {
    const site = new Site();
    const base = { peer: ip(B), multihop: false, profile: undefined };
    site.service.open(base);
    site.service.open({ ...base, localAddress: ip(A) });
    site.service.open({ ...base, interface: "eth0" });
    site.service.open({ ...base, multihop: true });
    expect(new Set(site.network.sent.map(({ sourcePort }) => sourcePort)).size).toBe(4);
  });
});
