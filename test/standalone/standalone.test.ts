import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readManifestFolder } from "../../src/cli/manifest-files.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import type { CheckResult } from "../../src/standalone/health-state.ts";
import { FolderRefused, folderJudge, type Running, runStandalone } from "../../src/standalone/standalone.ts";
import { StateFile } from "../../src/standalone/state-file.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { dialTcp } from "../../src/system/tcp.ts";
import { shippedDefinitions } from "../integration/cluster.ts";
import { silentLog } from "../support/silent-log.ts";
import { until, untilEqual } from "../support/until.ts";

const POOL = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: anycast }
spec: { addresses: [203.0.113.10-203.0.113.20] }`;

function service(name: string): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: LoadBalancer, ports: [{ port: 80 }] }
---
apiVersion: herald.io/v1alpha1
kind: HealthCheck
metadata: { name: ${name} }
spec: { exec: { command: [/bin/true] }, interval: 100ms, fall: 1, rise: 1 }`;
}

let root = "";
let folder = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "herald-standalone-"));
  folder = join(root, "m");
  mkdirSync(folder);
  put("pool.yaml", POOL);
});
afterEach(() => rmSync(root, { recursive: true }));

function put(file: string, text: string): void {
  writeFileSync(join(folder, file), text);
}

/** A host that runs while the test looks; its folder is read when the test says so. */
class Host implements AsyncDisposable {
  readonly #stop = new AbortController();
  result: CheckResult = { ok: true };
  refusals: string[] = [];
  running: Running | undefined;
  ended = false;
  #changed = (): void => {};
  readonly done: Promise<void>;

  constructor() {
    const log = {
      ...silentLog,
      error: (_msg: string, fields?: { readonly faults?: unknown }) => {
        this.refusals.push(JSON.stringify(fields));
      },
      child: () => silentLog,
    };
    const ports = {
      ...{ clock: systemClock, wallClock: systemWallClock, random: systemRandom, log },
      read: () => readManifestFolder(folder),
      watch: (changed: () => void) => {
        this.#changed = changed;
        return { close: () => {} };
      },
      runProbe: () => Promise.resolve(this.result),
      state: new StateFile(join(root, "state")),
      machine: { dial: dialTcp, nextHopFor: () => undefined },
      started: (running: Running) => {
        this.running = running;
        return Promise.resolve({ close: () => {} });
      },
    };
    const options = {
      host: { namespace: "metallb-system", nodeName: "h1", nodeLabels: { rack: "a" } },
      api: { host: "127.0.0.1", port: 0 },
      kinds: { crds: shippedDefinitions() },
      clientConfig: (api: Running["api"]) => anonymousConfig(api.url),
      speaker: { loadBalancerClass: "", ignoreExcludeLb: false },
    };
    this.done = runStandalone(ports, options, this.#stop.signal);
  }

  reload(): void {
    this.#changed();
  }

  address(name: string): string {
    const found = this.running?.api.store.get({ apiVersion: "v1", kind: "Service", name });
    return /"ip":"([^"]+)"/.exec(JSON.stringify(found ?? {}))?.[1] ?? "";
  }

  async addressOf(name: string): Promise<string> {
    await until(`${name} to have an address`, () => this.address(name) !== "");
    return this.address(name);
  }

  ready(name: string, namespace = "default"): string {
    const reference = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace, name: `${name}-health` };
    const slice = JSON.stringify(this.running?.api.store.get(reference) ?? "gone");
    return /"ready":(true|false)/.exec(slice)?.[1] ?? slice;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

test("a Service has an endpoint on this host while its check passes", async () => {
  put("web.yaml", service("web"));
  await using host = new Host();
  await untilEqual("ready", () => host.ready("web"), "true");
  host.result = { ok: false, reason: "no" };
  await untilEqual("not ready", () => host.ready("web"), "false");
  host.result = { ok: true };
  await untilEqual("ready", () => host.ready("web"), "true");
  rmSync(join(folder, "web.yaml"));
  host.reload();
  await untilEqual("gone", () => host.ready("web"), '"gone"');
});

test("a broken file changes nothing, and the folder is taken when it is mended", async () => {
  put("web.yaml", service("web"));
  await using host = new Host();
  const address = await host.addressOf("web");
  put("other.yaml", service("other"));
  put("web.yaml", service("web").replace("port: 80", "port: eighty"));
  host.reload();
  await until("a refusal", () => host.refusals.length > 0);
  expect(host.refusals[0]).toMatch(/web\.yaml: Service default\/web: .*port/);
  expect(host.address("web")).toBe(address);
  expect(host.ready("web")).toBe("true");
  expect(host.ready("other")).toBe('"gone"');
  put("web.yaml", service("web"));
  host.reload();
  await host.addressOf("other");
  expect(host.address("web")).toBe(address);
});

