import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, createApiServer } from "../../src/apiserver/server.ts";
import { readManifestFiles } from "../../src/cli/manifest-files.ts";
import { shippedCrdFolder } from "../../src/system/assets.ts";
import { systemWallClock } from "../../src/system/clock.ts";
import type { Build, Herald } from "../support/herald.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

export const NAMESPACE = "metallb-system";
const SERVICE = "metallb-webhook-service";
const KINDS = [
  ["v1beta1", "ipaddresspool", "ipaddresspools"],
  ["v1beta2", "bgppeer", "bgppeers"],
  ["v1beta1", "bgpadvertisement", "bgpadvertisements"],
  ["v1beta1", "l2advertisement", "l2advertisements"],
  ["v1beta1", "community", "communities"],
  ["v1beta1", "bfdprofile", "bfdprofiles"],
] as const;

/** The ValidatingWebhookConfiguration as the chart and MetalLB have it, without a caBundle. */
export function webhookConfiguration(failurePolicy: "Fail" | "Ignore"): object {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: "metallb-webhook-configuration" },
    webhooks: KINDS.map(([version, kind, resource]) => ({
      name: `${kind}validationwebhook.metallb.io`,
      clientConfig: {
        service: { name: SERVICE, namespace: NAMESPACE, path: `/validate-metallb-io-${version}-${kind}` },
      },
      rules: [
        {
          apiGroups: ["metallb.io"],
          apiVersions: [version],
          operations: ["CREATE", "UPDATE", "DELETE"],
          resources: [resource],
        },
      ],
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      timeoutSeconds: 5,
      failurePolicy,
    })),
  };
}

/** A port nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** What kube-proxy does: the next one each time. */
class TurnTable extends Map<string, { readonly host: string; readonly port: number }> {
  ports: number[] = [];
  #turn = 0;

  override get(service: string): { readonly host: string; readonly port: number } | undefined {
    const port = this.ports[this.#turn++ % Math.max(this.ports.length, 1)];
    return service === `${NAMESPACE}/${SERVICE}` && port !== undefined ? { host: "127.0.0.1", port } : undefined;
  }
}

/** The embedded API with the chart's webhook objects, and controllers as they are shipped beside it. */
export class WebhookCluster implements AsyncDisposable {
  readonly api: ApiServer;
  readonly #folder = mkdtempSync(join(tmpdir(), "herald-webhook-"));
  readonly #services: TurnTable;

  private constructor(api: ApiServer, services: TurnTable) {
    this.api = api;
    this.#services = services;
  }

  static async start(failurePolicy: "Fail" | "Ignore"): Promise<WebhookCluster> {
    const services = new TurnTable();
    const api = createApiServer(
      { wallClock: systemWallClock, log: silentLog },
      { host: "127.0.0.1", port: 0, crds: readManifestFiles([shippedCrdFolder()]), services },
    );
    await api.start();
    const cluster = new WebhookCluster(api, services);
    api.store.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
    api.store.apply(webhookConfiguration(failurePolicy));
    writeFileSync(join(cluster.#folder, "kubeconfig"), api.kubeconfig());
    return cluster;
  }

  /** Which of the controllers the Service leads to. */
  route(port: number): void {
    this.#services.ports = [port];
  }

  /** One more, in turn with the others. */
  alsoRoute(port: number): void {
    this.#services.ports.push(port);
  }

  /** A controller that answers webhooks, once it says that it is ready. */
  async controller(build: Build, more: readonly string[] = []): Promise<{ herald: Herald; port: number }> {
    const [port, health] = [await freePort(), await freePort()];
    const own = ["--webhook-mode", "enabled", "--webhook-address", "127.0.0.1", "--webhook-port", `${port}`];
    const probes = ["--health-probe-address", "127.0.0.1", "--health-probe-port", `${health}`, "--port", "0"];
    const args = ["controller", "--namespace", NAMESPACE, "--single-replica", ...own, ...probes, ...more];
    const herald = build.start(args, { KUBECONFIG: join(this.#folder, "kubeconfig") });
    await until(`ready: ${herald.stderr}`, () => isReady(health), 20_000);
    return { herald, port };
  }

  /** The speaker of a node, and what it says of its readiness. */
  async speaker(build: Build, node: string): Promise<{ herald: Herald; readyz: () => Promise<string> }> {
    const health = await freePort();
    const flags = ["--node-name", node, "--health-probe-port", `${health}`, "--port", "0"];
    const env = { KUBECONFIG: join(this.#folder, "kubeconfig") };
    const herald = build.start(["speaker", "--namespace", NAMESPACE, ...flags], env);
    return { herald, readyz: () => textOf(`http://127.0.0.1:${health}/readyz`) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Empty while nobody listens. */
async function textOf(url: string): Promise<string> {
  try {
    return await (await fetch(url)).text();
  } catch (error) {
    if (error instanceof TypeError) return "";
    throw error;
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
