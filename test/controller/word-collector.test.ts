import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { SpeakerWord } from "../../src/controller/speaker-words.ts";
import { WordCollector, type WordCollectorPorts } from "../../src/controller/word-collector.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import {
  BGP_SESSION_STATES,
  CONFIGURATION_STATES,
  PODS,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
} from "../../src/kubernetes/resource.ts";
import { serviceStatusName, sessionStateName } from "../../src/kubernetes/status-names.ts";
import { seconds } from "../../src/net/micros.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const GRACE = seconds(300);
const WEB = serviceKey("default", "web");

interface Stored {
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly status?: object;
}

function l2(node: string, name = serviceStatusName("l2", WEB, nodeName(node))): Stored {
  return { metadata: { name }, status: { node, serviceName: "web", serviceNamespace: "default" } };
}

function bgp(node: string, name = serviceStatusName("bgp", WEB, nodeName(node))): Stored {
  return { metadata: { name }, status: { node, serviceName: "web", serviceNamespace: "default", peers: ["tor"] } };
}

function session(node: string, name = sessionStateName(nodeName(node), "tor")): Stored {
  return { metadata: { name, labels: { "frrk8s.metallb.io/node": node } }, status: { node, bgpStatus: "Established" } };
}

function state(name: string): Stored {
  return { metadata: { name }, status: { result: "Valid" } };
}

