import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { folderJudge } from "../../src/standalone/standalone.ts";
import { shippedDefinitions } from "../integration/cluster.ts";
import { silentLog } from "../support/silent-log.ts";

const HOST = { namespace: "metallb-system", nodeName: "h1", nodeLabels: {} };
const judge = folderJudge(
  { wallClock: () => new Date(0), log: silentLog },
  { host: HOST, kinds: { crds: shippedDefinitions() } },
);

const POOL = `
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: { name: anycast }
spec: { addresses: [203.0.113.10-203.0.113.20] }`;
const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: LoadBalancer, ports: [{ port: 80 }] }`;
const CHECK = check("{ tcp: { port: 80 } }");

function check(spec: string, name = "web"): string {
  return `
apiVersion: herald.io/v1alpha1
kind: HealthCheck
metadata: { name: ${name} }
spec: ${spec}`;
}

function judged(files: Readonly<Record<string, string>>): ReturnType<typeof judge> {
  const sources = Object.entries(files).map(([file, text]) => ({
    file,
    documents: parseAllDocuments(text).map((document): unknown => document.toJS()),
  }));
  return judge({ sources, faults: [] });
}

describe("one fault anywhere refuses the whole folder, and says file, object and field", () => {
  const base = { "a.yaml": POOL, "b.yaml": SERVICE };
  test.each([
    ["an empty file, as one that is being written", { "c.yaml": "" }, /^c\.yaml: has no object/],
    ["a document that is no object", { "c.yaml": "- 1" }, /^c\.yaml: document 1: /],
    ["an object without kind", { "c.yaml": "metadata: { name: x }" }, /^c\.yaml: document 1: .*kind: must be set/],
    [
      "a pool that parses and says nonsense",
      { "a.yaml": POOL.replace("113.20", "113.2") },
      /^a\.yaml: IPAddressPool metallb-system\/anycast: spec\.addresses\[0\]: /,
    ],
    [
      "a field that is not known",
      { "a.yaml": POOL.replace("spec: {", "spec: { adresses: [],") },
      /^a\.yaml: IPAddressPool metallb-system\/anycast: .*spec\.adresses/,
    ],
    [
      "a Service that an API server refuses",
      { "b.yaml": SERVICE.replace("port: 80", "port: 80000") },
      /^b\.yaml: Service default\/web: .*port/,
    ],
    ["the same object in two files", { "c.yaml": SERVICE }, /^c\.yaml: Service default\/web: .* b\.yaml as well/],
    [
      "configuration that refers to what is not there",
      {
        "c.yaml":
          "apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: { name: r }\nspec: { myASN: 1, peerASN: 2, peerAddress: 10.0.0.1, bfdProfile: no }",
      },
      /^c\.yaml: BGPPeer metallb-system\/r: spec\.bfdProfile: /,
    ],
    [
      "a check of a Service that is not there",
      { "c.yaml": check("{ tcp: { port: 1 } }", "x") },
      /spec\.service: there is no/,
    ],
    [
      "a check of another version",
      { "c.yaml": CHECK.replace("v1alpha1", "v2") },
      /^c\.yaml: HealthCheck .*apiVersion: /,
    ],
    ["a check that does nothing", { "c.yaml": check("{}") }, /: spec: wants exactly one of/],
    [
      "a check that does two things",
      { "c.yaml": check("{ tcp: { port: 1 }, exec: { command: [/x] } }") },
      /tcp and exec/,
    ],
    ["a port that is none", { "c.yaml": check("{ tcp: { port: 0 } }") }, /web: spec\.tcp\.port: must be between 1/],
    ["no port", { "c.yaml": check("{ http: { path: / } }") }, /web: spec\.http\.port: must be set/],
    ["a slip of the pen in a check", { "c.yaml": check("{ tcp: { port: 1 }, rize: 3 }") }, /spec\.rize: is not known/],
    [
      "a path with a line break",
      { "c.yaml": check('{ http: { port: 1, path: "/\\r\\nx: y" } }') },
      /spec\.http\.path: /,
    ],
    ["a command by its name", { "c.yaml": check("{ exec: { command: [true] } }") }, /spec\.exec\.command/],
    ["an address that is none", { "c.yaml": check("{ address: localhost, tcp: { port: 1 } }") }, /spec\.address: /],
    ["no statuses", { "c.yaml": check("{ http: { port: 1, statuses: [] } }") }, /spec\.http\.statuses: /],
    ["an interval of nothing", { "c.yaml": check("{ tcp: { port: 1 }, interval: 0s }") }, /spec\.interval: /],
    [
      "a timeout above the interval",
      { "c.yaml": check("{ tcp: { port: 1 }, timeout: 3s }") },
      /spec\.timeout: must not/,
    ],
    ["fall: 0", { "c.yaml": check("{ tcp: { port: 1 }, fall: 0 }") }, /spec\.fall: must be between/],
    [
      "a Service that is announced whatever its check says",
      {
        "c.yaml": `${CHECK}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: static, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: []`,
      },
      /EndpointSlice default\/static of c\.yaml announces it whatever its health/,
    ],
  ])("%s", (_name, files, wanted) => {
    const { faults = [], content } = judged({ ...base, ...files });
    expect(content).toBeUndefined();
    expect(faults.join("\n")).toMatch(new RegExp(wanted.source, "m"));
  });
});

test("a good folder is taken, with namespaces filled in and the defaults of its checks", () => {
  const { content, faults } = judged({ "a.yaml": POOL, "b.yaml": `${SERVICE}\n---${CHECK}` });
  expect(faults).toBeUndefined();
  expect(content?.objects.map(({ kind, namespace }) => `${kind} ${namespace}`)).toEqual([
    "IPAddressPool metallb-system",
    "Service default",
    "HealthCheck default",
  ]);
  expect(content?.checks).toEqual([
    {
      namespace: "default",
      name: "web",
      service: "web",
      probe: { type: "tcp", address: "127.0.0.1", port: 80 },
      interval: 2_000_000,
      timeout: 1_000_000,
      rise: 2,
      fall: 3,
    },
  ]);
  expect(content?.notes).toEqual([]);
});

test("a trial leaves nothing behind: what is good is good again", () => {
  const good = { "a.yaml": POOL, "b.yaml": `${SERVICE}\n---${CHECK}` };
  judged(good);
  judged({ ...good, "c.yaml": SERVICE.replace("port: 80", "port: 80000").replace("web", "other") });
  expect(judged(good).faults).toBeUndefined();
});

test("what a cluster's folder has for others is left out, and a Service that nobody can announce is named", () => {
  const others =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: web }\n---\napiVersion: v1\nkind: Node\nmetadata: { name: h2 }";
  const { content } = judged({ "a.yaml": POOL, "b.yaml": SERVICE, "c.yaml": others });
  expect(content?.objects.map(({ kind }) => kind)).toEqual(["IPAddressPool", "Service"]);
  expect(content?.notes.join("\n")).toMatch(/Deployment default\/web decides nothing/);
  expect(content?.notes.join("\n")).toMatch(/Node h2 decides nothing/);
  expect(content?.notes.join("\n")).toMatch(/Service default\/web has neither a HealthCheck nor an EndpointSlice/);
});
