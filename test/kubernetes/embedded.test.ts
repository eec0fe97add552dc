import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { KubernetesObject } from "../../src/api/object.ts";
import { type ApiServer, createApiServer } from "../../src/apiserver/server.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { EventRecorder } from "../../src/kubernetes/event-recorder.ts";
import { Informer } from "../../src/kubernetes/informer.ts";
import { clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { LeaderElection } from "../../src/kubernetes/lease.ts";
import {
  EVENTS,
  IP_ADDRESS_POOLS,
  LEASES,
  NAMESPACES,
  type Resource,
  SERVICES,
} from "../../src/kubernetes/resource.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { systemClock } from "../../src/system/clock.ts";
import { eventually } from "../support/eventually.ts";
import { silentLog } from "../support/silent-log.ts";

const ROOT = join(import.meta.dirname, "../..");
const TLS = join(ROOT, "test/support/tls");

interface Labelled extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

const isLabelled = (raw: unknown): raw is Labelled => typeof raw === "object" && raw !== null && "metadata" in raw;

/** The client of production, over TLS with a token, from a kubeconfig file. `KUBECONFIG` names a real API server to test on. */
describe("against an API server", () => {
  const external = process.env["KUBECONFIG"];
  const embeddedOnly = test.skipIf(external !== undefined);
  let folder = "";
  let server: ApiServer | undefined;
  let client: KubernetesClient;
  let namespace = "";
  const stop = new AbortController();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "herald-api-"));
    if (external === undefined) {
      const files = readdirSync(join(ROOT, "crds")).filter((file) => file.endsWith(".yaml"));
      expect(files.length).toBeGreaterThanOrEqual(10);
      const crds = files.map((file) => parse(readFileSync(join(ROOT, "crds", file), "utf8")));
      const tls = {
        key: readFileSync(join(TLS, "key.pem"), "utf8"),
        cert: readFileSync(join(TLS, "cert.pem"), "utf8"),
      };
      const ports = { wallClock: () => new Date(), log: silentLog };
      server = createApiServer(ports, { host: "127.0.0.1", port: 0, crds, tls, token: "t0ken" });
      await server.start();
      writeFileSync(join(folder, "config"), server.kubeconfig());
    }
    client = new KubernetesClient({ log: silentLog }, clientConfigFromKubeconfig(external ?? join(folder, "config")));
    namespace = `herald-${process.pid}`;
    await client.create(NAMESPACES, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  });

  afterAll(async () => {
    stop.abort();
    await client.delete(NAMESPACES, namespace);
    client.close();
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const informerOf = (resource: Resource): Informer<Labelled> => {
    const informer = new Informer<Labelled>(
      { client, clock: systemClock, random: () => 0, log: silentLog },
      { resource, namespace, strip: (raw) => (isLabelled(raw) ? raw : undefined) },
    );
    informer.start(stop.signal);
    return informer;
  };
  const service = (name: string): object => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { type: "LoadBalancer", ports: [{ port: 80 }], selector: { app: name } },
  });
  const ingress = (ip: string): object => ({ status: { loadBalancer: { ingress: [{ ip }] } } });

  test("an informer sees what is created, patched and deleted", async () => {
    const informer = informerOf(SERVICES);
    await informer.synced;
    await client.create(SERVICES, service("web"), { namespace });
    await eventually(() => informer.get(`${namespace}/web`) !== undefined);
    await client.patch(SERVICES, "web", ingress("192.0.2.7"), { namespace, type: "merge", subresource: "status" });
    await eventually(() => JSON.stringify(informer.get(`${namespace}/web`)?.status).includes("192.0.2.7"));
    await client.delete(SERVICES, "web", { namespace });
    await eventually(() => informer.size === 0);
    expect(informer.stats.rejected).toBe(0);
  });

  test("optimistic concurrency, server-side apply and JSON patches", async () => {
    await client.create(SERVICES, service("occ"), { namespace });
    const read = await client.get<Labelled>(SERVICES, "occ", { namespace });
    const { resourceVersion } = read.metadata;
    const patch = { metadata: { resourceVersion }, ...ingress("192.0.2.8") };
    const options = { namespace, subresource: "status" } as const;
    await client.patch(SERVICES, "occ", patch, { ...options, type: "merge" });
    await expect(
      client.patch(SERVICES, "occ", { ...patch, ...ingress("192.0.2.9") }, { ...options, type: "merge" }),
    ).rejects.toMatchObject({ status: 409 });
    const add = [{ op: "add", path: "/metadata/labels", value: { a: "b" } }];
    const labelled = await client.patch<Labelled>(SERVICES, "occ", add, { namespace, type: "json" });
    expect(labelled.metadata.labels).toEqual({ a: "b" });
    const applied = {
      apiVersion: "metallb.io/v1beta1",
      kind: "IPAddressPool",
      metadata: { name: "p", namespace },
      spec: { addresses: ["192.0.2.0/24"] },
    };
    const made = await client.patch<Labelled>(IP_ADDRESS_POOLS, "p", applied, {
      namespace,
      type: "apply",
      fieldManager: "herald-test",
      force: true,
    });
    expect(made.spec).toMatchObject({ addresses: ["192.0.2.0/24"] });
    await client.delete(IP_ADDRESS_POOLS, "p", { namespace });
    await client.delete(SERVICES, "occ", { namespace });
  });

  test("lists in pages", async () => {
    const names = Array.from({ length: 7 }, (_, i) => `page-${i}`);
    await Promise.all(names.map((name) => client.create(SERVICES, service(name), { namespace })));
    const list = await client.list<Labelled>(SERVICES, { namespace, limit: 3 });
    expect(list.items.map((s) => s.metadata.name).sort()).toEqual(names);
    await Promise.all(names.map((name) => client.delete(SERVICES, name, { namespace })));
  });

  test("events count up, and go on after a restart of who says them", async () => {
    const start = (): EventRecorder =>
      new EventRecorder(
        { client, clock: systemClock, wallClock: () => new Date(), random: Math.random, log: silentLog },
        { component: "metallb-controller" },
      );
    const recorder = start();
    const reference = { apiVersion: "v1", kind: "Service", namespace, name: "ghost", uid: "u" };
    for (let i = 0; i < 5; i++) {
      recorder.record(reference, { type: "Normal", reason: "IPAllocated", message: "hello" });
      await recorder.flush();
    }
    const about = { namespace, fieldSelector: "involvedObject.name=ghost" };
    const { items } = await client.list<object>(EVENTS, about);
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ count: 5, reason: "IPAllocated", source: { component: "metallb-controller" } });
    const restarted = start();
    for (const count of [5, 6]) {
      restarted.record(reference, { type: "Normal", reason: "IPAllocated", message: "hello" });
      await restarted.flush();
      expect((await client.list<object>(EVENTS, about)).items).toMatchObject([{ count }]);
    }
  });

  test("two candidates, one leader, and a hand-over", async () => {
    const elections = ["a", "b"].map((identity) => {
      const ports = { client, clock: systemClock, wallClock: () => new Date(), random: Math.random, log: silentLog };
      const config = { namespace, name: "test-lease", identity, vacantWait: millis(100), retryPeriod: millis(50) };
      return new LeaderElection(ports, config);
    });
    const never = (): void => expect(elections.filter((e) => e.isLeader()).length).toBeLessThanOrEqual(1);
    for (const election of elections) election.start(stop.signal);
    await eventually(() => elections.some((e) => e.isLeader()));
    never();
    const leader = elections.find((e) => e.isLeader());
    const other = elections.find((e) => e !== leader);
    expect(await client.get(LEASES, "test-lease", { namespace })).toMatchObject({
      spec: { holderIdentity: leader?.identity, leaseDurationSeconds: 4 },
    });
    await leader?.stop();
    await eventually(() => other?.isLeader() === true);
    never();
    await other?.stop();
    expect(await client.get(LEASES, "test-lease", { namespace })).toMatchObject({
      spec: { holderIdentity: "", leaseTransitions: 2 },
    });
  });

  const compactAnd = (goneAs: "event" | "status") => (s: ApiServer) => {
    s.faults.compact({ goneAs });
    s.faults.dropWatches();
  };
  const faults: [string, (s: ApiServer) => void][] = [
    ["every watch is cut in the middle of an event", (s) => void s.faults.dropWatches({ midEvent: true })],
    ["every watch is ended", (s) => void s.faults.endWatches()],
    ["the history is compacted and the watch is told so", compactAnd("event")],
    ["the history is compacted and the watch is refused", compactAnd("status")],
    [
      "requests fail with 500",
      (s) => {
        s.faults.failNext(2, { type: "status", status: 500 });
        s.faults.dropWatches();
      },
    ],
  ];
  embeddedOnly.each(faults)("nothing is missed when %s", async (_, breakIt) => {
    const informer = informerOf(SERVICES);
    await informer.synced;
    if (server === undefined) throw new Error("no server");
    const before = server.watches;
    await client.create(SERVICES, service("one"), { namespace });
    await eventually(() => informer.size === 1 && before >= 0);
    breakIt(server);
    server.store.apply(service("two"));
    server.store.delete({ apiVersion: "v1", kind: "Service", namespace, name: "one" });
    await eventually(
      () => informer.get(`${namespace}/two`) !== undefined && informer.get(`${namespace}/one`) === undefined,
    );
    expect(informer.size).toBe(1);
    server.faults.clear();
    server.store.delete({ apiVersion: "v1", kind: "Service", namespace, name: "two" });
    await eventually(() => informer.size === 0);
  });

  embeddedOnly("a 429 says how long the server wants to be left alone", async () => {
    await client.create(SERVICES, service("busy"), { namespace });
    server?.faults.failNext(1, { type: "status", status: 429, retryAfterSeconds: 1 }, { method: "PATCH" });
    const patch = (): Promise<Labelled> =>
      client.patch<Labelled>(SERVICES, "busy", ingress("192.0.2.10"), {
        namespace,
        type: "merge",
        subresource: "status",
      });
    await expect(patch()).rejects.toMatchObject({ status: 429, retryAfter: seconds(1) });
    const written = await patch();
    expect(written.status).toMatchObject({ loadBalancer: { ingress: [{ ip: "192.0.2.10" }] } });
    await client.delete(SERVICES, "busy", { namespace });
  });
});
