import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { BGP_PEERS, SERVICES } from "../../src/kubernetes/resource.ts";
import { systemClock } from "../../src/system/clock.ts";
import { startInspectedDemo } from "../support/inspected-demo.ts";
import { type Outcome, runToEnd } from "../support/run-cli.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

const run = (args: readonly string[], terminal = false): Promise<Outcome> => runToEnd(args, { terminal });

const folder = mkdtempSync(join(tmpdir(), "herald-explain-"));
const kubeconfig = join(folder, "kubeconfig");
const stop = new AbortController();
let demo: Promise<void>;
let reach: readonly string[] = [];

/** The demo's API and its three speakers, which have told their routes and stay. */
beforeAll(async () => {
  const started = await startInspectedDemo(folder, stop.signal, (text) => {
    writeFileSync(kubeconfig, text, { mode: 0o600 });
    return kubeconfig;
  });
  demo = started.done;
  reach = ["--kubeconfig", kubeconfig, ...started.sockets];
});
afterAll(async () => {
  stop.abort();
  await demo;
  rmSync(folder, { recursive: true });
});

async function withClient<T>(use: (client: KubernetesClient) => Promise<T>): Promise<T> {
  const client = new KubernetesClient({ log: silentLog, clock: systemClock }, clientConfigFromKubeconfig(kubeconfig));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

describe("herald explain service, against a cluster", () => {
  test("a Service that is announced: every link holds, and the router is what cannot be seen", async () => {
    const { code, stdout, stderr } = await run(["explain", "service", "web", ...reach]);
    expect(stdout).toMatch(/^Service default\/web is announced\.\n/);
    expect(stdout).toMatch(/✓ session +seen: established since .* with AS 64513/);
    expect(stdout).toMatch(/✓ route +seen: sent, next hop 127\.0\.0\.11/);
    expect(stdout).toContain("If nothing answers all the same: ask router 127.0.0.1");
    expect([code, stderr]).toEqual([0, ""]);
  });

  test("colours are for terminals alone; JSON and YAML have the same causes", async () => {
    const [plain, coloured] = [
      await run(["explain", "service", "web", ...reach]),
      await run(["explain", "service", "web", ...reach], true),
    ];
    expect(plain.stdout).not.toContain("\u001b[");
    expect(coloured.stdout).toContain("\u001b[32m✓\u001b[0m");
    const document = JSON.parse((await run(["explain", "service", "web", "-o", "json", ...reach])).stdout);
    expect(document).toMatchObject({ service: "default/web", answers: "yes", observed: true });
    expect((await run(["explain", "service", "web", "-o", "yaml", ...reach])).stdout).toMatch(
      /^service: default\/web\n/,
    );
  });

  test("the AS of the router is changed under a session: the peer and the field are named, and it fails", async () => {
    const name = "router-node-b";
    await withClient((client) =>
      client.patch(BGP_PEERS, name, { spec: { peerASN: 64999 } }, { namespace: "metallb-system", type: "merge" }),
    );
    const ask = (): Promise<Outcome> => run(["explain", "service", "web", "--node", "node-b", "-o", "json", ...reach]);
    let last = await ask();
    await until("the speaker says the reason", async () => {
      last = await ask();
      return last.stdout.includes("wrong-asn");
    });
    const { causes, answers } = JSON.parse(last.stdout);
    expect(causes[0]).toMatchObject({
      name: "wrong-asn",
      object: { kind: "BGPPeer", name },
      field: "spec.peerASN",
      at: ["Node node-b"],
    });
    expect([answers, last.code]).toEqual(["no", 1]);
    const all = await run(["explain", "service", "web", ...reach]);
    expect(all.stdout).toMatch(/^Service default\/web is announced, but not all is as it should be\.\n/);
    expect(all.code).toBe(0);
  });

  test("a Service that asks for what is in no pool", async () => {
    await withClient((client) =>
      client.create(
        SERVICES,
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name: "lost", namespace: "default" },
          spec: { type: "LoadBalancer", loadBalancerIP: "203.0.113.1", ports: [{ port: 80 }] },
        },
        { namespace: "default" },
      ),
    );
    const { code, stdout } = await run(["explain", "service", "lost", ...reach]);
    expect(stdout).toMatch(
      /Change: ask for an address that is in spec\.addresses of an IPAddressPool.*\n {2}Service default\/lost spec\.loadBalancerIP: /,
    );
    expect(code).toBe(1);
  });

  test("only the speaker of one node is asked: the others are unknown, and nothing is held against them", async () => {
    const sockets = reach.filter((one) => one.endsWith("node-a.sock"));
    const args = [
      "--kubeconfig",
      kubeconfig,
      "--socket",
      "/nowhere/x.sock",
      ...sockets.flatMap((one) => ["--socket", one]),
    ];
    const { stdout, code } = await run(["explain", "service", "web", ...args]);
    expect(stdout).toMatch(/^Service default\/web is announced/);
    expect(stdout).toMatch(/\? speaker +seen: was not asked {2}\[Node node-c\]/);
    expect(code).toBe(0);
    const nobody = await run(["explain", "service", "web", "--kubeconfig", kubeconfig, "--socket", "/nowhere/x.sock"]);
    expect(nobody.stdout).toMatch(/session +seen: established, says BGPSessionState node-a-/);
  });

  test.each([
    ["no such Service", ["nothing"], "there is no Service default/nothing"],
    ["no such Node", ["web", "--node", "nowhere"], "there is no Node nowhere"],
    ["no name", ["a/b/c"], "it has to be NAMESPACE/NAME or NAME"],
  ])("%s is bad input", async (_, args, words) => {
    const { code, stderr } = await run(["explain", "service", ...args, ...reach]);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });
});

