import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Build, type Herald } from "../support/herald.ts";
import { findKubectl, Kubectl } from "../support/kubectl.ts";
import { until } from "../support/until.ts";
import { NAMESPACE, WebhookCluster, webhookConfiguration } from "./webhook-cluster.ts";

const binary = await findKubectl();
const SKIPPED = "no kubectl: set $KUBECTL, put one on PATH, or run test/tooling/fetch-tools.sh";

test.runIf(binary === undefined)("kubectl is there", (context) => {
  if (process.env["CI"] === "true") throw new Error(SKIPPED);
  context.skip(SKIPPED);
});

const object = (kind: string, name: string, spec: object, version = "v1beta1"): string =>
  JSON.stringify({ apiVersion: `metallb.io/${version}`, kind, metadata: { name, namespace: NAMESPACE }, spec });
const pool = (name: string, ...addresses: readonly string[]): string => object("IPAddressPool", name, { addresses });

describe.skipIf(binary === undefined)("kubectl and the webhooks of a running controller", () => {
  let build: Build;
  let cluster: WebhookCluster;
  let kubectl: Kubectl;
  let herald: Herald | undefined;

  beforeAll(async () => {
    build = await Build.make();
    cluster = await WebhookCluster.start("Fail");
    kubectl = await Kubectl.create(binary ?? "", cluster.api.kubeconfig());
    const started = await cluster.controller(build);
    herald = started.herald;
    cluster.route(started.port);
  }, 60_000);

  afterAll(async () => {
    await herald?.[Symbol.asyncDispose]();
    await kubectl?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
    build[Symbol.dispose]();
  });

  const apply = async (text: string, ...more: readonly string[]) =>
    await kubectl.run(["apply", "-f", await kubectl.file("object.json", text), ...more]);

  test("a good pool passes", async () => {
    expect(await apply(pool("one", "192.0.2.0/28"))).toMatchObject({ code: 0, stderr: "" });
  });

  test("a pool that overlaps another is refused, with the field and the other's name", async () => {
    await until(
      "the pool is known",
      async () => (await apply(pool("two", "192.0.2.8/29"), "--dry-run=server")).code !== 0,
    );
    const { code, stderr } = await apply(pool("two", "192.0.2.8/29"));
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/spec\.addresses\[0\]/);
    expect(stderr).toMatch(/192\.0\.2\.0\/28.*one|one.*192\.0\.2\.0\/28/s);
    expect(cluster.api.store.list("metallb.io/v1beta1", "IPAddressPool", NAMESPACE)).toHaveLength(1);
  });

  test("an update is reviewed as a creation is", async () => {
    await kubectl.ok("apply", "-f", await kubectl.file("three.json", pool("three", "198.51.100.0/24")));
    const { code, stderr } = await apply(pool("three", "198.51.100.0/24", "192.0.2.0/30"));
    expect([code !== 0, stderr]).toEqual([true, expect.stringContaining("spec.addresses[1]")]);
  });

  test("an object in another namespace is refused", async () => {
    const stray = pool("stray", "203.0.113.0/24").replace(NAMESPACE, "default");
    expect((await apply(stray)).stderr).toMatch(/metallb-system/);
  });

  test("a deletion that breaks another object is refused", async () => {
    await kubectl.ok(
      "apply",
      "-f",
      await kubectl.file("bfd.json", object("BFDProfile", "fast", { receiveInterval: 100 })),
    );
    const peer = { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.250", bfdProfile: "fast" };
    await kubectl.ok("apply", "-f", await kubectl.file("peer.json", object("BGPPeer", "uses", peer, "v1beta2")));
    const remove = ["delete", "bfdprofile", "fast", "-n", NAMESPACE];
    await until("the peer is known", async () => (await kubectl.run([...remove, "--dry-run=server"])).code !== 0);
    expect((await kubectl.run(remove)).stderr).toMatch(/fast.*uses|uses.*fast/s);
    await kubectl.ok("delete", "bgppeer", "uses", "-n", NAMESPACE);
  });

  test("what is odd but possible is a warning", async () => {
    const l2 = object("L2Advertisement", "nobody", { ipAddressPools: ["there-is-no-such-pool"] });
    const { code, stderr } = await apply(l2);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^Warning: .*there-is-no-such-pool/m)]);
  });

  test("a peer written in v1beta1 is read in v1beta2, and the other way round", async () => {
    const old = { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.251", bfdProfile: "", ebgpMultiHop: true };
    await kubectl.ok("apply", "-f", await kubectl.file("old.json", object("BGPPeer", "old", old, "v1beta1")));
    const read = async (version: string, name: string): Promise<Record<string, unknown>> =>
      JSON.parse(await kubectl.ok("get", `bgppeers.${version}.metallb.io`, name, "-n", NAMESPACE, "-o", "json"));
    const asNew = await read("v1beta2", "old");
    expect(asNew).toMatchObject({ apiVersion: "metallb.io/v1beta2", spec: { peerAddress: "192.0.2.251" } });
    const fresh = { myASN: 64512, peerASN: 64513, peerAddress: "192.0.2.252", holdTime: "30s" };
    await kubectl.ok("apply", "-f", await kubectl.file("new.json", object("BGPPeer", "new", fresh, "v1beta2")));
    expect(await read("v1beta1", "new")).toMatchObject({ apiVersion: "metallb.io/v1beta1", spec: { holdTime: "30s" } });
    expect(await kubectl.ok("get", "bgppeers.v1beta1.metallb.io", "-n", NAMESPACE, "-o", "name")).toMatch(/new\n.*old/);
  });

  test("a v1beta1 peer is reviewed by the rule for v1beta2", async () => {
    const twin = { myASN: 64512, peerASN: 64513, peerAddress: "not an address" };
    const { code, stderr } = await apply(object("BGPPeer", "twin", twin, "v1beta1"));
    expect([code !== 0, stderr]).toEqual([true, expect.stringMatching(/peerAddress/)]);
  });

  test("what signed the certificate is put back when a manifest without it is applied", async () => {
    const path = await kubectl.file("configuration.json", JSON.stringify(webhookConfiguration("Fail")));
    await kubectl.ok("replace", "-f", path);
    await until("reviews work again", async () => (await apply(pool("four", "203.0.113.0/28"))).code === 0);
  });

  test("without the controller, Fail refuses and says why; with Ignore the schema's own rules still hold", async () => {
    await herald?.end("SIGKILL");
    const refused = await apply(pool("five", "203.0.113.64/28"));
    expect(refused.stderr).toMatch(
      /failed calling webhook "ipaddresspoolvalidationwebhook\.metallb\.io".*ECONNREFUSED/s,
    );
    const path = await kubectl.file("configuration.json", JSON.stringify(webhookConfiguration("Ignore")));
    await kubectl.ok("replace", "-f", path);
    expect((await apply(pool("five", "203.0.113.64/28"))).code).toBe(0);
    const { code, stderr } = await apply(pool("six", "203.0.113.999/32"));
    expect([code !== 0, stderr]).toEqual([true, expect.stringMatching(/spec\.addresses/)]);
  });
});
