import type { JSX } from "preact";
import type { JournalEntry } from "../../model.ts";
import { hashOf } from "../route.ts";
import { Mark } from "./marks.tsx";
import { At, ServiceLink } from "./words.tsx";

/** What moves are called, for people. */
const NAMES: Readonly<Record<string, string>> = {
  "session-up": "session up",
  "session-down": "session down",
  "member-joined": "node joined",
  "member-gone": "node gone",
  "conflict-cleared": "conflict over",
};

export function moveName(type: string): string {
  return NAMES[type] ?? type;
}

/** A few moves, without a table around them. */
export function Moves({ entries }: { readonly entries: readonly JournalEntry[] }): JSX.Element {
  if (entries.length === 0) return <p class="none muted">Nothing moved yet.</p>;
  return (
    <ol class="moves">
      {entries.map((entry) => (
        <li key={entry.entry} class="move">
          <At at={entry.move.at} />
          <Mark health={entry.health} />
          <span class="move-words">
            <span class="move-type">{moveName(entry.move.type)}</span> <MoveSubject entry={entry} />
          </span>
        </li>
      ))}
    </ol>
  );
}

/** What moved, where, and why; without the node where a column says it. */
export function MoveSubject({
  entry,
  where = true,
}: {
  readonly entry: JournalEntry;
  readonly where?: boolean;
}): JSX.Element {
  const { node, service, addresses = [], peer, other, message, reason } = entry.move;
  return (
    <>
      {service !== undefined && <ServiceLink service={service} />}
      {addresses.length > 0 && !(message ?? "").includes(addresses[0] ?? "") && (
        <span class="mono"> {addresses.join(" ")}</span>
      )}
      {peer !== undefined && (
        <a href={hashOf("sessions", [node, peer])}>
          {node} → {peer}
        </a>
      )}
      {other !== undefined && <span> {other}</span>}
      {where && peer === undefined && (
        <span class="muted">
          {" "}
          {other === undefined ? "on" : "says"} {node}
        </span>
      )}
      {(message ?? reason) !== undefined && <span class="muted"> · {message ?? reason}</span>}
    </>
  );
}
