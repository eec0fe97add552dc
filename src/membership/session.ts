import type { Brand } from "../net/brand.ts";

/** One life of a process, as it names itself by chance: the first eight octets of every nonce, in hex. */
export type SessionId = Brand<string, "SessionId">;

export function sessionId(octets: Uint8Array): SessionId {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("") as SessionId;
}

/** How far back an overtaken packet is still taken: numbers count for all receivers together, and a thousand may be told in a millisecond. */
const WINDOW = 2048;
const WORD = 32;

/** Sessions that are remembered. A forgotten one has to prove itself again, and nothing is lost by that. */
const MOST_SESSIONS = 8192;

/** Which sequence numbers of one session were seen: the newest, and a bit for each of those before it. */
class ReplayWindow {
  readonly name: string;
  readonly #seen = new Uint32Array(WINDOW / WORD);
  #newest: number;

  constructor(name: string, first: number) {
    this.name = name;
    this.#newest = first;
    this.#mark(first);
  }

  /** Whether this number comes for the first time; too old counts as seen. */
  take(sequence: number): boolean {
    if (sequence > this.#newest) {
      this.#slide(sequence);
      this.#newest = sequence;
      this.#mark(sequence);
      return true;
    }
    if (sequence <= this.#newest - (WINDOW - WORD) || this.#isMarked(sequence)) return false;
    this.#mark(sequence);
    return true;
  }

  /** Words that come round again are cleared as a whole (RFC 6479), so the window is a word shorter than its bits. */
  #slide(sequence: number): void {
    const last = Math.floor(this.#newest / WORD);
    const steps = Math.min(Math.floor(sequence / WORD) - last, this.#seen.length);
    for (let i = 1; i <= steps; i++) this.#seen[(last + i) % this.#seen.length] = 0;
  }

  #mark(sequence: number): void {
    const word = Math.floor(sequence / WORD) % this.#seen.length;
    this.#seen[word] = (this.#seen[word] ?? 0) | (1 << (sequence % WORD));
  }

  #isMarked(sequence: number): boolean {
    const word = this.#seen[Math.floor(sequence / WORD) % this.#seen.length] ?? 0;
    return (word & (1 << (sequence % WORD))) !== 0;
  }
}

/** The sessions that have proved that they live now, with what was heard of each. */
export class Sessions {
  readonly #windows = new Map<SessionId, ReplayWindow>();

  /** Takes a packet's number: whether it is new, comes again, or is of a session that has proved nothing yet. */
  take(session: SessionId, sequence: number): "new" | "replayed" | "unknown" {
    const window = this.#windows.get(session);
    if (window === undefined) return "unknown";
    return window.take(sequence) ? "new" : "replayed";
  }

  /** A session that sent back a number of ours: nobody could have recorded that before. */
  prove(session: SessionId, name: string, sequence: number): void {
    this.#windows.set(session, new ReplayWindow(name, sequence));
    if (this.#windows.size <= MOST_SESSIONS) return;
    for (const oldest of this.#windows.keys()) {
      this.#windows.delete(oldest);
      return;
    }
  }

  /** The name that this session has. */
  nameOf(session: SessionId): string | undefined {
    return this.#windows.get(session)?.name;
  }
}
