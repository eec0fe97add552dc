import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Build } from "../support/herald.ts";
import { NamespacePair, run, whyNoNamespaces } from "../support/network-namespace.ts";
import { until } from "../support/until.ts";

const PROGRAMS = ["/usr/lib/frr/bgpd", "/usr/bin/vtysh", "/usr/bin/tshark", "/usr/bin/curl"];
const PASSWORD = "open-sesame-7731";

function whyNot(): string | undefined {
  const absent = PROGRAMS.filter((program) => !existsSync(program));
  if (absent.length > 0 && process.env["CI"] === "true")
    throw new Error(`CI must run these tests: no ${absent.join()}`);
  return absent.length > 0 ? ` (skipped: no ${absent.join()})` : whyNoNamespaces();
}

/** A speaker and its API in one network namespace, FRR in another; the commands run outside of both, through the socket alone. */
class Site {
  readonly folder = mkdtempSync(join(tmpdir(), "herald-hh-"));
  readonly socket = join(this.folder, "run/speaker.sock");
  readonly #pair = NamespacePair.create("hH");
  readonly #build: Build;
  readonly #children: ChildProcess[] = [];
  #url = "";
  speaker: ChildProcess | undefined;

  private constructor(build: Build) {
    this.#build = build;
  }

  static async make(): Promise<Site> {
    const site = new Site(await Build.make());
    await site.#startApi();
    site.#startFrr();
    return site;
  }

  #spawn(side: 0 | 1, argv: readonly string[]): ChildProcess {
    const child = spawn("nsenter", [`--net=/run/netns/${this.#pair.names[side]}`, ...argv], { stdio: "ignore" });
    this.#children.push(child);
    return child;
  }

  async #startApi(): Promise<void> {
    const kubeconfig = join(this.folder, "kubeconfig");
    this.#spawn(0, [process.execPath, this.#build.file, "apiserver", "--kubeconfig-out", kubeconfig]);
    await until("the API", () => existsSync(kubeconfig) && readFileSync(kubeconfig, "utf8").includes("server:"));
    this.#url = /server: (\S+)/.exec(readFileSync(kubeconfig, "utf8"))?.[1] ?? "";
  }

  #startFrr(): void {
    const lines = [
      ...[
        "router bgp 64513",
        " bgp router-id 10.77.0.2",
        " no bgp ebgp-requires-policy",
        " no bgp network import-check",
      ],
      ...[
        " neighbor 10.77.0.1 remote-as 64512",
        ` neighbor 10.77.0.1 password ${PASSWORD}`,
        " neighbor 10.77.0.1 passive",
      ],
      ...[" network 203.0.113.1/32", ""],
    ];
    writeFileSync(join(this.folder, "bgpd.conf"), lines.join("\n"));
    writeFileSync(join(this.folder, "vtysh.conf"), "");
    const files = ["-f", join(this.folder, "bgpd.conf"), "-i", join(this.folder, "pid"), "--vty_socket", this.folder];
    this.#spawn(1, [PROGRAMS[0] ?? "", ..."-Z -S -u root -g root --log file:/dev/null".split(" "), ...files]);
  }

  startSpeaker(): void {
    const flags = [
      "--kubeconfig",
      join(this.folder, "kubeconfig"),
      "--namespace",
      "metallb-system",
      "--node-name",
      "n1",
    ];
    const ports = ["--port", "0", "--health-probe-port", "0", "--membership", "all", "--admin-socket", this.socket];
    this.speaker = this.#spawn(0, [process.execPath, this.#build.file, "speaker", ...flags, ...ports]);
  }

  async endSpeaker(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.speaker;
    if (child === undefined) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  api(method: string, path: string, body: object): void {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const argv = [
      "curl",
      "-sS",
      "--fail-with-body",
      "-X",
      method,
      "-H",
      `Content-Type: ${type}`,
      "--data-binary",
      "@-",
    ];
    run(["nsenter", `--net=/run/netns/${this.#pair.names[0]}`, ...argv, `${this.#url}${path}`], JSON.stringify(body));
  }

  async herald(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const herald = await this.#build.run([...args, "--socket", this.socket]);
    return { code: await herald.exited, stdout: herald.stdout, stderr: herald.stderr };
  }

  async items(...args: readonly string[]): Promise<readonly { readonly [key: string]: unknown }[]> {
    const { stdout } = await this.herald(...args, "-o", "json");
    return stdout === "" ? [] : JSON.parse(stdout).items;
  }

  vtysh(command: string): string {
    return run(["vtysh", "--vty_socket", this.folder, "--config_dir", this.folder, "-c", command]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
      }),
    );
    await this.#pair.remove();
    this.#build[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function applyAll(site: Site): void {
  const own = "metallb-system";
  const meta = (name: string, namespace = own): object => ({ metadata: { name, namespace } });
  const metallb = (kind: string, version = "v1beta1"): object => ({ apiVersion: `metallb.io/${version}`, kind });
  site.api("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: own } });
  site.api("POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  site.api("POST", `/api/v1/namespaces/${own}/secrets`, {
    ...{ apiVersion: "v1", kind: "Secret", type: "kubernetes.io/basic-auth" },
    ...meta("tor1"),
    data: { password: Buffer.from(PASSWORD).toString("base64") },
  });
  site.api("POST", `/apis/metallb.io/v1beta1/namespaces/${own}/ipaddresspools`, {
    ...metallb("IPAddressPool"),
    ...meta("public"),
    spec: { addresses: ["198.51.100.0/24"] },
  });
  site.api("POST", `/apis/metallb.io/v1beta1/namespaces/${own}/bgpadvertisements`, {
    ...metallb("BGPAdvertisement"),
    ...meta("public"),
    spec: { communities: ["64512:7"] },
  });
  site.api("POST", `/apis/metallb.io/v1beta2/namespaces/${own}/bgppeers`, {
    ...metallb("BGPPeer", "v1beta2"),
    ...meta("tor1"),
    spec: {
      myASN: 64512,
      peerASN: 64513,
      peerAddress: "10.77.0.2",
      passwordSecret: { name: "tor1" },
      connectTime: "1s",
    },
  });
  site.api("POST", "/api/v1/namespaces/default/services", {
    ...{ apiVersion: "v1", kind: "Service" },
    ...meta("web", "default"),
    spec: { type: "LoadBalancer", ports: [{ port: 80 }], clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9"] },
  });
  site.api("PATCH", "/api/v1/namespaces/default/services/web/status", {
    status: { loadBalancer: { ingress: [{ ip: "198.51.100.1" }] } },
  });
  site.api("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4", ports: [{ port: 80 }] },
    metadata: { name: "web-1", namespace: "default", labels: { "kubernetes.io/service-name": "web" } },
    endpoints: [{ addresses: ["10.244.0.1"], nodeName: "n1", conditions: { ready: true } }],
  });
}

