import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { stripService } from "../../src/api/strip.ts";
import { type ApiServer, createApiServer } from "../../src/apiserver/server.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { Informer } from "../../src/kubernetes/informer.ts";
import { type ClientConfig, clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { seconds } from "../../src/net/micros.ts";
import { type CertifiedKey, issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { silentLog } from "../support/silent-log.ts";
import { until, untilEqual } from "../support/until.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { type Cluster, shippedDefinitions } from "./cluster.ts";
import { type Running, startController, startSpeaker } from "./daemons.ts";
import { TestRouter } from "./router.ts";
import { Site } from "./site.ts";

/**
 * What a kubelet keeps in a pod's service account folder changes while the daemons run: the token every hour, the CA bundle when the
 * cluster's authority is replaced. Nothing may be lost over it, and nobody restarts them.
 */
const NODE = "127.0.0.45";
const ROOT = "root";
const ACCOUNT = { namespace: "kube-system", name: "herald" };

let folder = "";
let server: ApiServer;
/** What the API server takes for the time. */
let now: Date;
let front: TlsFront;
let authority: CertifiedKey;
/** Of the credentials alone: they are read anew after ten seconds, or a 401. */
let credentialsClock: VirtualClock;
let site: Site;
let router: TestRouter;
let services: Informer<NonNullable<ReturnType<typeof stripService>>>;
let daemons: ClientConfig;
let running: Running[] = [];
let client: KubernetesClient;
let watching: AbortController;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "herald-credentials-"));
  now = systemWallClock();
  server = createApiServer(
    { wallClock: () => now, log: silentLog },
    { host: "127.0.0.1", port: 0, crds: shippedDefinitions(), rbac: {}, token: ROOT },
  );
  await server.start();
  allowAccount();
  authority = await makeAuthority({ now, name: "first authority" });
  front = await TlsFront.start(server.url, await serverCertificate(authority));
  keep("ca.crt", authority.certificate);
  keep("token", await newToken());
  credentialsClock = new VirtualClock();
  daemons = clientConfigFromKubeconfig(kubeconfig(), credentialsClock);
  const cluster: Cluster = {
    kind: "embedded",
    config: bearer({ authorization: `Bearer ${ROOT}` }),
    kubeconfig: "",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  site = await Site.create(cluster);
  router = await TestRouter.start({ asn: 64513, holdTime: 30 });
  await site.node("n1");
  await site.pool("a", ["198.51.100.0/24"]);
  await site.advertisement("all");
  const addresses = { peerAddress: "127.0.0.1", peerPort: router.port, sourceAddress: NODE };
  await site.peer("router", { myASN: 64512, peerASN: 64513, ...addresses });
  await serve("web-1");
  running = [await startController(site, daemons), await startSpeaker(site, "n1", daemons)];
  watching = new AbortController();
  client = new KubernetesClient({ log: silentLog }, daemons);
  const ports = { client, clock: systemClock, random: systemRandom, log: silentLog };
  services = new Informer(ports, { resource: SERVICES, strip: stripService });
  services.start(watching.signal);
  await services.synced;
  await untilEqual("the route", () => Object.keys(router.table()), ["198.51.100.0/32"]);
});
afterEach(async () => {
  watching.abort();
  await Promise.all(running.splice(0).map((one) => one.stop()));
  client.close();
  await router[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
  await front.close();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe("a token that was rotated", () => {
  test("the old one is refused with 401: it is read again, watches resume, and no route is told twice", async () => {
    const before = router.updates(NODE);
    const old = (await daemons.credentials(false)).headers;
    keep("token", await newToken({ expirationSeconds: 7200 }));
    anHourPasses();
    await expect(listWith(old)).rejects.toMatchObject({ status: 401 });
    server.faults.dropWatches();
    await goesOn(before);
  });

  test("the new one is late: requests are refused for a while, nothing is forgotten, and it goes on when it is there", async () => {
    const before = router.updates(NODE);
    anHourPasses();
    server.faults.dropWatches();
    await until("a refusal", () => /unauthorized/i.test(services.stats.lastError ?? ""));
    expect([Object.keys(router.table()), services.size]).toEqual([["198.51.100.0/32"], 2]);
    keep("token", await newToken());
    credentialsClock.advance(seconds(11));
    await goesOn(before);
  });
});

test("a CA bundle that was replaced together with the server's certificate is read again, and no route is told twice", async () => {
  const before = router.updates(NODE);
  const next = await makeAuthority({ now, name: "second authority" });
  front.replace(await serverCertificate(next));
  front.cut();
  await until("a connection that is not trusted", () => front.refused > 0);
  keep("ca.crt", next.certificate);
  credentialsClock.advance(seconds(11));
  await goesOn(before);
});

/** Nothing was told again, nothing was listed again, and what is new is served. */
async function goesOn(updates: number): Promise<void> {
  expect(router.updates(NODE)).toBe(updates);
  await serve("web-2");
  await untilEqual("the new route", () => Object.keys(router.table()), ["198.51.100.0/32", "198.51.100.1/32"], 40_000);
  await until("the watch", () => services.size === 3, 40_000);
  expect(router.updates(NODE)).toBe(updates + 1);
  expect(router.established(NODE)).toBe(1);
  expect(services.stats.relists).toBe(0);
}

async function serve(name: string): Promise<void> {
  await site.service(name);
  await site.endpoints(name, [site.nodeName("n1")]);
}

function anHourPasses(): void {
  now = new Date(now.getTime() + 3_700_000);
}

/** As a kubelet does: a new file takes the place of the old one. */
function keep(name: string, content: string): void {
  writeFileSync(join(folder, `${name}.new`), content);
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

/** The shape that a pod's own configuration has. */
function kubeconfig(): string {
  const provider = { name: "tokenFile", config: { tokenFile: join(folder, "token") } };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: front.url, "certificate-authority": join(folder, "ca.crt") } }],
    users: [{ name: "u", user: { "auth-provider": provider } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  keep("kubeconfig", JSON.stringify(config));
  return join(folder, "kubeconfig");
}

function bearer(headers: Readonly<Record<string, string>>): ClientConfig {
  return { server: server.url, credentials: () => Promise.resolve({ headers, tls: {}, fingerprint: "" }) };
}

async function listWith(headers: Readonly<Record<string, string>>): Promise<unknown> {
  const stranger = new KubernetesClient({ log: silentLog }, bearer(headers));
  try {
    return await stranger.list(SERVICES);
  } finally {
    stranger.close();
  }
}

function allowAccount(): void {
  const { namespace, name } = ACCOUNT;
  server.store.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name } });
  server.store.apply({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", namespace, name }],
  });
}

