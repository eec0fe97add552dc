import { parseAddressBlock } from "../net/ip-range.ts";
import { AddressClaims } from "./address-claims.ts";
import { poolName } from "./brands.ts";
import type { AddressBlock, Pool, ServiceAllocation } from "./config.ts";
import { readLabelSelectors } from "./label-selector-parse.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import type { FieldReader, ParseResult } from "./read-object.ts";

/** Parses an IPAddressPool; its own addresses must not overlap. */
export function parseIpAddressPool(object: RawObject): ParseResult<Pool> {
  if ((object.spec ?? null) === null) return { problems: [{ path: "spec", message: "must be set" }] };
  const spec = specReader(object);
  const pool: Pool = {
    name: poolName(object.metadata.name),
    labels: object.metadata.labels ?? {},
    blocks: readBlocks(spec, object.metadata.name),
    autoAssign: spec.boolean("autoAssign") ?? true,
    avoidBuggyIps: spec.boolean("avoidBuggyIPs") ?? false,
    serviceAllocation: readServiceAllocation(spec.object("serviceAllocation")),
    conflictDetection: spec.oneOf("conflictDetection", ["Probe", "Off"]) !== "Off",
  };
  return spec.problems.resultOf(pool);
}

function readBlocks(spec: FieldReader, pool: string): readonly AddressBlock[] {
  const { problems } = spec;
  const claims = new AddressClaims();
  const items = spec.strings("addresses");
  if (items.length === 0) problems.add(spec.pathOf("addresses"), "pool has no prefixes defined");
  return items.flatMap(({ value: text, path }) => {
    const { value: prefixes = [], problem } = parseAddressBlock(text);
    const refusal = problem ?? claims.conflictOf(pool, prefixes);
    const [first] = prefixes;
    if (refusal !== undefined) problems.add(path, refusal);
    if (refusal !== undefined || first === undefined) return [];
    claims.claim(pool, prefixes);
    return [{ text, family: first.family, prefixes }];
  });
}

function readServiceAllocation(reader: FieldReader | undefined): ServiceAllocation | undefined {
  if (reader === undefined) return undefined;
  return {
    priority: reader.integer("priority", { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }) ?? 0,
    namespaces: reader.distinctStrings("namespaces", "namespace").map(({ value }) => value),
    namespaceSelectors: readLabelSelectors(reader, "namespaceSelectors"),
    serviceSelectors: readLabelSelectors(reader, "serviceSelectors"),
  };
}
