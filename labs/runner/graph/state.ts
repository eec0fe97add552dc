/** What is known of a lab that is up. */
export interface LiveState {
  /** Ends of links that have a carrier, as `node:port`. */
  readonly up: ReadonlySet<string>;
  /** The programs that run on a node. */
  readonly programs: ReadonlyMap<string, readonly string[]>;
  readonly sessions: readonly Session[];
}

/** A session as one of its ends sees it. */
export interface Session {
  readonly router: string;
  readonly neighbour: string;
  readonly state: string;
}

/** What colour something has: `unknown` when the lab is not up. */
export type Health = "well" | "ill" | "unknown";

/** A link is as well as both of its ends. */
export function linkHealth(
  ends: readonly { readonly node: string; readonly port: string }[],
  state: LiveState | undefined,
): Health {
  if (state === undefined) return "unknown";
  return ends.every(({ node, port }) => state.up.has(`${node}:${port}`)) ? "well" : "ill";
}

export function sessionHealth({ state }: Session): Health {
  return state === "Established" ? "well" : "ill";
}