describe("herald services, pools and nodes", () => {
  const api = (): readonly string[] => ["--kubeconfig", kubeconfig];
  const items = async (...args: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> =>
    JSON.parse((await run([...args, "-o", "json", ...api()])).stdout).items;

  test("services: who announces what to whom; the one with a problem comes first", async () => {
    const { code, stdout } = await run(["services", ...api()]);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(head).toMatch(/^NAMESPACE +NAME +ADDRESSES +POOL +BGP +LAYER 2 +ENDPOINTS +PROBLEM$/);
    const [lost, web] = ["lost", "web"].map((name) => rows.findIndex((row) => row.startsWith(`default     ${name} `)));
    expect(rows[lost ?? -1]).toMatch(/ <pending> .*not allowed in config$/);
    expect(rows[web ?? -1]).toMatch(/ router-node-a,router-node-b,router-node-c \(3 nodes\) +<none> +2 +<none>$/);
    expect(lost).toBeLessThan(web ?? -1);
    expect(code).toBe(0);
    expect(await items("services", "--in", "nowhere")).toEqual([]);
  });

  test("pools: what they have, what of it is used, and by whom", async () => {
    const { stdout } = await run(["pools", "-o", "wide", ...api()]);
    expect(stdout).toMatch(
      /^NAME +AUTO +IPV4 +IPV6 +USE +FULL IN +SERVICES +ADDRESSES +HELD BY\npublic +true +\d+\/90 +\d+\/138 /,
    );
    expect(stdout).toContain("default/web");
    expect(await items("pools")).toMatchObject([{ name: "public", ipv4: { capacity: 90 }, ipv6: { capacity: 138 } }]);
  });

  test("nodes: their sessions and what they announce; labels select", async () => {
    // The speakers write what their sessions are a moment after it is so.
    await until("every session's state", async () => (await items("nodes")).every((node) => node["sessions"] === 1));
    const all = await items("nodes");
    expect(all).toMatchObject([{ peers: [{}] }, { peers: [{}] }, { peers: [{}] }].map(() => ({ sessions: 1 })));
    const one = await items("nodes", "-l", "kubernetes.io/hostname=node-c");
    expect(one).toMatchObject([{ name: "node-c", established: 1, peers: ["router-node-c"] }]);
  });
});

describe("herald plan --diff", () => {
  const diff = (name: string, text: string, ...more: readonly string[]): Promise<Outcome> => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return run(["plan", "-f", file, "--diff", "--kubeconfig", kubeconfig, ...more]);
  };
  const object = (kind: string, name: string, spec: string): string =>
    `{apiVersion: metallb.io/v1beta1, kind: ${kind}, metadata: {name: ${name}, namespace: metallb-system}, spec: ${spec}}`;

  test("what is invalid is refused and changes nothing, as in the cluster: no route is said to go", async () => {
    const broken = [
      object("BGPAdvertisement", "public", "{ipAddressPools: [public], communities: [nope]}"),
      object("IPAddressPool", "more", "{addresses: [198.51.100.90-198.51.100.120]}"),
    ];
    const list = `{apiVersion: v1, kind: List, items: [${broken.join(", ")}]}`;
    for (const text of [broken.join("\n---\n"), list]) {
      const { code, stdout } = await diff("broken.yaml", text);
      expect(code).toBe(2);
      expect(stdout.trimEnd().split("\n")).toEqual([
        expect.stringMatching(/^! BGPAdvertisement public: stays as it is: spec\.communities\[0\]: .*nope/),
        expect.stringMatching(/^! IPAddressPool more: is left out: spec\.addresses\[0\]: .*overlaps/),
      ]);
    }
  });

  test("-o json and -o yaml are documents; nothing is said of nothing", async () => {
    const text = object("BGPAdvertisement", "public", "{ipAddressPools: [public], localPref: 200}");
    const [json, yaml] = [await diff("a.yaml", text, "-o", "json"), await diff("a.yaml", text, "-o", "yaml")];
    const { items } = JSON.parse(json.stdout);
    expect(items).toContainEqual({
      change: "added",
      object: "Node node-a",
      what: "route 198.51.100.12/32 to router-node-a localPref 200",
    });
    expect(yaml.stdout).toMatch(/^items:\n {2}- change: removed\n/);
    const none = await diff(
      "none.yaml",
      object("IPAddressPool", "spare", "{addresses: [192.0.2.0/28], autoAssign: false}"),
    );
    expect(none).toEqual({ code: 0, stdout: "", stderr: "Nothing changes.\n" });
  });
});

