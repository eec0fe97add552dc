import type { DrainPhase } from "../announcement/drain.ts";
import type { EventContent } from "../kubernetes/event-recorder.ts";

/** What the events about a Node's drain are called: `herald drain` waits for them. */
export const DRAIN_REASONS: Readonly<Record<DrainPhase, string>> = {
  announcing: "DrainEnded",
  draining: "Draining",
  withdrawn: "RoutesWithdrawn",
  closed: "Drained",
};

const MESSAGES: Readonly<Record<DrainPhase, string>> = {
  announcing: "the node announces its routes again",
  draining: "the node's routes are the last choice of every router",
  withdrawn: "the node's routes are withdrawn",
  closed: "the node announces nothing, and its BGP sessions are closed",
};

/** What people read in `kubectl describe node`. */
export function drainEvent(phase: DrainPhase, why: string): EventContent {
  const because = why === "" || phase === "announcing" ? "" : ` (${why})`;
  return { type: "Normal", reason: DRAIN_REASONS[phase], message: `${MESSAGES[phase]}${because}` };
}
