import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type ApiServer, createApiServer } from "../../src/apiserver/server.ts";
import { readManifestFiles } from "../../src/cli/manifest-files.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import type { Resource } from "../../src/kubernetes/resource.ts";
import { type CertifiedKey, issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { systemWallClock } from "../../src/system/clock.ts";
import { Build, type Herald } from "../support/herald.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

const run = promisify(execFile);
const NAMESPACE = "metallb-system";
const ADMIN = "admin-of-this-test";
const RBAC = "rbac.authorization.k8s.io";

const available = await run("promtool", ["--version"]).then(
  () => true,
  () => false,
);
if (!available && process.env["CI"] === "true")
  throw new Error("Prometheus is needed in CI: Debian's package prometheus");

/** What promtool says of names that are MetalLB's, client-go's or Node's: they are what dashboards ask for. */
const COMPLAINTS: readonly (readonly [name: RegExp, complaint: RegExp, why: string])[] = [
  [/^metallb_\w+_total$/, /non-counter metrics should not have "_total" suffix/, "MetalLB's gauges are called so"],
  [/^metallb_\w+$/, /counter metrics should have "_total" suffix/, "MetalLB's counters are called so"],
  [/^metallb_k8s_client_config_\w+_bool$/, /.*/, "MetalLB's name"],
  [
    /^nodejs_active_\w+_total$/,
    /non-counter metrics should not have "_total" suffix/,
    "prom-client's gauges are called so",
  ],
];

function free(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** The name that the server's certificate is for. */
function certificateName(port: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subjectaltname);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

interface Target {
  readonly labels: { readonly job: string };
  readonly health: string;
  readonly lastError: string;
}

describe.skipIf(!available)("a real Prometheus (skipped where it is not installed)", () => {
  const folder = mkdtempSync(join(tmpdir(), "herald-prometheus-"));
  const kubeconfig = join(folder, "kubeconfig");
  const stops: (() => unknown)[] = [];
  const ports: Record<string, number> = {};
  let build: Build;
  let api: ApiServer;
  let admin: KubernetesClient;

  beforeAll(async () => {
    build = await Build.make();
    api = await startApi();
    writeFileSync(kubeconfig, api.kubeconfig());
    admin = new KubernetesClient({ log: silentLog }, clientConfigFromKubeconfig(kubeconfig));
    await admin.create(resource("namespaces", "Namespace"), body("v1", "Namespace", NAMESPACE));
    for (const name of ["prometheus", "stranger"]) await account(name);
    await mayRead("prometheus");
    for (const name of ["controller", "speaker", "plain", "prometheus"]) ports[name] = await free();
    certificates("first", await issue("first.test"));
    symlinkSync("first", join(folder, "..data"));
    for (const file of ["tls.crt", "tls.key"]) symlinkSync(`..data/${file}`, join(folder, file));
    await startDaemons();
    await startPrometheus();
  });
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop();
    admin?.close();
    await api?.[Symbol.asyncDispose]();
    build?.[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function startApi(): Promise<ApiServer> {
    const { certificate, key } = await issue("localhost");
    const ports = { wallClock: systemWallClock, log: silentLog };
    const server = createApiServer(ports, {
      host: "127.0.0.1",
      port: 0,
      crds: readManifestFiles(["crds"]),
      rbac: {},
      token: ADMIN,
      tls: { key, cert: certificate },
    });
    await server.start();
    return server;
  }

  async function issue(name: string): Promise<CertifiedKey> {
    const now = new Date();
    const authority = await makeAuthority({ now, name: "test" });
    const { certificate, key } = await issueServerCertificate({
      authority,
      dnsNames: [name],
      ipAddresses: ["127.0.0.1"],
      now,
    });
    return { certificate: certificate + authority.certificate, key };
  }

  function resource(plural: string, kind: string, group = "", namespaced = false): Resource {
    return { group, version: "v1", plural, kind, namespaced };
  }

  async function account(name: string): Promise<void> {
    const namespace = "default";
    await admin.create(resource("serviceaccounts", "ServiceAccount", "", true), body("v1", "ServiceAccount", name), {
      namespace,
    });
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const args = ["-sfk", "-H", `authorization: Bearer ${ADMIN}`, "-H", "content-type: application/json"];
    const url = `${api.url}/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const { stdout } = await run("curl", [...args, "-d", JSON.stringify(request), url]);
    const { status } = JSON.parse(stdout) as { status: { token: string } };
    writeFileSync(join(folder, `${name}.token`), status.token);
  }

  async function mayRead(name: string): Promise<void> {
    const rules = [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }];
    const role = { ...body(`${RBAC}/v1`, "ClusterRole", "metrics-reader"), rules };
    await admin.create(resource("clusterroles", "ClusterRole", RBAC), role);
    await admin.create(resource("clusterrolebindings", "ClusterRoleBinding", RBAC), {
      ...body(`${RBAC}/v1`, "ClusterRoleBinding", "metrics-reader"),
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "metrics-reader" },
      subjects: [{ kind: "ServiceAccount", name, namespace: "default" }],
    });
  }

  async function service(name: string, annotations: Readonly<Record<string, string>>): Promise<void> {
    const spec = { type: "LoadBalancer", ports: [{ port: 80 }], selector: { app: name } };
    const object = { apiVersion: "v1", kind: "Service", metadata: { name, annotations }, spec };
    await admin.create(resource("services", "Service", "", true), object, { namespace: "default" });
  }

  function body(apiVersion: string, kind: string, name: string): object {
    return { apiVersion, kind, metadata: { name } };
  }

  function certificates(name: string, { certificate, key }: CertifiedKey): void {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "tls.crt"), certificate);
    writeFileSync(join(folder, name, "tls.key"), key);
  }

  async function startDaemons(): Promise<void> {
    const common = ["--kubeconfig", kubeconfig, "--namespace", NAMESPACE, "--health-probe-port", "0"];
    const secure = ["--secure-metrics", "--metrics-cert-dir", folder];
    start(["controller", ...common, "--single-replica", ...secure, "--port", `${ports["controller"]}`]);
    start(["speaker", ...common, "--node-name", "n1", "--secure-metrics", "--port", `${ports["speaker"]}`]);
    start(["controller", ...common, "--port", `${ports["plain"]}`]);
  }

  function start(args: readonly string[]): Herald {
    const herald = build.start(args);
    stops.push(() => herald.end("SIGTERM"));
    return herald;
  }

  async function startPrometheus(): Promise<void> {
    const secure = (job: string, port: number | undefined, token: string): object => ({
      job_name: job,
      scheme: "https",
      tls_config: { insecure_skip_verify: true },
      authorization: { credentials_file: join(folder, `${token}.token`) },
      static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    });
    const scrape_configs = [
      secure("controller", ports["controller"], "prometheus"),
      secure("speaker", ports["speaker"], "prometheus"),
      secure("stranger", ports["speaker"], "stranger"),
      { job_name: "plain", static_configs: [{ targets: [`127.0.0.1:${ports["plain"]}`] }] },
    ];
    writeFileSync(
      join(folder, "p.yaml"),
      stringify({ global: { scrape_interval: "1s", scrape_timeout: "1s" }, scrape_configs }),
    );
    const args = [
      `--config.file=${join(folder, "p.yaml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${ports["prometheus"]}`,
    ];
    const child = spawn("prometheus", args, { stdio: "ignore" });
    const gone = new Promise((resolve) => child.once("exit", resolve));
    stops.push(() => {
      child.kill("SIGKILL");
      return gone;
    });
  }

  async function ask<T>(path: string): Promise<T | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${ports["prometheus"]}/api/v1/${path}`);
      return answer.ok ? ((await answer.json()) as { data: T }).data : undefined;
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }

  async function value(query: string): Promise<string | undefined> {
    const data = await ask<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(query)}`);
    return data?.result[0]?.value[1];
  }

  async function target(job: string): Promise<Target | undefined> {
    const data = await ask<{ activeTargets: Target[] }>("targets");
    return data?.activeTargets.find(({ labels }) => labels.job === job);
  }

  test.each(["controller", "speaker", "plain"])("scrapes %s, and takes every line of it", async (job) => {
    await until(`${job} to be up`, async () => (await target(job))?.health === "up", 45_000);
    expect(await value(`metallb_k8s_client_config_loaded_bool{job="${job}"}`)).toBeDefined();
    expect(await value(`herald_build_info{job="${job}"}`)).toBe("1");
  });

  test("one of two controllers says that it leads, and both that they have read the configuration", async () => {
    const is = (query: string, wanted: string): Promise<void> =>
      until(`${query} to be ${wanted}`, async () => (await value(query)) === wanted, 30_000);
    await is("sum(herald_controller_is_leader)", "1");
    await is("count(herald_controller_is_leader)", "2");
    await is("sum(metallb_k8s_client_config_loaded_bool)", "3");
  });

  test("addresses given out, how soon they were, and those refused are in the leader's numbers", async () => {
    const namespace = NAMESPACE;
    const pools = { ...resource("ipaddresspools", "IPAddressPool", "metallb.io", true), version: "v1beta1" };
    const pool = { ...body("metallb.io/v1beta1", "IPAddressPool", "main"), spec: { addresses: ["192.0.2.0/24"] } };
    await admin.create(pools, pool, { namespace });
    const is = (query: string, holds: (value: number) => boolean): Promise<void> =>
      until(`${query} to be right`, async () => holds(Number(await value(query))), 30_000);
    await is('sum(metallb_allocator_addresses_total{pool="main"})', (count) => count === 256);
    await service("web", {});
    await service("lost", { "metallb.io/address-pool": "nowhere" });
    await is('sum(metallb_allocator_addresses_in_use_total{pool="main"})', (count) => count === 1);
    await is('sum(metallb_allocator_services_allocated_total{pool="main"})', (count) => count === 1);
    await is('sum(herald_allocator_refused{reason="pool-unknown"})', (count) => count === 1);
    await is("sum(herald_controller_convergence_seconds_count)", (count) => count >= 1);
  });

  test("a bearer that the cluster knows and that has no role is kept out", async () => {
    await until("the stranger to be refused", async () => (await target("stranger"))?.health === "down", 45_000);
    expect((await target("stranger"))?.lastError).toContain("403");
  });

  test("the speaker's reviews of bearers are among the requests that it counts", async () => {
    const query = 'herald_api_requests_total{job="speaker",resource="subjectaccessreviews",code="201"}';
    await until("a review to be counted", async () => Number(await value(query)) >= 1, 30_000);
  });

  test("a certificate that the kubelet swaps is served from the next connection on", async () => {
    const port = ports["controller"] ?? 0;
    await until("the files to be read", async () => (await certificateName(port))?.includes("first.test") === true);
    certificates("second", await issue("second.test"));
    symlinkSync("second", join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await until("the new certificate", async () => (await certificateName(port))?.includes("second.test") === true);
  });

  test.each(["plain", "speaker"])("promtool has nothing to say of %s but of names that are others'", async (job) => {
    const scheme = job === "plain" ? "http" : "https";
    const header = `authorization: Bearer $(cat ${join(folder, "prometheus.token")})`;
    const url = `${scheme}://127.0.0.1:${ports[job]}/metrics`;
    const script = `curl -sfk -H "${header}" ${url} > ${join(folder, "text")} && promtool check metrics < ${join(folder, "text")} 2>&1; true`;
    const { stdout } = await run("sh", ["-c", script]);
    const unexplained = stdout
      .split("\n")
      .filter((line) => line !== "")
      .filter((line) => {
        const [name = "", ...complaint] = line.split(" ");
        return !COMPLAINTS.some(([names, complaints]) => names.test(name) && complaints.test(complaint.join(" ")));
      });
    expect(unexplained).toEqual([]);
  });
});
