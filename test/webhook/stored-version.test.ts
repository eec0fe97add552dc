import { afterEach, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import { BGP_PEERS, CUSTOM_RESOURCE_DEFINITIONS, IP_ADDRESS_POOLS } from "../../src/kubernetes/resource.ts";
import { Build, type Herald } from "../support/herald.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import { NAMESPACE, WebhookCluster } from "./webhook-cluster.ts";

const SERVICE = { namespace: NAMESPACE, name: "metallb-webhook-service", port: 443, path: "/convert" };
/** As MetalLB's chart has it, before the first controller has written whom to trust. */
const CONVERSION = {
  strategy: "Webhook",
  webhook: { conversionReviewVersions: ["v1"], clientConfig: { service: SERVICE } },
};

interface Definition {
  readonly spec: { readonly versions: readonly { readonly name: string }[] };
}

describe("a cluster that stores BGPPeers as v1beta1, since years ago", () => {
  let herald: Herald | undefined;
  afterEach(async () => await herald?.[Symbol.asyncDispose]());

  /** The Service leads nowhere yet. */
  async function oldCluster(): Promise<{ cluster: WebhookCluster; client: KubernetesClient }> {
    const cluster = await WebhookCluster.start("Fail");
    const client = new KubernetesClient({ log: silentLog }, anonymousConfig(cluster.api.url));
    const store = async (version: string): Promise<void> => {
      const { spec } = await client.get<Definition>(CUSTOM_RESOURCE_DEFINITIONS, "bgppeers.metallb.io");
      const versions = spec.versions.map((one) => ({ ...one, storage: one.name === version }));
      const patch = { spec: { versions, conversion: CONVERSION } };
      await client.patch(CUSTOM_RESOURCE_DEFINITIONS, "bgppeers.metallb.io", patch, { type: "merge" });
    };
    await store("v1beta1");
    const spec = { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.250" };
    const metadata = { name: "old", namespace: NAMESPACE };
    cluster.api.store.apply({ apiVersion: "metallb.io/v1beta1", kind: "BGPPeer", metadata, spec });
    await store("v1beta2");
    return { cluster, client };
  }

  test("has a controller that is ready before anybody converts them, converts them, and works", async () => {
    using build = await Build.make();
    const old = await oldCluster();
    await using cluster = old.cluster;
    const { client } = old;

    // The Service leads nowhere until the controller says that it is ready.
    const started = await cluster.controller(build);
    herald = started.herald;
    await expect(client.list(BGP_PEERS)).rejects.toThrow("conversion webhook");
    cluster.route(started.port);
    const { items } = await client.list(BGP_PEERS);
    expect(items).toMatchObject([{ apiVersion: "metallb.io/v1beta2", metadata: { name: "old" } }]);
    const pool = {
      ...{ apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", metadata: { name: "a" } },
      spec: { addresses: ["192.0.2.0/28"] },
    };
    const reviewed = async (): Promise<boolean> => {
      try {
        await client.create(IP_ADDRESS_POOLS, pool, { namespace: NAMESPACE });
        return true;
      } catch (error) {
        expect(String(error)).toContain("waiting for bgppeers");
        return false;
      }
    };
    await until("a review", reviewed, 40_000);
    client.close();
  }, 90_000);

  test("has speakers that announce nothing before a controller converts them, and go on while none does", async () => {
    using build = await Build.make();
    const old = await oldCluster();
    await using cluster = old.cluster;
    old.client.close();
    cluster.api.store.apply({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    const { herald: speaker, readyz } = await cluster.speaker(build, "n1");
    await using running = speaker;
    const waits = async (): Promise<boolean> => (await readyz()).includes("waiting for bgppeers");
    await until("the speaker to wait", waits, 30_000);
    expect(running.stdout).not.toContain("bgp session changed");
    const started = await cluster.controller(build);
    herald = started.herald;
    cluster.route(started.port);
    await until("the speaker to be ready", async () => (await readyz()) !== "" && !(await waits()), 60_000);
    await running.says("192.0.2.250", 30_000);
    await herald[Symbol.asyncDispose]();
    expect(await waits()).toBe(false);
  }, 120_000);
});
