import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Framer } from "../../src/bgp/framer.ts";
import type { Effect } from "../../src/bgp/fsm-values.ts";
import { type JournalLine, parseJournal, replayStep } from "../../src/bgp/journal.ts";
import { decodeOpen } from "../../src/bgp/message/open.ts";

// Journals of sessions with real routers. A flap from the field becomes a test by putting its journal into the folder.
const FOLDER = join(import.meta.dirname, "../golden/bgp/journal");
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl"));
const lines = (name: string): readonly JournalLine[] => parseJournal(readFileSync(join(FOLDER, name), "utf8"));

/** What was done, without the words: what an OPEN offers may grow, what is sent when may not change. */
const deeds = (effects: readonly Effect[]): readonly string[] =>
  effects.map((effect) => {
    if (effect.type === "change") return `${effect.from} to ${effect.to}`;
    if (effect.type === "arm") return `arm ${effect.timer} ${effect.after}`;
    if (effect.type !== "send") return effect.type;
    const { message } = effect;
    return message.type === "notification"
      ? `${message.notification.code}/${message.notification.subcode}`
      : message.type;
  });

it("has the journals", () => expect(FILES.length).toBeGreaterThanOrEqual(3));

describe.each(FILES)("%s", (name) => {
  it("every recorded step is taken again as it was then", () => {
    const steps = lines(name).flatMap((line) => (line.type === "step" ? [line] : []));
    expect(steps.length).toBeGreaterThanOrEqual(5);
    for (const line of steps) {
      const { after, effects } = replayStep(line);
      expect([after, ...deeds(effects)]).toEqual([line.after, ...deeds(line.effects)]);
    }
    expect(steps.map(({ after }) => after)).toContain("established");
  });

  it("the messages are the ones the steps speak of", () => {
    const all = lines(name);
    const [first] = all.filter((line) => line.type === "message" && line.direction === "in");
    if (first?.type !== "message") throw new Error("no message");
    const [frame] = [...new Framer().push(Uint8Array.from(first.bytes))];
    if (frame === undefined) throw new Error("no frame");
    const open = all.flatMap((line) =>
      line.type === "step" && line.event.type === "open-received" ? [line.event.open] : [],
    );
    expect(open).toContainEqual(decodeOpen(frame.body));
  });
});
