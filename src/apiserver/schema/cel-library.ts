import { Environment } from "@marcbachmann/cel-js";
import { type IpAddress, parseIpAddress } from "../../net/ip-address.ts";
import { type IpPrefix, parsePrefix } from "../../net/ip-prefix.ts";

/** `ip("192.0.2.1")` in a rule. */
class CelIp {
  readonly address: IpAddress;
  constructor(address: IpAddress) {
    this.address = address;
  }
}

/** `cidr("192.0.2.0/24")` in a rule. */
class CelCidr {
  readonly prefix: IpPrefix;
  constructor(prefix: IpPrefix) {
    this.prefix = prefix;
  }
}

function ip(text: string): CelIp {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`IP Address "${text}" parse error`);
  return new CelIp(address);
}

function cidr(text: string): CelCidr {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`network address parse error: "${text}"`);
  return new CelCidr(prefix);
}

function addAddressFunctions(env: Environment): void {
  env.registerType("net.IP", CelIp).registerType("net.CIDR", CelCidr);
  env.registerFunction("isIP(string): bool", (text: string) => parseIpAddress(text) !== undefined);
  env.registerFunction("isCIDR(string): bool", (text: string) => parsePrefix(text) !== undefined);
  env.registerFunction("ip(string): net.IP", ip);
  env.registerFunction("cidr(string): net.CIDR", cidr);
  env.registerFunction("net.IP.family(): int", (self: CelIp) => BigInt(self.address.family));
  env.registerFunction("net.IP.isLinkLocalUnicast(): bool", (self: CelIp) => self.address.isLinkLocal);
  env.registerFunction("net.CIDR.prefixLength(): int", (self: CelCidr) => BigInt(self.prefix.length));
  env.registerFunction("net.CIDR.ip(): net.IP", (self: CelCidr) => new CelIp(self.prefix.first));
  env.registerFunction("net.CIDR.containsIP(string): bool", (self: CelCidr, text: string) =>
    self.prefix.contains(ip(text).address),
  );
}

function addTextFunctions(env: Environment): void {
  env.registerFunction("string.replace(string, string): string", (self: string, from: string, to: string) =>
    self.replaceAll(from, to),
  );
  env.registerFunction(
    "string.find(string): string",
    (self: string, regex: string) => new RegExp(regex).exec(self)?.[0] ?? "",
  );
}

/** The rule language as the API server offers it: CEL with the Kubernetes address and text functions that CRDs use. */
export function ruleEnvironment(): Environment {
  const env = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
  env.registerVariable("self", "dyn").registerVariable("oldSelf", "dyn");
  addAddressFunctions(env);
  addTextFunctions(env);
  return env;
}
