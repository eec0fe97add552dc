import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ErrorBody, OverviewView, ServicesView, SessionsView } from "../../src/looking-glass/model.ts";
import { until } from "../support/until.ts";
import { Fixture, TOKEN } from "./fixture.ts";
import { PASSWORD } from "./made-up-cluster.ts";
import { readEvents } from "./read-events.ts";

const PAGES = [
  { path: "/", type: "text/html; charset=utf-8", bytes: Buffer.from("<!doctype html>") },
  { path: "/assets/app.js", type: "text/javascript; charset=utf-8", bytes: Buffer.from("1;") },
];
/** Every document there is. */
const PATHS = [
  "/api/v1/overview",
  "/api/v1/sessions",
  "/api/v1/sessions/node1/tor1",
  "/api/v1/topology",
  "/api/v1/topology?service=shop/web",
  "/api/v1/services?limit=500",
  "/api/v1/services/shop/web",
  "/api/v1/services/shop/orphan",
  "/api/v1/pools",
  "/api/v1/pools/main",
  "/api/v1/layer2",
  "/api/v1/layer2/history",
  "/api/v1/routes",
  "/api/v1/routes?direction=in",
  "/api/v1/journal?limit=500",
];

let fixture: Fixture;
beforeAll(async () => {
  fixture = await new Fixture({ pages: PAGES }).start();
  await until("all that is wrong", async () => (await read<OverviewView>("/api/v1/overview")).problemsTotal >= 9);
});
afterAll(async () => await fixture.stop());

async function read<View>(path: string): Promise<View> {
  const answer = await fixture.get(path);
  expect([path, answer.status]).toEqual([path, 200]);
  // The path says which document it is.
  return (await answer.json()) as View;
}

