import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { formatKubeconfig } from "../../src/apiserver/kubeconfig.ts";
import { type Cluster, startCluster } from "../integration/cluster.ts";
import { TestRouter } from "../integration/router.ts";
import { Site } from "../integration/site.ts";
import { Build, type Herald } from "../support/herald.ts";
import { until, untilEqual } from "../support/until.ts";

/** The shipped program in processes of its own. */
let build: Build;
beforeAll(async () => {
  build = await Build.make();
});
afterAll(() => build[Symbol.dispose]());

test.each([
  ["--help", 0],
  ["--version", 0],
  ["controller --nonsense", 2],
  ["speaker --namespace x --kubeconfig /nonexistent", 2],
])("herald %s exits %i: data on stdout, complaints on stderr", async (line, code) => {
  const herald = await build.run(line.split(" "));
  expect(await herald.exited).toBe(code);
  expect([herald.stdout === "", herald.stderr === ""]).toEqual(code === 0 ? [false, true] : [true, false]);
});

test("what cannot be written to stdout is an error and no stack trace", async () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [build.file, "completion", "bash"], {
    stdio: ["ignore", full, "pipe"],
    encoding: "utf8",
  });
  closeSync(full);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^herald: stdout: ENOSPC.*\n$/)]);
});

describe("daemons", () => {
  let cluster: Cluster;
  let site: Site;
  let router: TestRouter | undefined;
  const started: Herald[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    site = await Site.create(cluster);
  });
  afterEach(async () => {
    for (const herald of started.splice(0)) await herald[Symbol.asyncDispose]();
    await router?.[Symbol.asyncDispose]();
    router = undefined;
    await site[Symbol.asyncDispose]();
  });

  function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Herald {
    const also = ["--lb-class", site.lbClass, "--health-probe-port", "0", "--port", "0"];
    const reach = { KUBECONFIG: cluster.kubeconfig, METALLB_NAMESPACE: site.system };
    const herald = build.start([...args, ...also], { ...reach, ...env });
    started.push(herald);
    return herald;
  }

  test("controller: takes MetalLB's flags and variables, assigns, and ends on SIGTERM with 0", async () => {
    await site.pool("a", ["198.51.100.0/30"]);
    await site.service("web");
    const unused = [
      "--pprof-bind-address=:1",
      "--webhook-mode=enabled",
      "--disable-cert-rotation=true",
      "--webhook-http2",
    ];
    const herald = start(["controller", "--single-replica", ...unused], { METALLB_POD_NAME: "controller-0" });
    await untilEqual("the address", () => site.ips("web"), ["198.51.100.0"]);
    expect(herald.stdout).toMatch(/"msg":"flags have no effect"/);
    const said = herald.stdout.split("\n").filter((line) => line.includes("flags have no effect"));
    expect(said[0]).toContain('["--pprof-bind-address","--webhook-http2"]');
    expect(await herald.end("SIGTERM")).toBe(0);
    for (const line of herald.stdout.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ component: /./ });
  });

  test("controllers: one that is killed is followed by the other, one that is stopped at once", async () => {
    await site.pool("a", ["198.51.100.0/28"]);
    const herald = (name: string): Herald => start(["controller"], { METALLB_POD_NAME: name });
    const leads = /"to":.*"msg":"leader changed"/;
    const first = herald("first");
    await first.says(leads);
    const second = herald("second");
    await site.service("one");
    await untilEqual("one", () => site.ips("one"), ["198.51.100.0"]);
    expect(await first.end("SIGKILL")).toBe("SIGKILL");
    await site.service("two");
    await second.says(leads);
    await untilEqual("two", () => site.ips("two"), ["198.51.100.1"]);
    expect(await site.ips("one")).toEqual(["198.51.100.0"]);
    const third = herald("third");
    expect(await second.end("SIGINT")).toBe(0);
    await third.says(leads);
    await site.service("three");
    await untilEqual("three", () => site.ips("three"), ["198.51.100.2"]);
  }, 60_000);

  test("a probe port that is taken: one line, exit 1", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await until("the other one to listen", () => other.listening);
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const taken = build.start(["speaker", "--node-name", "x", "--health-probe-port", `${port}`], {
      KUBECONFIG: cluster.kubeconfig,
      METALLB_NAMESPACE: site.system,
    });
    started.push(taken);
    expect(await taken.exited).toBe(1);
    expect(taken.stderr).toMatch(/^herald: cannot serve health probes on 127\.0\.0\.1 port \d+: .*EADDRINUSE.*\n$/);
    other.close();
  });

  test("speaker: its node from METALLB_NODE_NAME, routes, readiness, and a Cease on SIGTERM", async () => {
    router = await TestRouter.start({ asn: 64513 });
    await site.pool("a", ["198.51.100.0/24"]);
    await site.advertisement("all");
    await site.node("n1");
    const addresses = { peerAddress: "127.0.0.1", peerPort: router.port, sourceAddress: "127.0.0.51" };
    await site.peer("router", { myASN: 64512, peerASN: 64513, ...addresses });
    await site.service("web");
    const controller = start(["controller", "--single-replica"]);
    await untilEqual("the address", () => site.ips("web"), ["198.51.100.0"]);
    await site.endpoints("web", [site.nodeName("n1")]);
    const flags = ["--ignore-exclude-lb=false", "--ml-wan-config=true", "--host=192.0.2.1"];
    const herald = start(["speaker", ...flags], { METALLB_NODE_NAME: site.nodeName("n1") });
    await untilEqual("the route", () => router?.table() ?? {}, { "198.51.100.0/32": ["127.0.0.51"] });
    expect(await herald.end("SIGTERM")).toBe(0);
    await until("the Cease", () => router?.endings.join().includes("speaker is stopping") === true);
    await untilEqual("no route", () => router?.table() ?? {}, {});
    expect(await controller.end("SIGTERM")).toBe(0);
  });

  test("stopped before the API ever answered, it ends with 0", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await until("the silent one to listen", () => silent.listening);
    const address = silent.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const access = { url: `http://127.0.0.1:${port}`, caCertificate: undefined, token: undefined };
    const folder = mkdtempSync(join(tmpdir(), "herald-silent-"));
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, formatKubeconfig(access));
    for (const command of [["controller"], ["speaker", "--node-name", "x"]]) {
      const herald = start([...command, "--kubeconfig", kubeconfig]);
      await new Promise<void>((resolve) => silent.once("request", () => resolve()));
      expect(await herald.end("SIGTERM")).toBe(0);
    }
    rmSync(folder, { recursive: true });
    silent.closeAllConnections();
    silent.close();
  });
});

test("herald demo exits 0 and shows the routes", async () => {
  const herald = await build.run(["demo"]);
  expect([await herald.exited, herald.stderr]).toEqual([0, ""]);
  expect(herald.stdout).toContain("198.51.100.53/32");
  expect(herald.stdout).toMatch(/is withdrawn, \d+ ms after/);
}, 40_000);
