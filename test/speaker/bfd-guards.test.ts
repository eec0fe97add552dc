import { beforeEach, describe, expect, test } from "vitest";
import { peerName } from "../../src/api/brands.ts";
import type { BfdProfile, Peer } from "../../src/api/config.ts";
import type { BgpState } from "../../src/bgp/fsm-values.ts";
import { CEASE } from "../../src/bgp/iana.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { micros } from "../../src/net/micros.ts";
import { BfdGuards, type GuardedSession } from "../../src/speaker/bfd-guards.ts";
import type { BfdEvent, BfdHandle, BfdRequest } from "../../src/speaker/bfd-service.ts";
import { peer } from "../announcement/cluster.ts";

const profile = (name: string, transmitInterval = 300): BfdProfile => ({
  name,
  receiveInterval: 300,
  transmitInterval,
  detectMultiplier: 3,
  echoInterval: undefined,
  echoMode: false,
  passiveMode: false,
  minimumTtl: undefined,
});
const profiles = new Map([["fast", profile("fast")]]);
const R1 = peerName("r1");

const said: string[] = [];
let hear: (event: BfdEvent) => void;

function handle(request: BfdRequest): BfdHandle {
  return {
    onChange: (listener) => {
      hear = listener;
      return () => {};
    },
    update: (newest) => said.push(`update ${newest?.transmitInterval}`),
    adminDown: () => {},
    adminUp: () => {},
    close: () => said.push(`close ${request.peer}`),
    get view(): never {
      throw new Error("nobody asks");
    },
  };
}

const guards = (): BfdGuards =>
  new BfdGuards({
    open: (request) => {
      const { peer: to, localAddress, interface: via, multihop } = request;
      said.push(
        `open ${to} from ${localAddress}${via === undefined ? "" : ` on ${via}`}${multihop ? " multihop" : ""}`,
      );
      return handle(request);
    },
  });

const address = (text: string) => parseIpAddress(text);
const session = (to: string, from = "10.0.0.1", via?: string): GuardedSession & { state: BgpState } => {
  const made = {
    state: "established" as BgpState,
    config: via === undefined ? {} : { interface: via },
    reset: (subcode: number, reason: string) => said.push(`reset ${subcode} ${reason}`),
    get view() {
      return { peerAddress: address(to), localAddress: address(from) };
    },
  };
  // The guards look at two fields of the view, which is dear: not at the state in it when a path is dead.
  return made as unknown as GuardedSession & { state: BgpState };
};
const asking = (more: Partial<Peer> = {}): Peer => peer("r1", { bfdProfile: "fast", ...more });
const change = (from: BfdEvent["from"], to: BfdEvent["to"], reason: BfdEvent["reason"]): BfdEvent => ({
  from,
  to,
  reason,
  at: micros(0),
});

beforeEach(() => {
  said.length = 0;
});

describe("BfdGuards", () => {
  test("BFD begins with BGP, on the path BGP came up on", () => {
    const all = guards();
    all.configure([asking()], profiles);
    expect(said).toEqual([]);
    all.established(R1, session("192.0.2.1"));
    expect(said).toEqual(["open 192.0.2.1 from 10.0.0.1"]);
  });

  test.each<[string, Partial<Peer>, GuardedSession, string]>([
    ["multihop where BGP is", { ebgpMultiHop: true }, session("192.0.2.1"), "open 192.0.2.1 from 10.0.0.1 multihop"],
    [
      "an unnumbered peer by its interface",
      {},
      session("fe80::1", "fe80::2", "eth0"),
      "open fe80::1 from fe80::2 on eth0",
    ],
  ])("%s", (_name, more, bgp, expected) => {
    const all = guards();
    all.configure([asking(more)], profiles);
    all.established(R1, bgp);
    expect(said).toEqual([expected]);
  });

  test.each<[string, Partial<Peer>]>([
    ["without a profile", { bfdProfile: undefined }],
    ["in a VRF, where BFD's sockets are not,", { vrf: "red" }],
  ])("a peer %s has none", (_name, more) => {
    const all = guards();
    all.configure([asking(more)], profiles);
    all.established(R1, session("192.0.2.1"));
    expect(said).toEqual([]);
  });

  test("RFC 9384: a dead path ends BGP with Cease/BFD Down; a neighbour that leaves on purpose does not", () => {
    const all = guards();
    all.configure([asking()], profiles);
    all.established(R1, session("192.0.2.1"));
    said.length = 0;
    hear(change("down", "up", "none"));
    hear(change("up", "down", "neighbor-admin-down"));
    expect(said).toEqual([]);
    hear(change("up", "down", "detection-expired"));
    expect(said).toEqual([`reset ${CEASE.bfdDown} BFD session down`]);
  });

  test("BFD outlives BGP's loss, and follows a peer that comes back from elsewhere", () => {
    const all = guards();
    all.configure([asking()], profiles);
    all.established(R1, session("192.0.2.1"));
    all.established(R1, session("192.0.2.1"));
    expect(said).toHaveLength(1);
    all.established(R1, session("192.0.2.9"));
    expect(said.slice(1)).toEqual(["close 192.0.2.1", "open 192.0.2.9 from 10.0.0.1"]);
  });

  test("a profile given to a peer whose BGP is up counts at once", () => {
    const all = guards();
    const bgp = session("192.0.2.1");
    all.configure([asking({ bfdProfile: undefined })], profiles);
    all.established(R1, bgp);
    all.configure([asking()], profiles);
    all.configure([asking()], profiles);
    expect(said).toEqual(["open 192.0.2.1 from 10.0.0.1", "update 300"]);
    hear(change("up", "down", "detection-expired"));
    expect(said.at(-1)).toBe(`reset ${CEASE.bfdDown} BFD session down`);
  });

  test("a session stays guarded on the path it came up on, whoever else is found behind the interface", () => {
    const all = guards();
    let found = "fe80::1";
    const bgp = session("fe80::1", "fe80::2", "eth0");
    const moved = Object.defineProperty(bgp, "view", {
      get: () => ({ peerAddress: address(found), localAddress: address("fe80::2") }),
    });
    all.configure([asking()], profiles);
    all.established(R1, moved);
    found = "fe80::9";
    said.length = 0;
    all.configure([asking()], profiles);
    expect(said).toEqual(["update 300"]);
  });

  test("a profile given to a peer that is away waits for BGP; one that was removed gets none", () => {
    const all = guards();
    const bgp = session("192.0.2.1");
    all.configure([asking({ bfdProfile: undefined })], profiles);
    all.established(R1, bgp);
    bgp.state = "idle";
    all.configure([asking()], profiles);
    bgp.state = "established";
    all.remove(R1);
    all.configure([asking()], profiles);
    expect(said).toEqual([]);
  });

  test("a peer that is several hops away from now on is watched on the other port", () => {
    const all = guards();
    all.configure([asking()], profiles);
    all.established(R1, session("192.0.2.1"));
    said.length = 0;
    all.configure([asking({ ebgpMultiHop: true })], profiles);
    expect(said).toEqual(["update 300", "close 192.0.2.1", "open 192.0.2.1 from 10.0.0.1 multihop"]);
  });

  test("new intervals are told, a peer that needs BFD no more is let go", () => {
    const all = guards();
    all.configure([asking()], profiles);
    all.established(R1, session("192.0.2.1"));
    said.length = 0;
    all.configure([asking()], new Map([["fast", profile("fast", 50)]]));
    all.configure([], profiles);
    all.remove(R1);
    expect(said).toEqual(["update 50", "close 192.0.2.1"]);
  });
});