test("the last checked Service of a namespace goes with its file, and the host goes on", async () => {
  const away = service("away").replaceAll("name: away }", "name: away, namespace: shop }");
  put("away.yaml", away);
  put("web.yaml", service("web"));
  await using host = new Host();
  await until("both to be ready", () => host.ready("web") === "true" && host.ready("away", "shop") === "true");
  rmSync(join(folder, "away.yaml"));
  host.reload();
  await until("the other one's endpoint to go", () => host.ready("away", "shop") === '"gone"');
  host.result = { ok: false, reason: "as the test says" };
  await untilEqual("not ready", () => host.ready("web"), "false");
});

test("an endpoint that somebody deleted by kubectl does not end the host when its check goes", async () => {
  put("web.yaml", service("web"));
  put("other.yaml", service("other"));
  await using host = new Host();
  await until("both to be ready", () => host.ready("web") === "true" && host.ready("other") === "true");
  host.running?.api.store.delete({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", name: "web-health" });
  rmSync(join(folder, "web.yaml"));
  host.reload();
  await until("the Service to go", () => host.address("web") === "");
  host.result = { ok: false, reason: "as the test says" };
  await untilEqual("not ready", () => host.ready("other"), "false");
});

test("an edit of a Service keeps its address", async () => {
  put("web.yaml", service("web"));
  await using host = new Host();
  const address = await host.addressOf("web");
  put("web.yaml", service("web").replace("port: 80", "port: 8080"));
  host.reload();
  const text = (): string =>
    JSON.stringify(host.running?.api.store.get({ apiVersion: "v1", kind: "Service", name: "web" }));
  await until("the edit", () => text().includes('"port":8080'));
  expect(host.address("web")).toBe(address);
});

describe("a restart", () => {
  async function settled(names: readonly string[]): Promise<Readonly<Record<string, string>>> {
    await using host = new Host();
    const pairs = await Promise.all(names.map(async (name) => [name, await host.addressOf(name)] as const));
    const file = join(root, "state", "standalone.json");
    await until("the state file", () => pairs.every(([, ip]) => readFileSync(file, "utf8").includes(`["${ip}"]`)));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    return Object.fromEntries(pairs);
  }

  test("gives each Service the address that it had, although a lower one is free now", async () => {
    put("a.yaml", service("a"));
    put("b.yaml", service("b"));
    const before = await settled(["a", "b"]);
    const [gone, kept] = (before["a"] ?? "") < (before["b"] ?? "") ? ["a", "b"] : ["b", "a"];
    rmSync(join(folder, `${gone}.yaml`));
    expect(await settled([kept])).toEqual({ [kept]: before[kept] });
  });

  test("with a folder that broke meanwhile begins with what was good, and says so", async () => {
    put("a.yaml", service("a"));
    const before = await settled(["a"]);
    put("a.yaml", "spec: [");
    await using host = new Host();
    expect(await host.addressOf("a")).toBe(before["a"]);
    expect(host.refusals.join()).toMatch(/a\.yaml:/);
  });

  test.each([
    ["is no JSON", "{"],
    ["is of another version", '{"version":2,"addresses":{}}'],
    ["is something else", "[]"],
    ["has no addresses", '{"version":1}'],
  ])("with a state file that %s begins with the manifests, and says so", async (_name, text) => {
    put("a.yaml", service("a"));
    mkdirSync(join(root, "state"));
    writeFileSync(join(root, "state", "standalone.json"), text);
    await using host = new Host();
    expect(await host.addressOf("a")).toBe("203.0.113.10");
    expect(host.refusals.join()).toMatch(/standalone\.json: /);
  });
});

test("a folder that is broken from the beginning is refused with every fault", async () => {
  put("a.yaml", "spec: [");
  put("b.yaml", service("b").replace("100ms", "1ms"));
  const host = new Host();
  await expect(host.done).rejects.toThrow(FolderRefused);
  await expect(host.done).rejects.toThrow(/a\.yaml:[\s\S]*b\.yaml: HealthCheck default\/b: spec\.interval/);
});

test("a host name that no Node can have is refused as what it comes of", () => {
  const host = { namespace: "metallb-system", nodeName: "Bad_Name", nodeLabels: {} };
  const judge = folderJudge(
    { wallClock: systemWallClock, log: silentLog },
    { host, kinds: { crds: shippedDefinitions() } },
  );
  const { faults } = judge(readManifestFolder(folder));
  expect(faults).toEqual([expect.stringMatching(/^--node-name: Node Bad_Name: .*metadata\.name/)]);
});
