import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { clabFile, listLabs } from "../../labs/runner/catalogue.ts";
import { parseClab } from "../../labs/runner/clab.ts";
import { containerLabFile } from "../../labs/runner/container-lab.ts";
import { LabConfigError } from "../../labs/runner/errors.ts";

const ROOT = join(import.meta.dirname, "../..");
const LABS = join(ROOT, "labs");
const SCHEMA = join(ROOT, "../shared/reference/clab.schema.json");

/** A small file that is fine, with parts to replace. */
function clab(parts: { readonly node?: string; readonly links?: string; readonly top?: string } = {}): string {
  return `
name: small
${parts.top ?? "mgmt: { network: small, ipv4-subnet: 10.254.0.0/24 }"}
topology:
  defaults: { kind: linux }
  nodes:
    a: ${parts.node ?? "{}"}
    b: {}
  links: ${parts.links ?? '[{ endpoints: ["a:eth1", "b:eth1"] }]'}
`;
}

function problemsOf(text: string): readonly string[] {
  try {
    parseClab(text, "small.clab.yml");
    return [];
  } catch (error) {
    if (error instanceof LabConfigError) return error.problems;
    throw error;
  }
}

describe("a containerlab file the runner cannot follow is refused, with the path of what is wrong", () => {
  test.each([
    ["not YAML", "topology: [", /./],
    ["YAML that is no map", "- 1", /^\(file\): want a map$/],
    ["an empty file", "", /^\(file\): want a map$/],
    ["an alias without anchor", clab({ node: "*nowhere" }), /nowhere|alias/i],
    ["aliases that unfold without end", bomb(), /alias/i],
    ["a duplicate key", clab({ node: "{ kind: linux, kind: linux }" }), /unique/i],
    ["a lab name with a slash", clab().replace("name: small", "name: ../small"), /^name: /],
    ["no lab name", clab().replace("name: small", "prefix: x"), /^name: /],
    ["a node name with a slash", clab().replace("    b: {}", "    ../b: {}"), /^topology\.nodes\.\.\.\/b: a node name/],
    ["a node name with a blank", clab().replace("    b: {}", "    'b c': {}"), /^topology\.nodes\.b c: a node name/],
    ["no nodes", "name: x\ntopology: { nodes: {} }", /^topology\.nodes: no nodes$/],
    ["nodes as a list", "name: x\ntopology: { nodes: [a] }", /^topology\.nodes: want a map$/],
    [
      "a kind that needs a container",
      clab({ node: "{ kind: nokia_srlinux }" }),
      /^topology\.nodes\.a\.kind: want linux or bridge, not nokia_srlinux$/,
    ],
    ["no kind", clab().replace("kind: linux", "image: x"), /^topology\.nodes\.a\.kind: .*nothing$/],
    ["groups", clab().replace("  nodes:", "  groups: { x: {} }\n  nodes:"), /^topology\.groups: /],
    [
      "a role nobody has",
      clab({ node: "{ labels: { herald.lab/role: king } }" }),
      /^topology\.nodes\.a\.labels\.herald\.lab\/role: want one of frr, /,
    ],
    ["a role inherited from Object", clab({ node: "{ labels: { herald.lab/role: constructor } }" }), /want one of/],
    ["exec as one string", clab({ node: "{ exec: ip link }" }), /^topology\.nodes\.a\.exec: want a list of strings$/],
    [
      "an open quote in exec",
      clab({ node: `{ exec: ["echo 'x"] }` }),
      /^topology\.nodes\.a\.exec\[0\]: empty, or a quote/,
    ],
    ["an empty exec line", clab({ node: `{ exec: ["ip link", " "] }` }), /^topology\.nodes\.a\.exec\[1\]: /],
    ["a bind without target", clab({ node: "{ binds: [frr.conf] }" }), /^topology\.nodes\.a\.binds\[0\]: want source/],
    [
      "a bind to a relative target",
      clab({ node: "{ binds: ['a:b'] }" }),
      /^topology\.nodes\.a\.binds\[0\]: want source/,
    ],
    ["env that is a list", clab({ node: "{ env: [A] }" }), /^topology\.nodes\.a\.env: want a map$/],
    ["env with a nested map", clab({ node: "{ env: { A: { b: c } } }" }), /^topology\.nodes\.a\.env\.A: want a string/],
    [
      "a sysctl of the whole machine",
      clab({ node: "{ sysctls: { kernel.panic: 1 } }" }),
      /^topology\.nodes\.a\.sysctls\.kernel\.panic: want a net\.\* key$/,
    ],
    ["a sysctl that hides an option", clab({ node: "{ sysctls: { 'net.x -w kernel.y': 1 } }" }), /want a net\.\* key$/],
    [
      "a management address that is none",
      clab({ node: "{ mgmt-ipv4: 10.254.0.256 }" }),
      /^topology\.nodes\.a\.mgmt-ipv4: want an IPv4/,
    ],
    [
      "a management address on network-mode none",
      clab({ node: "{ mgmt-ipv4: 10.254.0.2, network-mode: none }" }),
      /has network-mode none$/,
    ],
    [
      "a management address without subnet",
      clab({ top: "prefix: ''", node: "{ mgmt-ipv4: 10.254.0.2 }" }),
      /no mgmt\.ipv4-subnet$/,
    ],
    ["a management subnet that is none", clab({ top: "mgmt: { ipv4-subnet: 10.254.0/24 }" }), /^mgmt\.ipv4-subnet: /],
    [
      "the host's network",
      clab({ node: "{ network-mode: host }" }),
      /^topology\.nodes\.a\.network-mode: want none or bridge$/,
    ],
    ["links as a map", clab({ links: "{}" }), /^topology\.links: want a list$/],
    [
      "a link with one end",
      clab({ links: "[{ endpoints: ['a:eth1'] }]" }),
      /^topology\.links\[0\]\.endpoints: want two/,
    ],
    ["a link with three ends", clab({ links: "[{ endpoints: ['a:e1', 'b:e1', 'a:e2'] }]" }), /want two/],
    [
      "a link in the long form",
      clab({ links: "[{ type: veth, endpoints: [{ node: a, interface: e1 }, { node: b, interface: e1 }] }]" }),
      /want two/,
    ],
    ["a link that is a string", clab({ links: "['a:e1']" }), /want two/],
    ["an end without interface", clab({ links: "[{ endpoints: ['a', 'b:e1'] }]" }), /want two of the form/],
    ["an end at an unknown node", clab({ links: "[{ endpoints: ['a:e1', 'c:e1'] }]" }), /no node is called c$/],
    [
      "an end at constructor",
      clab({ links: "[{ endpoints: ['a:e1', 'constructor:e1'] }]" }),
      /no node is called constructor$/,
    ],
    [
      "an interface name of 16 characters",
      clab({ links: "[{ endpoints: ['a:abcdefghijklmnop', 'b:e1'] }]" }),
      /no interface name/,
    ],
    ["an interface called lo", clab({ links: "[{ endpoints: ['a:lo', 'b:e1'] }]" }), /no interface name/],
    ["an interface that is an option", clab({ links: "[{ endpoints: ['a:-x', 'b:e1'] }]" }), /no interface name/],
    [
      "an interface used twice",
      clab({ links: "[{ endpoints: ['a:e1', 'b:e1'] }, { endpoints: ['b:e1', 'a:e2'] }]" }),
      /^topology\.links\[1\]\.endpoints: b:e1 is used twice$/,
    ],
    ["both ends on one interface", clab({ links: "[{ endpoints: ['a:e1', 'a:e1'] }]" }), /a:e1 is used twice$/],
    [
      "eth0 of a managed node",
      clab({ node: "{ mgmt-ipv4: 10.254.0.2 }", links: "[{ endpoints: ['a:eth0', 'b:e1'] }]" }),
      /a:eth0 is used twice$/,
    ],
    [
      "a bridge with a long name",
      "name: x\ntopology: { nodes: { abcdefghijklmnopq: { kind: bridge } } }",
      /a bridge's name is an interface name/,
    ],
  ])("%s", (_name, text, problem) => {
    const problems = problemsOf(text);
    expect(problems.join("\n")).not.toBe("");
    expect(
      problems.some((line) => problem.test(line)),
      problems.join("\n"),
    ).toBe(true);
  });

  test("all problems are reported, not the first alone", () => {
    expect(problemsOf(clab({ node: "{ kind: x, exec: [''] }", links: "[{}]" }))).toHaveLength(3);
  });
});

