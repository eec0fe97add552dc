import { describe, expect, test } from "vitest";
import { parseNote } from "../../labs/runner/catalogue.ts";
import { LabConfigError } from "../../labs/runner/errors.ts";
import { enabledDaemons } from "../../labs/runner/frr.ts";
import { parseManifests, pathOf } from "../../labs/runner/kube-api.ts";
import { messageOf, Report, seconds } from "../../labs/runner/report.ts";
import { parseAddresses, parseNextHops, parseWeights } from "../../labs/runner/routes.ts";
import { vipOf } from "../../labs/runner/service-address.ts";
import { parseAnswers, tally } from "../../labs/runner/traffic.ts";

// What iproute2 6.1 printed for FRR 8.4.4's routes.
describe("parseNextHops reads `ip -j route show`", () => {
  test.each([
    ["no route", "", []],
    ["an empty list", "[]", []],
    [
      "one gateway",
      '[{"dst":"203.0.113.11","nhid":22,"gateway":"10.98.0.12","dev":"br0","protocol":"bgp","metric":20,"flags":[]}]',
      ["10.98.0.12"],
    ],
    [
      "several, in order of address",
      '[{"dst":"203.0.113.10","nhid":20,"protocol":"bgp","metric":20,"flags":[],"nexthops":[{"gateway":"10.98.0.13","dev":"br0","weight":1,"flags":[]},{"gateway":"10.98.0.11","dev":"br0","weight":1,"flags":[]}]}]',
      ["10.98.0.11", "10.98.0.13"],
    ],
    [
      "an IPv4 route by an IPv6 gateway",
      '[{"dst":"203.0.113.10","via":{"family":"inet6","host":"fe80::1"},"dev":"br0"}]',
      ["fe80::1"],
    ],
    ["a route without gateway", '[{"dst":"10.0.0.0/8","dev":"eth1"}]', []],
  ])("%s", (_name, text, hops) => {
    expect(parseNextHops(text)).toEqual(hops);
  });
});

// What iproute2 6.1 printed for routes with a link bandwidth of 3:1, and for one without.
describe("parseWeights reads `ip -j route show`", () => {
  test.each([
    ["no route", "", []],
    ["one gateway has no weight", '[{"dst":"203.0.113.11","gateway":"10.98.0.12","dev":"br0"}]', []],
    [
      "several gateways",
      '[{"dst":"203.0.113.10","nhid":20,"nexthops":[{"gateway":"10.98.0.12","dev":"br0","weight":25,"flags":[]},{"gateway":"10.98.0.11","dev":"br0","weight":75,"flags":[]}]}]',
      [
        ["10.98.0.12", 25],
        ["10.98.0.11", 75],
      ],
    ],
    [
      "IPv4 by IPv6 gateways",
      '[{"dst":"203.0.113.10","nexthops":[{"via":{"family":"inet6","host":"fe80::1"},"dev":"eth1","weight":1}]}]',
      [["fe80::1", 1]],
    ],
  ])("%s", (_name, text, weights) => {
    expect([...parseWeights(text)]).toEqual(weights);
  });
});

test("parseAddresses reads `ip -j addr show`", () => {
  const text = `[{"ifname":"lo","addr_info":[{"family":"inet","local":"127.0.0.1","scope":"host"}]},{"ifname":"e1"},
    {"ifname":"eth1","addr_info":[{"local":"fe80::1","scope":"link"},{"local":"10.0.0.1","scope":"global"}]}]`;
  expect(parseAddresses(text)).toEqual([
    { port: "lo", address: "127.0.0.1", scope: "host" },
    { port: "eth1", address: "fe80::1", scope: "link" },
    { port: "eth1", address: "10.0.0.1", scope: "global" },
  ]);
});

test.each([
  ["zebra always runs, first", "", ["zebra"]],
  ["what is switched on", "bgpd=yes\nospfd=no\nbfdd = yes # fast\n#ripd=yes\n", ["zebra", "bgpd", "bfdd"]],
  ["zebra once, quoted", "zebra=\"yes\"\nbgpd='yes'", ["zebra", "bgpd"]],
  ["options are no daemons", 'vtysh_enable=yes\nbgpd_options="yes"\nbgpd=yes', ["zebra", "bgpd"]],
  ["no paths", "../../bin/shd=yes\n", ["zebra"]],
])("enabledDaemons: %s", (_name, text, daemons) => {
  expect(enabledDaemons(text)).toEqual(daemons);
});

