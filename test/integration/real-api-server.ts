import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

/** A kube-apiserver with an etcd of its own. */
export interface RealApiServer extends AsyncDisposable {
  readonly kubeconfig: string;
}

interface Started {
  readonly process: ChildProcess;
  /** The last of what it said, for the message when it does not come up. */
  readonly output: () => string;
}

/**
 * Starts etcd and kube-apiserver from a folder, as controller-runtime's envtest has them: free ports on loopback, data in a
 * temporary folder, one user with a static token, no controllers.
 */
export async function startRealApiServer(assets: string): Promise<RealApiServer> {
  const folder = mkdtempSync(join(tmpdir(), "herald-apiserver-"));
  const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
  const files = writeFiles(folder, secure);
  const etcd = start(join(assets, "etcd"), etcdFlags(folder, client, peer));
  const started = [etcd];
  const dispose = async (): Promise<void> => {
    for (const one of started.toReversed()) await stop(one.process);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const api = start(join(assets, "kube-apiserver"), apiServerFlags(folder, { client, secure, ...files }));
    started.push(api);
    await ready(files.kubeconfig, api);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { kubeconfig: files.kubeconfig, [Symbol.asyncDispose]: dispose };
}

function etcdFlags(folder: string, client: number, peer: number): readonly string[] {
  return [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=default=http://127.0.0.1:${peer}`,
    // Durability is of no use to a test and costs most of its time.
    "--unsafe-no-fsync",
  ];
}

interface ApiServerFiles {
  readonly kubeconfig: string;
  readonly tokens: string;
  readonly privateKey: string;
  readonly publicKey: string;
}

function apiServerFlags(
  folder: string,
  { client, secure, ...files }: ApiServerFiles & { readonly client: number; readonly secure: number },
): readonly string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${client}`,
    // It makes a certificate of its own there.
    `--cert-dir=${join(folder, "certificates")}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${secure}`,
    `--token-auth-file=${files.tokens}`,
    "--authorization-mode=AlwaysAllow",
    "--service-account-issuer=https://127.0.0.1/",
    `--service-account-key-file=${files.publicKey}`,
    `--service-account-signing-key-file=${files.privateKey}`,
    "--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112",
    "--disable-admission-plugins=ServiceAccount",
    "--allow-privileged=true",
  ];
}

function writeFiles(folder: string, port: number): ApiServerFiles {
  const token = randomBytes(16).toString("hex");
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const kubeconfig = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "real", cluster: { server: `https://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
    users: [{ name: "real", user: { token } }],
    contexts: [{ name: "real", context: { cluster: "real", user: "real" } }],
    "current-context": "real",
  };
  const write = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return {
    kubeconfig: write("kubeconfig", stringify(kubeconfig)),
    // token, user, uid, groups
    tokens: write("tokens.csv", `${token},tester,1,"system:masters"\n`),
    privateKey: write("sa.key", privateKey),
    publicKey: write("sa.pub", publicKey),
  };
}

function start(binary: string, flags: readonly string[]): Started {
  const child = spawn(binary, flags, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-4000);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.on("error", (error) => keep(Buffer.from(error.message)));
  return { process: child, output: () => output };
}

async function ready(kubeconfig: string, { process: child, output }: Started): Promise<void> {
  const client = new KubernetesClient({ log: silentLog }, clientConfigFromKubeconfig(kubeconfig));
  try {
    await until(
      "kube-apiserver to serve the namespaces",
      async () => {
        if (child.exitCode !== null || child.pid === undefined) throw new Error(`kube-apiserver ended: ${output()}`);
        // Namespaces come with the bootstrap controllers, which is later than /readyz.
        return await client.get(NAMESPACES, "default").then(
          () => true,
          () => false,
        );
      },
      60_000,
    );
  } catch (cause) {
    throw new Error(`kube-apiserver did not come up: ${output()}`, { cause });
  } finally {
    client.close();
  }
}

const NAMESPACES = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(hard);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
