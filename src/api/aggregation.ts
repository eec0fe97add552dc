import { FAMILIES, type Family } from "../net/ip-address.ts";
import { IpPrefix } from "../net/ip-prefix.ts";
import type { AddressBlock, BgpAdvertisement, Pool } from "./config.ts";

/**
 * Why the aggregates of an advertisement would cover addresses outside a pool's blocks. MetalLB looks at the widest CIDR
 * of a range alone, and so lets the narrower ends of a range leak; a single CIDR is judged the same.
 */
export function aggregationProblems(
  aggregationLength: BgpAdvertisement["aggregationLength"],
  pool: Pool,
): readonly { readonly family: Family; readonly message: string }[] {
  return pool.blocks.flatMap((block) => {
    const problem = blockProblem(aggregationLength[block.family], block);
    return problem === undefined ? [] : [{ family: block.family, message: `${problem} of pool "${pool.name}"` }];
  });
}

function blockProblem(length: number, block: AddressBlock): string | undefined {
  const shortest = Math.min(...block.prefixes.map((prefix) => prefix.length));
  if (length < shortest) {
    return `invalid aggregation length ${length}: prefix ${shortest} in this pool is more specific than the aggregation length for addresses ${block.text}`;
  }
  const leak = [block.prefixes[0], block.prefixes.at(-1)].find(
    (prefix) =>
      prefix !== undefined && prefix.length > length && !coversOnly(IpPrefix.containing(prefix.address, length), block),
  );
  return leak === undefined
    ? undefined
    : `invalid aggregation length ${length}: prefix ${IpPrefix.containing(leak.address, length)} covers addresses outside of ${block.text}`;
}

/** A block is one run of addresses, so its ends decide. */
function coversOnly(aggregate: IpPrefix, block: AddressBlock): boolean {
  const [first] = block.prefixes;
  const last = block.prefixes.at(-1);
  if (first === undefined || last === undefined) return false;
  return aggregate.first.value >= first.first.value && aggregate.last.value <= last.last.value;
}

/** Whether two advertisements give a pool's addresses different prefixes: in every family that the pool has. */
export function aggregationDiffers(a: BgpAdvertisement, b: BgpAdvertisement, pool: Pool): boolean {
  return FAMILIES.filter((family) => pool.blocks.some((block) => block.family === family)).every(
    (family) => a.aggregationLength[family] !== b.aggregationLength[family],
  );
}
