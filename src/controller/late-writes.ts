import { RAISED_FOR_TERM } from "../api/annotations.ts";
import type { Service } from "../api/core.ts";
import { objectKey } from "../api/object.ts";
import { backoffDelay, pause } from "../kubernetes/backoff.ts";
import { ApiError, isConflict, isNotFound, isRetryable } from "../kubernetes/errors.ts";
import { WorkQueue } from "../kubernetes/work-queue.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import type { Clock, Timer } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";

export interface LateWritesPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The Services that an earlier leader may have had something to write for. */
  readonly exposed: () => Promise<readonly Service[]>;
  readonly patchStatus: (service: Service, patch: object) => Promise<void>;
  /** Resolves when a list that was asked for after the call is in the cache. */
  readonly refresh: () => Promise<void>;
}

const CONCURRENCY = 32;
const RETRY = { baseDelay: millis(100), maxDelay: seconds(5) };
/** So long without one more Service fenced off, and the term begins all the same: some must not cost all others their addresses. */
const PATIENCE = seconds(15);

interface Round {
  /** Another value in every term: writing the same again would leave the version as it is. */
  readonly token: string;
  readonly done: Set<string>;
  progressAt: Micros;
}

/**
 * Makes it impossible that a write of an earlier leader, still in a buffer or on the wire, gives away an address that this one has given to
 * another Service: every Service it could be for gets a new resourceVersion first, so that the API refuses what comes late. One that the
 * API lets nobody write is left, because it would not let a late write through either.
 */
export async function fenceOffLateWrites(ports: LateWritesPorts, signal: AbortSignal): Promise<void> {
  const { clock, random, log } = ports;
  const token = Math.trunc(random() * Number.MAX_SAFE_INTEGER).toString(36);
  const round: Round = { token, done: new Set<string>(), progressAt: clock.now() };
  for (let failures = 1; !signal.aborted; failures++) {
    const open = (await ports.exposed()).filter((service) => !round.done.has(keyWithUid(service)));
    if (open.length === 0) return;
    if (patienceLeft(clock, round) <= 0) {
      log.warn("services not fenced off from late writes", { services: open.length });
      return;
    }
    log.info("services fenced off from late writes", { services: open.length });
    if (await raiseAll(ports, open, { round, signal })) return;
    await pause(clock, backoffDelay(failures, RETRY, random), signal);
    await Promise.race([ports.refresh(), aborted(signal)]);
  }
}

function patienceLeft(clock: Clock, { progressAt }: Round): Micros {
  return micros(progressAt + PATIENCE - clock.now());
}

/** True when none is left. */
async function raiseAll(
  ports: LateWritesPorts,
  services: readonly Service[],
  { round, signal }: { readonly round: Round; readonly signal: AbortSignal },
): Promise<boolean> {
  const byKey = new Map(services.map((service) => [objectKey(service), service]));
  const queue = new WorkQueue<string>(ports, RETRY);
  for (const key of byKey.keys()) queue.add(key);
  const working = new AbortController();
  const end = (): void => working.abort();
  signal.addEventListener("abort", end, { once: true });
  const work = async (key: string): Promise<"done"> => {
    const service = byKey.get(key);
    if (service !== undefined && (await raise(ports, service, round.token))) {
      round.done.add(keyWithUid(service));
      round.progressAt = ports.clock.now();
    }
    return "done";
  };
  const stopWatching = endWithoutProgress(ports.clock, round, end);
  const run = queue.run(work, { concurrency: CONCURRENCY, signal: working.signal });
  await Promise.race([queue.idle(), run]);
  end();
  await run;
  stopWatching();
  signal.removeEventListener("abort", end);
  return services.every((service) => round.done.has(keyWithUid(service)));
}

/** Calls back when nothing goes on for too long; returns what ends the watch. */
function endWithoutProgress(clock: Clock, round: Round, end: () => void): () => void {
  let timer: Timer | undefined;
  const look = (): void => {
    const left = patienceLeft(clock, round);
    if (left > 0) timer = clock.after(left, look);
    else end();
  };
  look();
  return () => timer?.cancel();
}

/** False when the Service has changed, perhaps by such a write, or the API did not take it now. */
async function raise({ patchStatus, log }: LateWritesPorts, service: Service, token: string): Promise<boolean> {
  const { resourceVersion } = service.metadata;
  try {
    await patchStatus(service, { metadata: { resourceVersion, annotations: { [RAISED_FOR_TERM]: token } } });
    return true;
  } catch (error) {
    if (isNotFound(error)) return true;
    if (isConflict(error)) return false;
    const isRefused = error instanceof ApiError && !isRetryable(error) && error.status !== 401;
    log[isRefused ? "warn" : "debug"]("service could not be fenced off", {
      service: objectKey(service),
      ...errorFields(error),
    });
    return isRefused;
  }
}

function keyWithUid(service: Service): string {
  return `${objectKey(service)} ${service.metadata.uid ?? ""}`;
}