describe("settings are merged as containerlab merges them", () => {
  const text = `
name: merged
topology:
  defaults: { kind: linux, env: { A: 1, B: 1 }, exec: [ip link], labels: { herald.lab/role: client } }
  kinds: { linux: { env: { B: 2, C: 2 }, binds: ["x:/x"] } }
  nodes:
    n: { env: { C: 3 }, exec: ["ip addr"], binds: ["y:/y:ro"], labels: { herald.lab/role: pod } }
    lan: { kind: bridge }
`;
  const [node, lan] = parseClab(text, "merged").nodes;

  test("maps are merged, the nearest value wins", () => expect(node?.env).toEqual({ A: "1", B: "2", C: "3" }));
  test("lists are appended, the farthest first", () =>
    expect(node?.exec).toEqual([
      ["ip", "link"],
      ["ip", "addr"],
    ]));
  test("binds lose their options", () =>
    expect(node?.binds).toEqual([
      { source: "x", target: "/x" },
      { source: "y", target: "/y" },
    ]));
  test("the nearest role wins", () => expect(node?.role).toBe("pod"));
  test("a bridge is a node", () => expect(lan?.kind).toBe("bridge"));
});

test("every lab of the folder is one the runner follows", () => {
  const labs = listLabs(LABS).map(({ name }) => name);
  expect(labs).toContain("bgp-ecmp");
  expect(labs.filter((name) => existsSync(containerLabFile(LABS, name)))).toEqual(["real-cluster"]);
  for (const name of labs) {
    const file = clabFile(LABS, name);
    if (existsSync(containerLabFile(LABS, name))) expect(name).toBe("real-cluster");
    else expect(parseClab(readFileSync(file, "utf8"), file).name).toBe(name);
    expect(existsSync(join(LABS, name, "check.ts")), `${name}/check.ts`).toBe(true);
    expect(existsSync(join(LABS, name, "README.md")), `${name}/README.md`).toBe(true);
  }
});

describe("containerlab's own schema", () => {
  const present = existsSync(SCHEMA);

  test("is at hand where it has to be", () => {
    if (process.env["CI"] === "true") expect(present, SCHEMA).toBe(true);
  });

  test.runIf(present)("takes every lab of the folder, and refuses one that is spoilt", () => {
    const schema: unknown = JSON.parse(readFileSync(SCHEMA, "utf8"));
    if (typeof schema !== "object" || schema === null) throw new Error("the schema is no object");
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
    const files = listLabs(LABS).map(({ name }) => clabFile(LABS, name));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      validate(parse(readFileSync(file, "utf8")));
      expect(validate.errors ?? [], file).toEqual([]);
    }
    expect(validate({ name: "x", topology: { nodes: { a: { kind: "linux", no: "such key" } } } })).toBe(false);
  });
});

/** Nine levels of nine: 387 million entries when unfolded. */
function bomb(): string {
  const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(", ")}]`);
  return `l0: &l0 [x]\n${levels.join("\n")}\n`;
}
