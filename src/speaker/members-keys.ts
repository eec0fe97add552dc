import { type Micros, micros, seconds } from "../net/micros.ts";
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
/** How long it may take until a changed Secret is on every node: so long all can open the new key, and nobody seals with it. */
const SPREAD = seconds(180);
const CURRENT = "secretkey";
const PREVIOUS = "secretkey-previous";

/**
 * The keys of the gossip: the Secret as it is mounted, `secretkey` to send with and `secretkey-previous` to still receive with. A
 * secret that changes is taken over while the speaker runs, in steps, because no two nodes read it at one time and who cannot be
 * understood is taken for dead: at once it opens, after three minutes it seals, and after six the one before is forgotten. One that
 * vanishes or is emptied stays in use.
 */
export class GossipKeys {
  readonly #ports: GossipKeysPorts;
  readonly #path: string;
  #secrets: readonly string[];
  /** The secret that is to seal next, and when. */
  #next: { readonly secret: string; readonly at: Micros } | undefined;
  /** Secrets that are no longer in the file, and until when they still open. */
  readonly #outgoing = new Map<string, Micros>();
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
    return this.#secrets.map((secret) => new TextEncoder().encode(secret));
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
    const inFile = this.#readOrReport();
    if (inFile === undefined) return false;
    const secrets = this.#ring(inFile);
    if (secrets.join("\n") === this.#secrets.join("\n")) return false;
    this.#secrets = secrets;
    this.#ports.log.info("gossip keys changed", { keys: secrets.length });
    return true;
  }

  /** What is used now that this is in the file: the one that seals, then all others that open. */
  #ring(inFile: readonly string[]): readonly string[] {
    const now = this.#ports.clock.now();
    const [sealing = ""] = this.#secrets;
    for (const secret of this.#secrets)
      if (!this.#outgoing.has(secret)) this.#outgoing.set(secret, micros(now + 2 * SPREAD));
    for (const [secret, until] of this.#outgoing)
      if (inFile.includes(secret) || now >= until) this.#outgoing.delete(secret);
    const first = this.#sealer(sealing, inFile[0] ?? sealing, now);
    return [...new Set([first, ...inFile, ...this.#outgoing.keys()])];
  }

  #sealer(sealing: string, wanted: string, now: Micros): string {
    if (sealing === wanted) this.#next = undefined;
    else if (this.#next?.secret !== wanted) this.#next = { secret: wanted, at: micros(now + SPREAD) };
    // Plain text is understood by nobody who has a key: there is nothing to wait for.
    const due = sealing === "" || (this.#next !== undefined && now >= this.#next.at);
    return due ? wanted : sealing;
  }

  #readOrReport(): readonly string[] | undefined {
    let problem: string | undefined;
    try {
      const secrets = this.#read();
      // Without a key everybody is believed, and this node by nobody: that is never what a running speaker is to do.
      const emptied = secrets?.length === 0 && this.#secrets.length > 0;
      if (secrets !== undefined && !emptied) {
        this.#problem = undefined;
        return secrets;
      }
      problem = emptied ? "empty" : "gone";
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
  return [current, previous ?? ""].filter((secret) => secret !== "");
}
