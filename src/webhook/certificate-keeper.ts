import { backoffDelay } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { SECRETS } from "../kubernetes/resource.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { CertifiedKey, issueServerCertificate, makeAuthority } from "../system/certificates.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { firstCertificate, formerAuthorities, readFacts } from "./certificate-facts.ts";
import { type CertificateStep, planCertificates, type SecretFacts } from "./certificate-plan.ts";
import { type CertificateTexts, readStoredSecret, type StoredSecret, writeSecretBody } from "./certificate-secret.ts";
import { Doorbell } from "./doorbell.ts";
import { writeDelay } from "./write-spacing.ts";

/** What the callers of the webhook were told to trust. */
export interface ToldBundles {
  /** As they stand in the objects of the API now. */
  told(): readonly string[];
  /** Whether every caller knows the first authority of this bundle, and has had time to take it in. */
  knows(authorities: string): boolean;
}

export interface CertificateKeeperPorts {
  readonly client: Pick<KubernetesClient, "create" | "get" | "update">;
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  readonly makeAuthority: typeof makeAuthority;
  readonly issueServerCertificate: typeof issueServerCertificate;
  readonly callers: ToldBundles;
}

export interface CertificateKeeperOptions {
  readonly namespace: string;
  readonly secretName: string;
  /** What the authority is called. */
  readonly authorityName: string;
  /** The names by which the API server calls. */
  readonly dnsNames: readonly string[];
  /** Never write the Secret: somebody else renews it. */
  readonly readOnly: boolean;
}

interface Look {
  readonly stored: StoredSecret | undefined;
  readonly texts: CertificateTexts;
  readonly now: Date;
}

const RETRY = { baseDelay: millis(500), maxDelay: seconds(30) };
/** However long a certificate still holds: the wall clock may be set meanwhile. */
const LONGEST_PAUSE = seconds(3600);
const CALLERS_PAUSE = seconds(5);
const NOTHING: CertificateTexts = { authorities: "", authorityKey: "", certificate: "", key: "" };

/**
 * Keeps the Secret with the webhook's certificate, together with any other replica: what is stored is the truth for all of them,
 * every write is refused when somebody was faster, and who was slower looks again.
 */
export class CertificateKeeper {
  readonly #ports: CertificateKeeperPorts;
  readonly #options: CertificateKeeperOptions;
  readonly #bell = new Doorbell();
  readonly #writes: Micros[] = [];
  readonly #listeners: ((texts: CertificateTexts) => void)[] = [];
  #texts: CertificateTexts | undefined;
  #failures = 0;
  #told = "";

  constructor(ports: CertificateKeeperPorts, options: CertificateKeeperOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** What to serve with; undefined until there is something. */
  get texts(): CertificateTexts | undefined {
    return this.#texts;
  }

  /** Told whenever it is other than before. */
  onChange(listener: (texts: CertificateTexts) => void): void {
    this.#listeners.push(listener);
  }

  /** Looks at the Secret soon: it changed, or what callers know did. */
  look(): void {
    this.#bell.ring();
  }

  /** The authorities that callers shall trust, read from the API and not from any memory. @throws as the client does */
  async readAuthorities(signal: AbortSignal): Promise<string | undefined> {
    const stored = await this.#read(signal);
    return stored === undefined || stored.texts.authorities === "" ? undefined : stored.texts.authorities;
  }

  /** Keeps it until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delay = await this.#tryStep(signal);
      await this.#bell.wait(this.#ports.clock, delay, signal);
    }
  }

  async #tryStep(signal: AbortSignal): Promise<Micros> {
    try {
      const delay = await this.#step(signal);
      this.#failures = 0;
      return delay;
    } catch (error) {
      if (signal.aborted) return micros(0);
      this.#failures += 1;
      const { secretName: secret } = this.#options;
      // Another replica was faster: what it wrote is looked at next.
      const level = isConflict(error) ? "debug" : this.#failures % 10 === 1 ? "warn" : "debug";
      this.#ports.log[level]("webhook certificate not kept", { secret, ...errorFields(error) });
      return backoffDelay(this.#failures, RETRY, this.#ports.random);
    }
  }

  /** One look and what follows from it; says when to look again. */
  async #step(signal: AbortSignal): Promise<Micros> {
    const stored = await this.#read(signal);
    const now = this.#ports.wallClock();
    const { texts, facts } = this.#candidate(stored, now.getTime());
    const step = planCertificates(facts, {
      now: now.getTime(),
      names: this.#options.dnsNames,
      authorityIsKnown: this.#ports.callers.knows(texts.authorities),
    });
    if (this.#options.readOnly) return this.#serveForeign(texts, facts, step);
    switch (step.type) {
      case "serve-foreign":
        return this.#serveForeign(texts, facts, step);
      case "serve":
        this.#adopt(texts);
        return pauseUntil(step.lookAgain, now.getTime());
      case "await-callers":
        this.#adopt(texts);
        return CALLERS_PAUSE;
      case "introduce-authority":
      case "issue":
      case "begin-anew":
        return await this.#renew(step, { stored, texts, now }, signal);
    }
  }

  /** A Secret without an authority that can be read is taken with what is served now, so that callers meet no gap. */
  #candidate(
    stored: StoredSecret | undefined,
    now: number,
  ): { texts: CertificateTexts; facts: SecretFacts | undefined } {
    const texts = stored?.texts ?? NOTHING;
    const facts = readFacts(texts, now);
    const served = this.#texts;
    if (facts.authority !== undefined || served === undefined)
      return { texts, facts: stored === undefined ? undefined : facts };
    return { texts: served, facts: { ...readFacts(served, now), authority: undefined, hasAuthorityKey: false } };
  }

