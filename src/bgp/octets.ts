/** `0x` and two digits for each octet: how values are shown that nobody here can read. */
export function hexDigits(octets: Iterable<number>): string {
  return `0x${Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("")}`;
}
