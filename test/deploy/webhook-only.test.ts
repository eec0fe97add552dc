/**
 * A controller that does nothing but answer webhooks, with the roles that the chart gives it for that: as in `cluster.test.ts`, a call that
 * is forbidden fails the test, and so does a right that nobody used.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CUSTOM_RESOURCE_DEFINITIONS,
  IP_ADDRESS_POOLS,
  LEASES,
  NAMESPACES,
  SECRETS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../../src/kubernetes/resource.ts";
import { until } from "../support/until.ts";
import { policyOf, rightsIn, rightsUsed } from "./cluster-rules.ts";
import { ClusterScene, CONTROLLERS, SYSTEM, scrape, whyNoTools } from "./cluster-scene.ts";

const NAME = "herald-webhook";
const SETTINGS = ["controller.webhookMode=onlywebhook", "speaker.enabled=false", "prometheus.secure=true"];
/** The API server has to find the webhooks, which only the embedded one does here. */
const missing =
  (process.env["HERALD_TEST_KUBECONFIG"] ?? "") === "" ? whyNoTools : " (skipped: needs the embedded API)";
if (whyNoTools !== undefined && process.env["CI"] === "true") throw new Error(`CI must run these tests: ${whyNoTools}`);

interface Caller {
  readonly clientConfig?: { readonly caBundle?: string };
}

interface Callers {
  readonly webhooks?: readonly Caller[];
  readonly spec?: { readonly conversion?: { readonly webhook?: Caller } };
}

describe.skipIf(missing !== undefined)(`a controller for webhooks alone${missing ?? ""}`, () => {
  let scene: ClusterScene;
  beforeAll(async () => {
    scene = await ClusterScene.start(SETTINGS);
    await scene.put(NAMESPACES, undefined, SYSTEM, {});
    await scene.apply();
    await scene.runController(NAME);
  });
  afterAll(() => scene?.[Symbol.asyncDispose]());

  const certificate = async (): Promise<string> =>
    (await scene.get(SECRETS, "metallb-webhook-cert"))?.data?.["tls.crt"] ?? "";
  const bundles = async (): Promise<readonly (string | undefined)[]> => {
    const { client } = scene;
    const hooks = await client.get<Callers>(VALIDATING_WEBHOOK_CONFIGURATIONS, "metallb-webhook-configuration");
    const definition = await client.get<Callers>(CUSTOM_RESOURCE_DEFINITIONS, "bgppeers.metallb.io");
    const callers = [...(hooks.webhooks ?? []), definition.spec?.conversion?.webhook];
    return callers.map((caller) => caller?.clientConfig?.caBundle);
  };

  test("makes its certificate and tells the API server", async () => {
    await until("the certificate", async () => (await certificate()) !== "");
    await until("the bundles", async () => (await bundles()).every((bundle) => bundle !== undefined));
  });

  test("makes the Secret anew when somebody deletes it", async () => {
    await scene.client.delete(SECRETS, "metallb-webhook-cert", { namespace: SYSTEM });
    await until("another one", async () => (await certificate()) !== "");
  });

  test("refuses what cannot work, and lets through what can", async () => {
    const pool = (name: string, address: string): Promise<void> =>
      scene.put(IP_ADDRESS_POOLS, SYSTEM, name, { spec: { addresses: [address] } });
    const taken = (name: string, address: string): Promise<boolean> =>
      pool(name, address).then(
        () => true,
        () => false,
      );
    await until("the webhook to answer", () => taken("good", "192.0.2.0/24"));
    await until("the webhook to have seen it", async () => !(await taken("bad", "192.0.2.0/25")));
  });

  test("serves its metrics to who may read them", async () => {
    await scene.tool("kubectl", "create", "clusterrole", "scraper", "--verb=get", "--non-resource-url=/metrics");
    await scene.tool("kubectl", "-n", SYSTEM, "create", "serviceaccount", "prometheus");
    const subject = `--serviceaccount=${SYSTEM}:prometheus`;
    await scene.tool("kubectl", "create", "clusterrolebinding", "scraper", "--clusterrole=scraper", subject);
    const token = (await scene.tool("kubectl", "-n", SYSTEM, "create", "token", "prometheus")).trim();
    expect(await scrape([], CONTROLLERS[NAME], token)).toBe("200");
  });

  test("competes for no Lease", async () => {
    expect(await scene.list(LEASES)).toEqual([]);
  });

  test("asks for nothing that it may not have, and has no right that it does not use", () => {
    const refused = scene.api.calls.filter(({ status }) => status === 401 || status === 403);
    expect(new Set(refused.map(({ message }) => message))).toEqual(new Set());
    const policy = policyOf(scene.chart);
    const used = rightsUsed(policy, scene.api.calls);
    const rights = rightsIn(policy);
    expect(rights.length).toBeGreaterThan(20);
    expect(rights.filter((right) => !used.has(right))).toEqual([]);
  });
});
