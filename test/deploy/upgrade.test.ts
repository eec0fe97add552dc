import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiServer, createApiServer } from "../../src/apiserver/server.ts";
import { makeAuthority } from "../../src/system/certificates.ts";
import { systemWallClock } from "../../src/system/clock.ts";
import { planConversion, planWebhooks, readConversion, readWebhooks } from "../../src/webhook/bundle-plan.ts";
import { CHART, findHelm } from "../support/helm.ts";
import { findKubectl, Kubectl } from "../support/kubectl.ts";
import { silentLog } from "../support/silent-log.ts";

const [helm, kubectl] = [await findHelm(), await findKubectl()];
if ((helm === undefined || kubectl === undefined) && process.env["CI"] === "true") {
  throw new Error("helm and kubectl are needed in CI: sh test/tooling/fetch-tools.sh");
}

const SERVICE = { namespace: "metallb-system", name: "metallb-webhook-service", port: 443, convertPath: "/convert" };
const WEBHOOKS = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  name: "metallb-webhook-configuration",
};
const PEERS = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", name: "bgppeers.metallb.io" };
const SECRET = { apiVersion: "v1", kind: "Secret", namespace: "metallb-system", name: "metallb-webhook-cert" };
const { certificate: BUNDLE } = await makeAuthority({ now: systemWallClock(), name: "test" });
const ENCODED = Buffer.from(BUNDLE).toString("base64");

describe.skipIf(helm === undefined || kubectl === undefined)(
  "a release over its life (skipped without helm and kubectl)",
  () => {
    let api: ApiServer;
    let home = "";
    let user: Kubectl;

    beforeAll(async () => {
      api = createApiServer({ wallClock: systemWallClock, log: silentLog }, { host: "127.0.0.1", port: 0, crds: [] });
      await api.start();
      home = await mkdtemp(join(tmpdir(), "herald-helm-"));
      await writeFile(join(home, "config"), api.kubeconfig(), { mode: 0o600 });
      user = await Kubectl.create(kubectl ?? "", api.kubeconfig());
    });
    afterAll(async () => {
      await api[Symbol.asyncDispose]();
      await rm(home, { recursive: true });
      await user[Symbol.asyncDispose]();
    });

    test("is installed, and no certificate is in it yet", async () => {
      await run("install", "herald", CHART, "--create-namespace");
      expect(bundles()).toEqual(Array.from({ length: 7 }, () => undefined));
      expect(api.store.get(PEERS)).toMatchObject({ spec: { conversion: { strategy: "None" } } });
      expect(api.store.get(SECRET)).not.toHaveProperty("data");
    });

    test.each([
      ["as Helm 4 does it: the server applies it", "true", "Ignore"],
      ["as Helm 3 does it: the differences are patched", "false", "Fail"],
    ])("what the controller writes outlives an upgrade, %s", async (_, serverSide, policy) => {
      await write();
      expect(bundles()).toEqual(Array.from({ length: 8 }, () => ENCODED));
      await run(
        "upgrade",
        "herald",
        CHART,
        `--server-side=${serverSide}`,
        "--set",
        `crds.validationFailurePolicy=${policy}`,
      );
      const webhooks = [...Array.from({ length: 6 }, () => ({ failurePolicy: policy })), { failurePolicy: "Ignore" }];
      expect(api.store.get(WEBHOOKS)).toMatchObject({ webhooks });
      expect(bundles()).toEqual(Array.from({ length: 8 }, () => ENCODED));
      expect(api.store.get(SECRET)).toHaveProperty("data", { "ca.crt": ENCODED });
    });

    test.each([
      ["as Helm 4 does it", "true"],
      ["as Helm 3 does it", "false"],
    ])(
      "webhooks are switched off, %s; what the controller wrote is taken out of the definition by hand",
      async (_, serverSide) => {
        const on = ["--set", "controller.webhookMode=enabled"];
        await run("upgrade", "herald", CHART, `--server-side=${serverSide}`, ...on);
        await write();
        const off = ["--set", "controller.webhookMode=disabled"];
        await run("upgrade", "herald", CHART, `--server-side=${serverSide}`, ...off);
        expect(api.store.get(WEBHOOKS)).toBeUndefined();
        expect(api.store.get(PEERS)).toMatchObject({ spec: { conversion: { strategy: "Webhook" } } });
        const none = { spec: { conversion: { strategy: "None", webhook: null } } };
        await user.ok("patch", "crd/bgppeers.metallb.io", "--type=merge", "-p", JSON.stringify(none));
        expect(api.store.get(PEERS)).toHaveProperty("spec.conversion", { strategy: "None" });
      },
    );

    test("pools outlive the release, and its definitions with them", async () => {
      await user.ok("apply", "-f", await user.file("pool.yaml", POOL));
      await run("uninstall", "herald");
      expect(api.store.list("apiextensions.k8s.io/v1", "CustomResourceDefinition").length).toBeGreaterThan(8);
      expect(await user.ok("get", "ipaddresspools.metallb.io", "-A", "-o", "name")).toContain(
        "ipaddresspool.metallb.io/lan",
      );
      expect(api.store.list("apps/v1", "Deployment")).toEqual([]);
    });

    /** As the controller does it. */
    async function write(): Promise<void> {
      const webhooks = readWebhooks(api.store.get(WEBHOOKS));
      const peers = readConversion(api.store.get(PEERS));
      if (webhooks === undefined || peers === undefined) throw new Error("no webhooks were installed");
      const patches = [
        [
          "validatingwebhookconfiguration/metallb-webhook-configuration",
          planWebhooks(webhooks, BUNDLE, SERVICE).operations,
        ],
        ["customresourcedefinition/bgppeers.metallb.io", planConversion(peers, BUNDLE, SERVICE).operations],
      ] as const;
      for (const [name, operations] of patches)
        await user.ok("patch", name, "--type=json", "-p", JSON.stringify(operations));
      const secret = { data: { "ca.crt": ENCODED } };
      await user.ok(
        "patch",
        "secret/metallb-webhook-cert",
        "-n",
        "metallb-system",
        "--type=merge",
        "-p",
        JSON.stringify(secret),
      );
    }

    /** What each of the seven webhooks and the conversion trusts. */
    function bundles(): readonly (string | undefined)[] {
      const read = JSON.stringify([api.store.get(WEBHOOKS), api.store.get(PEERS)?.["spec"]]);
      const clients = [...read.matchAll(/"clientConfig":(\{(?:[^{}]|\{[^{}]*\})*\})/g)].map(([, text = "{}"]) =>
        JSON.parse(text),
      );
      return clients.map(({ caBundle }) => caBundle);
    }

    function run(...args: readonly string[]): Promise<string> {
      const env = { PATH: process.env["PATH"], HOME: home, KUBECONFIG: join(home, "config") };
      return new Promise((resolve, reject) => {
        execFile(helm ?? "", [...args, "--namespace", "metallb-system"], { env }, (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(new Error(stderr));
        });
      });
    }
  },
);

const POOL = `apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: lan, namespace: metallb-system }
spec: { addresses: [192.0.2.0/28] }
`;
