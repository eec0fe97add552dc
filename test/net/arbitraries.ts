import fc from "fast-check";
import { addressBits, type Family, IpAddress, maxAddressValue } from "../../src/net/ip-address.ts";
import { IpPrefix } from "../../src/net/ip-prefix.ts";
import type { IpRange } from "../../src/net/ip-range.ts";

const anyFamily: fc.Arbitrary<Family> = fc.constantFrom<Family>(4, 6);

/** Addresses of one family, the ends of its space among them. */
export const addressesOf = (family: Family): fc.Arbitrary<IpAddress> =>
  fc
    .oneof(
      fc.bigInt({ min: 0n, max: maxAddressValue(family) }),
      fc.bigInt({ min: 0n, max: 600n }),
      fc.bigInt({ min: 0n, max: 600n }).map((n) => maxAddressValue(family) - n),
    )
    .map((value) => new IpAddress(family, value));

export const anyAddress: fc.Arbitrary<IpAddress> = anyFamily.chain(addressesOf);

export const anyPrefix: fc.Arbitrary<IpPrefix> = anyFamily.chain((family) =>
  fc
    .tuple(addressesOf(family), fc.integer({ min: 0, max: addressBits(family) }))
    .map(([address, length]) => IpPrefix.containing(address, length)),
);

export const anyRange: fc.Arbitrary<IpRange> = anyFamily.chain((family) =>
  fc.tuple(addressesOf(family), addressesOf(family)).map(([a, b]) => {
    const [first, last] = a.value <= b.value ? [a.value, b.value] : [b.value, a.value];
    return { family, first, last };
  }),
);
