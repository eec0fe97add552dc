import { beforeEach, describe, expect, test } from "vitest";
import { prepareNode } from "../../src/announcement/decision.ts";
import type { RouteChange } from "../../src/announcement/route-table.ts";
import { nodeName, peerName, serviceKey } from "../../src/api/brands.ts";
import type { Config, ServiceKey } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import type { EndpointSummary } from "../../src/api/endpoints.ts";
import { millis } from "../../src/net/micros.ts";
import { Announcer } from "../../src/speaker/announcer.ts";
import { base, bgpAd, config, l2Ad, main, node, on, peer, pool, service } from "../announcement/cluster.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const services = new Map<ServiceKey, Service>();
const endpoints = new Map<ServiceKey, EndpointSummary>();
const told: string[] = [];
const announced: string[] = [];
const decided: string[] = [];
let announcer: Announcer;
let clock: VirtualClock;

const keyOf = ({ metadata }: Service): ServiceKey => serviceKey(metadata.namespace, metadata.name);
const text = ({ peer: to, prefix, route }: RouteChange): string => `${route === undefined ? "-" : "+"} ${to} ${prefix}`;

function use(cluster: Config): void {
  announcer.reconfigure(prepareNode({ ...base, config: cluster, nodes: [node("a")], nodeName: nodeName("a") }));
}

function put(one: Service, at: EndpointSummary = on("a")): void {
  services.set(keyOf(one), one);
  endpoints.set(keyOf(one), at);
  announcer.serviceChanged(keyOf(one));
}

function drop(name: string): void {
  services.delete(serviceKey("default", name));
  announcer.serviceChanged(serviceKey("default", name));
}

function taken(): readonly string[] {
  return told.splice(0).toSorted();
}

const FULL = config(main, peer("r1"), peer("r2", { address: "192.0.2.2" }), bgpAd("ad"));

beforeEach(() => {
  for (const list of [services, endpoints]) list.clear();
  told.length = 0;
  announced.length = 0;
  decided.length = 0;
  clock = new VirtualClock();
  announcer = new Announcer({
    clock,
    log: silentLog,
    service: (key) => services.get(key),
    services: () => services.values(),
    endpoints: (key) => endpoints.get(key) ?? on(),
    keyOf,
    tell: (changes) => told.push(...changes.map(text)),
    announced: ({ metadata }) => announced.push(metadata.name),
    decided: (key, decision) => decided.push(`${key} ${decision?.layer2.length ?? "gone"}`),
    flush: () => decided.push("flush"),
    passed: () => decided.push("passed"),
  });
});

describe("among hundreds of nodes", () => {
  const nodes = Array.from({ length: 500 }, (_, i) => node(`n${i}`));
  const reconfigure = (): void =>
    announcer.reconfigure(
      prepareNode({
        ...base,
        config: config(main, peer("r1"), bgpAd("ad"), l2Ad("lan")),
        nodes,
        nodeName: nodeName("n1"),
      }),
    );
  const winners = (): readonly (string | undefined)[] =>
    [...announcer.decisions()].flatMap(({ refusals }) =>
      refusals.flatMap(({ cause }) => (cause.reason === "lost-election" ? [cause.winner] : [])),
    );

  beforeEach(() => {
    for (let i = 0; i < 200; i++) put(service(`s${i}`, { ips: [`10.0.0.${i}`] }));
  });

  test("routers are told at once, and who answers on the LAN is found out afterwards", () => {
    reconfigure();
    expect(taken()).toHaveLength(200);
    const waiting = winners().filter((winner) => winner === undefined).length;
    expect(waiting).toBeGreaterThan(100);
    decided.length = 0;
    clock.advance(millis(10));
    expect(decided.filter((one) => one.startsWith("default/"))).toHaveLength(waiting);
    expect(winners()).not.toContain(undefined);
    expect(taken()).toEqual([]);
  });

  test("whoever stops finds out no more", () => {
    reconfigure();
    const before = winners();
    announcer.stop();
    clock.advance(millis(10));
    expect(winners()).toEqual(before);
  });
});

