/** What puts texts of addresses and prefixes in order: IPv4 by its numbers, then IPv6 by its text; what is none comes last. */
export function addressKey(text: string | undefined): string {
  if (text === undefined) return "~";
  if (text.includes(":")) return `6${text}`;
  return text.replace(DIGITS, (digits) => digits.padStart(3, "0"));
}

const DIGITS = /\d+/g;

/** In the order of their addresses; each key is made once. */
export function byAddress<T>(items: readonly T[], read: (item: T) => string): readonly T[] {
  const keyed = items.map((item) => ({ item, key: addressKey(read(item)) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return keyed.map(({ item }) => item);
}
