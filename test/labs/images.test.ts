import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { addressesOf, registrations, slicesOf } from "../../labs/images/node-plan.ts";
import { listLabs } from "../../labs/runner/catalogue.ts";
import { parseClab, type Topology } from "../../labs/runner/clab.ts";
import { at, listOf, objectOf, textOf } from "../../labs/runner/json.ts";

const LABS = join(import.meta.dirname, "../../labs");
/** What is pulled, and what `labs/images/build.sh` builds. */
const IMAGES = ["quay.io/frrouting/frr:9.1.0", "wbitt/network-multitool:alpine-minimal", "herald-lab:dev"];
/** Kinds whose containers are somebody else's. */
const WITHOUT_IMAGE = ["bridge", "k8s-kind", "ext-container"];

/** What containerlab makes of a node that it has an image for. */
interface Container {
  readonly node: string;
  readonly image: string;
  readonly binds: readonly string[];
  readonly hasCommand: boolean;
}

function containersOf(lab: string): readonly Container[] {
  const file: unknown = parse(readFileSync(join(LABS, lab, `${lab}.clab.yml`), "utf8"));
  const defaults = objectOf(at(file, "topology", "defaults"));
  const all = Object.entries(objectOf(at(file, "topology", "nodes"))).map(([node, raw]) => ({
    node,
    kind: textOf(at(raw, "kind")) || textOf(defaults["kind"]),
    image: textOf(at(raw, "image")),
    binds: [...listOf(defaults["binds"]), ...listOf(at(raw, "binds"))].map(textOf),
    hasCommand: at(raw, "cmd") !== undefined,
  }));
  return all.filter(({ kind }) => !WITHOUT_IMAGE.includes(kind));
}

describe("under containerlab", () => {
  const labs = listLabs(LABS).map(({ name }) => name);

  test.each(labs)("%s: each container has an image that can be had, and what is bound to it is there", (lab) => {
    const containers = containersOf(lab);
    expect(containers.length).toBeGreaterThan(1);
    for (const { node, image, binds } of containers) {
      expect(IMAGES, `${node}: ${image}`).toContain(image);
      for (const bind of binds)
        expect(existsSync(join(LABS, lab, bind.split(":")[0] ?? "")), `${node}: ${bind}`).toBe(true);
    }
  });

  test.each(labs)("%s: routers have their configuration, and nodes can read what they are", (lab) => {
    for (const { node, image, binds, hasCommand } of containersOf(lab)) {
      const targets = binds.map((bind) => bind.split(":")[1]);
      const isRouter = image.startsWith("quay.io/frrouting");
      const wanted = isRouter ? ["/etc/frr/daemons", "/etc/frr/frr.conf"] : ["/lab"];
      if (isRouter || (image === "herald-lab:dev" && !hasCommand))
        expect(targets, node).toEqual(expect.arrayContaining(wanted));
    }
  });
});

function topology(exec: readonly string[], env = ""): Topology {
  const lines = exec.map((line) => `\n        - ${line}`).join("");
  return parseClab(
    `name: small
mgmt: { ipv4-subnet: 10.254.0.0/24 }
topology:
  defaults: { kind: linux }
  nodes:
    cp: { mgmt-ipv4: 10.254.0.10, labels: { herald.lab/role: control-plane } }
    n1:
      labels: { herald.lab/role: speaker }
      env: { ${env} }
      exec:${lines}
    p1:
      labels: { herald.lab/role: pod, herald.lab/node: n1 }
      exec: [ip addr add 10.244.1.2/24 dev eth1, ip -6 addr add fd44::2/64 dev eth1 nodad]
`,
    "small",
  );
}

test("a node's addresses are those that its lines put on an interface, lo left out", () => {
  const exec = [
    "ip link set eth1 up",
    "ip addr add 10.98.0.11/24 dev eth1",
    "ip -6 addr add fd98::11/64 dev eth1 nodad",
    "ip addr add 203.0.113.9/32 dev lo",
    "ip route add 10.0.0.0/8 via 10.98.0.1",
  ];
  expect(addressesOf(topology(exec).nodes[1] ?? { exec: [] })).toEqual(["10.98.0.11", "fd98::11"]);
});

test("speakers are registered with their Node, and with a pod where they gossip", () => {
  const kinds = (env: string): readonly string[] =>
    registrations(topology(["ip addr add 10.98.0.11/24 dev eth1"], env)).map(({ object }) => object.kind);
  expect(kinds("")).toEqual(["Node"]);
  expect(kinds("METALLB_ML_LABELS: app=metallb, METALLB_ML_BIND_ADDR: 10.98.0.11")).toEqual(["Node", "Pod"]);
});

describe("every pod is an endpoint of a Service", () => {
  const service = (spec: object) =>
    ({ kind: "Service", metadata: { name: "web", namespace: "default" }, spec }) as const;

  test("in both families, on its node", () => {
    const slices = slicesOf(service({ selector: { app: "web" } }), topology(["ip link set eth1 up"]));
    expect(slices.map((slice) => at(slice, "metadata", "name"))).toEqual(["web-ipv4", "web-ipv6"]);
    expect(at(listOf(slices[0]?.["endpoints"])[0], "addresses")).toEqual(["10.244.1.2"]);
    expect(at(listOf(slices[1]?.["endpoints"])[0], "nodeName")).toBe("n1");
  });

  test("but not of one without a selector, nor of what is no Service", () => {
    const lab = topology(["ip link set eth1 up"]);
    expect(slicesOf(service({}), lab)).toEqual([]);
    expect(slicesOf({ kind: "Namespace", metadata: { name: "x" }, spec: { selector: { a: "b" } } }, lab)).toEqual([]);
  });
});