describe("manifests", () => {
  test("documents of one file, empty ones left out", () => {
    const text =
      "---\nkind: Service\nmetadata: { name: a }\n---\n# nothing\n---\nkind: BGPPeer\nmetadata: { name: b }\n";
    expect(parseManifests(text, "x").map((object) => object.kind)).toEqual(["Service", "BGPPeer"]);
  });

  test.each([
    ["broken YAML", "a: [", /./],
    ["an unknown kind", "kind: CronJob\nmetadata: { name: a }", /CronJob/],
    ["a kind inherited from Object", "kind: constructor\nmetadata: { name: a }", /constructor/],
    ["no kind", "metadata: { name: a }", /none given/],
    ["no name", "kind: Service", /no name/],
    ["a list", "- kind: Service", /document 1/],
  ])("%s is refused", (_name, text, problem) => {
    expect(() => parseManifests(text, "x.yaml")).toThrow(LabConfigError);
    expect(() => parseManifests(text, "x.yaml")).toThrow(problem);
  });

  test.each([
    [{ kind: "Node", name: "n1", namespace: "default" }, "/api/v1/nodes/n1"],
    [{ kind: "Service" }, "/api/v1/services"],
    [{ kind: "Service", namespace: "a/b", name: "../x" }, "/api/v1/namespaces/a%2Fb/services/..%2Fx"],
    [{ kind: "BGPPeer", namespace: "m" }, "/apis/metallb.io/v1beta2/namespaces/m/bgppeers"],
  ] as const)("the path of %j", (ref, path) => {
    expect(pathOf(ref)).toBe(path);
  });
});

test.each([
  [
    "a note",
    '{"lab":"l","run":"hl0a0b","pid":42,"state":"/tmp/x"}',
    { lab: "l", run: "hl0a0b", pid: 42, state: "/tmp/x" },
  ],
  ["half a note", '{"lab":"l","run', undefined],
  ["a pid that is none", '{"lab":"l","run":"r","pid":-1,"state":"/tmp/x"}', undefined],
  ["a missing field", '{"lab":"l","pid":42,"state":"/tmp/x"}', undefined],
  ["something else", "[]", undefined],
])("parseNote: %s", (_name, text, note) => {
  expect(parseNote(text)).toEqual(note);
});

test.each([
  [0, "0 ms"],
  [38.4, "38 ms"],
  [999.4, "999 ms"],
  [1000, "1.00 s"],
  [9104, "9.10 s"],
])("%d milliseconds read %s", (ms, text) => {
  expect(seconds(ms).trim()).toBe(text);
});

test("an address in the forms that a router, a kernel and a client want it", () => {
  expect(vipOf("203.0.113.10")).toEqual({
    family: 4,
    address: "203.0.113.10",
    prefix: "203.0.113.10/32",
    url: "http://203.0.113.10/",
    echo: "udp://203.0.113.10:7",
  });
  expect(vipOf("2001:db8::1")).toMatchObject({
    family: 6,
    prefix: "2001:db8::1/128",
    url: "http://[2001:db8::1]/",
    echo: "udp://[2001:db8::1]:7",
  });
});

test("parseAnswers takes what pods say, and nothing else", () => {
  const lines = [
    "pod=p1a client=192.0.2.10",
    "pod=p1b client=2001:db8::1",
    "",
    "pod= client=x",
    "<html>",
    "pod=a client=b c",
  ];
  expect(parseAnswers(lines)).toEqual([
    { pod: "p1a", client: "192.0.2.10" },
    { pod: "p1b", client: "2001:db8::1" },
  ]);
});

test("tally counts", () => {
  expect([...tally(["a", "b", "a"])]).toEqual([
    ["a", 2],
    ["b", 1],
  ]);
  expect(tally([]).size).toBe(0);
});

test("a report remembers which failure it has told", () => {
  const lines: string[] = [];
  const report = new Report((line) => lines.push(line));
  const error = new Error("no route");
  report.failed("a step", 38, error);
  expect(lines.join("")).toContain(messageOf(error));
  expect(report.wasTold(error)).toBe(true);
  expect(report.wasTold(new Error("no route"))).toBe(false);
});
