import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseClab } from "../../labs/runner/clab.ts";
import { layOut } from "../../labs/runner/graph/layout.ts";
import { carriers, parseSessions, programIn } from "../../labs/runner/graph/show.ts";
import { type LiveState, linkHealth } from "../../labs/runner/graph/state.ts";
import { drawSvg } from "../../labs/runner/graph/svg.ts";
import { drawText } from "../../labs/runner/graph/terminal.ts";

function topologyOf(name: string): ReturnType<typeof parseClab> {
  const file = join(import.meta.dirname, `../../labs/${name}/${name}.clab.yml`);
  return parseClab(readFileSync(file, "utf8"), file);
}

const FABRIC = topologyOf("bgp-dual-tor");
const STATE: LiveState = {
  up: new Set(
    FABRIC.links.flat().flatMap(({ node, port }) => (node === "t1" && port === "eth1" ? [] : `${node}:${port}`)),
  ),
  programs: new Map([["n1", ["speaker"]]]),
  sessions: [
    { router: "t1", neighbour: "n2", state: "Established" },
    { router: "t1", neighbour: "n1", state: "Idle" },
  ],
};

describe("layOut", () => {
  test("rows from the client down, and the management node beside the speakers", () => {
    const rows = Object.fromEntries(layOut(FABRIC).map(({ node, row }) => [node.name, row]));
    expect(rows).toEqual({ client: 0, s1: 1, s2: 1, t1: 2, t2: 2, n1: 3, n2: 3, n3: 3, cp: 3, p1: 4, p2: 4, p3: 4 });
  });

  test("no two nodes stand in one place, and all within the picture", () => {
    for (const name of ["bgp-dual-tor", "l2-failover", "bgp-ecmp", "bgp-unnumbered-clos", "standalone-anycast"]) {
      const topology = topologyOf(name);
      const spots = layOut(topology);
      expect(spots).toHaveLength(topology.nodes.length);
      expect(new Set(spots.map(({ row, across }) => `${row} ${across}`)).size).toBe(spots.length);
      expect(spots.every(({ across }) => across > 0 && across < 1)).toBe(true);
    }
  });

  test("a pod stands below its node: no two links of theirs cross", () => {
    const order = (prefix: string): readonly string[] =>
      layOut(FABRIC)
        .filter(({ node }) => node.name.startsWith(prefix) && node.name !== "cp")
        .toSorted((a, b) => a.across - b.across)
        .map(({ node }) => node.name.slice(1));
    expect(order("p")).toEqual(order("n"));
  });
});

test("a link is down when either end has no carrier; without a run nobody knows", () => {
  const link = FABRIC.links.find((ends) => ends.some(({ node, port }) => node === "t1" && port === "eth1")) ?? [];
  expect([linkHealth(link, STATE), linkHealth(FABRIC.links[0] ?? [], STATE), linkHealth(link, undefined)]).toEqual([
    "ill",
    "well",
    "unknown",
  ]);
});

describe("drawText", () => {
  const text = drawText(FABRIC, STATE);
  test("has every node, and no line is wider than a terminal", () => {
    for (const { name } of FABRIC.nodes) expect(text).toContain(`[${name}]`);
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(96);
  });

  test("tells links, programs and sessions, and marks what is down", () => {
    expect(text).toMatch(/^t1:eth1 +-- n1:eth1 +DOWN$/m);
    expect(text).toMatch(/^t1:eth2 +-- n2:eth1 +up$/m);
    expect(text).toMatch(/^n1 +speaker$/m);
    expect(text).toMatch(/^session t1 to n1 +Idle {2}<--$/m);
  });

  test("a lab that is not up has no states", () => {
    expect(drawText(FABRIC, undefined)).not.toMatch(/\b(up|DOWN|session)\b/);
  });
});

describe("drawSvg", () => {
  const svg = drawSvg(FABRIC, STATE);
  test("has a line for every link and a box for every node", () => {
    expect(svg.match(/<line /g)).toHaveLength(FABRIC.links.length);
    expect(svg.match(/rx="6"/g)).toHaveLength(FABRIC.nodes.length);
    expect(svg.match(/<path /g)).toHaveLength(2);
  });

  test("one link is red and dashed", () => {
    expect(svg.match(/<line [^>]*stroke="#c62828"[^>]*stroke-dasharray/g)).toHaveLength(1);
  });

  test("names are text, whatever they hold", () => {
    const topology = { ...FABRIC, name: `<a & "b">` };
    expect(drawSvg(topology, undefined)).toContain("<title>&lt;a &amp; &quot;b&quot;&gt; (not up)</title>");
  });
});

// What iproute2 6.1 printed.
test("carriers reads `ip -j addr show`: up and connected", () => {
  const text = `[{"ifname":"lo","operstate":"UNKNOWN"},{"ifname":"eth1","operstate":"UP"},{"ifname":"eth2","operstate":"LOWERLAYERDOWN"},{"ifname":"eth3","operstate":"DOWN"}]`;
  expect(carriers(text)).toEqual(["eth1"]);
});

test.each([
  ["/usr/bin/node --enable-source-maps dist/herald.js speaker --kubeconfig /tmp/x", ["speaker"]],
  ["/usr/bin/node labs/runner/pod-server.mjs", ["pod"]],
  ["/usr/lib/frr/bgpd --vty_socket /tmp/x", ["bgpd"]],
  ["/usr/bin/node labs/runner/relay.mjs /tmp/api.sock", []],
  ["bash --norc -i", []],
])("programIn: %s", (line, programs) => {
  expect(programIn(line.split(" "))).toEqual(programs);
});

// What FRR 8.4.4 printed, shortened.
test("parseSessions: a neighbour with two families is one session, by the name of its node", () => {
  const text = `{"ipv4Unicast":{"peers":{"10.0.0.1":{"state":"Established"},"10.0.0.9":{"state":"Active"}}},"ipv6Unicast":{"peers":{"10.0.0.1":{"state":"Established"}}}}`;
  expect(parseSessions("r1", text, new Map([["10.0.0.1", "n1"]]))).toEqual([
    { router: "r1", neighbour: "n1", state: "Established" },
    { router: "r1", neighbour: "10.0.0.9", state: "Active" },
  ]);
});