function ownedBy(object: Stored, name: string, uid: string): Stored {
  const ownerReferences = [{ apiVersion: "v1", kind: "Pod", name, uid }];
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

let clock: VirtualClock;
let stop: AbortController;
let nodes: string[];
let objects: Map<Resource, Stored[]>;
let pods: Map<string, string>;
let lists: number;
let fail: Error | undefined;
let refuse: Error | undefined;
let removed: string[];
let ended: Promise<void>;
let duringList: () => void;

function put(resource: Resource, ...more: readonly Stored[]): void {
  objects.set(resource, [...(objects.get(resource) ?? []), ...more]);
}

function left(): readonly string[] {
  return [...objects.values()].flat().map(({ metadata }) => metadata.name);
}

const client: WordCollectorPorts["client"] = {
  async *pages<T>(resource: Resource) {
    lists += 1;
    duringList();
    if (fail !== undefined) throw fail;
    const known = objects.get(resource);
    if (known === undefined) throw new ApiError({ status: 404, reason: "NotFound", message: "no such kind" });
    const items: T[] = JSON.parse(JSON.stringify(known.map(filled)));
    yield { items, resourceVersion: "1", first: true };
  },
  get: <T>(resource: Resource, name: string): Promise<T> => {
    const uid = resource === PODS ? pods.get(name) : undefined;
    if (uid === undefined) throw new ApiError({ status: 404, reason: "NotFound", message: "no such pod" });
    const pod: T = JSON.parse(JSON.stringify({ metadata: { name, uid } }));
    return Promise.resolve(pod);
  },
};

function filled(object: Stored): object {
  const { name } = object.metadata;
  return { ...object, metadata: { uid: `uid-${name}`, resourceVersion: `1-${name}`, ...object.metadata } };
}

function remove({ resource, name, uid, resourceVersion }: SpeakerWord): Promise<void> {
  if (refuse !== undefined) return Promise.reject(refuse);
  expect([uid, resourceVersion]).toEqual([`uid-${name}`, `1-${name}`]);
  objects.set(
    resource,
    (objects.get(resource) ?? []).filter(({ metadata }) => metadata.name !== name),
  );
  removed.push(name);
  return Promise.resolve();
}

function start(): void {
  stop = new AbortController();
  const there = (): ReadonlySet<ReturnType<typeof nodeName>> => new Set(nodes.map(nodeName));
  const ports = { client, clock, random: () => 0.5, log: silentLog, nodes: there, remove };
  ended = new WordCollector(ports, { namespace: "metallb-system", grace: GRACE }).run(stop.signal);
}

async function pass(time: number): Promise<void> {
  for (let left = time; left > 0; left -= seconds(10)) {
    await settle(2);
    clock.advance(seconds(10));
  }
  for (let i = 0; i < 40; i++) await settle(1);
}

beforeEach(() => {
  clock = new VirtualClock();
  nodes = ["here"];
  objects = new Map([SERVICE_L2_STATUSES, SERVICE_BGP_STATUSES, CONFIGURATION_STATES].map((kind) => [kind, []]));
  pods = new Map();
  lists = 0;
  fail = undefined;
  refuse = undefined;
  removed = [];
  duringList = () => {};
});
afterEach(() => stop.abort());

describe("what speakers said of nodes that are gone", () => {
  test.each<[string, Resource, Stored]>([
    ["a ServiceL2Status", SERVICE_L2_STATUSES, l2("gone")],
    [
      "a ServiceL2Status that was never filled",
      SERVICE_L2_STATUSES,
      {
        metadata: {
          name: serviceStatusName("l2", WEB, nodeName("gone")),
          labels: {
            "metallb.io/node": "gone",
            "metallb.io/service-name": "web",
            "metallb.io/service-namespace": "default",
          },
        },
      },
    ],
    ["a ServiceBGPStatus", SERVICE_BGP_STATUSES, bgp("gone")],
    ["a BGPSessionState", BGP_SESSION_STATES, session("gone")],
    ["a BGPSessionState that lost its status", BGP_SESSION_STATES, { metadata: session("gone").metadata }],
    ["a ConfigurationState", CONFIGURATION_STATES, state("speaker-gone")],
    ["one whose pod is gone", SERVICE_L2_STATUSES, ownedBy(l2("gone"), "speaker-x", "u1")],
  ])("%s goes when the time is over, and not before", async (_name, resource, object) => {
    put(resource, object);
    start();
    await pass(seconds(320));
    expect(left()).toEqual([object.metadata.name]);
    await pass(seconds(40));
    expect(left()).toEqual([]);
  });

  test.each<[string, Resource, Stored]>([
    ["of a node that is there", SERVICE_L2_STATUSES, l2("here")],
    ["of MetalLB, with a name of the API server", SERVICE_L2_STATUSES, l2("gone", "l2-x7k2p")],
    ["of MetalLB for a router", SERVICE_BGP_STATUSES, bgp("gone", "bgp-9wz4c")],
    ["of FRR-K8s", BGP_SESSION_STATES, session("gone", "gone-bcd42")],
    ["of the controller", CONFIGURATION_STATES, state("controller")],
    ["of nobody", SERVICE_L2_STATUSES, { metadata: { name: "l2-0123456789abcdef" } }],
    ["of another Service than its name is made of", SERVICE_L2_STATUSES, l2("gone", "l2-0123456789abcdef")],
    ["of a speaker whose pod lives", SERVICE_L2_STATUSES, ownedBy(l2("gone"), "speaker-y", "u2")],
  ])("an object %s stays", async (_name, resource, object) => {
    pods.set("speaker-y", "u2");
    put(resource, object);
    start();
    await pass(seconds(9000));
    expect(removed).toEqual([]);
    expect(left()).toEqual([object.metadata.name]);
  });

  test("a pod of the same name that came later is no owner", async () => {
    pods.set("speaker-x", "another");
    put(SERVICE_L2_STATUSES, ownedBy(l2("gone"), "speaker-x", "u1"));
    start();
    await pass(seconds(400));
    expect(left()).toEqual([]);
  });

  test("a node that comes back in time keeps all; when it goes again, its time begins anew", async () => {
    nodes = ["here", "there"];
    put(SERVICE_L2_STATUSES, l2("there"));
    start();
    await pass(seconds(60));
    nodes = ["here"];
    await pass(seconds(280));
    nodes = ["here", "there"];
    await pass(seconds(400));
    expect(removed).toEqual([]);
    nodes = ["here"];
    await pass(seconds(280));
    expect(removed).toEqual([]);
    await pass(seconds(90));
    expect(left()).toEqual([]);
  });

  test("the objects are listed when a node has been gone for long enough, and else once an hour", async () => {
    nodes = Array.from({ length: 1000 }, (_, i) => `n${i}`);
    start();
    await pass(seconds(60));
    const [atFirst, kinds] = [lists, 4];
    expect(atFirst).toBe(kinds);
    nodes = nodes.slice(50);
    await pass(seconds(290));
    expect(lists).toBe(atFirst);
    await pass(seconds(60));
    expect(lists).toBe(atFirst + kinds);
    await pass(seconds(3500));
    expect(lists).toBe(atFirst + kinds);
    await pass(seconds(120));
    expect(lists).toBe(atFirst + 2 * kinds);
  });

  test("where no node is seen at all, nothing is judged", async () => {
    put(SERVICE_L2_STATUSES, l2("here"));
    start();
    await pass(seconds(60));
    nodes = [];
    await pass(seconds(9000));
    expect(removed).toEqual([]);
  });

  test.each<[string, Error]>([
    ["cannot be reached", new ApiUnreachable("no route")],
    ["forbids it", new ApiError({ status: 403, reason: "Forbidden", message: "no" })],
  ])("an API that %s is asked again, ever less often", async (_name, error) => {
    put(SERVICE_L2_STATUSES, l2("gone"));
    fail = error;
    start();
    await pass(seconds(3600));
    expect(lists).toBeLessThan(16);
    fail = undefined;
    await pass(seconds(1500));
    expect(left()).toEqual([]);
  });

  test("what somebody wrote meanwhile is left to him; the others go all the same", async () => {
    put(SERVICE_L2_STATUSES, l2("gone"));
    put(SERVICE_BGP_STATUSES, bgp("gone"));
    refuse = new ApiError({ status: 409, reason: "Conflict", message: "changed" });
    start();
    await pass(seconds(400));
    expect(left()).toHaveLength(2);
    refuse = undefined;
    await pass(seconds(4200));
    expect(left()).toEqual([]);
  });

  test("a term that ends during a list ends without an error", async () => {
    fail = new DOMException("This operation was aborted", "AbortError");
    start();
    clock.advance(seconds(29));
    stop.abort();
    clock.advance(seconds(60));
    await expect(ended).resolves.toBeUndefined();
    start();
    nodes = [];
    await settle();
    nodes = ["here"];
    duringList = () => stop.abort();
    await pass(seconds(60));
    await expect(ended).resolves.toBeUndefined();
  });

  test("ten thousand take their time, and a term that ends stops it", async () => {
    const services = Array.from({ length: 10_000 }, (_, i) => serviceKey("default", `web-${i}`));
    for (const service of services) {
      const [, serviceName] = service.split("/");
      const name = serviceStatusName("bgp", service, nodeName("gone"));
      put(SERVICE_BGP_STATUSES, { metadata: { name }, status: { node: "gone", serviceName } });
    }
    start();
    await pass(seconds(330));
    expect(removed.length).toBeLessThan(1000);
    stop.abort();
    const before = removed.length;
    await pass(seconds(60));
    expect(removed.length).toBe(before);
  });
});
