import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const FILE = "sessions.json";

interface Memory {
  readonly boot: string;
  readonly up: readonly string[];
}

/** The kernel's name for the time since it started. */
export function systemBootId(): string {
  return readFileSync(BOOT_ID, "utf8").trim();
}

/** Which sessions were up, in a small file that outlives the process but means nothing after a reboot. */
export class RestartMemory {
  readonly #path: string;
  readonly #boot: string;
  readonly #failed: (error: Error) => void;
  readonly #before: ReadonlySet<string>;
  readonly #up: Set<string>;

  /**
   * `failed` is told what kept a change from the file: a full disk costs the memory, nothing else.
   * @throws the system's error when the folder cannot be made
   */
  constructor(folder: string, failed: (error: Error) => void, bootId: () => string = systemBootId) {
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, FILE);
    this.#failed = failed;
    this.#boot = bootId();
    const memory = read(this.#path);
    this.#before = new Set(memory?.boot === this.#boot ? memory.up : []);
    // A session that is not back yet is still one that was up: a second restart in a row changes nothing.
    this.#up = new Set(this.#before);
  }

  /** Whether the session was up when the process before this one ended. */
  wasUp(session: string): boolean {
    return this.#before.has(session);
  }

  remember(session: string): void {
    if (this.#up.has(session)) return;
    this.#up.add(session);
    this.#write();
  }

  forget(session: string): void {
    if (this.#up.delete(session)) this.#write();
  }

  /** A whole file or the old one: never half of one. */
  #write(): void {
    const memory: Memory = { boot: this.#boot, up: [...this.#up].sort() };
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(memory));
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      this.#failed(error);
    }
  }
}

/** Undefined when there is none, or what is there is no memory of ours. */
function read(path: string): Memory | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  return parse(text);
}

function parse(text: string): Memory | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== "object" || value === null || !("boot" in value) || !("up" in value)) return undefined;
  const { boot, up } = value;
  if (typeof boot !== "string" || !Array.isArray(up)) return undefined;
  return { boot, up: up.filter((name) => typeof name === "string") };
}
