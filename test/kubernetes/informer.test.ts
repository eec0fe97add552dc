import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../src/api/object.ts";
import { KubernetesClient, type WatchEvent, type WatchOptions } from "../../src/kubernetes/client.ts";
import { ApiError, ApiGarbled, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { type Change, Informer } from "../../src/kubernetes/informer.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import { SERVICES } from "../../src/kubernetes/resource.ts";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { type Clock, systemClock } from "../../src/system/clock.ts";
import { eventually } from "../support/eventually.ts";
import { FakeApiServer, type Handler, json, statusOf, watchStream } from "../support/fake-api-server.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface Thing extends KubernetesObject {
  readonly spec: { readonly value: number };
}

const thing = (name: string, value: number, version: number, uid = `uid-${name}`): object => ({
  metadata: { name, namespace: "default", uid, resourceVersion: String(version) },
  spec: { value },
});
const listOf = (version: number, ...items: object[]): object => ({
  kind: "ServiceList",
  apiVersion: "v1",
  metadata: { resourceVersion: String(version) },
  items,
});

function isThing(raw: unknown): raw is Thing {
  return typeof raw === "object" && raw !== null && "spec" in raw && typeof raw.spec === "object";
}

/** Waits are a hundredth of what they are in production. */
const hasty: Clock = {
  now: systemClock.now,
  after: (delay, fire) => systemClock.after(millis(delay / 100_000), fire),
};

async function withInformer(
  handler: Handler,
  body: (world: { server: FakeApiServer; informer: Informer<Thing>; changes: Change<Thing>[] }) => Promise<void>,
  config: { watchIdleTimeout?: ReturnType<typeof millis> } = {},
): Promise<void> {
  const server = await FakeApiServer.start(handler);
  const client = new KubernetesClient({ log: silentLog }, { ...anonymousConfig(server.url), ...config });
  const informer = new Informer<Thing>(
    { client, clock: hasty, random: () => 0.5, log: silentLog },
    {
      resource: SERVICES,
      strip: (raw) => {
        if (!isThing(raw)) return undefined;
        if (raw.spec.value === 666) throw new Error("a bug in strip");
        return { metadata: raw.metadata, spec: { value: raw.spec.value } };
      },
    },
  );
  const changes: Change<Thing>[] = [];
  informer.onChange((change) => changes.push(change));
  const stop = new AbortController();
  informer.start(stop.signal);
  try {
    await body({ server, informer, changes });
  } finally {
    stop.abort();
    client.close();
    await server.kill();
  }
}

const isWatch = (query: URLSearchParams): boolean => query.get("watch") === "true";
const told = (changes: readonly Change<Thing>[]): string[] =>
  changes.map((c) => `${c.type} ${c.key}=${c.object.spec.value}`);
const values = (informer: Informer<Thing>): Record<string, number> =>
  Object.fromEntries([...informer.values()].map((t) => [t.metadata.name, t.spec.value]));

/** Answers lists from `lists` in turn (the last one again and again) and watches from `watches` in turn. */
function script(
  lists: readonly object[],
  watches: readonly ((response: ServerResponse, version: string) => void)[],
): Handler {
  let list = 0;
  let watch = 0;
  return ({ query }, response) => {
    if (!isWatch(query)) return json(response, lists[Math.min(list++, lists.length - 1)]);
    const answer = watches[watch++];
    if (answer === undefined) watchStream(response);
    else answer(response, query.get("resourceVersion") ?? "");
  };
}

