import { ALLOCATED_FROM_POOL, serviceAnnotation } from "../api/annotations.ts";
import type { AddressBlock } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { parseIpAddressPool } from "../api/ip-address-pool.ts";
import { objectKey } from "../api/object.ts";
import { parseIpAddress } from "../net/ip-address.ts";
import { type AllowedChange, nameSome, type WarningRules } from "./warning-rule.ts";

/** What may be wrong about an IPAddressPool. */
export const poolWarnings: WarningRules = { "addresses-in-use": addressesInUse };

/** MetalLB lets a pool go whose addresses are in use: they are taken from their Services at once. */
function addressesInUse({ name, object, old, cluster }: AllowedChange): readonly string[] {
  if (old === undefined || cluster.services === undefined) return [];
  const blocks = object === undefined ? [] : (parseIpAddressPool(object).value?.blocks ?? []);
  const losers = cluster.services.filter((service) => isFrom(name, service) && losesAddress(service, blocks));
  if (losers.length === 0) return [];
  const noun = losers.length === 1 ? "Service has an address" : "Services have addresses";
  return [`spec.addresses: ${losers.length} ${noun} that would be in no pool: ${nameSome(losers.map(objectKey))}`];
}

function isFrom(pool: string, service: Service): boolean {
  return serviceAnnotation(service, ALLOCATED_FROM_POOL) === pool;
}

function losesAddress(service: Service, blocks: readonly AddressBlock[]): boolean {
  return (service.status?.loadBalancer?.ingress ?? []).some(({ ip }) => {
    const address = ip === undefined ? undefined : parseIpAddress(ip);
    if (address === undefined) return false;
    return !blocks.some(({ prefixes }) => prefixes.some((prefix) => prefix.contains(address)));
  });
}
