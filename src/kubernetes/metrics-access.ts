import { createHash } from "node:crypto";
import { isFields } from "../api/read-object.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { AccessVerdict } from "../telemetry/metrics-server.ts";
import type { KubernetesClient } from "./client.ts";
import type { Resource } from "./resource.ts";

export interface MetricsAccessPorts {
  readonly client: Pick<KubernetesClient, "create">;
  readonly clock: Clock;
  readonly log: Log;
}

type Settled = Exclude<AccessVerdict, "unavailable">;

interface Remembered {
  readonly verdict: Settled;
  readonly until: Micros;
  /** While the API is away, an allowed bearer may go on until then. */
  readonly graceUntil: Micros;
}

const TOKEN_REVIEWS: Resource = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "tokenreviews",
  kind: "TokenReview",
  namespaced: false,
};
const SUBJECT_ACCESS_REVIEWS: Resource = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

/** How long a verdict holds. A right that was just given shows soon, one that was taken away within a minute. */
const HOLDS: Readonly<Record<Settled, Micros>> = {
  allowed: seconds(60),
  unauthenticated: seconds(10),
  forbidden: seconds(10),
};
/** Metrics are wanted most while the API is away: who was let in before is let in for so long. */
const GRACE = seconds(900);
/** Of each kind: who is let in is never forgotten for the sake of who is refused. */
const REMEMBERED = 32;
/** A flood of tokens must not become a flood of questions to the API: so many at once, and then one a second. */
const STRANGERS_AT_ONCE = 4;
const STRANGERS_IN_A_ROW = 20;
const STRANGER_EVERY = seconds(1);
const TIMEOUT = seconds(5);

/**
 * Who may read metrics: asks the API whose token it is, and whether its bearer may GET /metrics, as kube-rbac-proxy does. Answers are
 * kept for a while, under a hash of the token. Nobody is let in whom the API has not vouched for.
 */
export class MetricsAccess {
  readonly #ports: MetricsAccessPorts;
  readonly #allowed = new Map<string, Remembered>();
  readonly #refused = new Map<string, Remembered>();
  readonly #asking = new Map<string, Promise<AccessVerdict>>();
  #strangers = 0;
  /** Until when the questions about strangers so far count. */
  #strangersUntil = micros(0);

  constructor(ports: MetricsAccessPorts) {
    this.#ports = ports;
  }

  /** Whether the bearer of the token may read metrics. */
  async verdict(token: string): Promise<AccessVerdict> {
    const hash = createHash("sha256").update(token).digest("base64");
    const friend = this.#allowed.get(hash);
    const known = friend ?? this.#refused.get(hash);
    if (known !== undefined && this.#ports.clock.now() < known.until) return known.verdict;
    const begin = (): Promise<AccessVerdict> =>
      friend === undefined ? this.#beginStranger(hash, token) : this.#begin(hash, token);
    const verdict = await (this.#asking.get(hash) ?? begin());
    const hasGrace = friend !== undefined && this.#ports.clock.now() < friend.graceUntil;
    return verdict === "unavailable" && hasGrace ? "allowed" : verdict;
  }

  /** Whoever was let in before is always asked about: no stranger takes his place. */
  #beginStranger(hash: string, token: string): Promise<AccessVerdict> {
    const since = Math.max(this.#strangersUntil, this.#ports.clock.now());
    const inARow = (since - this.#ports.clock.now()) / STRANGER_EVERY;
    if (this.#strangers >= STRANGERS_AT_ONCE || inARow > STRANGERS_IN_A_ROW - 1) return Promise.resolve("unavailable");
    this.#strangersUntil = micros(since + STRANGER_EVERY);
    this.#strangers += 1;
    return this.#begin(hash, token).finally(() => {
      this.#strangers -= 1;
    });
  }

  #begin(hash: string, token: string): Promise<AccessVerdict> {
    const asked = this.#ask(hash, token).finally(() => this.#asking.delete(hash));
    this.#asking.set(hash, asked);
    return asked;
  }

  async #ask(hash: string, token: string): Promise<AccessVerdict> {
    try {
      const verdict = await this.#review(token);
      this.#remember(hash, verdict);
      return verdict;
    } catch (error) {
      this.#ports.log.warn("access to metrics could not be reviewed", errorFields(error));
      return "unavailable";
    }
  }

  async #review(token: string): Promise<Settled> {
    const bearer = statusOf(await this.#create(TOKEN_REVIEWS, { token }));
    const { user } = bearer;
    if (bearer["authenticated"] !== true || !isFields(user)) return "unauthenticated";
    const { username, uid, groups, extra } = user;
    const what = { path: "/metrics", verb: "get" };
    const access = statusOf(
      await this.#create(SUBJECT_ACCESS_REVIEWS, { user: username, uid, groups, extra, nonResourceAttributes: what }),
    );
    return access["allowed"] === true && access["denied"] !== true ? "allowed" : "forbidden";
  }

  #create({ group, version, kind, ...rest }: Resource, spec: object): Promise<unknown> {
    const body = { apiVersion: `${group}/${version}`, kind, metadata: {}, spec };
    return this.#ports.client.create<unknown>({ group, version, kind, ...rest }, body, { timeout: TIMEOUT });
  }

  /** The oldest go first. */
  #remember(hash: string, verdict: Settled): void {
    const now = this.#ports.clock.now();
    this.#allowed.delete(hash);
    this.#refused.delete(hash);
    const kind = verdict === "allowed" ? this.#allowed : this.#refused;
    kind.set(hash, { verdict, until: micros(now + HOLDS[verdict]), graceUntil: micros(now + GRACE) });
    for (const oldest of kind.keys()) {
      if (kind.size <= REMEMBERED) return;
      kind.delete(oldest);
    }
  }
}

function statusOf(review: unknown): Readonly<Record<string, unknown>> {
  const status: unknown = isFields(review) ? review["status"] : undefined;
  return isFields(status) ? status : {};
}
