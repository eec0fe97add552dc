import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import {
  BGP_SESSION_STATES,
  IP_ADDRESS_POOLS,
  NAMESPACES,
  NODES,
  type Resource,
  SERVICE_BGP_STATUSES,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { type Cluster, startEmbedded } from "../integration/cluster.ts";
import { ApiProxy } from "../support/api-proxy.ts";
import { type Running, runToEnd, startCli } from "../support/run-cli.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

const OURS = { namespace: "metallb-system" };
const folder = mkdtempSync(join(tmpdir(), "herald-watch-"));
const kubeconfig = join(folder, "kubeconfig");
let cluster: Cluster;
let proxy: ApiProxy;
let client: KubernetesClient;
let stop: AbortController;

beforeAll(async () => {
  cluster = await startEmbedded();
  proxy = await ApiProxy.start(cluster.config);
  client = new KubernetesClient({ log: silentLog }, cluster.config);
  writeFileSync(kubeconfig, kubeconfigOf(proxy.url));
  await client.create(NAMESPACES, { ...typed(NAMESPACES), metadata: { name: OURS.namespace } });
  await client.create(NODES, { ...typed(NODES), metadata: { name: "n1", labels: { rack: "1" } } });
  const pool = { metadata: { name: "main", ...OURS }, spec: { addresses: ["192.0.2.0/28"] } };
  await client.create(IP_ADDRESS_POOLS, { ...typed(IP_ADDRESS_POOLS), ...pool }, OURS);
  await addService("web", "192.0.2.1");
});
afterAll(async () => {
  client.close();
  await proxy[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  stop = new AbortController();
  proxy.heal();
  proxy.clear();
});
afterEach(() => stop.abort());

function kubeconfigOf(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}

function typed({ group, version, kind }: Resource): object {
  return { apiVersion: group === "" ? version : `${group}/${version}`, kind };
}

async function addService(name: string, ip: string): Promise<void> {
  const namespace = "default";
  const spec = { type: "LoadBalancer", clusterIPs: ["10.96.0.1"], clusterIP: "10.96.0.1", ports: [{ port: 80 }] };
  await client.create(SERVICES, { ...typed(SERVICES), metadata: { name, labels: { app: name } }, spec }, { namespace });
  const status = { loadBalancer: { ingress: [{ ip }] } };
  await client.patch(SERVICES, name, { status }, { namespace, type: "merge", subresource: "status" });
}

async function addStatus(resource: Resource, name: string, status: object): Promise<void> {
  const body = { ...typed(resource), metadata: { name, ...OURS } };
  await client.create(resource, body, OURS);
  await client.patch(resource, name, { status }, { ...OURS, type: "merge", subresource: "status" });
}

async function watching(...args: readonly string[]): Promise<Running> {
  const running = startCli([...args, "--kubeconfig", kubeconfig], stop.signal);
  await until("what is there at first", () => running.stdout !== "" || running.stderr !== "");
  return running;
}

const lines = ({ stdout }: Running): readonly string[] => stdout.split("\n").filter(Boolean);

describe("herald services -w", () => {
  test("begins with what is there, goes on with what changes, says what is deleted, and ends with the signal", async () => {
    const running = await watching("services", "-w");
    expect(lines(running)).toHaveLength(2);
    await addService("fresh", "192.0.2.2");
    await until("the new row", () => /^default +fresh +192\.0\.2\.2 /m.test(running.stdout));
    await client.delete(SERVICES, "fresh", { namespace: "default" });
    await until("its end", () => /^default +fresh .*<deleted>$/m.test(running.stdout));
    expect(running.stdout.match(/^default +web/gm)).toHaveLength(1);
    stop.abort();
    expect([await running.done, running.stderr]).toEqual([0, ""]);
  });

  test("-o json is a line for each change, -o yaml a document, -o name a name; -l selects, also what is relabelled", async () => {
    const json = await watching("services", "-w", "-o", "json", "-l", "app=web");
    const [yaml, name] = [
      await watching("services", "-w", "-o", "yaml"),
      await watching("services", "-w", "-o", "name"),
    ];
    expect(JSON.parse(json.stdout)).toMatchObject({ type: "added", item: { namespace: "default", name: "web" } });
    expect(yaml.stdout).toMatch(/^---\ntype: added\nitem:\n {2}namespace: default\n/);
    expect(name.stdout).toBe("default/web\n");
    const options = { namespace: "default", type: "merge" } as const;
    await client.patch(SERVICES, "web", { metadata: { labels: { app: "other" } } }, options);
    await until("it is selected no more", () => lines(json).length === 2);
    expect(JSON.parse(lines(json)[1] ?? "")).toMatchObject({ type: "deleted", item: { name: "web" } });
    await client.patch(SERVICES, "web", { metadata: { labels: { app: "web" } } }, options);
    await until("it is again", () => lines(json).length === 3);
    expect(name.stdout).toBe("default/web\n");
  });

  test("watches that end are begun again: nothing is lost, and nothing is said twice", async () => {
    const running = await watching("services", "-w");
    const open = proxy.watches;
    expect(proxy.dropWatches()).toBe(open);
    await addService("later", "192.0.2.3");
    await until("the new row", () => /^default +later +192\.0\.2\.3 /m.test(running.stdout));
    await until("all watches again", () => proxy.watches >= open);
    proxy.strike(open, { type: "expired-event" }, { watch: true });
    proxy.dropWatches();
    await client.delete(SERVICES, "later", { namespace: "default" });
    await until("its end", () => /^default +later .*<deleted>$/m.test(running.stdout));
    expect(running.stdout.match(/^default +web/gm)).toHaveLength(1);
  });

  test("an API that is away is said once, and so is its return", async () => {
    const running = await watching("services", "-w");
    proxy.cut();
    await until("the note", () => running.stderr.includes("the API does not answer, what is shown is as it was"));
    proxy.heal();
    await until("its return", () => running.stderr.includes("the API answers again"));
    expect(running.stderr.match(/note:/g)).toHaveLength(2);
  });

  test("an API that cannot be read at all ends it at once", async () => {
    proxy.cut();
    const { code, stderr } = await runToEnd(["services", "-w", "--kubeconfig", kubeconfig]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^herald: /)]);
  });

  test("what may not be read is said and left out, or is what it fails of", async () => {
    const forbidden = { type: "status", status: 403, reason: "Forbidden" } as const;
    proxy.strike(100, forbidden, { path: /daemonsets/ });
    const running = await watching("services", "-w");
    await until("the rows", () => lines(running).length === 2);
    expect(running.stderr).toMatch(/^note: not looked at: daemonsets \(.*\)\n$/);
    proxy.strike(100, forbidden, { path: /endpointslices/ });
    expect((await runToEnd(["services", "-w", "--kubeconfig", kubeconfig])).code).toBe(1);
  });
});

