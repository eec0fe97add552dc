import { describe, expect, test } from "vitest";
import { at } from "../../src/apiserver/json.ts";
import { seconds } from "../../src/net/micros.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { Fixture, SERVICES, service, WIDGET_LIST, widget } from "./fixture.ts";

const MERGE = "application/merge-patch+json";

function relabel(fixture: Fixture, name: string, app: string): Promise<unknown> {
  return fixture.send("PATCH", `${SERVICES}/${name}`, { body: { metadata: { labels: { app } } }, type: MERGE });
}

describe("watch", () => {
  test("without a resourceVersion begins with what is there, then follows", async () => {
    await using fixture = await Fixture.start();
    await fixture.send("POST", SERVICES, { body: service("a") });
    const watch = fixture.watch("/api/v1/services?watch=true");
    await watch.until(2);
    await fixture.send("DELETE", `${SERVICES}/a`);
    await watch.until(3);
    expect(watch.summary).toEqual(["ADDED a", "ADDED kubernetes", "DELETED a"]);
    watch.close();
  });

  test("resumes from a resourceVersion without loss or repetition", async () => {
    await using fixture = await Fixture.start();
    const list = await fixture.get("/api/v1/services");
    const since = String(at(list.body, "metadata", "resourceVersion"));
    for (const name of ["a", "b"]) await fixture.send("POST", SERVICES, { body: service(name) });
    const first = fixture.watch(`/api/v1/services?watch=true&resourceVersion=${since}`);
    const [event] = await first.until(2);
    first.close();
    const second = fixture.watch(
      `/api/v1/services?watch=true&resourceVersion=${event?.object.metadata.resourceVersion}`,
    );
    await second.until(1);
    await fixture.send("DELETE", `${SERVICES}/a`);
    await second.until(2);
    expect([first.summary, second.summary]).toEqual([
      ["ADDED a", "ADDED b"],
      ["ADDED b", "DELETED a"],
    ]);
    second.close();
  });

  test("a selector adds what comes into it and deletes what leaves it", async () => {
    await using fixture = await Fixture.start();
    await fixture.send("POST", SERVICES, { body: service("a", {}, { labels: { app: "x" } }) });
    const watch = fixture.watch("/api/v1/services?watch=true&labelSelector=app%3Dy");
    await watch.started;
    for (const app of ["y", "y", "x"]) await relabel(fixture, "a", app);
    await relabel(fixture, "a", "y");
    await watch.until(3);
    expect(watch.summary).toEqual(["ADDED a", "DELETED a", "ADDED a"]);
    watch.close();
  });

  test("a namespace's watch is not told of others", async () => {
    await using fixture = await Fixture.start();
    const watch = fixture.watch("/api/v1/namespaces/kube-system/services?watch=true");
    await watch.started;
    await fixture.send("POST", SERVICES, { body: service("a") });
    await fixture.send("POST", "/api/v1/namespaces/kube-system/services", { body: service("b") });
    await watch.until(1);
    expect(watch.summary).toEqual(["ADDED b"]);
    watch.close();
  });

  test.each([
    ["event", 200],
    ["status", 410],
  ] as const)("a compacted resourceVersion is 410 Gone as an %s", async (goneAs, status) => {
    await using fixture = await Fixture.start();
    const since = String(fixture.server.store.revision);
    fixture.server.faults.compact({ goneAs });
    const path = `/api/v1/services?watch=true&resourceVersion=${since}`;
    const reply = await fixture.get(path);
    expect(reply.status).toBe(status);
    const body: unknown = JSON.parse(reply.text);
    const gone = goneAs === "event" ? at(body, "object") : body;
    expect(gone).toMatchObject({ kind: "Status", code: 410, reason: "Expired" });
  });

  test("the history is a ring: what fell out of it is 410, what is in it is not", async () => {
    await using fixture = await Fixture.start({ historyLimit: 4 });
    await fixture.send("POST", SERVICES, { body: service("a") });
    const early = String(fixture.server.store.revision);
    for (let i = 0; i < 12; i++) await relabel(fixture, "a", `x${i}`);
    const reply = await fixture.get(`/api/v1/services?watch=true&resourceVersion=${early}`);
    expect(reply.text).toContain('"code":410');
    const recent = fixture.watch(`/api/v1/services?watch=true&resourceVersion=${fixture.server.store.revision - 2}`);
    await recent.until(2);
    recent.close();
  });

  test("a resourceVersion from the future, as of a former life of the server, is 410 too", async () => {
    await using fixture = await Fixture.start();
    const future = fixture.server.store.revision + 1;
    expect((await fixture.get(`/api/v1/services?watch=true&resourceVersion=${future}`)).text).toContain('"code":410');
  });

  test("a resourceVersion from a former life is 410 also when there was a burst of writes in it", async () => {
    const born = Date.parse("2026-01-01T00:00:00Z");
    await using former = await Fixture.start({ wallClock: () => new Date(born) });
    for (let i = 0; i < 50; i++) await former.send("POST", SERVICES, { body: service(`a${i}`) });
    const since = former.server.store.revision;
    await using fixture = await Fixture.start({ wallClock: () => new Date(born + 2000) });
    await fixture.send("POST", SERVICES, { body: service("missed") });
    for (let i = 0; i < 100; i++) await fixture.send("POST", SERVICES, { body: service(`a${i}`) });
    expect((await fixture.get(`/api/v1/services?watch=true&timeoutSeconds=1&resourceVersion=${since}`)).text).toContain(
      '"code":410',
    );
  });

  test("bookmarks come every minute and before the end; the timeout ends the stream in order", async () => {
    const clock = new VirtualClock();
    await using fixture = await Fixture.start({ clock });
    const watch = fixture.watch("/api/v1/services?watch=true&allowWatchBookmarks=true&timeoutSeconds=90");
    await watch.until(1);
    clock.advance(seconds(60));
    await watch.until(2);
    clock.advance(seconds(30));
    expect(await watch.ended).toBe("end");
    expect(watch.events.map((event) => event.type)).toEqual(["ADDED", "BOOKMARK", "BOOKMARK"]);
    expect(watch.events[1]?.object.metadata.resourceVersion).toBe(String(fixture.server.store.revision));
    expect(clock.armed).toBe(0);
  });

  test("sendInitialEvents marks the end of the list", async () => {
    await using fixture = await Fixture.start();
    const query =
      "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&resourceVersion=";
    const watch = fixture.watch(`/api/v1/services?${query}`);
    const events = await watch.until(2);
    expect(events[1]?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    watch.close();
  });

  test("a dropped watch breaks, also in the middle of an event, and can be resumed", async () => {
    await using fixture = await Fixture.start();
    const watch = fixture.watch("/api/v1/services?watch=true");
    await watch.until(1);
    expect(fixture.server.faults.dropWatches({ plural: "nodes" })).toBe(0);
    expect(fixture.server.faults.dropWatches({ plural: "services", midEvent: true })).toBe(1);
    expect(await watch.ended).toBe("broken");
    expect(watch.events).toHaveLength(1);
  });

  test("a table watch sends rows, with the columns in the first event only", async () => {
    await using fixture = await Fixture.start();
    const watch = fixture.watch(`${WIDGET_LIST}?watch=true`, "application/json;as=Table;v=v1;g=meta.k8s.io");
    await watch.started;
    for (const name of ["a", "b"]) await fixture.send("POST", WIDGET_LIST, { body: widget(name, { size: 1 }) });
    const [first, second] = await watch.until(2);
    expect(at(first?.object, "columnDefinitions")).toHaveLength(4);
    expect(at(second?.object, "columnDefinitions")).toBeNull();
    watch.close();
  });

  test("2,000 Services with 32 writes in flight: every watcher sees every change once, in order", async () => {
    await using fixture = await Fixture.start();
    const watches = [1, 2].map(() => fixture.watch("/api/v1/services?watch=true"));
    await Promise.all(watches.map((watch) => watch.until(1)));
    const todo = Array.from({ length: 2000 }, (_, i) => `s${i}`);
    const worker = async (): Promise<void> => {
      for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
        await fixture.send("POST", SERVICES, { body: service(name, { allocateLoadBalancerNodePorts: false }) });
        const body = { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } };
        await fixture.send("PATCH", `${SERVICES}/${name}/status`, { body, type: MERGE });
      }
    };
    await Promise.all(Array.from({ length: 32 }, worker));
    for (const watch of watches) {
      const events = await watch.until(4001);
      const revisions = events.map((event) => Number(event.object.metadata.resourceVersion));
      expect(events).toHaveLength(4001);
      expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
      watch.close();
    }
  }, 60_000);
});
