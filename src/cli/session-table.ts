import type { SessionItem } from "../inspection/session-view.ts";
import { compareBy, type Row } from "./inspect.ts";
import { type Column, formatAge, type Tone } from "./table.ts";

/** Sessions that are not up first, then those that flap, then by name. */
export const compareSessions = compareBy<SessionItem>(
  ({ state }) => Number(state === "established"),
  ({ prefixesNotSent }) => Number(prefixesNotSent === 0),
  ({ node }) => node,
  ({ peer }) => peer,
);

/** `herald sessions` as a table. */
export const SESSION_COLUMNS: readonly Column<Row<SessionItem>>[] = [
  { title: "NODE", read: ({ item }) => item.node },
  { title: "PEER", read: ({ item }) => item.peer },
  { title: "ADDRESS", read: ({ item }) => item.address ?? item.interface },
  { title: "ASN", read: ({ item }) => item.negotiated?.peerAsn ?? item.expectedAsn },
  { title: "STATE", read: ({ item }) => item.state, tone: ({ item }) => toneOfState(item.state) },
  { title: "SINCE", read: ({ item, at }) => formatAge(item.since, at) },
  { title: "OUT", read: ({ item }) => outOf(item), tone: ({ item }) => (item.prefixesNotSent > 0 ? "bad" : undefined) },
  { title: "IN", read: ({ item }) => item.prefixesIn },
  { title: "FLAPS", read: ({ item }) => item.flaps, tone: ({ item }) => (item.flaps > 0 ? "doubtful" : undefined) },
  { title: "BFD", read: ({ item }) => item.bfd?.state, tone: ({ item }) => toneOfBfd(item.bfd?.state) },
  { title: "HOLD", read: ({ item }) => timesOf(item), wide: true },
  { title: "FAMILIES", read: ({ item }) => item.negotiated?.families.join(","), wide: true },
  { title: "CAPABILITIES", read: ({ item }) => item.negotiated?.capabilities.join(","), wide: true },
  { title: "LAST ERROR", read: ({ item, at }) => lastErrorOf(item, at), tone: ({ item }) => toneOfError(item) },
];

function toneOfState(state: string): Tone {
  return state === "established" ? "good" : "bad";
}

function toneOfBfd(state: string | undefined): Tone | undefined {
  if (state === undefined) return "quiet";
  return state === "up" ? "good" : "bad";
}

function toneOfError({ state }: SessionItem): Tone | undefined {
  return state === "established" ? "quiet" : "bad";
}

/** How many the peer has; of all, where it cannot have some. */
function outOf({ prefixesOut, prefixesNotSent }: SessionItem): string {
  return prefixesNotSent === 0 ? `${prefixesOut}` : `${prefixesOut}/${prefixesOut + prefixesNotSent}`;
}

function timesOf({ negotiated }: SessionItem): string {
  return negotiated === undefined ? "" : `${negotiated.holdTime}s/${negotiated.keepaliveTime}s`;
}

/** Why it is not up; of one that is up, why it was not before. The NOTIFICATION is told where the reason does not say it. */
function lastErrorOf({ lastError, lastDown, lastNotification }: SessionItem, at: string): string {
  if (lastError !== undefined) {
    const told = lastNotification === undefined || lastError.includes(lastNotification.words);
    const direction = lastNotification?.direction === "in" ? "received" : "sent";
    return told ? lastError : `${lastError}; last ${direction} ${lastNotification.words}`;
  }
  return lastDown === undefined ? "" : `${lastDown.reason} (${formatAge(lastDown.at, at)} ago)`;
}