describe("Informer", () => {
  test("lists, then follows the watch", async () => {
    const handler = script(
      [listOf(10, thing("a", 1, 5), thing("b", 1, 6))],
      [
        (response) => {
          const send = watchStream(response);
          send("ADDED", thing("c", 1, 11));
          send("MODIFIED", thing("a", 2, 12));
          send("DELETED", thing("b", 1, 13));
        },
      ],
    );
    await withInformer(handler, async ({ informer, changes }) => {
      await informer.synced;
      expect(informer.isSynced).toBe(true);
      await eventually(() => changes.length === 5);
      expect(told(changes)).toEqual([
        "added default/a=1",
        "added default/b=1",
        "added default/c=1",
        "modified default/a=2",
        "deleted default/b=1",
      ]);
      expect(changes[3]?.previous?.spec.value).toBe(1);
      expect(values(informer)).toEqual({ a: 2, c: 1 });
      expect(informer.get("default/a")?.spec.value).toBe(2);
      expect(informer.size).toBe(2);
    });
  });

  const resumes: [string, (response: ServerResponse) => void][] = [
    ["the stream ends in the middle of an event", (r) => void r.end('{"type":"MODIFIED","object":{"meta')],
    [
      "the connection is reset in the middle of an event",
      (r) => void r.write('{"type":"MOD', () => r.socket?.resetAndDestroy()),
    ],
    ["a line is garbage", (r) => void r.write("{]\n")],
    ["a line is no event", (r) => void r.write('{"hello":"world"}\n')],
    [
      "an ERROR event tells of a fault of the server",
      (r) => void r.write(`${JSON.stringify({ type: "ERROR", object: statusOf(500, "InternalError") })}\n`),
    ],
    ["the server says good-bye", (r) => void r.end()],
  ];
  test.each(resumes)("goes on after the last version it heard of when %s", async (_, breakIt) => {
    const versions: string[] = [];
    const handler = script(
      [listOf(10, thing("a", 1, 5))],
      [
        (response, version) => {
          versions.push(version);
          const send = watchStream(response);
          send("MODIFIED", thing("a", 2, 12));
          send("BOOKMARK", { kind: "Service", metadata: { resourceVersion: "20" } });
          breakIt(response);
        },
        (response, version) => {
          versions.push(version);
          watchStream(response)("MODIFIED", thing("a", 3, 21));
        },
      ],
    );
    await withInformer(handler, async ({ server, informer }) => {
      await eventually(() => informer.get("default/a")?.spec.value === 3);
      expect(versions).toEqual(["10", "20"]);
      expect(server.seen.filter((r) => !isWatch(r.query))).toHaveLength(1);
      expect(informer.stats.relists).toBe(0);
      expect(informer.stats.restarts).toBe(1);
    });
  });

  const expired: [string, (response: ServerResponse) => void][] = [
    ["the watch is refused with 410", (r) => json(r, statusOf(410, "Expired"), 410)],
    ["an ERROR event says 410", (r) => watchStream(r)("ERROR", statusOf(410, "Expired"))],
    ["an ERROR event says Gone without a code", (r) => watchStream(r)("ERROR", { kind: "Status", reason: "Expired" })],
    [
      "the server's history is younger than our version",
      (r) => json(r, statusOf(504, "Timeout", "Too large resource version: 10, current: 3"), 504),
    ],
    ["the version is refused as invalid", (r) => json(r, statusOf(400, "BadRequest"), 400)],
  ];
  test.each(expired)("lists again and finds the deletions when %s", async (_, refuse) => {
    const handler = script(
      [listOf(10, thing("a", 1, 5), thing("b", 1, 6)), listOf(30, thing("a", 1, 5), thing("c", 7, 25))],
      [refuse],
    );
    await withInformer(handler, async ({ informer, changes, server }) => {
      await eventually(() => informer.stats.relists === 1);
      await eventually(() => server.seen.some((r) => r.query.get("resourceVersion") === "30"));
      expect(values(informer)).toEqual({ a: 1, c: 7 });
      expect(told(changes).slice(2)).toEqual(["added default/c=7", "deleted default/b=1"]);
    });
  });

  const waits: [string, (response: ServerResponse) => void][] = [
    ["429 with Retry-After", (r) => json(r, statusOf(429, "TooManyRequests"), 429, { "Retry-After": "1" })],
    ["500", (r) => json(r, statusOf(500, "InternalError"), 500)],
    ["a proxy's HTML", (r) => void r.writeHead(503).end("<html>")],
    ["HTML with 200", (r) => void r.writeHead(200).end("<html>")],
    ["403 until somebody grants the right", (r) => json(r, statusOf(403, "Forbidden"), 403)],
    ["404 until the CRD is installed", (r) => json(r, statusOf(404, "NotFound"), 404)],
    ["a reset", (r) => void r.socket?.resetAndDestroy()],
  ];
  test.each(waits)("waits and lists again after %s", async (_, refuse) => {
    let refusals = 0;
    const good = script([listOf(10, thing("a", 1, 5))], []);
    const handler: Handler = (request, response) => {
      if (refusals++ < 2) return refuse(response);
      return good(request, response);
    };
    await withInformer(handler, async ({ informer }) => {
      await informer.synced;
      expect(values(informer)).toEqual({ a: 1 });
      expect(informer.stats.relists).toBe(0);
      expect(informer.stats.lastError).toBeUndefined();
    });
  });

  test("a watch without a byte for too long is begun again", async () => {
    const handler = script(
      [listOf(10, thing("a", 1, 5))],
      [(r) => void watchStream(r), (r) => watchStream(r)("MODIFIED", thing("a", 2, 11))],
    );
    await withInformer(
      handler,
      async ({ informer }) => {
        await eventually(() => informer.get("default/a")?.spec.value === 2);
        expect(informer.stats.restarts).toBeGreaterThanOrEqual(1);
        expect(informer.stats.relists).toBe(0);
      },
      { watchIdleTimeout: millis(40) },
    );
  });

  test("survives a restart of the API server", async () => {
    const handler = script(
      [listOf(10, thing("a", 1, 5))],
      [(r) => void watchStream(r), (r) => watchStream(r)("MODIFIED", thing("a", 2, 11))],
    );
    await withInformer(handler, async ({ informer, server }) => {
      await informer.synced;
      await eventually(() => server.seen.some((r) => isWatch(r.query)));
      await server.kill();
      await eventually(() => informer.stats.lastError !== undefined);
      await server.listen();
      await eventually(() => informer.get("default/a")?.spec.value === 2);
      expect(informer.stats.relists).toBe(0);
    });
  });

  test("a list that expires between two pages begins anew and deletes nothing that is there", async () => {
    let pages = 0;
    const handler: Handler = ({ query }, response) => {
      if (isWatch(query)) return void watchStream(response);
      pages += 1;
      if (pages === 1)
        return json(response, { metadata: { resourceVersion: "9", continue: "next" }, items: [thing("old", 1, 3)] });
      if (pages === 2) return json(response, statusOf(410, "Expired"), 410);
      if (pages === 3)
        return json(response, { metadata: { resourceVersion: "10", continue: "more" }, items: [thing("a", 1, 5)] });
      expect(query.get("continue")).toBe("more");
      return json(response, listOf(10, thing("b", 1, 6)));
    };
    await withInformer(handler, async ({ informer, changes }) => {
      await informer.synced;
      expect(values(informer)).toEqual({ a: 1, b: 1 });
      expect(told(changes)).toContain("deleted default/old=1");
    });
  });

  test("objects that cannot be read are counted and left out, and never kill the watch", async () => {
    const handler = script(
      [
        listOf(
          10,
          thing("a", 1, 5),
          { metadata: { name: "x", namespace: "default" } },
          { no: "metadata" },
          { metadata: {} },
        ),
      ],
      [
        (response) => {
          const send = watchStream(response);
          for (const garbage of [null, 7, "text", { metadata: null }, { metadata: { name: 5 } }]) {
            send("ADDED", garbage);
            send("DELETED", garbage);
          }
          send("MODIFIED", { metadata: { name: "a", namespace: "default", resourceVersion: "11" } });
          send("ADDED", thing("bug", 666, 12));
          send("ADDED", thing("b", 2, 13));
        },
      ],
    );
    await withInformer(handler, async ({ informer, changes }) => {
      await eventually(() => informer.get("default/b")?.spec.value === 2);
      expect(values(informer)).toEqual({ b: 2 });
      expect(told(changes)).toEqual(["added default/a=1", "deleted default/a=1", "added default/b=2"]);
      expect(informer.stats.rejected).toBe(3 + 10 + 2);
      expect(informer.stats.restarts).toBe(0);
    });
  });

  test("a new version with the same content is no change", async () => {
    const handler = script(
      [listOf(10, thing("a", 1, 5))],
      [
        (response) => {
          const send = watchStream(response);
          send("MODIFIED", thing("a", 1, 11));
          send("MODIFIED", thing("a", 2, 12));
        },
      ],
    );
    await withInformer(handler, async ({ informer, changes }) => {
      await eventually(() => informer.get("default/a")?.spec.value === 2);
      expect(told(changes)).toEqual(["added default/a=1", "modified default/a=2"]);
    });
  });

  test("an object replaced under the same name is a deletion and an addition", async () => {
    const handler = script(
      [listOf(10, thing("a", 1, 5, "one"))],
      [(r) => watchStream(r)("ADDED", thing("a", 1, 12, "two"))],
    );
    await withInformer(handler, async ({ changes }) => {
      await eventually(() => changes.length === 3);
      expect(told(changes)).toEqual(["added default/a=1", "deleted default/a=1", "added default/a=1"]);
    });
  });

  test("a listener that throws stops neither the others nor the watch", async () => {
    const handler = script([listOf(10, thing("a", 1, 5))], [(r) => watchStream(r)("ADDED", thing("b", 1, 12))]);
    await withInformer(handler, async ({ informer }) => {
      const heard: string[] = [];
      informer.onChange(() => {
        throw new Error("a bug in a listener");
      });
      informer.onChange((change) => heard.push(change.key));
      await eventually(() => heard.includes("default/b"));
      expect(informer.stats.restarts).toBe(0);
    });
  });

  test("the same garbage again and again leads to a list", async () => {
    const handler = script(
      [listOf(10, thing("a", 1, 5)), listOf(20, thing("a", 9, 15))],
      [1, 2, 3].map(() => (r) => void watchStream(r)("??", {})),
    );
    await withInformer(handler, async ({ informer }) => {
      await eventually(() => informer.get("default/a")?.spec.value === 9);
      expect(informer.stats.relists).toBe(1);
    });
  });

  test("a server that ends every watch at once is not asked in a busy loop", async () => {
    const handler = script(
      [listOf(10)],
      Array.from({ length: 1000 }, () => (r: ServerResponse) => void r.writeHead(200).end()),
    );
    await withInformer(handler, async ({ informer, server }) => {
      await informer.synced;
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(server.seen.length).toBeLessThan(20);
    });
  });
});

