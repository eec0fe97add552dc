import { type Fixture, TOKEN } from "./fixture.ts";

/** An event as it came. */
export interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** Follows the events; `next` waits for one of a type and passes over the others. */
export function readEvents(
  fixture: Fixture,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): { next(type: string): Promise<ReadEvent> } {
  const events = eventsOf(fixture, headers, signal);
  return {
    async next(type) {
      for (;;) {
        const { value, done } = await events.next();
        if (done === true) throw new Error(`the stream ended before ${type}`);
        if (value.type === type) return value;
      }
    },
  };
}

async function* eventsOf(
  fixture: Fixture,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<ReadEvent, void> {
  const answer = await fixture.get("/api/v1/events", {
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    signal,
  });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const fields = new Map(text.slice(0, end).split("\n").map(fieldOf));
      text = text.slice(end + 2);
      const type = fields.get("event");
      if (type !== undefined) yield { id: fields.get("id") ?? "", type, data: JSON.parse(fields.get("data") ?? "") };
    }
  }
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}
