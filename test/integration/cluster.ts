import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { createApiServer } from "../../src/apiserver/server.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig, type ClientConfig, clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { systemWallClock } from "../../src/system/clock.ts";
import { silentLog } from "../support/silent-log.ts";
import { installDefinitions } from "./definitions.ts";
import { startRealApiServer } from "./real-api-server.ts";

const CRDS = join(import.meta.dirname, "../../crds");

/** An API server to run the suite against. Tests use it over HTTP alone, so they cannot tell which one it is. */
export interface Cluster extends AsyncDisposable {
  readonly kind: "embedded" | "kubebuilder-assets" | "kubeconfig";
  readonly config: ClientConfig;
  /** A file that reaches it, for processes of their own. */
  readonly kubeconfig: string;
}

/** `KUBECONFIG` names a cluster, `KUBEBUILDER_ASSETS` a folder with etcd and kube-apiserver; without either it is the embedded API. */
export async function startCluster(): Promise<Cluster> {
  const kubeconfig = process.env["KUBECONFIG"];
  if (kubeconfig !== undefined && kubeconfig !== "") return await joinCluster(kubeconfig);
  const assets = process.env["KUBEBUILDER_ASSETS"];
  if (assets !== undefined && assets !== "") return await startAssets(assets);
  return await startEmbedded();
}

export function shippedDefinitions(): readonly unknown[] {
  const files = readdirSync(CRDS).filter((file) => file.endsWith(".yaml"));
  return files.map((file): unknown => parse(readFileSync(join(CRDS, file), "utf8")));
}

/** An embedded API of its own, whatever the environment says: for what only it can be asked. */
export async function startEmbedded(): Promise<Cluster> {
  const ports = { wallClock: systemWallClock, log: silentLog };
  const server = createApiServer(ports, { host: "127.0.0.1", port: 0, crds: shippedDefinitions() });
  await server.start();
  const folder = mkdtempSync(join(tmpdir(), "herald-cluster-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, server.kubeconfig(), { mode: 0o600 });
  return {
    kind: "embedded",
    config: anonymousConfig(server.url),
    kubeconfig,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

async function startAssets(folder: string): Promise<Cluster> {
  const server = await startRealApiServer(folder);
  const config = clientConfigFromKubeconfig(server.kubeconfig);
  try {
    await withClient(config, (client) => installDefinitions(client, shippedDefinitions()));
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return {
    kind: "kubebuilder-assets",
    config,
    kubeconfig: server.kubeconfig,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A cluster that is there already; our definitions are installed into it. */
export async function joinCluster(kubeconfig: string): Promise<Cluster> {
  const config = clientConfigFromKubeconfig(kubeconfig);
  await withClient(config, (client) => installDefinitions(client, shippedDefinitions()));
  return { kind: "kubeconfig", config, kubeconfig, [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function withClient(config: ClientConfig, act: (client: KubernetesClient) => Promise<void>): Promise<void> {
  const client = new KubernetesClient({ log: silentLog }, config);
  try {
    await act(client);
  } finally {
    client.close();
  }
}
