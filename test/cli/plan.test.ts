import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runToEnd } from "../support/run-cli.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/plan");

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function plan(...args: readonly string[]): Promise<Run> {
  const { code, stdout: out, stderr: err } = await runToEnd(["plan", ...args]);
  return { code, out, err };
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-plan-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const POOL =
  "{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: main, namespace: metallb-system}, spec: {addresses: [10.0.0.0/24]}}\n";
const L2 =
  "{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: lan, namespace: metallb-system}}\n";
const NODE = "{apiVersion: v1, kind: Node, metadata: {name: n1}}\n";
const WEB =
  "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer, clusterIPs: [10.96.0.1], ports: [{port: 80}]}}\n";
const SLICE =
  "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}, endpoints: [{addresses: [10.1.0.1], nodeName: n1}]}\n";
const cluster = (...documents: string[]): string => documents.join("---\n");
const all = cluster(POOL, L2, NODE, WEB, SLICE);

describe("a whole cluster, as files of all kinds in a folder", () => {
  test("-o json is the plan worked out by hand from the reference", async () => {
    const { code, out, err } = await plan("-f", join(FIXTURES, "cluster"), "-o", "json");
    const expected: unknown = JSON.parse(readFileSync(join(FIXTURES, "cluster.expected.json"), "utf8"));
    const messages: string[] = [];
    const without = JSON.parse(out, (key, value: unknown) => {
      if (key !== "message") return value;
      messages.push(String(value));
      return undefined;
    });
    expect(without).toEqual(expected);
    expect(messages).toHaveLength(30);
    expect(messages.every((message) => message.length > 20)).toBe(true);
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  test("-o yaml says the same", async () => {
    const [json, yaml] = await Promise.all(
      ["json", "yaml"].map((format) => plan("-f", join(FIXTURES, "cluster"), "-o", format)),
    );
    expect(parse(yaml?.out ?? "")).toEqual(JSON.parse(json?.out ?? ""));
  });

  test("the table has every announcement and every reason", async () => {
    const { out } = await plan("-f", join(FIXTURES, "cluster"));
    const rows = out.split("\n").map((line) => line.trim().replace(/ {2,}/g, " | "));
    expect(rows).toContain("SERVICE | IPS | POOL | REASON");
    expect(rows).toContain(
      'home/wish | <pending> | - | address-outside-pools: ["192.0.2.99"] is not allowed in config',
    );
    expect(rows).toContain("NODE iris1");
    expect(rows).toContain("tor4 | 203.0.113.0/32 | 200 | 64512:7,65535:65284,64512:1:2 | shop/owner");
    expect(rows).toContain("10.20.30.2 | eth0,eth1 | home/two");
    expect(rows).toContain(
      "home/wish | <none> | bgp,layer2 | no-address | Service home/wish has no address in status.loadBalancer.ingress",
    );
    expect(out).toMatch(/shop\/both +203\.0\.113\.1,2001:db8:cafe:: +bgp +node-excluded/);
    expect(out.split("\n").filter((line) => /\s$/.test(line))).toEqual([]);
  });

  test("--node shows one node and elects among all", async () => {
    const { out } = await plan("-f", join(FIXTURES, "cluster"), "--node", "iris1", "-o", "json");
    const { nodes } = JSON.parse(out);
    expect(nodes).toHaveLength(1);
    expect(nodes[0]).toMatchObject({ name: "iris1", layer2: [{ ip: "10.20.30.2" }] });
  });

  test("--ignore-exclude-lb lets the excluded node in", async () => {
    const { out } = await plan("-f", join(FIXTURES, "cluster"), "--ignore-exclude-lb", "-o", "json");
    expect(out).not.toContain("node-excluded");
  });

  test("--lb-class takes the Services of that class alone", async () => {
    const { out } = await plan("-f", join(FIXTURES, "cluster"), "--lb-class", "example.com/other", "-o", "json");
    expect(JSON.parse(out).services).toMatchObject([{ name: "foreign", pool: "main" }]);
  });

  test("--namespace ignores configuration of others, and says so", async () => {
    const { out, err, code } = await plan("-f", join(FIXTURES, "cluster"), "--namespace", "elsewhere", "-o", "json");
    expect(JSON.parse(out).services.map((s: { ips: string[] }) => s.ips)).toEqual([[], [], [], [], []]);
    expect(err).toContain(
      "note: IPAddressPool main is in namespace metallb-system, not in that of --namespace: ignored",
    );
    expect(code).toBe(0);
  });
});

describe("input that is read", () => {
  test.each<[string, Record<string, string>, string[]]>([
    ["one file of many documents", { "a.yaml": all }, ["-f", "a.yaml"]],
    ["a file of any name when it is named", { manifest: all }, ["-f", "manifest"]],
    [
      "folders below, .yml and .json",
      { "a/b/c.yml": cluster(POOL, L2, NODE), "d.json": JSON.stringify(parse(WEB)), "e.YAML": SLICE },
      ["-f", "."],
    ],
    [
      "several -f",
      { "a.yaml": cluster(POOL, L2, NODE), "b.yaml": cluster(WEB, SLICE) },
      ["-f", "a.yaml", "-f", "b.yaml"],
    ],
    [
      "a JSON list",
      {
        "a.json": JSON.stringify({
          apiVersion: "v1",
          kind: "List",
          items: [POOL, L2, NODE, WEB, SLICE].map((d) => parse(d)),
        }),
      },
      ["-f", "a.json"],
    ],
    [
      "JSON documents behind each other",
      { "a.json": [POOL, L2, NODE, WEB, SLICE].map((d) => JSON.stringify(parse(d))).join("\n---\n") },
      ["-f", "a.json"],
    ],
    ["empty documents and comments", { "a.yaml": `---\n# nothing\n---\n${all}---\n` }, ["-f", "a.yaml"]],
    [
      "other files and hidden ones are passed over",
      { "a.yaml": all, "notes.txt": "{", ".git/x.yaml": "{", ".hidden.yaml": "{" },
      ["-f", "."],
    ],
    [
      "merge keys and aliases",
      { "a.yaml": all.replace("metadata: {name: n1}", "metadata: {<<: &x {name: n1}}") },
      ["-f", "a.yaml"],
    ],
    [
      "kinds of others",
      { "a.yaml": `${all}---\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {a: 1}}\n` },
      ["-f", "a.yaml"],
    ],
  ])("%s", async (_, files, args) => {
    write(files);
    const { out, err, code } = await plan(...args.map((arg) => (arg === "-f" ? arg : join(folder, arg))), "-o", "json");
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(JSON.parse(out).nodes).toMatchObject([
      { name: "n1", layer2: [{ ip: "10.0.0.0", interfaces: [], service: "default/web" }] },
    ]);
  });

  test("links to files, as a mounted ConfigMap has them", async () => {
    write({ ".data/a.yaml": all });
    symlinkSync(join(folder, ".data/a.yaml"), join(folder, "a.yaml"));
    symlinkSync(folder, join(folder, "loop"));
    expect((await plan("-f", folder)).code).toBe(0);
  });
});

describe("input that cannot be read: exit 1, and the place", () => {
  test.each<[string, Record<string, string>, string[], RegExp[]]>([
    ["no such file", {}, ["gone.yaml"], [/gone\.yaml: no such file or folder/]],
    ["an empty folder", {}, ["."], [/: no \.yaml, \.yml or \.json file in this folder/]],
    ["broken YAML", { "a.yaml": `${POOL}---\nkind: [\n` }, ["a.yaml"], [/a\.yaml:4:1: /]],
    ["a tab", { "a.yaml": "kind:\n\tx: 1\n" }, ["a.yaml"], [/a\.yaml:2:1: /]],
    ["a key twice", { "a.yaml": "kind: a\nkind: b\n" }, ["a.yaml"], [/a\.yaml:2:1: Map keys must be unique/]],
    ["broken JSON", { "a.json": '{"kind": "Node",\n "x": "y' }, ["a.json"], [/a\.json:2:\d+: /]],
    ["an alias to nowhere", { "a.yaml": "kind: *gone\n" }, ["a.yaml"], [/a\.yaml.*gone/]],
    ["aliases that blow up", { "a.yaml": bomb() }, ["a.yaml"], [/a\.yaml: Excessive alias count/]],
    [
      "two broken files are both named",
      { "a.yaml": "{", "b.yaml": "[", "c.yaml": all },
      ["."],
      [/a\.yaml:/, /b\.yaml:/],
    ],
    ["a link to nowhere", { "a.yaml": all }, ["."], [/b\.yaml: no such file/]],
  ])("%s", async (name, files, paths, messages) => {
    write(files);
    if (name === "a link to nowhere") symlinkSync(join(folder, "gone"), join(folder, "b.yaml"));
    const { out, err, code } = await plan(...paths.flatMap((path) => ["-f", join(folder, path)]), "-o", "json");
    expect({ out, code }).toEqual({ out: "", code: 1 });
    for (const message of messages) expect(err).toMatch(message);
  });
});

/** Nine anchors of nine aliases each: 387 million nodes. */
function bomb(): string {
  const names = [..."abcdefghi"];
  return names
    .map(
      (name, i) =>
        `${name}: &${name} [${Array(9)
          .fill(i === 0 ? "x" : `*${names[i - 1]}`)
          .join(", ")}]\n`,
    )
    .join("");
}

describe("objects that are invalid: left out, named, exit 2, and the rest is planned", () => {
  test.each<[string, string, object]>([
    [
      "an unreadable range",
      POOL.replaceAll("main", "bad").replace("10.0.0.0/24", "10.1.0.9-10.1.0.1"),
      { kind: "IPAddressPool", name: "bad" },
    ],
    [
      "an overlap with a pool that stays",
      POOL.replace("name: main", "name: over"),
      { kind: "IPAddressPool", name: "over" },
    ],
    [
      "a peer without an AS",
      "{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: p}, spec: {peerAddress: 192.0.2.1}}\n",
      { kind: "BGPPeer", name: "p" },
    ],
    [
      "an unknown community",
      "{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {name: b}, spec: {communities: [what]}}\n",
      { kind: "BGPAdvertisement", name: "b" },
    ],
    [
      "a spec that is a list",
      "{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: l}, spec: [1]}\n",
      { kind: "L2Advertisement", name: "l" },
    ],
    [
      "a Service with an unparsable status",
      WEB.replace("name: web", "name: odd").replace("spec:", "status: {loadBalancer: [1]}, spec:"),
      { kind: "Service", name: "odd" },
    ],
    [
      "a kind that does not exist",
      "{apiVersion: metallb.io/v1beta1, kind: IpAddressPool, metadata: {name: x}}\n",
      { kind: "IpAddressPool", name: "x" },
    ],
    ["a document that is no object", "just text\n", { kind: "unknown" }],
    [
      "a pool without a spec",
      "{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: p}}\n",
      { kind: "IPAddressPool", name: "p", message: "spec: must be set" },
    ],
    [
      "a pool whose spec is null",
      "{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: p}, spec: null}\n",
      { kind: "IPAddressPool", name: "p", message: "spec: must be set" },
    ],
    ["a pool with a name that plain objects have", POOL.replace("main", "__proto__"), { name: "__proto__" }],
    ["a List without items", "{apiVersion: v1, kind: List}\n", { kind: "List", message: "items: must be a list" }],
    ["an object without a name", "{apiVersion: v1, kind: Node, metadata: {}}\n", { kind: "Node" }],
  ])("%s", async (_, bad, want) => {
    write({ "a.yaml": cluster(POOL, L2, NODE, WEB, SLICE, bad) });
    const { out, err, code } = await plan("-f", folder, "-o", "json");
    expect(code).toBe(2);
    const { invalid, nodes } = JSON.parse(out);
    expect(invalid).toMatchObject([want]);
    expect(invalid[0].message).not.toBe("");
    expect(err).toContain(`invalid: ${invalid[0].kind} ${invalid[0].name}: ${invalid[0].message}`);
    expect(nodes[0].layer2).toEqual([{ ip: "10.0.0.0", interfaces: [], service: "default/web" }]);
  });

  test("the table shows them, at its end", async () => {
    write({ "a.yaml": cluster(all, POOL.replace("name: main", "name: over")) });
    const { out } = await plan("-f", folder);
    expect(out).toMatch(/INVALID, LEFT OUT \(1\)\n +KIND +NAME +MESSAGE\n +IPAddressPool +over +.*overlaps.*\n$/);
  });
});

describe("notes go to stderr", () => {
  test.each<[string, string, string[], string]>([
    [
      "no Node",
      cluster(POOL, WEB),
      [],
      "note: no Node objects are given: addresses are assigned, and nothing is announced\n",
    ],
    ["a node that is not there", all, ["--node", "n9"], "note: --node n9: no Node has this name\n"],
    [
      "several namespaces",
      cluster(all, L2.replace("metallb-system", "other").replace("name: lan", "name: lan2")),
      [],
      "note: configuration comes from several namespaces (metallb-system, other); a controller reads one: see --namespace\n",
    ],
  ])("%s", async (_, text, args, note) => {
    write({ "a.yaml": text });
    const { out, err, code } = await plan("-f", folder, ...args, "-o", "json");
    expect(err).toBe(note);
    expect(code).toBe(0);
    expect(JSON.parse(out).services).toMatchObject([{ ips: ["10.0.0.0"] }]);
  });
});

test("4.1 a status that the configuration does not allow is planned as what the controller makes of it", async () => {
  const moved = WEB.replace("spec:", "status: {loadBalancer: {ingress: [{ip: 10.9.9.9}]}}, spec:");
  write({ "a.yaml": cluster(POOL, L2, NODE, moved, SLICE) });
  const { out } = await plan("-f", folder, "-o", "json");
  expect(JSON.parse(out)).toMatchObject({
    services: [{ ips: ["10.0.0.0"] }],
    nodes: [{ layer2: [{ ip: "10.0.0.0" }] }],
  });
});

test("a node with nothing to do says so", async () => {
  write({ "a.yaml": NODE });
  expect((await plan("-f", folder)).out).toBe("\nSERVICES (0)\n  SERVICE  IPS  POOL  REASON\n\nNODE n1\n  nothing\n");
});

test("the same plan, whatever the order of documents", async () => {
  write({ "a/a.yaml": all, "b/a.yaml": cluster(SLICE, WEB, NODE, L2, POOL) });
  const [a, b] = await Promise.all(["a", "b"].map((name) => plan("-f", join(folder, name), "-o", "json")));
  expect(a?.out).toBe(b?.out);
});

test("an edit is tried: a later -f replaces what an earlier one says, and a note counts it", async () => {
  write({ "now.yaml": all, "edit.yaml": POOL.replace("10.0.0.0/24", "10.9.0.0/24") });
  const args = ["now.yaml", "edit.yaml"].flatMap((name) => ["-f", join(folder, name)]);
  const { out, err, code } = await plan(...args, "-o", "json");
  expect({ err, code }).toEqual({
    err: "note: 1 object(s) of an earlier -f are replaced by those of a later one\n",
    code: 0,
  });
  expect(JSON.parse(out).services).toMatchObject([{ ips: ["10.9.0.0"] }]);
});

test("twice within one -f is a duplicate", async () => {
  write({ "a.yaml": all, "b.yaml": POOL.replace("10.0.0.0/24", "10.9.0.0/24") });
  const { err, code } = await plan("-f", folder);
  expect(err).toBe('invalid: IPAddressPool main: metadata.name: duplicate definition of IPAddressPool "main"\n');
  expect(code).toBe(2);
});

test.each([
  ["latin 1", Buffer.from([0x6b, 0xe9, 0x20])],
  ["UTF-16", Buffer.from("\ufeffkind: x", "utf16le")],
  ["an executable", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff])],
])("octets that are no UTF-8 are unreadable: %s", async (_, octets) => {
  writeFileSync(join(folder, "a.yaml"), octets);
  expect(await plan("-f", folder)).toEqual({
    code: 1,
    out: "",
    err: `herald: ${join(folder, "a.yaml")}: not UTF-8 text\n`,
  });
});

test("names with control characters do not reach the terminal", async () => {
  write({ "a.json": JSON.stringify({ ...parse(POOL), metadata: { name: "a\u001b[31m\nb" } }) });
  const { out, err } = await plan("-f", folder);
  expect(err).toContain("invalid: IPAddressPool a\\u001b[31m\\u000ab: metadata.name: must be");
  expect(out).toContain("a\\u001b[31m\\u000ab");
});

test("--help shows examples", async () => {
  const { code, out } = await plan("--help");
  expect([code, out]).toEqual([0, expect.stringContaining("\nExamples:\n")]);
});

describe("what an advertisement adds beyond MetalLB", () => {
  const PEER =
    "{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: tor, namespace: metallb-system}, spec: {myASN: 64512, peerASN: 64513, peerAddress: 192.0.2.1}}\n";
  const ad = (spec: string): string =>
    `{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {name: x, namespace: metallb-system}, spec: ${spec}}\n`;
  const routes = async (spec: string): Promise<unknown> => {
    const path = write({ "all.yaml": cluster(POOL, PEER, ad(spec), NODE, WEB, SLICE) });
    return JSON.parse((await plan("-f", path, "-o", "json")).out).nodes[0].bgp;
  };
  const plain = { peer: "tor", prefix: "10.0.0.0/32", localPref: null, communities: [], largeCommunities: [] };

  test.each([
    ["nothing", "{}", {}],
    ["a med", "{med: 0}", { med: 0 }],
    ["prepends", "{asPathPrepend: 2}", { asPathPrepend: 2 }],
    ["a link bandwidth", "{linkBandwidth: Endpoints}", { linkBandwidth: 1_000_000 }],
  ])("-o json has a key for it only where it is set: %s", async (_, spec, want) => {
    expect(await routes(spec)).toEqual([{ ...plain, services: ["default/web"], ...want }]);
  });

  test("the table has a column for it only where a route has it", async () => {
    const path = write({ "all.yaml": cluster(POOL, PEER, ad("{med: 7}"), NODE, WEB, SLICE) });
    const { out } = await plan("-f", path);
    expect(out).toMatch(/PEER +PREFIX +LOCALPREF +MED +COMMUNITIES/);
    expect(out).not.toMatch(/PREPEND|BANDWIDTH/);
  });
});
