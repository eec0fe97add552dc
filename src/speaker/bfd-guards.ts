import type { BfdProfile, Peer, PeerName } from "../api/config.ts";
import type { IpAddress } from "../net/ip-address.ts";
import { guardBgp } from "./bfd-guard.ts";
import type { BfdHandle, BfdService, BfdView } from "./bfd-service.ts";
import type { BgpSession } from "./bgp-session.ts";

/** What of a BGP session matters here. */
export type GuardedSession = Pick<BgpSession, "view" | "state" | "reset"> & {
  readonly config: Pick<BgpSession["config"], "interface" | "localAddress">;
};

/** A session, and between which ends it came up last: by now another router may have been found behind its interface. */
interface Came {
  readonly session: GuardedSession;
  readonly peerAddress: IpAddress;
  readonly localAddress: IpAddress | undefined;
}

interface Guard {
  readonly handle: BfdHandle;
  readonly path: string;
}

/**
 * Keeps a BFD session beside each BGP session whose peer names a profile. It begins when BGP comes up, because only then both ends
 * of the path are known, also of unnumbered peers; and it lives on when BGP is lost, so that it is there when the path comes back.
 */
export class BfdGuards {
  readonly #service: Pick<BfdService, "open">;
  readonly #guards = new Map<PeerName, Guard>();
  readonly #came = new Map<PeerName, Came>();
  #wanted: ReadonlyMap<PeerName, Wanted> = new Map();

  constructor(service: Pick<BfdService, "open">) {
    this.#service = service;
  }

  /**
   * Takes the peers of this node: intervals change without a flap, a peer that wants no BFD any more is told so, and one that wants
   * it from now on has it from now on.
   */
  configure(peers: readonly Peer[], profiles: ReadonlyMap<string, BfdProfile>): void {
    this.#wanted = wantedOf(peers, profiles);
    for (const [peer, { handle }] of this.#guards) {
      const wanted = this.#wanted.get(peer);
      if (wanted === undefined) this.#unguard(peer);
      else handle.update(wanted.profile);
    }
    for (const [peer, came] of this.#came) if (came.session.state === "established") this.#guard(peer, came);
  }

  /** A BGP session came up: from now on BFD may end it. */
  established(peer: PeerName, session: GuardedSession): void {
    const { peerAddress, localAddress } = session.view;
    if (peerAddress === undefined) return;
    const came = { session, peerAddress, localAddress };
    this.#came.set(peer, came);
    this.#guard(peer, came);
  }

  #guard(peer: PeerName, { session, peerAddress, localAddress }: Came): void {
    const wanted = this.#wanted.get(peer);
    if (wanted === undefined) return;
    const request = {
      peer: peerAddress,
      multihop: wanted.multihop,
      profile: wanted.profile,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(session.config.interface === undefined ? {} : { interface: session.config.interface }),
    };
    const path = pathText(peerAddress, localAddress, wanted.multihop);
    if (this.#guards.get(peer)?.path === path) return;
    this.#unguard(peer);
    const handle = this.#service.open(request);
    guardBgp(handle, {
      get state() {
        return session.state;
      },
      drop: (subcode, communication) => session.reset(subcode, communication),
    });
    this.#guards.set(peer, { handle, path });
  }

  /** The BGP session is over on purpose, and so is BFD. */
  remove(peer: PeerName): void {
    this.#came.delete(peer);
    this.#unguard(peer);
  }

  #unguard(peer: PeerName): void {
    this.#guards.get(peer)?.handle.close();
    this.#guards.delete(peer);
  }

  /** The BFD session of a peer, for people to look at. */
  view(peer: PeerName): BfdView | undefined {
    return this.#guards.get(peer)?.handle.view;
  }
}

interface Wanted {
  readonly profile: BfdProfile | undefined;
  readonly multihop: boolean;
}

function wantedOf(peers: readonly Peer[], profiles: ReadonlyMap<string, BfdProfile>): ReadonlyMap<PeerName, Wanted> {
  // Its sockets are in no VRF: the neighbour with this address out there is another one.
  const asking = peers.filter(({ bfdProfile, vrf }) => bfdProfile !== undefined && vrf === undefined);
  return new Map(
    asking.map(({ name, bfdProfile, ebgpMultiHop }) => [
      name,
      { profile: profiles.get(bfdProfile ?? ""), multihop: ebgpMultiHop },
    ]),
  );
}

function pathText(peer: IpAddress, local: IpAddress | undefined, multihop: boolean): string {
  return `${peer} ${local} ${multihop}`;
}