describe("Announcer", () => {
  test("decides nothing before it has a configuration", () => {
    put(service("web"));
    expect([taken(), [...announcer.decisions()]]).toEqual([[], []]);
    use(FULL);
    expect(taken()).toEqual(["+ r1 10.0.0.1/32", "+ r2 10.0.0.1/32"]);
  });

  test("tells of a change once, and of nothing when nothing changes", () => {
    use(FULL);
    put(service("web"));
    expect(taken()).toHaveLength(2);
    put(service("web"));
    use(FULL);
    expect(taken()).toEqual([]);
    expect(announced).toEqual(["web"]);
  });

  test("says what was decided on each Service, then that all of it was", () => {
    put(service("web"));
    use(FULL);
    expect(decided.splice(0)).toEqual(["default/web 0", "flush", "passed"]);
    drop("web");
    expect(decided.splice(0)).toEqual(["default/web gone", "flush"]);
  });

  test("a deletion withdraws, also one that was missed until the next configuration", () => {
    use(FULL);
    put(service("web"));
    put(service("api", { ips: ["10.0.0.2"] }));
    taken();
    drop("web");
    expect(taken()).toEqual(["- r1 10.0.0.1/32", "- r2 10.0.0.1/32"]);
    services.clear();
    use(FULL);
    expect(taken()).toEqual(["- r1 10.0.0.2/32", "- r2 10.0.0.2/32"]);
  });

  test("no endpoint withdraws; a new one announces and says so again", () => {
    use(FULL);
    put(service("web"));
    put(service("web"), on());
    put(service("web"));
    expect(told.filter((line) => line.includes("r1"))).toEqual([
      "+ r1 10.0.0.1/32",
      "- r1 10.0.0.1/32",
      "+ r1 10.0.0.1/32",
    ]);
    expect(announced).toEqual(["web", "web"]);
  });

  test("another address is announced, the old one withdrawn, and said", () => {
    use(FULL);
    put(service("web"));
    taken();
    put(service("web", { ips: ["10.0.0.9"] }));
    expect(taken()).toEqual(["+ r1 10.0.0.9/32", "+ r2 10.0.0.9/32", "- r1 10.0.0.1/32", "- r2 10.0.0.1/32"]);
    expect(announced).toEqual(["web", "web"]);
  });

  test("routesOf() gives what a new session of a peer starts with", () => {
    use(FULL);
    put(service("web"));
    expect(announcer.routesOf(peerName("r2")).map(({ prefix }) => prefix.toString())).toEqual(["10.0.0.1/32"]);
    expect(announcer.routesOf(peerName("none"))).toEqual([]);
  });
});

describe("4.8 addresses that no pool has any more", () => {
  const ORPHANED = config(pool("other", "192.0.2.0/28"), peer("r1"), peer("r2", { address: "192.0.2.2" }), bgpAd("ad"));

  beforeEach(() => {
    use(FULL);
    put(service("web"));
    taken();
  });

  test("stay announced until the controller clears the Service", () => {
    use(ORPHANED);
    expect(taken()).toEqual([]);
    put(service("web", { ips: [] }));
    expect(taken()).toEqual(["- r1 10.0.0.1/32", "- r2 10.0.0.1/32"]);
  });

  test("are withdrawn when the Service has another address that is in no pool either", () => {
    use(ORPHANED);
    put(service("web", { ips: ["10.0.0.2"] }));
    expect(taken()).toEqual(["- r1 10.0.0.1/32", "- r2 10.0.0.1/32"]);
  });

  test("are withdrawn when the Service is deleted or is no load balancer any more", () => {
    use(ORPHANED);
    put(service("web", { spec: { type: "ClusterIP" } }));
    expect(taken()).toEqual(["- r1 10.0.0.1/32", "- r2 10.0.0.1/32"]);
  });

  test("are withdrawn when no endpoint is left that they could lead to", () => {
    use(ORPHANED);
    put(service("web"), on());
    expect(taken()).toEqual(["- r1 10.0.0.1/32", "- r2 10.0.0.1/32"]);
  });

  test("are withdrawn from a node whose last local endpoint goes", () => {
    put(service("local", { ips: ["10.0.0.7"], spec: { externalTrafficPolicy: "Local" } }));
    taken();
    use(ORPHANED);
    put(service("local", { ips: ["10.0.0.7"], spec: { externalTrafficPolicy: "Local" } }), on("b"));
    expect(taken()).toEqual(["- r1 10.0.0.7/32", "- r2 10.0.0.7/32"]);
  });

  test("are not announced by a speaker that did not announce them before", () => {
    put(service("late", { ips: ["192.0.2.99"] }));
    expect(taken()).toEqual([]);
  });

  test("stay also when one family alone was announced", () => {
    put(service("dual", { ips: ["10.0.0.3", "2001:db8::3"] }));
    expect(taken()).toEqual(["+ r1 10.0.0.3/32", "+ r2 10.0.0.3/32"]);
    use(ORPHANED);
    expect(taken()).toEqual([]);
  });
});
