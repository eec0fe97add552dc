import { PoolDirectory } from "../../allocation/pool-directory.ts";
import type { AllocationReason } from "../../allocation/reason.ts";
import { ADDRESS_POOL, readServiceRequests } from "../../api/annotations.ts";
import type { Pool } from "../../api/config.ts";
import { allocationCause } from "./allocation-remedy.ts";
import { type Cause, formatObject, RANK } from "./finding.ts";
import { invalidCause } from "./invalid-cause.ts";
import type { Scene } from "./scene.ts";

interface Refused {
  readonly outcome: AllocationReason;
  readonly message: string;
}

/** Why a Service has no address: the object that would have to change, which is often not the Service. */
export function addressCause(scene: Scene, refused: Refused): Cause {
  if (scene.config.pools.size === 0) return noPools(scene);
  return invalidPool(scene, refused) ?? closedPool(scene, refused) ?? plainCause(scene, refused);
}

function plainCause(scene: Scene, refused: Refused): Cause {
  const { pool } = readServiceRequests(scene.service);
  const [only, ...others] = eligible(scene);
  return allocationCause(scene.service, refused, pool ?? (others.length === 0 ? only?.name : undefined));
}

function noPools({ facts }: Scene): Cause {
  const invalid = facts.parsed.invalid.find(({ kind }) => kind === "IPAddressPool");
  if (invalid !== undefined) return invalidCause(invalid);
  return {
    name: "no-pools",
    rank: RANK.address,
    object: { kind: "IPAddressPool", name: "" },
    words: "there is no IPAddressPool",
    change: "create an IPAddressPool with addresses that are free in your network",
  };
}

/** It asks for a pool that is there and is left out. */
function invalidPool({ facts, service }: Scene, { outcome }: Refused): Cause | undefined {
  const { pool } = readServiceRequests(service);
  if (outcome !== "pool-unknown" || pool === undefined) return undefined;
  const invalid = facts.parsed.invalid.find(({ kind, name }) => kind === "IPAddressPool" && name === pool);
  return invalid === undefined ? undefined : invalidCause(invalid);
}

/** A pool is there, and not for this Service. */
function closedPool(scene: Scene, { outcome, message }: Refused): Cause | undefined {
  const { service, config, name } = scene;
  const { pool: asked } = readServiceRequests(service);
  const pools = [...config.pools.values()];
  if (outcome === "pool-not-compatible") {
    const pool = pools.find((one) => one.name === asked || message.startsWith(`pool ${one.name} `));
    return pool === undefined ? undefined : notAllowed(scene, pool, outcome);
  }
  if (outcome !== "no-available-addresses" || asked !== undefined || eligible(scene).length > 0) return undefined;
  const closed = pools.find(({ autoAssign, serviceAllocation }) => autoAssign && serviceAllocation !== undefined);
  if (closed !== undefined) return notAllowed(scene, closed, outcome);
  return {
    name: outcome,
    rank: RANK.address,
    object: name,
    field: `metadata.annotations[${ADDRESS_POOL}]`,
    words: `${message}: every IPAddressPool has spec.autoAssign: false, and gives to Services alone that ask for it`,
    change: `name an IPAddressPool (${pools.map((pool) => pool.name).join(", ")}) in the annotation ${ADDRESS_POOL}, or set spec.autoAssign: true on one`,
  };
}

function notAllowed({ name }: Scene, pool: Pool, outcome: AllocationReason): Cause {
  return {
    name: outcome,
    rank: RANK.address,
    object: { kind: "IPAddressPool", name: pool.name },
    field: "spec.serviceAllocation",
    words: `spec.serviceAllocation of IPAddressPool ${pool.name} does not take ${formatObject(name)}`,
    change: `let spec.serviceAllocation of IPAddressPool ${pool.name} take namespace ${name.namespace ?? "default"} and the Service's labels, or let the Service ask for another pool`,
  };
}

/** The pools that the Service may have addresses of without asking for one. */
export function eligible({ config, service, facts }: Scene): readonly Pool[] {
  const labels = facts.manifests.namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}] as const);
  const names = new Set(new PoolDirectory(config.pools.values(), new Map(labels)).candidates(service).flat());
  return [...config.pools.values()].filter(({ name }) => names.has(name));
}