const missing = whyNot();

describe.skipIf(missing !== undefined)(`a speaker with FRR, looked into from outside${missing ?? ""}`, () => {
  let site: Site;
  const up = async (): Promise<void> => {
    await until("the session", async () => (await site.items("sessions"))[0]?.["state"] === "established", 30_000);
  };

  beforeAll(async () => {
    site = await Site.make();
    applyAll(site);
    site.startSpeaker();
    await until("the socket", () => existsSync(site.socket));
    await up();
  }, 120_000);
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  test("describe says what FRR can do and we cannot, and what both agreed on", async () => {
    const { stdout } = await site.herald("sessions", "describe", "n1", "tor1");
    expect(stdout).toMatch(/State: +established/);
    expect(stdout).toMatch(/OPEN received:\n {2}AS 64513, hold time 180s, identifier 10\.77\.0\.2/);
    expect(stdout).toMatch(/Hold time: +90s/);
    expect(stdout.slice(stdout.indexOf("This node lacks:"))).toMatch(/host name|graceful|hostname/i);
  });

  test("a route out is in FRR's table as it says, and FRR's own is among those in", async () => {
    await until("the route", async () => (await site.items("routes"))[0]?.["state"] === "sent");
    const [out] = await site.items("routes");
    expect(out).toMatchObject({
      prefix: "198.51.100.1/32",
      nextHop: "10.77.0.1",
      services: ["default/web"],
      advertisements: ["public"],
    });
    // Sent is not arrived: FRR takes its time.
    const shown = (): string => site.vtysh("show bgp ipv4 unicast 198.51.100.1/32 json");
    await until("the route in FRR's table", () => shown().includes("64512:7"));
    const seen = JSON.parse(shown());
    expect(seen.paths[0].nexthops[0].ip).toBe(out?.["nextHop"]);
    // FRR tells us our own route as well.
    const ofFrr = async (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
      (await site.items("routes", "--in")).filter((route) => route["prefix"] === "203.0.113.1/32");
    await until("FRR's own route", async () => (await ofFrr()).length > 0);
    const own = await ofFrr();
    expect(own).toMatchObject([{ nextHop: "10.77.0.2", peer: "tor1", attributes: { asPath: "64513" } }]);
  });

  test("a reset by FRR is told with its NOTIFICATION and is in the capture, with what came before and after", async () => {
    site.vtysh("clear bgp *");
    await until("the flap", async () => (await site.items("sessions"))[0]?.["flaps"] === 1);
    await up();
    const [session] = await site.items("sessions");
    expect(session?.["lastNotification"]).toMatchObject({
      direction: "in",
      code: 6,
      subcode: 4,
      words: "Cease/Administrative Reset (6/4)",
    });
    const file = join(site.folder, "tor1.pcap");
    expect((await site.herald("capture", "n1", "tor1", "-o", file)).code).toBe(0);
    const tshark = (...args: readonly string[]): string =>
      execFileSync("tshark", ["-r", file, "-o", "tcp.check_checksum:TRUE", ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    const types = tshark("-T", "fields", "-e", "bgp.type", "-Y", "bgp").trim().split(/[\n,]/);
    expect(types.filter((type) => type === "1")).toHaveLength(4);
    expect(types).toContain("3");
    expect(tshark("-T", "fields", "-e", "ip.src", "-e", "tcp.srcport", "-Y", "bgp.type == 3").trim()).toBe(
      "10.77.0.2\t179",
    );
    expect(tshark("-Y", "_ws.malformed || _ws.expert.severity >= warning || tcp.analysis.flags")).toBe("");
  });

  test("no document of it has the password", () => {
    const get = (path: string): string => run(["curl", "-sS", "--unix-socket", site.socket, `http://herald${path}`]);
    const { paths } = JSON.parse(get("/v1/about"));
    expect(paths.length).toBeGreaterThan(10);
    for (const path of paths) {
      const text = get(path.replace("{peer}", "tor1"));
      expect(text.length).toBeGreaterThan(0);
      expect(text.includes(PASSWORD), path).toBe(false);
    }
  });

  test("the socket is the owner's, outlives no clean end, and is taken over from a speaker that was killed", async () => {
    expect(statSync(site.socket).mode & 0o777).toBe(0o600);
    await site.endSpeaker("SIGKILL");
    expect(existsSync(site.socket)).toBe(true);
    const dead = await site.herald("sessions");
    expect([dead.code, dead.stdout.split("\n").length]).toEqual([1, 1]);
    expect(dead.stderr).toContain("no speaker listens there");
    site.startSpeaker();
    await up();
    await site.endSpeaker("SIGTERM");
    expect(existsSync(site.socket)).toBe(false);
  });
});