describe("who may read", () => {
  it.each(PATHS)("%s is for those with the token", async (path) => {
    const answer = await fetch(`${fixture.origin}${path}`);
    expect(answer.status).toBe(401);
    expect((await answer.json()) as ErrorBody).toMatchObject({ code: "ERR_UI_TOKEN" });
  });

  it("a token in the query is none: addresses are written down in many places", async () => {
    expect((await fetch(`${fixture.origin}/api/v1/overview?token=${TOKEN}`)).status).toBe(401);
  });

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("%s is refused", async (method) => {
    const answer = await fixture.get("/api/v1/overview", { method, headers: { authorization: `Bearer ${TOKEN}` } });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("nobody is shown in a page of another site, or may load anything from elsewhere", async () => {
    for (const path of ["/", "/assets/app.js", "/api/v1/overview", "/nothing"]) {
      const { headers } = await fixture.get(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });

  it("the link that a browser is started with is good once", async () => {
    const { ticket } = fixture;
    const head = await fetch(ticket, { method: "HEAD", redirect: "manual" });
    const first = await fetch(ticket, { redirect: "manual" });
    const second = await fetch(ticket, { redirect: "manual" });
    expect([head.status, first.status, second.status]).toEqual([403, 303, 403]);
    expect(first.headers.get("location")).toBe(`/#token=${TOKEN}`);
  });
});

describe("what is read", () => {
  it.each(PATHS)("%s carries no password", async (path) => {
    const text = await (await fixture.get(path)).text();
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(Buffer.from(PASSWORD).toString("base64"));
    expect(text).not.toContain(TOKEN);
  });

  it("names what is wrong, with the object, the field and what helps", async () => {
    const { problems, health } = await read<OverviewView>("/api/v1/overview");
    expect(health).toBe("bad");
    const told = problems.map(({ reason, object, field }) =>
      `${reason}: ${object.kind} ${object.name} ${field ?? ""}`.trim(),
    );
    expect(told.toSorted()).toEqual([
      "address-conflict: Service printer status.conditions",
      "connection-refused: BGPPeer tor2 spec.peerAddress",
      "invalid-object: BGPPeer broken spec.peerAddress",
      "no-available-addresses: Service late metadata.annotations[metallb.io/address-pool]",
      "no-endpoint: Service orphan spec.selector",
      "not-announced: Service quiet",
      "pool-full: IPAddressPool small spec.addresses",
      "pool-unknown: Service lost metadata.annotations[metallb.io/address-pool]",
      "session-down: Service web",
    ]);
    expect(problems.every(({ remedy }) => remedy !== undefined)).toBe(true);
  });

  it("gives Services in pages, filtered and sorted here", async () => {
    const bad = await read<ServicesView>("/api/v1/services?health=bad&sort=name&order=desc&limit=2&offset=1");
    expect(bad.items.map(({ name }) => name)).toEqual(["printer", "orphan"]);
    expect(bad).toMatchObject({ total: 14, matched: 5, byHealth: { bad: 5, doubtful: 8 } });
    const found = await read<ServicesView>("/api/v1/services?q=198.51.100&sort=address");
    expect(found.items.map(({ addresses }) => addresses[0])).toEqual([
      "198.51.100.10",
      "198.51.100.11",
      "198.51.100.12",
    ]);
  });

  it("shows the hour before it began", async () => {
    const { items } = await read<SessionsView>("/api/v1/sessions?node=node1&peer=tor2");
    expect(items[0]?.timeline.map(({ state }) => state)).toEqual(["established", "active", "established"]);
  });

  it.each([
    ["/api/v1/nothing", 404],
    ["/api/v1/toString", 404],
    ["/api/v2/overview", 404],
    ["/api/v1/overview/more", 404],
    ["/api/v1/services/shop/none", 404],
    ["/api/v1/sessions/node1/none", 404],
    ["/api/v1/pools/none", 404],
    ["/api/v1/pools/%E0%A4%A", 400],
    ["/api/v1/services?limit=-1", 400],
    ["/api/v1/services?health=awful", 400],
    ["/api/v1/pools/main?first=nonsense", 400],
    ["/../../etc/passwd", 404],
    ["/assets/..%2f..%2fpackage.json", 404],
    [`/api/v1/services?q=${"x".repeat(600)}`, 400],
  ])("%s is refused with %i", async (path, status) => {
    const answer = await fixture.get(path);
    expect(answer.status).toBe(status);
    expect((await answer.json()) as ErrorBody).toMatchObject({ code: expect.stringMatching(/^ERR_UI_/) });
  });

  it("answers HEAD without a body", async () => {
    const answer = await fixture.get("/api/v1/overview", {
      method: "HEAD",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });

  it("survives what is no HTTP", async () => {
    const socket = connect(Number(new URL(fixture.origin).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write("\x00\x01\x02 nonsense\r\n\r\n");
    await new Promise((resolve) => socket.once("close", resolve));
    expect((await fixture.get("/api/v1/overview")).status).toBe(200);
  });
});

describe("a speaker that does not answer", () => {
  it("is named, and hides nothing of the others", async () => {
    const { cluster } = fixture;
    cluster.speaker("node2").setSilent("the node is gone");
    await until("the silence", async () => (await read<SessionsView>("/api/v1/sessions")).silent.length === 1);
    const { items, silent } = await read<SessionsView>("/api/v1/sessions");
    expect(silent).toMatchObject([{ name: "node2", state: "silent", message: "the node is gone" }]);
    expect(items.filter(({ fresh }) => !fresh).map(({ session }) => session.node)).toEqual(["node2", "node2"]);
    expect(items.filter(({ fresh }) => fresh)).toHaveLength(4);
    const routes = await read<{ readonly total: number; readonly silent: readonly object[] }>("/api/v1/routes");
    expect(routes.total).toBeGreaterThan(0);
    expect(routes.silent).toHaveLength(1);
    cluster.speaker("node2").setSilent(undefined);
    await until("its return", async () =>
      (await read<SessionsView>("/api/v1/sessions")).items.every(({ fresh }) => fresh),
    );
  }, 20_000);
});

describe("events", () => {
  it("tell what changes, and go on where a reader stopped", async () => {
    const stop = new AbortController();
    const first = readEvents(fixture, {}, stop.signal);
    await first.next("hello");
    fixture.cluster.sessionDown("node1", "tor1", "the cable was pulled");
    const change = await first.next("sessions");
    expect(JSON.stringify(change.data)).toContain("the cable was pulled");
    stop.abort();
    fixture.cluster.sessionUp("node1", "tor1");
    await until("the session", async () => {
      const { items } = await read<SessionsView>("/api/v1/sessions?node=node1&peer=tor1");
      return items[0]?.session.state === "established";
    });
    const again = new AbortController();
    const second = readEvents(fixture, { "last-event-id": change.id }, again.signal);
    const missed = await second.next("sessions");
    expect(JSON.stringify(missed.data)).toContain("established");
    again.abort();
  });

  it("tell a reader of another server to load anew", async () => {
    const stop = new AbortController();
    const events = readEvents(fixture, { "last-event-id": "other.7" }, stop.signal);
    expect((await events.next("reset")).data).toEqual({ reason: "other-server" });
    stop.abort();
  });

  it("are for so many readers at once", async () => {
    const stop = new AbortController();
    const open = async (): Promise<number> =>
      (await fixture.get("/api/v1/events", { headers: { authorization: `Bearer ${TOKEN}` }, signal: stop.signal }))
        .status;
    const all = await Promise.all(Array.from({ length: 40 }, open));
    // Readers of the tests before may just be going.
    expect(all.filter((status) => status === 200).length).toBeLessThanOrEqual(32);
    expect(all.filter((status) => status === 503).length).toBeGreaterThan(0);
    stop.abort();
    const later = new AbortController();
    await until("room", async () => {
      const answer = await fixture.get("/api/v1/events", {
        headers: { authorization: `Bearer ${TOKEN}` },
        signal: later.signal,
      });
      return answer.status === 200;
    });
    later.abort();
  });
});
