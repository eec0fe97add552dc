import { seconds } from "../net/micros.ts";
import type { Clock, Timer } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { ConfigError } from "../wire/errors.ts";

export interface GossipKeysPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The file's text; undefined when there is none. @throws what the system says of a file that cannot be read */
  readonly read: (file: string) => string | undefined;
}

/** The secret that gossip is signed with was asked for, and is not there. */
class GossipKeyMissing extends ConfigError {
  readonly code = "ERR_SPEAKER_GOSSIP_KEY_MISSING";
}

/** The kubelet takes about a minute to bring a changed Secret: looking this often adds little. */
const LOOK = seconds(10);
const CURRENT = "secretkey";
const PREVIOUS = "secretkey-previous";

/**
 * The keys of the gossip: the Secret as it is mounted, `secretkey` to send with and `secretkey-previous` to still receive with. A
 * secret that changes is taken over while the speaker runs; one that vanishes stays in use.
 */
export class GossipKeys {
  readonly #ports: GossipKeysPorts;
  readonly #path: string;
  #secrets: readonly string[] = [];
  #problem: string | undefined;
  #timer: Timer | undefined;

  /** `path` is the mounted folder, or the file in it. @throws GossipKeyMissing */
  constructor(ports: GossipKeysPorts, path: string) {
    this.#ports = ports;
    this.#path = path;
    const secrets = this.#read();
    if (secrets === undefined) {
      throw new GossipKeyMissing(
        `no gossip key at ${path}: mount the Secret with the key ${CURRENT} there, or leave --ml-secret-key-path empty`,
      );
    }
    this.#secrets = secrets;
  }

  /** The texts of the secrets, as the engine takes them. Empty when the secret is: then gossip is plain text. */
  current(): readonly Uint8Array[] {
    return this.#secrets.filter((secret) => secret !== "").map((secret) => new TextEncoder().encode(secret));
  }

  /** Looks again and again; calls when there are other keys. */
  start(signal: AbortSignal, changed: () => void): void {
    const look = (): void => {
      if (this.#refresh()) changed();
      this.#timer = this.#ports.clock.after(LOOK, look);
    };
    this.#timer = this.#ports.clock.after(LOOK, look);
    signal.addEventListener("abort", () => this.#timer?.cancel(), { once: true });
  }

  #refresh(): boolean {
    const secrets = this.#readOrReport();
    if (secrets === undefined || secrets.join("\n") === this.#secrets.join("\n")) return false;
    this.#secrets = secrets;
    this.#ports.log.info("gossip keys changed", { keys: secrets.length });
    return true;
  }

  #readOrReport(): readonly string[] | undefined {
    let problem: string | undefined;
    try {
      const secrets = this.#read();
      if (secrets !== undefined) {
        this.#problem = undefined;
        return secrets;
      }
      problem = "gone";
    } catch (error) {
      problem = String(errorFields(error)["err.message"]);
    }
    // Said once: keys that are in use stay in use.
    if (problem !== this.#problem)
      this.#ports.log.error("gossip key cannot be read", { path: this.#path, reason: problem });
    this.#problem = problem;
    return undefined;
  }

  #read(): readonly string[] | undefined {
    const { read } = this.#ports;
    // Whoever writes a file by hand ends it with a new line, which is no part of the secret.
    const secret = (file: string): string | undefined => read(file)?.trim();
    const current = secret(`${this.#path}/${CURRENT}`);
    if (current !== undefined) return withPrevious(current, secret(`${this.#path}/${PREVIOUS}`));
    const alone = secret(this.#path);
    return alone === undefined ? undefined : withPrevious(alone, secret(`${this.#path}-previous`));
  }
}

function withPrevious(current: string, previous: string | undefined): readonly string[] {
  return previous === undefined || previous === "" ? [current] : [current, previous];
}
