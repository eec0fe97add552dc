import type { BgpSessionReport } from "../api/bgp-session-state.ts";
import type { NodeName } from "../api/config.ts";
import type { WallClock } from "../system/clock.ts";
import type { BfdView } from "./bfd-service.ts";
import type { BgpSession } from "./bgp-session.ts";
import type { BgpSessionView } from "./bgp-session-view.ts";

type Looks = Pick<
  BgpSessionView,
  "state" | "inState" | "peerAddress" | "routesSent" | "routesLearned" | "lastError"
> & { readonly counters: Pick<BgpSessionView["counters"], "established"> };

/** A session as it can be looked at. */
export interface SessionToReport {
  readonly peer: string;
  readonly session: { readonly view: Looks; readonly config: Pick<BgpSession["config"], "interface" | "vrf"> };
  readonly bfd: Pick<BfdView, "state"> | undefined;
}

interface Past {
  readonly session: SessionToReport["session"];
  readonly up: boolean;
  readonly since: string;
}

/** Remembers when each session came up or was lost: between two attempts its own state changes all the time. */
export class SessionHistory {
  readonly #node: NodeName;
  readonly #wallClock: WallClock;
  #past: ReadonlyMap<string, Past> = new Map();

  constructor(node: NodeName, wallClock: WallClock) {
    this.#node = node;
    this.#wallClock = wallClock;
  }

  /** What there is to say of the sessions now. */
  reports(sessions: readonly SessionToReport[]): readonly BgpSessionReport[] {
    const past = sessions.map(({ peer, session }) => [peer, this.#remember(peer, session)] as const);
    this.#past = new Map(past);
    return sessions.map((one) => this.#report(one));
  }

  #remember(peer: string, session: SessionToReport["session"]): Past {
    const { state, inState } = session.view;
    const up = state === "established";
    const before = this.#past.get(peer);
    if (before?.session === session && before.up === up) return before;
    const since = new Date(this.#wallClock().getTime() - inState / 1000);
    return { session, up, since: since.toISOString().replace(/\.\d+Z$/, "Z") };
  }

  #report({ peer, session: { view, config }, bfd }: SessionToReport): BgpSessionReport {
    const { state, counters, peerAddress, routesSent, routesLearned, lastError } = view;
    return {
      node: this.#node,
      bgpPeer: peer,
      peer: config.interface ?? peerAddress ?? "",
      vrf: config.vrf,
      bgp: state,
      bfd: bfd?.state,
      since: this.#past.get(peer)?.since ?? "",
      flaps: counters.established - (state === "established" ? 1 : 0),
      prefixesSent: routesSent,
      prefixesReceived: routesLearned,
      lastError,
    };
  }
}