/** One watch: whether the server accepts it, how long it lives, and what it then ends with. */
interface Life {
  readonly accepted: boolean;
  readonly for: Micros;
  readonly error?: Error;
}

const lost = new ApiUnreachable("nothing to be heard");
const refused: Life = { accepted: false, for: millis(1), error: lost };
const unanswered: Life = { accepted: false, for: seconds(90), error: lost };
const silent: Life = { accepted: true, for: seconds(90), error: lost };
const cutEarly: Life = { accepted: true, for: millis(999), error: lost };
const garbled: Life = { accepted: true, for: seconds(90), error: new ApiGarbled("{]") };
const quiet: Life = { accepted: true, for: seconds(1) };
const overloaded = new ApiError({ status: 429, reason: "TooManyRequests", message: "too many requests" });
const busy: Life = { accepted: false, for: millis(1), error: overloaded };
const unknown: Life = {
  accepted: false,
  for: millis(1),
  error: new ApiError({ status: 410, reason: "Expired", message: "too old resource version" }),
};
const endedAtOnce: Life = { accepted: true, for: millis(999) };

describe("the back-off", () => {
  test.each<[string, readonly Life[], readonly number[], number]>([
    ["grows while nothing works", [refused, refused, refused], [150, 300, 600], 1],
    ["grows while requests hang", [unanswered, unanswered, unanswered], [150, 300, 600], 1],
    ["grows while watches are cut early", [cutEarly, cutEarly, cutEarly], [150, 300, 600], 1],
    ["grows while watches end at once", [endedAtOnce, endedAtOnce], [150, 300], 1],
    ["begins anew after a watch without events", [refused, refused, quiet, refused], [150, 300, 150], 1],
    ["does not grow when every watch falls silent after a long life", [silent, silent, silent], [150, 150, 150], 1],
    ["counts from a long life that ended in silence", [refused, refused, silent, refused], [150, 300, 150, 300], 1],
    [
      "is short for a server that is back and does not know our version",
      [refused, refused, unknown],
      [150, 300, 150],
      2,
    ],
    [
      "grows for a server that is back and overloaded",
      [refused, refused, busy, busy, busy],
      [150, 300, 150, 300, 600],
      1,
    ],
    [
      "grows where a server goes and refuses in turns",
      [refused, busy, refused, busy, refused],
      [150, 150, 300, 300, 600],
      1,
    ],
    ["grows with garbage however late it comes, until a list", [garbled, garbled, garbled], [150, 300, 600], 2],
  ])("%s", async (_name, lives, delays, lists) => {
    expect(await live(lives)).toEqual({ delays, lists, watches: lives.length + 1 });
  });

  test.each([
    ["a server that has just gone is asked again within 5 s: nobody is kept busy by that", refused, 3750],
    ["one that refuses is left alone for up to 30 s", busy, 22_500],
  ])("%s", async (_name, life, longest) => {
    const { delays } = await live(Array<Life>(12).fill(life), seconds(30));
    expect(Math.max(...delays)).toBe(longest);
  });
});

