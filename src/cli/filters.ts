import { InvalidArgumentError } from "commander";
import { addressBits, parseIpAddress } from "../net/ip-address.ts";
import { IpPrefix, parsePrefix } from "../net/ip-prefix.ts";
import { repeatable } from "./output.ts";

/** For options that name Services: `web` is one of the namespace default, as with `explain`. */
export function serviceNames(text: string, before: readonly string[] = []): readonly string[] {
  const [first = "", second, ...more] = text.split("/");
  if (first === "" || second === "" || more.length > 0) throw new InvalidArgumentError("want namespace/name");
  return repeatable(second === undefined ? `default/${first}` : text, before);
}

/** For options that name prefixes: an address is the one of its host, and however it is written it is found. */
export function prefixes(text: string, before: readonly string[] = []): readonly string[] {
  const address = parseIpAddress(text);
  const prefix = address === undefined ? parsePrefix(text) : IpPrefix.containing(address, addressBits(address.family));
  if (prefix === undefined) throw new InvalidArgumentError("want an address or a prefix");
  return repeatable(`${prefix}`, before);
}
