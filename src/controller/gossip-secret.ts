import { randomBytes } from "node:crypto";
import { stripRawObject } from "../api/strip.ts";
import { backoffDelay, pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { isConflict, isRetryable } from "../kubernetes/errors.ts";
import { DEPLOYMENTS, SECRETS } from "../kubernetes/resource.ts";
import { millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { errorFields, type Log } from "../telemetry/log.ts";

export interface GossipSecretPorts {
  readonly client: Pick<KubernetesClient, "create" | "get">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Unpredictable octets. */
  readonly randomBytes?: (count: number) => Uint8Array;
}

export interface GossipSecretOptions {
  readonly namespace: string;
  readonly name: string;
  /** The Deployment that the Secret goes with; without one, or where it cannot be read, it stays. */
  readonly deployment: string | undefined;
}

const RETRY = { baseDelay: millis(500), maxDelay: seconds(30) };
const SECRET_OCTETS = 16;

/**
 * Makes the Secret that the speakers sign their gossip with, unless there is one: their pods cannot start without it. As MetalLB's,
 * so that either finds the other's. Tried until it is there or the signal is aborted.
 */
export async function ensureGossipSecret(
  ports: GossipSecretPorts,
  options: GossipSecretOptions,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await createSecret(ports, options, signal);
      return;
    } catch (error) {
      if (signal.aborted || isConflict(error)) return;
      const level = failures === 1 || !isRetryable(error) ? "warn" : "debug";
      ports.log[level]("gossip secret not created", { secret: options.name, ...errorFields(error) });
    }
    await pause(ports.clock, backoffDelay(failures, RETRY, ports.random), signal);
  }
}

async function createSecret(
  ports: GossipSecretPorts,
  { namespace, name, deployment }: GossipSecretOptions,
  signal: AbortSignal,
): Promise<void> {
  const bytes = (ports.randomBytes ?? randomBytes)(SECRET_OCTETS);
  const text = Buffer.from(bytes).toString("base64").replace(/=+$/, "");
  const uid = await uidOf(ports, { namespace, deployment }, signal);
  const owner =
    uid === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: deployment, uid }] };
  const body = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, ...owner },
    type: "Opaque",
    data: { secretkey: Buffer.from(text).toString("base64") },
  };
  await ports.client.create<unknown>(SECRETS, body, { namespace, signal });
  ports.log.info("gossip secret created", { secret: name });
}

async function uidOf(
  { client, log }: GossipSecretPorts,
  { namespace, deployment }: Pick<GossipSecretOptions, "namespace" | "deployment">,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (deployment === undefined || deployment === "") return undefined;
  try {
    const found = await client.get<unknown>(DEPLOYMENTS, deployment, { namespace, signal });
    return stripRawObject(found)?.metadata.uid;
  } catch (error) {
    if (isRetryable(error)) throw error;
    log.debug("gossip secret has no owner", { deployment, ...errorFields(error) });
    return undefined;
  }
}
