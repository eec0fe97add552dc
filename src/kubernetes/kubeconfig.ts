import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { Agent as HttpAgent } from "node:http";
import type { RequestOptions } from "node:https";
import { delimiter } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { type Micros, seconds } from "../net/micros.ts";
import { type Clock, systemClock } from "../system/clock.ts";
import { NoKubeconfig } from "./errors.ts";

const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/** Files may be rotated and exec plugins may have new tokens: how long an answer of theirs is used. */
const CREDENTIALS_AGE = seconds(10);

/** What a TLS connection to the API server is made with. */
export type TlsMaterial = Pick<
  RequestOptions,
  "ca" | "cert" | "key" | "pfx" | "passphrase" | "servername" | "rejectUnauthorized"
>;

/** How to show who we are, at this moment. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
  /** Changes when the TLS material does: connections of one fingerprint are never reused for another. */
  readonly fingerprint: string;
  /** Set when the kubeconfig names a proxy. */
  readonly proxy?: HttpAgent | undefined;
}

/** Where the API server is and how to speak to it. */
export interface ClientConfig {
  /** `https://host:port`, with a path where the API is not at the root. */
  readonly server: string;
  /** The namespace of the kubeconfig's context or of the service account. */
  readonly namespace?: string | undefined;
  /** Connections for requests (64); watches have their own, one each. */
  readonly maxSockets?: number;
  /** How long a request may stay without a byte of answer (30 s). */
  readonly requestTimeout?: Micros;
  /** How long a watch may stay without a byte: the bookmarks' minute and a margin (90 s). */
  readonly watchIdleTimeout?: Micros;
  readonly userAgent?: string;
  /** Cheap and cached; `fresh` reads everything again, after the server answered 401. */
  credentials(fresh: boolean): Promise<Credentials>;
}

/** Anonymous plain HTTP: the embedded API on loopback, `kubectl proxy`, tests. */
export function anonymousConfig(server: string): ClientConfig {
  const nobody: Credentials = { headers: {}, tls: {}, fingerprint: "" };
  return { server, credentials: () => Promise.resolve(nobody) };
}

/**
 * The configuration in the kubeconfig at `path` (several files are separated as in `$KUBECONFIG`), or that of the pod's
 * service account when there is no path.
 * @throws {NoKubeconfig} when there is neither
 */
export function clientConfigFromKubeconfig(path: string | undefined, clock: Clock = systemClock): ClientConfig {
  const load = (): KubeConfig => loadKubeconfig(path);
  const first = load();
  const cluster = first.getCurrentCluster();
  if (cluster === null) throw new NoKubeconfig(`kubeconfig ${path ?? ""}: the current context names no cluster`);
  const namespace = first.getContextObject(first.getCurrentContext())?.namespace;
  return { server: cluster.server, namespace, credentials: cachedCredentials(first, load, clock) };
}

/** The configuration as the library has it. @throws {NoKubeconfig} */
export function loadKubeconfig(path: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (path !== undefined && path !== "") loadFiles(config, path);
  else if (existsSync(SERVICE_ACCOUNT_TOKEN)) config.loadFromCluster();
  else throw new NoKubeconfig("no kubeconfig is given and there is no service account: not running in a pod");
  // The library refuses http:// unless TLS verification is off; there is no TLS to verify there.
  config.clusters = config.clusters.map((c) => (c.server.startsWith("http:") ? { ...c, skipTLSVerify: true } : c));
  return config;
}

function loadFiles(config: KubeConfig, path: string): void {
  const [head, ...others] = path.split(delimiter).filter((file) => file !== "");
  try {
    config.loadFromFile(head ?? path);
    for (const file of others) {
      const more = new KubeConfig();
      more.loadFromFile(file);
      config.mergeConfig(more, Boolean(config.currentContext));
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new NoKubeconfig(`kubeconfig ${path}: ${why}`, { cause });
  }
}

function cachedCredentials(
  first: KubeConfig,
  load: () => KubeConfig,
  clock: Clock,
): (fresh: boolean) => Promise<Credentials> {
  let config = first;
  let cached: { readonly at: Micros; readonly value: Promise<Credentials> } | undefined;
  let reloadedAt: Micros | undefined;
  const read = async (reload: boolean): Promise<Credentials> => {
    if (reload) config = load();
    return await readCredentials(config);
  };
  return (fresh) => {
    const now = clock.now();
    // A burst of 401s on many requests reads the files once.
    const reload = fresh && (reloadedAt === undefined || now - reloadedAt > seconds(1));
    if (!reload && cached !== undefined && now - cached.at < CREDENTIALS_AGE) return cached.value;
    if (reload) reloadedAt = now;
    const entry = { at: now, value: read(reload) };
    cached = entry;
    entry.value.catch(() => {
      if (cached === entry) cached = undefined;
    });
    return entry.value;
  };
}

async function readCredentials(config: KubeConfig): Promise<Credentials> {
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized } = options;
  const all = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized };
  const tls = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
  const proxied = config.getCurrentCluster()?.proxyUrl !== undefined && options.agent instanceof HttpAgent;
  return {
    headers: headersOf(options),
    tls,
    fingerprint: createHash("sha256").update(JSON.stringify(tls)).digest("hex"),
    proxy: proxied && options.agent instanceof HttpAgent ? options.agent : undefined,
  };
}

function headersOf(options: RequestOptions): Readonly<Record<string, string>> {
  const entries = Object.entries(options.headers ?? {}).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === null ? [] : [[name, String(value).trim()]],
  );
  const basic = options.auth ? { Authorization: `Basic ${Buffer.from(options.auth).toString("base64")}` } : {};
  return { ...Object.fromEntries(entries), ...basic };
}
