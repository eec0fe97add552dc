import { afterEach, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import { BGP_PEERS, CUSTOM_RESOURCE_DEFINITIONS, IP_ADDRESS_POOLS } from "../../src/kubernetes/resource.ts";
import { Build, type Herald } from "../support/herald.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import { NAMESPACE, WebhookCluster } from "./webhook-cluster.ts";

const SERVICE = { namespace: NAMESPACE, name: "metallb-webhook-service", port: 443, path: "/convert" };
/** As the chart has it, before the first controller has written whom to trust. */
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

  test("has a controller that is ready before anybody converts them, converts them, and works", async () => {
    using build = await Build.make();
    await using cluster = await WebhookCluster.start("Fail");
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
});
