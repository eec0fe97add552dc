import { createSecureContext } from "node:tls";
import { type Command, InvalidArgumentError, Option } from "commander";
import { ConfigError } from "../wire/errors.ts";

/** What a TLS server may offer, as `node:tls` takes it. */
export interface TlsOptions {
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's names; its defaults when absent. */
  readonly ciphers?: string;
  /** OpenSSL's names; its defaults when absent. */
  readonly ecdhCurve?: string;
}

/** The flags of both daemons that say it, with MetalLB's names. */
export interface TlsFlags {
  readonly tlsMinVersion: TlsOptions["minVersion"];
  readonly tlsCipherSuites: readonly string[];
  readonly tlsCurvePreferences: readonly string[];
}

/** The flags contradict each other, or want what this build of OpenSSL has not. */
class BadTlsFlags extends ConfigError {
  readonly code = "ERR_CLI_BAD_TLS_FLAGS";
}

const MIN_VERSIONS = { VersionTLS12: "TLSv1.2", VersionTLS13: "TLSv1.3" } as const;

/** Suites of TLS 1.3 cannot be chosen in Go, so that all of them stay; without their names Node would take TLS 1.3 away. */
const TLS13_SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] as const;

/** Go's names of what Go does not call insecure. */
const OPENSSL_NAME = new Map<string, string>([
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
]);

/** IANA's registry "TLS Supported Groups". */
const CURVES = new Map<string, string>([
  ["23", "P-256"],
  ["24", "P-384"],
  ["25", "P-521"],
  ["29", "X25519"],
  ["4587", "SecP256r1MLKEM768"],
  ["4588", "X25519MLKEM768"],
  ["4589", "SecP384r1MLKEM1024"],
]);

/** Adds them. */
export function addTlsOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--tls-min-version <version>", "the oldest TLS to speak: VersionTLS12 or VersionTLS13")
        .argParser(parseMinVersion)
        .default(MIN_VERSIONS.VersionTLS13, "VersionTLS13"),
    )
    .addOption(
      new Option("--tls-cipher-suites <names>", "suites of TLS 1.2 by their names in Go, with commas between them")
        .argParser(parseSuites)
        .default([], "OpenSSL's"),
    )
    .addOption(
      new Option("--tls-curve-preferences <ids>", "curves by their numbers (29 is X25519), with commas between them")
        .argParser(parseCurves)
        .default([], "OpenSSL's"),
    );
}

/** What the flags come to. @throws BadTlsFlags */
export function tlsOptionsOf(flags: TlsFlags): TlsOptions {
  const { tlsMinVersion: minVersion, tlsCipherSuites: suites, tlsCurvePreferences: curves } = flags;
  if (suites.length > 0 && minVersion === "TLSv1.3")
    throw new BadTlsFlags("--tls-cipher-suites is about TLS 1.2: it needs --tls-min-version VersionTLS12");
  const options = {
    minVersion,
    ...(suites.length === 0 ? {} : { ciphers: [...TLS13_SUITES, ...suites].join(":") }),
    ...(curves.length === 0 ? {} : { ecdhCurve: curves.join(":") }),
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const version = process.versions["openssl"] ?? "";
    throw new BadTlsFlags(
      `--tls-cipher-suites, --tls-curve-preferences: OpenSSL ${version} has not all of them: ${why}`,
      {
        cause,
      },
    );
  }
  return options;
}

function parseMinVersion(text: string): TlsOptions["minVersion"] {
  if (text === "VersionTLS12" || text === "VersionTLS13") return MIN_VERSIONS[text];
  // The chart's empty value is the default, as in MetalLB's.
  if (text === "") return MIN_VERSIONS.VersionTLS13;
  throw new InvalidArgumentError("want VersionTLS12 or VersionTLS13");
}

function parseSuites(text: string): readonly string[] {
  return parts(text).flatMap((name) => {
    if (TLS13_SUITES.some((known) => known === name)) return [];
    const suite = OPENSSL_NAME.get(name);
    if (suite === undefined) throw new InvalidArgumentError(`"${name}" is unknown, or insecure`);
    return [suite];
  });
}

function parseCurves(text: string): readonly string[] {
  return parts(text).map((id) => {
    const curve = CURVES.get(id);
    if (curve === undefined)
      throw new InvalidArgumentError(`"${id}" is none of ${[...CURVES].map((pair) => pair.join(" ")).join(", ")}`);
    return curve;
  });
}

function parts(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
