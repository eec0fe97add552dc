import { beforeEach, describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import { BgpOutbox } from "../../src/speaker/bgp-outbox.ts";
import { OutboxHub } from "../../src/speaker/bgp-outbox-hub.ts";
import type { BgpConnection } from "../../src/speaker/bgp-ports.ts";
import { Convergence } from "../../src/speaker/convergence.ts";
import { Layer2Announcer } from "../../src/speaker/layer2-announcer.ts";
import { asn, ip, prefix, route } from "../bgp/values.ts";
import { FakeLayer2 } from "../support/fake-layer2.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

let clock: VirtualClock;
let seen: (readonly [cause: string, protocol: string, took: Micros])[];
let convergence: Convergence;
beforeEach(() => {
  clock = new VirtualClock();
  seen = [];
  convergence = new Convergence(clock, ({ cause }, protocol, took) => seen.push([cause, protocol, took]));
});

describe("from a change to an UPDATE", () => {
  const HOST = "192.0.2.1/32";
  const ORIGINATION = {
    internal: false,
    fourOctetAsn: true,
    localAsn: asn(64512),
    nextHops: { 4: { address: ip("10.0.0.1"), linkLocal: undefined }, 6: undefined },
  } as const;
  let backlog = 0;
  let outbox: BgpOutbox;

  beforeEach(() => {
    backlog = 0;
    outbox = new BgpOutbox(new OutboxHub({ clock }));
  });

  function open(): void {
    const connection = {
      ...{ localAddress: ip("10.0.0.1"), remoteAddress: ip("10.0.0.2"), localPort: 1, remotePort: 179 },
      get backlog() {
        return backlog;
      },
      attach: () => {},
      write: () => {},
      end: () => {},
      destroy: () => {},
    } satisfies BgpConnection;
    outbox.open({ connection, origination: ORIGINATION, families: [4] });
  }

  function change(text: string, what: "announce" | "withdraw", cause: "service" | "endpoints" = "service"): void {
    convergence.during(cause, () => {
      const mark = convergence.current;
      const changed = [{ prefix: prefix(text), route: what === "announce" ? route(text) : undefined }];
      outbox.changeRoutes(changed, () => mark && convergence.reached(mark, "bgp"));
    });
  }

  test("is measured when the UPDATE is written, with what changed", () => {
    open();
    change(HOST, "announce");
    change(HOST, "withdraw", "endpoints");
    expect(seen).toEqual([
      ["service", "bgp", 0],
      ["endpoints", "bgp", 0],
    ]);
  });

  test("goes on while the peer does not read", () => {
    open();
    backlog = 1_000_000;
    change(HOST, "announce");
    clock.advance(millis(700));
    expect(seen).toEqual([]);
    backlog = 0;
    outbox.flush();
    expect(seen).toEqual([["service", "bgp", millis(700)]]);
  });

  test("is not measured where the peer knows already, nor where there is no session, nor when that ends first", () => {
    change(HOST, "announce");
    open();
    clock.advance(seconds(1));
    change(HOST, "announce");
    backlog = 1_000_000;
    change("192.0.2.2/32", "announce");
    outbox.close();
    backlog = 0;
    open();
    expect(seen).toEqual([]);
  });

  test("is not measured where the change was taken back before the peer had read the one before it", () => {
    open();
    backlog = 1_000_000;
    change(HOST, "announce");
    change(HOST, "withdraw");
    backlog = 0;
    outbox.flush();
    expect([outbox.size, seen]).toEqual([0, []]);
  });

  test("what is decided again as a whole follows from no one change", () => {
    convergence.during("service", () => {});
    expect(convergence.current).toBeUndefined();
  });
});

describe("from a change to the first announcement on the LAN", () => {
  const WEB = serviceKey("default", "web");
  const IP = "10.0.0.1";
  let engine: FakeLayer2;
  let announcer: Layer2Announcer;

  beforeEach(() => {
    engine = new FakeLayer2();
    announcer = new Layer2Announcer(
      {
        ...{ clock, convergence, log: silentLog, start: engine.start },
        events: { announced: () => {}, ofService: () => {} },
        service: () => undefined,
        memory: { knows: () => false, announced: () => {}, forget: () => {} },
        ...{ duel: () => "keep", changed: () => {}, decideAgain: () => {}, said: () => {} },
      },
      { nodeName: nodeName("a"), excludedInterfaces: undefined },
    );
    announcer.start();
  });

  function decide(wins: boolean): void {
    const address = parseIpAddress(IP);
    if (address === undefined) throw new Error(`no address: ${IP}`);
    const words = { interfaces: [], advertisements: [], refresh: seconds(60), conflictDetection: true };
    const layer2 = wins ? [{ service: WEB, ip: address, ...words }] : [];
    announcer.decided(WEB, { key: WEB, bgp: [], layer2, refusals: [] });
    announcer.flush();
  }

  const announced = (): void => engine.report({ type: "announced", ip: IP, interfaces: ["eth0"], at: micros(0) });

  test("is measured once, however often it is announced after that", () => {
    convergence.during("endpoints", () => decide(true));
    clock.advance(millis(450));
    announced();
    announced();
    expect(seen).toEqual([["endpoints", "layer2", millis(450)]]);
  });

  test("is forgotten when the address is let go before it was announced", () => {
    convergence.during("service", () => decide(true));
    convergence.during("service", () => decide(false));
    decide(true);
    announced();
    expect(seen).toEqual([]);
  });
});