  #serveForeign(texts: CertificateTexts, facts: SecretFacts | undefined, step: CertificateStep): Micros {
    if (facts?.server?.keyFits === true) this.#adopt(texts);
    const reason = "reason" in step ? step.reason : "problem" in step ? step.problem : undefined;
    if (reason !== undefined && reason !== this.#told) {
      this.#ports.log.warn("webhook certificate needs renewal by its owner", {
        secret: this.#options.secretName,
        reason,
      });
    }
    this.#told = reason ?? "";
    return micros(LONGEST_PAUSE / 60);
  }

  async #renew(step: Renewal, look: Look, signal: AbortSignal): Promise<Micros> {
    const { clock, log } = this.#ports;
    const wait = writeDelay(this.#writes, clock.now());
    if (wait > 0) return wait;
    const next = await this.#renewed(step, look);
    await this.#write(next, look.stored, signal);
    this.#writes.push(clock.now());
    this.#writes.splice(0, this.#writes.length - WRITES_REMEMBERED);
    const { secretName: secret } = this.#options;
    log.info("webhook certificate renewed", { secret, step: step.type, reason: step.reason });
    this.#adopt(next);
    return micros(0);
  }

  async #renewed(step: Renewal, { texts, now }: Look): Promise<CertificateTexts> {
    if (step.type === "issue") {
      const authority = { certificate: firstCertificate(texts.authorities), key: texts.authorityKey };
      return { ...texts, ...(await this.#issue(authority, now)) };
    }
    const { authorityName: name } = this.#options;
    const authority = await this.#ports.makeAuthority({ now, name });
    const former = formerAuthorities({
      stored: texts.authorities,
      told: this.#ports.callers.told(),
      name,
      now: now.getTime(),
    });
    const introduced = { authorities: authority.certificate + former, authorityKey: authority.key };
    const server = step.type === "begin-anew" ? await this.#issue(authority, now) : texts;
    return { ...introduced, certificate: server.certificate, key: server.key };
  }

  #issue(authority: CertifiedKey, now: Date): Promise<CertifiedKey> {
    return this.#ports.issueServerCertificate({ authority, dnsNames: this.#options.dnsNames, now });
  }

  async #write(texts: CertificateTexts, before: StoredSecret | undefined, signal: AbortSignal): Promise<void> {
    const { namespace, secretName: name } = this.#options;
    const body = writeSecretBody(texts, { namespace, name, before });
    const options = { namespace, signal };
    if (before === undefined) await this.#ports.client.create<unknown>(SECRETS, body, options);
    else await this.#ports.client.update<unknown>(SECRETS, name, body, options);
  }

  async #read(signal: AbortSignal): Promise<StoredSecret | undefined> {
    const { namespace, secretName } = this.#options;
    try {
      return readStoredSecret(await this.#ports.client.get<unknown>(SECRETS, secretName, { namespace, signal }));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #adopt(texts: CertificateTexts): void {
    const before = this.#texts;
    this.#texts = texts;
    const isSame =
      before?.authorities === texts.authorities && before.certificate === texts.certificate && before.key === texts.key;
    if (!isSame) for (const listener of this.#listeners) listener(texts);
  }
}

type Renewal = Extract<CertificateStep, { type: "introduce-authority" | "issue" | "begin-anew" }>;

const WRITES_REMEMBERED = 16;

function pauseUntil(time: number, now: number): Micros {
  return micros(Math.min(Math.max(millis(time - now), millis(1)), LONGEST_PAUSE));
}