test("a pool says when it is full at the rate of late, family by family; nothing where too few came to tell", async () => {
  const read = async (): Promise<unknown> =>
    JSON.parse((await runToEnd(["pools", "-o", "json", "--kubeconfig", kubeconfig])).stdout).items;
  expect(await read()).toMatchObject([{ name: "main", ipv4: { assigned: 1 } }]);
  expect(await read()).not.toMatchObject([{ fullInDays: expect.anything() }]);
  for (const i of [4, 5]) await addService(`more-${i}`, `192.0.2.${i}`);
  // 13 of 16 are left, and 3 went within the day that the pool is at most old.
  expect(await read()).toMatchObject([{ ipv4: { assigned: 3, capacity: 16 }, fullInDays: 4 }]);
  for (const i of [4, 5]) await client.delete(SERVICES, `more-${i}`, { namespace: "default" });
});

test("a thousand nodes and their sessions take no more watches than one node", async () => {
  const add = async (i: number): Promise<void> => {
    const status = { node: `n${i}`, serviceName: "web", serviceNamespace: "default", peers: ["tor"] };
    await addStatus(SERVICE_BGP_STATUSES, `bgp-${i}`, status);
  };
  await Promise.all(Array.from({ length: 1000 }, (_, i) => add(i)));
  const before = proxy.watches;
  const running = await watching("services", "-w", "-o", "json");
  expect(JSON.parse(running.stdout).item.bgp).toHaveLength(1000);
  expect(proxy.watches - before).toBeLessThanOrEqual(16);
}, 120_000);

describe("herald sessions --from-api", () => {
  beforeAll(async () => {
    const common = { bgpPeer: "tor", peer: "2001-0db8-0000-0000-0000-0000-0000-0001", vrf: "", flaps: 2 };
    const more = { since: "2026-11-22T12:00:00Z", prefixesSent: 4, prefixesReceived: 0 };
    await addStatus(BGP_SESSION_STATES, "a", {
      ...common,
      ...more,
      node: "n1",
      bgpStatus: "Established",
      bfdStatus: "Up",
    });
    const down = { ...common, ...more, node: "n2", bgpStatus: "OpenSent", bfdStatus: "N/A", lastError: "no answer" };
    await addStatus(BGP_SESSION_STATES, "b", down);
  });

  test("shows what the speakers wrote, in the words of the speakers, problems first", async () => {
    const { code, stdout } = await runToEnd(["sessions", "--from-api", "--kubeconfig", kubeconfig]);
    const [head, first, second] = stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(head?.slice(0, 5)).toEqual(["NODE", "PEER", "ADDRESS", "STATE", "SINCE"]);
    expect([first?.slice(0, 4), first?.at(-1)]).toEqual([["n2", "tor", "2001:db8::1", "open-sent"], "no answer"]);
    expect(second?.slice(0, 4)).toEqual(["n1", "tor", "2001:db8::1", "established"]);
    expect(code).toBe(0);
    const chosen = await runToEnd(["sessions", "--from-api", "-l", "rack=1", "-o", "json", "--kubeconfig", kubeconfig]);
    expect(JSON.parse(chosen.stdout)).toMatchObject({ items: [{ node: "n1", bfd: { state: "up" } }] });
  });

  test("-w follows them; a user who may not list pods is told that this is what is shown", async () => {
    proxy.strike(100, { type: "status", status: 403, reason: "Forbidden" }, { path: /pods/ });
    const running = await watching("sessions", "-w", "-o", "json", "--node", "n1");
    await until("the row", () => running.stdout !== "");
    expect(running.stderr).toMatch(/^note: BGPSessionStates are shown, because the speakers cannot be asked: /);
    const status = { bgpStatus: "Active" };
    await client.patch(BGP_SESSION_STATES, "a", { status }, { ...OURS, type: "merge", subresource: "status" });
    await until("the change", () => lines(running).length === 2);
    expect(JSON.parse(lines(running)[1] ?? "")).toMatchObject({
      type: "modified",
      item: { node: "n1", state: "active" },
    });
  });
});
