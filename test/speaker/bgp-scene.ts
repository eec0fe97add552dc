import type { ControlMessage } from "../../src/bgp/message/message.ts";
import type { Open } from "../../src/bgp/message/open.ts";
import type { Route } from "../../src/bgp/route.ts";
import type { seconds } from "../../src/net/micros.ts";
import type { BgpPorts } from "../../src/speaker/bgp-ports.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { asn, ip } from "../bgp/values.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { ScriptedPeer, Wire, type WireEnd } from "./bgp-wire.ts";

export const OURS = ip("10.0.0.1");
export const PEER = ip("10.0.0.2");

/** What every session here starts from. */
export const config: BgpSessionConfig = {
  name: "router",
  localAsn: asn(64512),
  peerAsn: asn(65000),
  peerAddress: PEER,
  nodeName: "node1",
  holdTime: 9,
  families: new Set([4, 6] as const),
};
export const open: Open = {
  myAs: 65000,
  holdTime: 90,
  identifier: 0x0a000002,
  capabilities: {
    families: [
      { afi: 1, safi: 1 },
      { afi: 2, safi: 1 },
    ],
    routeRefresh: true,
    fourOctetAsn: 65000,
  },
};
export const OPEN = { type: "open", open } as const;
export const ALIVE = { type: "keepalive" } as const;

/** A session, its peer on a wire in memory, and time that moves when the test says so. */
export class Scene {
  readonly clock = new VirtualClock();
  readonly wire = new Wire();
  readonly peers: ScriptedPeer[] = [];
  readonly session: BgpSession;
  readonly changes: string[] = [];

  constructor(change: Partial<BgpSessionConfig> = {}, nextHop?: string, more: Partial<BgpPorts> = {}) {
    this.wire.answer = (end: WireEnd) => void this.peers.push(new ScriptedPeer(end));
    const ports = { clock: this.clock, random: () => 1, dial: this.wire.dialFrom(OURS), log: silentLog };
    // An interface and no address of its own is an unnumbered peer.
    const { peerAddress: _, ...unnumbered } = config;
    const base = change.interface === undefined ? config : unnumbered;
    const nextHopFor = () => (nextHop === undefined ? undefined : ip(nextHop));
    this.session = new BgpSession({ ...ports, nextHopFor, ...more }, { ...base, ...change });
    this.session.onChange((view) => this.changes.push(view.state));
  }

  get peer(): ScriptedPeer {
    const peer = this.peers.at(-1);
    if (peer === undefined) throw new Error("nobody dialled");
    return peer;
  }

  say(...messages: readonly (ControlMessage | Uint8Array)[]): readonly string[] {
    this.peer.say(...messages);
    this.wire.settle();
    return this.peer.take();
  }

  advance(by: ReturnType<typeof seconds>): void {
    this.clock.advance(by);
    this.wire.settle();
  }

  establish(peerOpen: Open = open): this {
    this.session.start();
    this.wire.settle();
    this.say({ type: "open", open: peerOpen }, ALIVE);
    return this;
  }

  set(...routes: readonly Route[]): readonly string[] {
    this.session.setRoutes(routes);
    this.wire.settle();
    return this.peer.take();
  }

  /** The peer opens a connection of its own. */
  dialled(): ScriptedPeer {
    const [theirs, ours] = this.wire.pair(PEER, OURS);
    this.session.accept(ours);
    const peer = new ScriptedPeer(theirs);
    this.peers.push(peer);
    this.wire.settle();
    return peer;
  }
}
