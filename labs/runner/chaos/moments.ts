import type { PlannedFault } from "./fault.ts";

/** One thing that happened or was seen during a chaos. Times are milliseconds of the monotonic clock. */
export type Moment =
  | { readonly type: "fault-began"; readonly at: number; readonly fault: PlannedFault }
  | { readonly type: "fault-ended"; readonly at: number; readonly number: number }
  /** What became of the requests that a client sent to an address in the second from `at` on. */
  | ({ readonly type: "requests"; readonly at: number } & Requests)
  /** The nodes that answered a question on the LAN. */
  | { readonly type: "answered"; readonly at: number; readonly address: string; readonly nodes: readonly string[] }
  /** Where a router's kernel sends an address. */
  | {
      readonly type: "routed";
      readonly at: number;
      readonly router: string;
      readonly address: string;
      readonly nodes: readonly string[];
    }
  /** The nodes on which a Service has ready endpoints, as the API says. */
  | { readonly type: "endpoints"; readonly at: number; readonly service: string; readonly nodes: readonly string[] };

export interface Requests {
  readonly client: string;
  readonly address: string;
  readonly sent: number;
  readonly lost: number;
  /** Asked a second time, because the connection was reset. */
  readonly again: number;
  /** The client itself stood still meanwhile: what it lost says little. */
  readonly late: boolean;
}

/** Milliseconds that a {@link Requests} counts. */
export const WINDOW = 1000;

/** A Service that chaos looks at. */
export interface WatchedService {
  readonly name: string;
  readonly addresses: readonly string[];
  /** externalTrafficPolicy Local: only endpoints on the node that takes the traffic count. */
  readonly local: boolean;
}
