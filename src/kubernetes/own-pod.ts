import { stripRawObject } from "../api/strip.ts";
import { seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { pause } from "./backoff.ts";
import type { KubernetesClient } from "./client.ts";
import { isRetryable } from "./errors.ts";
import { PODS } from "./resource.ts";

/** The pod that a daemon runs in: what it writes goes when the pod goes. */
export interface OwnPod {
  readonly name: string;
  readonly uid: string;
}

export interface OwnPodPorts {
  readonly client: Pick<KubernetesClient, "get">;
  readonly clock: Clock;
  readonly log: Log;
}

const RETRY = seconds(2);

/** Asks for the pod until the API answers; undefined outside a pod, and where the API says that there is none. */
export async function findOwnPod(
  { client, clock, log }: OwnPodPorts,
  where: { readonly namespace: string; readonly podName?: string | undefined },
  signal: AbortSignal,
): Promise<OwnPod | undefined> {
  const { namespace, podName: name } = where;
  if (name === undefined || name === "") return undefined;
  while (!signal.aborted) {
    try {
      const uid = stripRawObject(await client.get<unknown>(PODS, name, { namespace, signal }))?.metadata.uid;
      return uid === undefined ? undefined : { name, uid };
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!isRetryable(error)) {
        log.warn("own pod not found", { pod: name, ...errorFields(error) });
        return undefined;
      }
      await pause(clock, RETRY, signal);
    }
  }
  return undefined;
}