test("herald plan --diff says what a file would change in the cluster", async () => {
  const file = join(folder, "more.yaml");
  const spec = "{ipAddressPools: [public], localPref: 200}";
  const metadata = "{name: public, namespace: metallb-system}";
  writeFileSync(file, `{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: ${metadata}, spec: ${spec}}`);
  const { code, stdout } = await run(["plan", "-f", file, "--diff", "--node", "node-a", "--kubeconfig", kubeconfig]);
  expect(stdout).toContain("- Node node-a: route 198.51.100.12/32 to router-node-a communities 64512:100\n");
  expect(stdout).toContain("+ Node node-a: route 198.51.100.12/32 to router-node-a localPref 200\n");
  expect(stdout).not.toContain("Service ");
  expect(code).toBe(0);
});

test("herald explain -f goes by the objects alone, and says so", async () => {
  const path = join(import.meta.dirname, "../fixtures/plan/cluster");
  const { code, stdout } = await run(["explain", "service", "home/one", "-f", path]);
  expect(stdout).toMatch(/\(by the objects alone: nobody was asked what really happens\)\.\n/);
  expect(stdout).not.toContain("seen:");
  expect(code).toBe(0);
});

describe("herald explain -f of a Service that it cannot take", () => {
  test.each([
    ["broken", "broken", /Service default\/broken is left out: .*spec\.ports/],
    ["of another namespace", "web", /there is no Service default\/web, but shop\/web/],
    ["that is nowhere", "gone", /there is no Service default\/gone\n/],
  ])("one %s is said to be that", async (_name, service, said) => {
    const file = join(folder, "odd.yaml");
    const kind = "apiVersion: v1\nkind: Service\n";
    writeFileSync(
      file,
      `${kind}metadata: { name: broken }\nspec: { ports: none }\n---\n${kind}metadata: { name: web, namespace: shop }\nspec: {}\n`,
    );
    const { code, stdout, stderr } = await run(["explain", "service", service, "-f", file]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(said);
  });
});
