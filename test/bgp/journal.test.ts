import { expect, it } from "vitest";
import { initialFsm, step } from "../../src/bgp/fsm.ts";
import type { FsmConfig, FsmEvent } from "../../src/bgp/fsm-values.ts";
import { MESSAGE_TYPE } from "../../src/bgp/iana.ts";
import { formatJournal, Journal, parseJournal, replayStep } from "../../src/bgp/journal.ts";
import { micros, seconds } from "../../src/net/micros.ts";
import { asn, ip, routerId } from "./values.ts";

const config: FsmConfig = {
  localAsn: asn(64512),
  peerAsn: asn(65000),
  holdTime: 90,
  keepaliveTime: undefined,
  families: [4],
  passive: false,
  maxRetry: seconds(30),
};
const UP: readonly FsmEvent[] = [
  { type: "started" },
  { type: "connected", identifier: routerId(9) },
  { type: "open-received", open: { myAs: 65000, holdTime: 9, identifier: 7, capabilities: {} } },
  { type: "keepalive-received" },
];
const LIMITS = { changes: 4, routine: 2, messages: 3, octets: 100, landmarks: 2, connections: 2 };

function record(journal: Journal, events: readonly FsmEvent[]): void {
  let fsm = initialFsm(config);
  for (const [at, event] of events.entries()) {
    const before = fsm;
    const taken = step(before, event, 0.5);
    fsm = taken.fsm;
    const { effects } = taken;
    journal.recordStep({ at: micros(at), connection: 1, before, event, chance: 0.5, after: fsm.state, effects });
  }
}

const message = (length: number) =>
  ({ at: micros(0), connection: 1, direction: "in", bytes: new Uint8Array(length).fill(length) }) as const;

it("keeps what changed the state when a quiet session drowns it in life signs", () => {
  const journal = new Journal(LIMITS);
  record(journal, [...UP, ...Array.from({ length: 100 }, () => ({ type: "keepalive-received" }) as const)]);
  const states = journal.lines().map((line) => (line.type === "step" ? line.after : "message"));
  expect(states).toEqual(["connect", "open-sent", "open-confirm", "established", "established", "established"]);
});

it("is bounded in changes too, the oldest go first", () => {
  const journal = new Journal(LIMITS);
  record(journal, [...UP, { type: "closed", reason: "x" }]);
  expect(journal.lines().map((line) => (line.type === "step" ? line.event.type : ""))).toEqual([
    "connected",
    "open-received",
    "keepalive-received",
    "closed",
  ]);
});

it("is bounded in messages and in their octets", () => {
  const journal = new Journal(LIMITS);
  for (const length of [1, 2, 3, 4]) journal.recordMessage(message(length));
  expect(journal.lines().map((line) => (line.type === "message" ? line.bytes.length : 0))).toEqual([2, 3, 4]);
  journal.recordMessage(message(95));
  expect(journal.lines().map((line) => (line.type === "message" ? line.bytes.length : 0))).toEqual([4, 95]);
  journal.recordMessage(message(101));
  expect(journal.lines()).toEqual([]);
});

it("copies the octets: the buffer they came in is used again", () => {
  const journal = new Journal();
  const bytes = Uint8Array.of(1, 2, 3);
  journal.recordMessage({ at: micros(0), connection: 1, direction: "out", bytes });
  bytes.fill(9);
  expect(journal.lines()).toMatchObject([{ type: "message", direction: "out", bytes: [1, 2, 3] }]);
});

it("survives JSON, and every step of it can be taken again", () => {
  const journal = new Journal();
  record(journal, [...UP, { type: "closed", reason: "x" }]);
  journal.recordMessage(message(5));
  const read = parseJournal(formatJournal(journal.lines()));
  expect(read).toHaveLength(6);
  for (const line of read) {
    if (line.type === "step") expect(replayStep(line)).toEqual({ after: line.after, effects: line.effects });
  }
  expect(read.map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5]);
});

it("knows the ends of every message that it remembers, of a peer that refuses every OPEN too", () => {
  const journal = new Journal();
  const of = (connection: number, type: number) => {
    const bytes = new Uint8Array(29);
    bytes[18] = type;
    journal.recordMessage({ at: micros(0), connection, direction: "out", bytes });
  };
  for (let connection = 1; connection <= 200; connection++) {
    const end = { address: ip("192.0.2.1"), port: 179 };
    journal.recordConnection({ connection, at: micros(0), direction: "outgoing", local: end, remote: end });
    of(connection, MESSAGE_TYPE.open);
    if (connection % 2 === 0) of(connection, MESSAGE_TYPE.notification);
  }
  const known = new Set(journal.connections().map(({ connection }) => connection));
  expect(journal.messagesFrom(0).filter(({ connection }) => !known.has(connection))).toEqual([]);
});