async function newToken(spec: object = { expirationSeconds: 3600 }): Promise<string> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  const response = await fetch(
    `${server.url}/api/v1/namespaces/${ACCOUNT.namespace}/serviceaccounts/${ACCOUNT.name}/token`,
    {
      method: "POST",
      headers: { authorization: `Bearer ${ROOT}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    },
  );
  const made: { readonly status: { readonly token: string } } = Object(await response.json());
  return `${made.status.token}\n`;
}

async function serverCertificate(by: CertifiedKey): Promise<CertifiedKey> {
  return await issueServerCertificate({ authority: by, now, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });
}

/** TLS in front of the API server, whose certificate can change while it runs. */
class TlsFront {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections that ended in the handshake. */
  refused = 0;

  private constructor(target: URL, { key, certificate }: CertifiedKey) {
    this.#server = createServer({ key, cert: certificate }, (inside) => {
      const outside = connect({ host: target.hostname, port: Number(target.port) });
      for (const [socket, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => other.destroy());
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    this.#server.on("tlsClientError", () => {
      this.refused += 1;
    });
  }

  static async start(target: string, certificate: CertifiedKey): Promise<TlsFront> {
    const made = new TlsFront(new URL(target), certificate);
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  get url(): string {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) throw new Error("it does not listen");
    return `https://127.0.0.1:${address.port}`;
  }

  /** New connections are greeted with this certificate. */
  replace({ key, certificate }: CertifiedKey): void {
    this.#server.setSecureContext({ key, cert: certificate });
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
