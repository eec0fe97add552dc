import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeName, peerName, poolName } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import { cease } from "../../src/bgp/message/notification.ts";
import type { MoveRing } from "../../src/inspection/move.ts";
import { MoveRing as Ring } from "../../src/inspection/move.ts";
import { VIEWS } from "../../src/inspection/view.ts";
import { type Micros, micros, seconds } from "../../src/net/micros.ts";
import type { AdminSources } from "../../src/speaker/admin-views.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { ip, route } from "../bgp/values.ts";
import { eventually } from "../support/eventually.ts";
import { Admin, ask, askJson, open } from "./admin-scene.ts";
import { OPEN, open as peerOpen, Scene } from "./bgp-scene.ts";

const SCHEMA = join(import.meta.dirname, "../../src/inspection/schema.json");
const SECRET = "open-sesame-7731";
const WEB = "default/web" as ServiceKey;
const ROUTE = {
  ...route("198.51.100.1/32", { localPref: 250, communities: ["64512:7"] }),
  peer: peerName("tor1"),
  advertisements: ["public"],
  services: [WEB],
};

let admin: Admin;
let scene: Scene;
let moves: MoveRing;

/** A speaker with something of everything, and a password in its configuration. */
function everything(): Partial<AdminSources> {
  return {
    moves,
    // The engine's clock is the test's, and the time of day is the machine's.
    clock: { now: () => scene.clock.now(), after: systemClock.after },
    sessions: () => [{ peer: "tor1", session: scene.session, bfd: undefined }],
    routes: () => [ROUTE],
    decisions: () => [
      {
        key: WEB,
        bgp: [
          {
            service: WEB,
            ip: ip("198.51.100.1"),
            peer: ROUTE.peer,
            prefix: ROUTE.prefix,
            attributes: { ...ROUTE, linkBandwidth: undefined },
            weight: 1,
          },
        ],
        layer2: [
          {
            service: WEB,
            ip: ip("198.51.100.1"),
            interfaces: ["eth0"],
            advertisements: ["lan"],
            refresh: micros(0),
            conflictDetection: true,
          },
        ],
        refusals: [
          {
            service: WEB,
            ip: "2001:db8::1",
            protocol: "bgp",
            cause: { reason: "node-not-selected", node: nodeName("n1"), pool: poolName("public") },
          },
        ],
      },
    ],
    layer2: () =>
      Promise.resolve({
        addresses: [
          {
            ip: "198.51.100.1",
            state: "holding",
            since: micros(0),
            requests: 3,
            answers: 2,
            gratuitous: 5,
            conflicts: 0,
            interfaces: [],
          },
        ],
        interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", families: [4, 6] }],
        dropped: {},
        sendFailures: 0,
        worstLateness: micros(0),
        fenced: false,
      }),
    gossip: () =>
      Promise.resolve({
        members: [
          {
            name: "n2",
            address: "192.0.2.2",
            port: 7946,
            state: "suspect",
            incarnation: 3,
            roundTrip: micros(420),
            since: micros(0),
          },
        ],
        refused: {},
        health: 0,
        probes: { answered: 1, failed: 0 },
        worstLateness: micros(0),
      }),
  };
}

beforeEach(async () => {
  moves = new Ring("n1", systemWallClock);
  scene = new Scene({ name: "tor1", password: SECRET });
  admin = await Admin.of(everything());
});
afterEach(() => admin[Symbol.dispose]());

const DOCUMENTS = [
  "/v1/about",
  "/v1/sessions",
  "/v1/sessions/tor1",
  "/v1/routes/out",
  "/v1/routes/in",
  "/v1/layer2",
  "/v1/members",
  "/v1/plan",
  "/v1/moves",
  "/v1/several?path=%2Fv1%2Fplan%3Fservice%3Ddefault%2Fweb&path=%2Fv1%2Fsessions&path=%2Fv1%2Flayer2",
] as const;
const STREAMS = ["/v1/sessions/tor1/journal", "/v1/sessions/tor1/messages", "/v1/sessions/tor1/capture"] as const;

/** A session that was up, learned something, told something, and was ended by the peer. */
function live(): void {
  scene.session.setRoutes([ROUTE]);
  scene.establish();
  moves.record({ type: "announced", protocol: "bgp", service: WEB, addresses: ["198.51.100.1"] });
}

