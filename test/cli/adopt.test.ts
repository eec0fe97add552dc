import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { DEPLOYMENTS, type Resource, SECRETS, SERVICES } from "../../src/kubernetes/resource.ts";
import { type Dumped, dump } from "../adoption/dumps.ts";
import { DAEMON_SETS, DEFINITIONS, install, WEBHOOKS } from "../adoption/install.ts";
import { type Cluster, startEmbedded } from "../integration/cluster.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { FakeKubelet } from "../support/fake-kubelet.ts";
import { runToEnd } from "../support/run-cli.ts";
import { silentLog } from "../support/silent-log.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/adopt");

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function adopt(...args: readonly string[]): Promise<Run> {
  const { code, stdout: out, stderr: err } = await runToEnd(["adopt", ...args]);
  return { code, out, err };
}

describe("on files", () => {
  test("a dry run says what there is, what to do and how to go back, and exits 0", async () => {
    const { code, out, err } = await adopt("-f", join(FIXTURES, "native.yaml"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const part of ["v0.14.9", "ADDRESSES (2): 2 stays", "herald adopt --apply --yes", "AND BACK"]) {
      expect(out).toContain(part);
    }
  });

  test.each(["json", "yaml"])("-o %s is the whole report", async (format) => {
    const { out } = await adopt("-f", join(FIXTURES, "native.yaml"), "-o", format);
    for (const key of ["installations", "findings", "addresses", "announcers", "steps", "back"])
      expect(out).toContain(key);
  });

  test.each([
    ["files cannot be changed", ["-f", FIXTURES, "--apply"]],
    ["--apply and --revert at once", ["--apply", "--revert"]],
    ["--yes without anything to confirm", ["--yes"]],
    ["a format that there is not", ["-f", FIXTURES, "-o", "toml"]],
  ])("%s: exit 2", async (_name, args) => {
    expect((await adopt(...args)).code).toBe(2);
  });

  test("a file that is not there: exit 1", async () => {
    expect((await adopt("-f", "/nonexistent.yaml")).code).toBe(1);
  });
});

describe("on a cluster with MetalLB (embedded API, workloads that settle at once)", () => {
  let cluster: Cluster;
  let client: KubernetesClient;
  let kubelet: FakeKubelet;

  beforeEach(async () => {
    cluster = await startEmbedded();
    client = new KubernetesClient({ log: silentLog }, cluster.config);
    for (const object of dump("helm-frr-k8s")) await install(client, object);
    kubelet = new FakeKubelet(client);
  });
  afterEach(async () => {
    await kubelet[Symbol.asyncDispose]();
    client.close();
    await cluster[Symbol.asyncDispose]();
  });

  const run = (...args: readonly string[]): Promise<Run> => adopt("--kubeconfig", cluster.kubeconfig, ...args);
  const spec = async (resource: Resource, name: string): Promise<Dumped> =>
    await client.get<Dumped>(resource, name, resource.namespaced ? { namespace: "metallb" } : {});

  async function selector(name: string): Promise<unknown> {
    return (await spec(DAEMON_SETS, name))["spec"].template.spec.nodeSelector;
  }

  async function seen(): Promise<object> {
    return {
      replicas: (await spec(DEPLOYMENTS, "metallb-controller"))["spec"].replicas,
      speaker: await selector("metallb-speaker"),
      frr: await selector("metallb-frr-k8s"),
      policies: (await spec(WEBHOOKS, "metallb-webhook-configuration"))["webhooks"].map(
        (hook: { failurePolicy: string }) => hook.failurePolicy,
      ),
      release: (await spec(SECRETS, "sh.helm.release.v1.metallb.v3")).metadata.labels?.["owner"],
    };
  }

  const RUNNING = {
    replicas: 1,
    speaker: { "kubernetes.io/os": "linux", "node-role.example/edge": "true" },
    frr: { "kubernetes.io/os": "linux" },
    policies: ["Fail", "Fail"],
    release: "helm",
  };
  const STOPPED = {
    replicas: 0,
    speaker: { ...RUNNING.speaker, "herald.io/adopt-stopped": "true" },
    frr: { ...RUNNING.frr, "herald.io/adopt-stopped": "true" },
    policies: ["Ignore", "Ignore"],
    release: "herald-adopt",
  };

  test("a dry run finds it and changes nothing", async () => {
    const { code, out } = await run();
    expect(code, out).toBe(0);
    expect(out).toContain("frr-k8s");
    expect(await seen()).toEqual(RUNNING);
  });

  test("--apply without --yes lists the changes and makes none", async () => {
    const { code, err } = await run("--apply");
    expect(code).toBe(2);
    expect(err).toContain("would be done: stop-controller Deployment metallb/metallb-controller");
    expect(await seen()).toEqual(RUNNING);
  });

  test("--apply --yes stops it, addresses stay; again it has nothing to do; --revert has all of it back", async () => {
    const before = await client.get<Dumped>(SERVICES, "web", { namespace: "shop" });
    const applied = await run("--apply", "--yes");
    expect(applied.code, applied.err).toBe(0);
    expect(await seen()).toEqual(STOPPED);
    expect((await spec(DEFINITIONS, "ipaddresspools.metallb.io")).metadata.annotations).toMatchObject({
      "helm.sh/resource-policy": "keep",
      "meta.helm.sh/release-name": "metallb",
    });
    const web = await client.get<Dumped>(SERVICES, "web", { namespace: "shop" });
    expect(web["status"]).toEqual(before["status"]);

    expect(await run("--apply", "--yes")).toMatchObject({ code: 0, err: "MetalLB is stopped already\n" });

    const reverted = await run("--revert", "--yes");
    expect(reverted.code, reverted.err).toBe(0);
    expect(await seen()).toEqual(RUNNING);
    expect((await run("--revert", "--yes")).err).toBe("MetalLB is as it was\n");
  });

  test("a controller of two replicas gets both back", async () => {
    await client.patch(
      DEPLOYMENTS,
      "metallb-controller",
      { spec: { replicas: 2 } },
      { namespace: "metallb", type: "merge" },
    );
    await run("--apply", "--yes");
    await run("--revert", "--yes");
    expect(await seen()).toMatchObject({ replicas: 2 });
  });

  test("a pod that does not end stops everything after it, says so, and the next run goes on", async () => {
    kubelet.stuck.add("metallb-controller");
    const { code, err } = await run("--apply", "--yes", "--timeout", "1");
    expect(code).toBe(1);
    expect(err).toContain("stop-controller Deployment metallb/metallb-controller: 1 pod(s) are still there");
    expect(await seen()).toMatchObject({ replicas: 0, speaker: RUNNING.speaker });
    kubelet.stuck.clear();
    expect((await run("--apply", "--yes")).code).toBe(0);
    expect(await seen()).toEqual(STOPPED);
  });

  test("an address that would move: --apply changes nothing, exit 1; the dry run exits 2", async () => {
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.200" }] } };
    await client.patch(SERVICES, "web", { status }, { namespace: "shop", type: "merge", subresource: "status" });
    expect((await run()).code).toBe(2);
    const { code, err } = await run("--apply", "--yes");
    expect(code).toBe(1);
    expect(err).toContain("address-moves Service shop/web: 192.0.2.200 would become 203.0.113.0");
    expect(await seen()).toEqual(RUNNING);
  });

  test("--revert refuses while Herald runs for the same Services: no Service has two owners", async () => {
    await run("--apply", "--yes");
    await install(client, heraldController("corp.example/metallb"));
    const { code, err } = await run("--revert", "--yes");
    expect(code).toBe(1);
    expect(err).toContain("helm uninstall herald --namespace metallb first");
    expect(await seen()).toEqual(STOPPED);
  });

  test("--revert refuses while Herald's speakers still run, though its controller is stopped", async () => {
    await run("--apply", "--yes");
    await install(client, heraldSpeaker("corp.example/metallb"));
    const { code, err } = await run("--revert", "--yes");
    expect(code).toBe(1);
    expect(err).toContain("Herald runs in metallb for the same Services");
    expect(await seen()).toEqual(STOPPED);
  });

  test.each(["--apply", "--revert"])("%s for a class that is not MetalLB's: MetalLB is not touched", async (flag) => {
    const { code, err } = await run(flag, "--yes", "--lb-class", "herald.io/lb");
    expect([code, err]).toEqual([2, expect.stringContaining("MetalLB stays")]);
    expect(await seen()).toEqual(RUNNING);
  });

  test.each(["services", "ipaddresspools", "deployments", "secrets"])(
    "--apply changes nothing for a user who may not list %s: what is not seen is not absent",
    async (plural) => {
      await using proxy = await ApiProxy.start(cluster.config);
      const path = new RegExp(`/${plural}(\\?|$)`);
      proxy.strike(100, { type: "status", status: 403, reason: "Forbidden" }, { method: "GET", path });
      const kubeconfig = `${cluster.kubeconfig}-proxied`;
      writeFileSync(kubeconfig, readFileSync(cluster.kubeconfig, "utf8").replace(cluster.config.server, proxy.url));
      const { code, err } = await adopt("--kubeconfig", kubeconfig, "--apply", "--yes");
      expect([code, err]).toEqual([
        1,
        expect.stringContaining("nothing was changed, because not everything may be read"),
      ]);
      expect(await seen()).toEqual(RUNNING);
    },
  );

  test("--apply refuses while Herald runs for the same Services, and not for one of another class", async () => {
    await install(client, heraldController("herald.io/lb"));
    expect((await run()).code).toBe(0);
    await client.delete(DEPLOYMENTS, "herald-controller", { namespace: "metallb" });
    await install(client, heraldController("corp.example/metallb"));
    const { code, err } = await run("--apply", "--yes");
    expect([code, err.includes("two-owners")]).toEqual([1, true]);
    expect(await seen()).toEqual(RUNNING);
  });
});

function heraldSpeaker(lbClass: string): Dumped {
  const labels = { "app.kubernetes.io/name": "herald", "app.kubernetes.io/component": "speaker" };
  const container = { name: "speaker", image: "registry.example/herald:0.1.0", args: [`--lb-class=${lbClass}`] };
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "herald-speaker", namespace: "metallb", labels },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}

function heraldController(lbClass: string): Dumped {
  const labels = { "app.kubernetes.io/name": "herald", "app.kubernetes.io/component": "controller" };
  const container = {
    name: "controller",
    image: "registry.example/herald:0.1.0",
    args: ["controller", `--lb-class=${lbClass}`],
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "herald-controller", namespace: "metallb", labels },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}
