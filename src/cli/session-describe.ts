import { escapeControls } from "../api/raw-object.ts";
import { formatObject } from "../inspection/explain/finding.ts";
import { sessionCause } from "../inspection/explain/session-cause.ts";
import type { OpenItem, SessionItem, SessionView } from "../inspection/session-view.ts";
import { formatAge } from "./table.ts";

const INDENT = "  ";

/** Everything of one session, for people, as `kubectl describe` lays it out. */
export function describeSession({
  session,
  openSent,
  openReceived,
  lacks,
  timeline,
  notSent,
  at,
}: SessionView): string {
  const lines = [
    ...fields(sessionFields(session, at)),
    "OPEN sent:",
    ...openLines(openSent),
    "OPEN received:",
    ...openLines(openReceived),
    "The peer lacks:",
    ...listed(lacks.peers),
    "This node lacks:",
    ...listed(lacks.ours),
    "States:",
    ...listed(timeline.map(({ at: then, from, to, reason }) => `${then}  ${from} -> ${to}: ${reason}`)),
    ...(notSent.length === 0 ? [] : ["Not sent:", ...listed(notSent.map((one) => `${one.prefix}  ${one.reason}`))]),
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join("");
}

type Field = readonly [name: string, value: string | number | undefined];

function sessionFields(session: SessionItem, at: string): readonly Field[] {
  const { negotiated, lastDown, lastNotification: notified, bfd } = session;
  return [
    ["Node", session.node],
    ["Peer", session.peer],
    ["Address", `${session.address ?? "<unknown>"} port ${session.port}`],
    ["Interface", session.interface],
    ["Local address", session.localAddress],
    ["AS", `${session.localAsn} here, ${negotiated?.peerAsn ?? session.expectedAsn} there`],
    [
      "State",
      `${session.state}, ${session.state === "established" ? "up" : "down"} for ${formatAge(session.since, at)}`,
    ],
    ["Hold time", negotiated && `${negotiated.holdTime}s, keepalive ${negotiated.keepaliveTime}s`],
    ["Families", negotiated?.families.join(", ")],
    ["Capabilities", negotiated?.capabilities.join(", ")],
    ["Prefixes", `${session.prefixesOut} out, ${session.prefixesNotSent} not sent, ${session.prefixesIn} in`],
    ["Flaps", session.flaps],
    ["Last error", session.lastError],
    ["To change", session.state === "established" ? undefined : remedyOf(session)],
    ["Last down", lastDown && `${lastDown.at}: ${lastDown.reason}`],
    [
      "Last NOTIFICATION",
      notified && `${notified.at}: ${notified.direction === "in" ? "received" : "sent"} ${notified.words}`,
    ],
    ["BFD", bfd && (bfd.lastError === undefined ? bfd.state : `${bfd.state}: ${bfd.lastError}`)],
  ];
}

/** By what the session knows: herald explain looks at the BGPPeer as well. */
function remedyOf(session: SessionItem): string {
  const { object, field, change } = sessionCause(session, undefined);
  const where = [object === undefined ? "" : formatObject(object), field ?? ""].filter((part) => part !== "");
  return `${where.join(" ")}: ${change}`;
}

function fields(all: readonly Field[]): readonly string[] {
  const shown = all.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(...shown.map(([name]) => name.length)) + 1;
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width)}${INDENT}${value}`);
}

function openLines(open: OpenItem | undefined): readonly string[] {
  if (open === undefined) return listed([]);
  const { asn, holdTime, identifier, capabilities } = open;
  return [...listed([`AS ${asn}, hold time ${holdTime}s, identifier ${identifier}`]), ...listed(capabilities)];
}

function listed(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [`${INDENT}<none>`] : lines.map((line) => `${INDENT}${line}`);
}