describe("every document", () => {
  test.each(DOCUMENTS)("%s is as the schema has it, before and after the session is up", async (path) => {
    const check = new Ajv({ strict: false, allErrors: true }).compile(JSON.parse(readFileSync(SCHEMA, "utf8")));
    for (const step of [
      () => scene.session.start(),
      live,
      () => void scene.say({ type: "notification", notification: cease(2, "bye") }),
    ]) {
      step();
      const document = await askJson(admin.path, path);
      expect(check(document), JSON.stringify(check.errors)).toBe(true);
      expect(document).toMatchObject({ version: 1, node: "n1" });
    }
  });

  test("has a name of the list, and all names but those of streams are documents", async () => {
    const seen = await Promise.all(DOCUMENTS.map(async (path) => (await askJson(admin.path, path))["view"]));
    expect(seen.toSorted()).toEqual(VIEWS.filter((name) => name !== "journal" && name !== "messages").toSorted());
  });

  test.each([...DOCUMENTS, ...STREAMS])("%s never carries a password", async (path) => {
    live();
    scene.say({ type: "notification", notification: cease(2, "bye") });
    const { status, body } = await ask(admin.path, path);
    expect(status).toBe(200);
    expect(body.length).toBeGreaterThan(0);
    expect(body.includes(SECRET)).toBe(false);
  });

  test("there are no others: the list of paths is whole", async () => {
    const { paths } = await askJson(admin.path, "/v1/about");
    const known = [...DOCUMENTS, ...STREAMS].map((path) => path.replace(/\?.*/, "").replace("tor1", "{peer}"));
    expect(paths).toEqual(expect.arrayContaining(known));
    expect(paths).toHaveLength(known.length);
  });
});

describe("several documents in one answer", () => {
  const several = (...paths: readonly string[]): string =>
    `/v1/several?${new URLSearchParams(paths.map((path): [string, string] => ["path", path]))}`;

  test("are what each path says by itself, in the order they are asked for", async () => {
    live();
    const paths = ["/v1/routes/in", `/v1/plan?service=${WEB}`, "/v1/plan?service=nobody", "/v1/routes/out"];
    const { items } = await askJson(admin.path, several(...paths));
    const alone = await Promise.all(paths.map((path) => askJson(admin.path, path)));
    const undated = (document: object): object => ({ ...document, at: "" });
    expect((items as readonly object[]).map(undated)).toEqual(alone.map(undated));
  });

  test("of none are none", async () => {
    expect(await askJson(admin.path, "/v1/several")).toMatchObject({ view: "several", items: [] });
  });

  test.each([
    ["one that is not there", several("/v1/sessions", "/v1/nothing"), 404],
    ["a session that is not there", several("/v1/sessions/nobody"), 404],
    ["a stream", several("/v1/moves?watch=1"), 400],
    ["a capture", several("/v1/sessions/tor1/capture"), 400],
    ["itself", several(several("/v1/plan")), 400],
    ["too many", several(...Array.from({ length: 17 }, () => "/v1/plan")), 400],
  ])("with %s are refused as a whole", async (_, path, status) => {
    expect((await ask(admin.path, path)).status).toBe(status);
  });
});

