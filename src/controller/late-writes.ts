import { RAISED_FOR_TERM } from "../api/annotations.ts";
import type { Service } from "../api/core.ts";
import { objectKey } from "../api/object.ts";
import { backoffDelay, pause } from "../kubernetes/backoff.ts";
import { isConflict, isNotFound } from "../kubernetes/errors.ts";
import { WorkQueue } from "../kubernetes/work-queue.ts";
import { millis, seconds } from "../net/micros.ts";
import { aborted } from "../system/aborted.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";

export interface LateWritesPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The Services that an earlier leader may have had something to write for. */
  readonly exposed: () => readonly Service[];
  readonly patchStatus: (service: Service, patch: object) => Promise<void>;
  /** Resolves when a list that was asked for after the call is in the cache. */
  readonly refresh: () => Promise<void>;
}

const CONCURRENCY = 32;
const RETRY = { baseDelay: millis(100), maxDelay: seconds(5) };

/**
 * Makes it impossible that a write of an earlier leader, still in a buffer or on the wire, gives away an address that this one has given to
 * another Service: every Service it could be for gets a new resourceVersion first, so that the API refuses what comes late.
 */
export async function fenceOffLateWrites(ports: LateWritesPorts, signal: AbortSignal): Promise<void> {
  const { clock, random } = ports;
  // Another value in every term: writing the same again would leave the version as it is.
  const token = Math.trunc(random() * Number.MAX_SAFE_INTEGER).toString(36);
  const done = new Set<string>();
  for (let round = 1; !signal.aborted; round++) {
    const open = ports.exposed().filter((service) => !done.has(keyWithUid(service)));
    if (open.length === 0) return;
    ports.log.info("services fenced off from late writes", { services: open.length });
    if (await raiseAll(ports, open, { token, done, signal })) return;
    await pause(clock, backoffDelay(round, RETRY, random), signal);
    await Promise.race([ports.refresh(), aborted(signal)]);
  }
}

/** True when none is left. */
async function raiseAll(
  ports: LateWritesPorts,
  services: readonly Service[],
  { token, done, signal }: { readonly token: string; readonly done: Set<string>; readonly signal: AbortSignal },
): Promise<boolean> {
  const byKey = new Map(services.map((service) => [objectKey(service), service]));
  const queue = new WorkQueue<string>(ports, RETRY);
  for (const key of byKey.keys()) queue.add(key);
  const working = new AbortController();
  const end = (): void => working.abort();
  signal.addEventListener("abort", end, { once: true });
  const work = async (key: string): Promise<"done"> => {
    const service = byKey.get(key);
    if (service !== undefined && (await raise(ports, service, token))) done.add(keyWithUid(service));
    return "done";
  };
  const run = queue.run(work, { concurrency: CONCURRENCY, signal: working.signal });
  await Promise.race([queue.idle(), run]);
  end();
  await run;
  signal.removeEventListener("abort", end);
  return services.every((service) => done.has(keyWithUid(service)));
}

/** False when the Service has changed, perhaps by such a write, or the API did not take it. */
async function raise({ patchStatus, log }: LateWritesPorts, service: Service, token: string): Promise<boolean> {
  const { resourceVersion } = service.metadata;
  try {
    await patchStatus(service, { metadata: { resourceVersion, annotations: { [RAISED_FOR_TERM]: token } } });
    return true;
  } catch (error) {
    if (isNotFound(error)) return true;
    if (!isConflict(error)) log.debug("service could not be fenced off", { ...errorFields(error) });
    return false;
  }
}

function keyWithUid(service: Service): string {
  return `${objectKey(service)} ${service.metadata.uid ?? ""}`;
}
