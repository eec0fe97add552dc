/** One event of a text/event-stream. */
export interface StreamEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

/** Reads a text/event-stream from pieces that may end anywhere (HTML standard, section 9.2.6). */
export class EventStreamReader {
  #rest = "";
  #id: string | undefined;
  #type = "";
  #data: string[] = [];

  /** The events that this piece completes. */
  read(piece: string): readonly StreamEvent[] {
    const lines = `${this.#rest}${piece}`.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line.endsWith("\r") ? line.slice(0, -1) : line));
  }

  #line(line: string): readonly StreamEvent[] {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return [];
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id") this.#id = value;
    if (field === "event") this.#type = value;
    if (field === "data") this.#data.push(value);
    return [];
  }

  #dispatch(): readonly StreamEvent[] {
    const [type, data] = [this.#type, this.#data];
    this.#type = "";
    this.#data = [];
    return data.length === 0 ? [] : [{ id: this.#id, type: type === "" ? "message" : type, data: data.join("\n") }];
  }
}