describe("a session", () => {
  const read = async (): Promise<object> => (await askJson(admin.path, "/v1/sessions/tor1")) as object;

  test("says what both OPENs said and what each side lacks", async () => {
    live();
    expect(await read()).toMatchObject({
      session: { state: "established", localAsn: 64512, negotiated: { peerAsn: 65000, holdTime: 9 } },
      openSent: { asn: 64512, holdTime: 9 },
      openReceived: { asn: 65000, holdTime: 90, identifier: "10.0.0.2" },
      lacks: { ours: [], peers: ["extended-message", "enhanced-route-refresh"] },
    });
  });

  test("names the family that the peer did not offer", async () => {
    const { families: _, ...capabilities } = peerOpen.capabilities;
    scene.establish({ ...peerOpen, capabilities: { ...capabilities, families: [{ afi: 1, safi: 1 }] } });
    expect(await read()).toMatchObject({
      session: { negotiated: { families: ["ipv4-unicast"] } },
      lacks: { peers: expect.arrayContaining(["ipv6-unicast"]) },
    });
  });

  test("keeps the NOTIFICATION in words, who sent it, and the flap, also when it is up again", async () => {
    live();
    scene.say({ type: "notification", notification: cease(2, "maintenance") });
    const words = 'Cease/Administrative Shutdown (6/2): "maintenance"';
    expect(await read()).toMatchObject({
      session: {
        state: "idle",
        lastError: `received ${words}`,
        lastNotification: { direction: "in", code: 6, subcode: 2, words },
        flaps: 1,
      },
    });
    scene.advance(seconds(30));
    scene.say(OPEN, { type: "keepalive" });
    const again = await askJson(admin.path, "/v1/sessions/tor1");
    expect(again["session"]).toMatchObject({
      state: "established",
      flaps: 1,
      lastDown: { reason: `received ${words}` },
    });
    expect(again["session"]).not.toHaveProperty("lastError");
  });

  test("that is down for an hour is so since an hour, whatever its attempts do meanwhile", async () => {
    live();
    scene.say({ type: "notification", notification: cease(2) });
    const down = scene.clock.now();
    scene.advance(seconds(3600));
    const wall = (at: Micros): number => Date.now() - (scene.clock.now() - at) / 1000;
    const { session } = (await read()) as { session: { since: string } };
    expect(Math.abs(Date.parse(session.since) - wall(down))).toBeLessThan(5000);
  });

  test("refused by us says what was sent, and both OPENs are there to compare", async () => {
    scene.session.start();
    scene.wire.settle();
    scene.say({
      type: "open",
      open: { ...peerOpen, myAs: 65001, capabilities: { ...peerOpen.capabilities, fourOctetAsn: 65001 } },
    });
    expect(await read()).toMatchObject({
      session: { state: "idle", lastNotification: { direction: "out", code: 2, subcode: 2 } },
      openSent: { asn: 64512 },
      openReceived: { asn: 65001 },
    });
  });

  test("has its states in order, with the time of day", async () => {
    live();
    const { timeline } = (await askJson(admin.path, "/v1/sessions/tor1")) as {
      timeline: readonly { at: string; to: string }[];
    };
    expect(timeline.map(({ to }) => to)).toEqual(["connect", "open-sent", "open-confirm", "established"]);
    for (const { at } of timeline) expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
  });
});

describe("a route out", () => {
  const state = async (): Promise<unknown> => {
    const { items } = (await askJson(admin.path, "/v1/routes/out")) as { items: readonly object[] };
    return items[0];
  };

  test("says which Service and advertisement made it, and what it is on the wire", async () => {
    live();
    scene.wire.settle();
    await eventually(() => scene.session.view.routesSent === 1);
    expect(await state()).toMatchObject({
      prefix: "198.51.100.1/32",
      state: "sent",
      nextHop: "10.0.0.1",
      localPref: 250,
      communities: ["64512:7"],
      attributes: { origin: expect.anything(), asPath: expect.stringContaining("64512") },
      services: ["default/web"],
      advertisements: ["public"],
    });
  });

  test("without a session is there all the same, and says so", async () => {
    expect(await state()).toMatchObject({ prefix: "198.51.100.1/32", state: "no-session" });
  });
});

describe("streams", () => {
  test("what is watched begins with what is there and goes on with what differs", async () => {
    const answer = await open(admin.path, "/v1/sessions?watch=1");
    const lines: { type: string; item: { state: string } }[] = [];
    answer.on("data", (chunk: Buffer) => {
      for (const line of chunk.toString().split("\n")) if (line !== "") lines.push(JSON.parse(line));
    });
    await eventually(() => lines.length === 1);
    live();
    await eventually(() => lines.some(({ item }) => item.state === "established"));
    answer.destroy();
    expect(lines[0]?.type).toBe("added");
    expect(lines.at(-1)?.type).toBe("modified");
  });

  test("moves are told in order, each once", async () => {
    for (let i = 0; i < 5; i++) moves.record({ type: "announced", addresses: [`192.0.2.${i}`] });
    const answer = await open(admin.path, "/v1/moves?watch=1&tail=2");
    const seqs: number[] = [];
    answer.on("data", (chunk: Buffer) => {
      for (const line of chunk.toString().split("\n")) if (line !== "") seqs.push(JSON.parse(line).seq);
    });
    await eventually(() => seqs.length === 2);
    moves.record({ type: "withdrawn" });
    await eventually(() => seqs.length === 3);
    answer.destroy();
    expect(seqs).toEqual([3, 4, 5]);
  });
});