/** What an informer does whose watches fare like this, while so much time passes after each. */
async function live(
  lives: readonly Life[],
  step = seconds(1),
): Promise<{ readonly delays: readonly number[]; readonly lists: number; readonly watches: number }> {
  const clock = new VirtualClock();
  const seen = { delays: [] as number[], lists: 0, watches: 0 };
  const client = {
    async *pages() {
      seen.lists += 1;
      yield await Promise.resolve({ first: true, items: [], resourceVersion: "10" });
    },
    async *watch(_resource: unknown, { opened, signal }: WatchOptions): AsyncGenerator<WatchEvent, void> {
      const life = lives[seen.watches++];
      if (life?.accepted !== false) opened?.();
      if (life === undefined) await new Promise((end) => signal?.addEventListener("abort", end));
      else clock.advance(life.for);
      if (life?.error !== undefined) throw life.error;
      yield* [];
    },
  };
  const after: Clock["after"] = (delay, fire) => {
    seen.delays.push(delay / millis(1));
    return clock.after(delay, fire);
  };
  const ports = { client, clock: { now: () => clock.now(), after }, random: () => 0.5, log: silentLog };
  const informer = new Informer<Thing>(ports, { resource: SERVICES, strip: () => undefined });
  const stop = new AbortController();
  informer.start(stop.signal);
  for (let i = 0; i <= lives.length; i++) {
    await settle();
    clock.advance(step);
  }
  await settle();
  stop.abort();
  return seen;
}
