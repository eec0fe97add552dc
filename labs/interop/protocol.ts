/** What the suite says to the engine it drives, and what it is told: one JSON object per line in each direction. */

export type Transport = 4 | 6;

/** A route for the engine to announce. Whatever is absent is left to the engine. */
export interface RouteSpec {
  readonly prefix: string;
  readonly localPref?: number;
  /** `a:b`. */
  readonly communities?: readonly string[];
  /** `a:b:c`. */
  readonly large?: readonly string[];
  readonly med?: number;
  /** How often our AS number is added in front. */
  readonly prepend?: number;
  /** Octets per second, as a link bandwidth community. */
  readonly bandwidth?: number;
}

export type Role = "provider" | "customer" | "peer";

/** For how long the peer is to keep our routes while we are away, in seconds. */
interface RestartSpec {
  readonly restartTime: number;
  /** And beyond that, as a last resort (RFC 9494). */
  readonly staleTime?: number;
}

/** A session for the engine to run. */
export interface SessionSpec {
  readonly name: string;
  readonly localAsn: number;
  readonly peerAsn: number;
  readonly localAddress?: string;
  /** Absent for a peer that is found on `interface`. */
  readonly peerAddress?: string;
  readonly interface?: string;
  readonly families: readonly Transport[];
  readonly holdTime: number;
  readonly passive: boolean;
  readonly password?: string;
  readonly ttlSecurity?: boolean;
  readonly bfd?: "single-hop" | "multihop";
  readonly gracefulRestart?: RestartSpec;
  readonly routerId?: string;
  readonly role?: Role;
  /** More routes than this from the peer end the session. */
  readonly maxPrefixes?: number;
}

/** The engine's own word on a session. */
export interface SessionSeen {
  readonly state: string;
  readonly families: readonly number[];
  readonly fourOctetAsn: boolean;
  readonly holdTime: number;
  readonly lastError: string;
  /** Why each attempt or session ended, since it was opened. */
  readonly reasons: readonly string[];
  /** How many times it was up. */
  readonly established: number;
  readonly routesSent: number;
  readonly notSent: readonly { readonly prefix: string; readonly reason: string }[];
  readonly learned: readonly string[];
  readonly bfd: string;
}

/** `restarting`: the next process is back within seconds. */
export type Goodbye = "shutdown" | "restarting";

export type Request =
  /** The routes are there before the session is: its End-of-RIB tells the whole. */
  | { readonly do: "open"; readonly session: SessionSpec; readonly routes: readonly RouteSpec[] }
  | { readonly do: "listen" }
  | { readonly do: "routes"; readonly name: string; readonly routes: readonly RouteSpec[] }
  | {
      readonly do: "change";
      readonly name: string;
      readonly routes: readonly RouteSpec[];
      readonly gone: readonly string[];
    }
  | { readonly do: "rekey"; readonly name: string; readonly password: string }
  | { readonly do: "view"; readonly name: string }
  | { readonly do: "stop"; readonly reason: string; readonly goodbye: Goodbye };
