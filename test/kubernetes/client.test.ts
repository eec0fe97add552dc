import { createServer, type Server, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { type ClientPorts, KubernetesClient, type PatchOptions } from "../../src/kubernetes/client.ts";
import {
  ApiError,
  ApiFenced,
  ApiGarbled,
  ApiUnreachable,
  isExpired,
  isRetryable,
} from "../../src/kubernetes/errors.ts";
import { anonymousConfig, type ClientConfig } from "../../src/kubernetes/kubeconfig.ts";
import { BGP_PEERS, IP_ADDRESS_POOLS, NODES, pathOf, SERVICES } from "../../src/kubernetes/resource.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { eventually } from "../support/eventually.ts";
import { FakeApiServer, type Handler, json, statusOf, watchStream } from "../support/fake-api-server.ts";
import { silentLog } from "../support/silent-log.ts";

const ports: ClientPorts = { log: silentLog, random: () => 0.5 };

async function withServer(
  handler: Handler,
  body: (client: KubernetesClient, server: FakeApiServer) => Promise<void>,
  config: Partial<ClientConfig> = {},
): Promise<void> {
  const server = await FakeApiServer.start(handler);
  const client = new KubernetesClient(ports, { ...anonymousConfig(server.url), ...config });
  try {
    await body(client, server);
  } finally {
    client.close();
    await server.kill();
  }
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

const ok: Handler = (_, response) => json(response, { metadata: { name: "x" } });

describe("pathOf()", () => {
  test.each([
    [SERVICES, {}, "/api/v1/services"],
    [SERVICES, { namespace: "a" }, "/api/v1/namespaces/a/services"],
    [SERVICES, { namespace: "a", name: "b", subresource: "status" }, "/api/v1/namespaces/a/services/b/status"],
    [NODES, { name: "n", namespace: "ignored" }, "/api/v1/nodes/n"],
    [BGP_PEERS, { namespace: "metallb-system" }, "/apis/metallb.io/v1beta2/namespaces/metallb-system/bgppeers"],
    [
      IP_ADDRESS_POOLS,
      { namespace: "a/../b", name: "?x" },
      "/apis/metallb.io/v1beta1/namespaces/a%2F..%2Fb/ipaddresspools/%3Fx",
    ],
  ])("%o %o", (resource, target, path) => {
    expect(pathOf(resource, target)).toBe(path);
  });
});

describe("KubernetesClient.lastHeardAt", () => {
  test("is when the server answered last, a refusal included; silence does not count", async () => {
    const refuse: Handler = (_, response) => json(response, statusOf(503, "ServiceUnavailable"), 503);
    await withServer(refuse, async (client, server) => {
      expect(client.lastHeardAt).toBeUndefined();
      await failure(client.version());
      const heard = client.lastHeardAt;
      expect(heard).toBeGreaterThan(0);
      await server.kill();
      await failure(client.version());
      expect(client.lastHeardAt).toBe(heard);
    });
  });
});

describe("KubernetesClient requests", () => {
  test("reuses its connections", async () => {
    await withServer(ok, async (client, server) => {
      for (let i = 0; i < 20; i++) await client.get(SERVICES, "x", { namespace: "default" });
      expect(server.connections).toBe(1);
    });
  });

  test("never has more requests in flight than sockets allowed", async () => {
    let open = 0;
    let most = 0;
    const slow: Handler = async (_, response) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      json(response, {});
    };
    await withServer(
      slow,
      async (client, server) => {
        await Promise.all(Array.from({ length: 50 }, () => client.get(SERVICES, "x")));
        expect(most).toBeLessThanOrEqual(4);
        expect(server.connections).toBe(4);
      },
      { maxSockets: 4 },
    );
  });

  test("a request that waited for its connection is not sent when it may not be sent any more", async () => {
    const held: (() => void)[] = [];
    const paths: string[] = [];
    const slow: Handler = ({ path }, response) => {
      paths.push(path);
      held.push(() => json(response, {}));
    };
    const oneSocket = { maxSockets: 1 };
    await withServer(
      slow,
      async (client) => {
        let mayWrite = true;
        const options = { type: "merge", maySend: () => mayWrite } as const;
        const first = client.patch(SERVICES, "first", {}, options);
        const second = failure(client.patch(SERVICES, "second", {}, options));
        await eventually(() => held.length === 1);
        mayWrite = false;
        held[0]?.();
        await first;
        expect(await second).toBeInstanceOf(ApiFenced);
        expect(await failure(client.patch(SERVICES, "third", {}, options))).toBeInstanceOf(ApiFenced);
        expect(paths).toEqual(["/api/v1/services/first"]);
      },
      oneSocket,
    );
  });

  test("watches take no connection away from requests", async () => {
    const handler: Handler = ({ query }, response) => {
      if (query.get("watch") === "true") watchStream(response)("BOOKMARK", {});
      else json(response, {});
    };
    await withServer(
      handler,
      async (client) => {
        const stop = new AbortController();
        const watches = Array.from({ length: 5 }, () =>
          client.watch(SERVICES, { resourceVersion: "1", signal: stop.signal })[Symbol.asyncIterator](),
        );
        await Promise.all(watches.map((w) => w.next()));
        expect(await client.get(SERVICES, "x")).toEqual({});
        stop.abort();
        expect(await Promise.all(watches.map((w) => failure(w.next())))).toHaveLength(5);
      },
      { maxSockets: 1 },
    );
  });

  const patches: [PatchOptions["type"], string][] = [
    ["merge", "application/merge-patch+json"],
    ["json", "application/json-patch+json"],
    ["apply", "application/apply-patch+yaml"],
  ];
  test.each(patches)("a %s patch", async (type, contentType) => {
    await withServer(ok, async (client, server) => {
      const options = { type, namespace: "d", subresource: "status", fieldManager: "herald", force: true } as const;
      await client.patch(SERVICES, "web", { status: { x: "ü" } }, options);
      expect(server.seen[0]).toMatchObject({
        method: "PATCH",
        path: "/api/v1/namespaces/d/services/web/status",
        body: '{"status":{"x":"ü"}}',
      });
      expect(server.seen[0]?.headers["content-type"]).toBe(contentType);
      expect(server.seen[0]?.query.toString()).toBe("fieldManager=herald&force=true");
    });
  });

  test("create, update and delete", async () => {
    await withServer(ok, async (client, server) => {
      await client.create(SERVICES, { a: 1 }, { namespace: "d" });
      await client.update(SERVICES, "web", { a: 2 }, { namespace: "d" });
      await client.delete(SERVICES, "web", { namespace: "d" });
      await client.delete(SERVICES, "web", { namespace: "d", uid: "u" });
      expect(server.seen.map((r) => `${r.method} ${r.path} ${r.body}`)).toEqual([
        'POST /api/v1/namespaces/d/services {"a":1}',
        'PUT /api/v1/namespaces/d/services/web {"a":2}',
        "DELETE /api/v1/namespaces/d/services/web ",
        'DELETE /api/v1/namespaces/d/services/web {"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"u"}}',
      ]);
    });
  });

  test("an API below a path is found there", async () => {
    const server = await FakeApiServer.start(ok);
    const client = new KubernetesClient(ports, anonymousConfig(`${server.url}/k8s/clusters/c1/`));
    await client.get(NODES, "n");
    expect(server.seen[0]?.path).toBe("/k8s/clusters/c1/api/v1/nodes/n");
    client.close();
    await server.kill();
  });

  const refusals: [string, Handler, Partial<ApiError>][] = [
    [
      "404 with a Status",
      (_, r) => json(r, statusOf(404, "NotFound", "gone"), 404),
      { status: 404, reason: "NotFound", message: "gone" },
    ],
    ["409", (_, r) => json(r, statusOf(409, "Conflict"), 409), { status: 409, reason: "Conflict" }],
    [
      "429 with Retry-After",
      (_, r) => json(r, statusOf(429, "TooManyRequests"), 429, { "Retry-After": "7" }),
      { status: 429, retryAfter: seconds(7) },
    ],
    [
      "429 with the time in the body",
      (_, r) => json(r, { ...statusOf(429, "TooManyRequests"), details: { retryAfterSeconds: 3 } }, 429),
      { retryAfter: seconds(3) },
    ],
    [
      "a Retry-After date is not read",
      (_, r) => json(r, {}, 503, { "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" }),
      { status: 503, reason: "ServiceUnavailable", retryAfter: undefined },
    ],
    ["HTML of a proxy", (_, r) => void r.writeHead(502).end("<html>"), { status: 502, reason: "Unknown" }],
    ["an empty 500", (_, r) => void r.writeHead(500).end(), { status: 500, reason: "InternalError" }],
    ["a JSON array", (_, r) => json(r, [1], 400), { status: 400, reason: "BadRequest" }],
    ["a redirect is no success", (_, r) => void r.writeHead(302, { Location: "/x" }).end(), { status: 302 }],
  ];
  test.each(refusals)("%s is an ApiError", async (_, handler, wanted) => {
    await withServer(handler, async (client) => {
      const error = await failure(client.get(SERVICES, "x"));
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject(wanted);
    });
  });

  const silences: [string, Handler][] = [
    ["nothing comes", () => {}],
    ["the head comes and no body", (_, r) => r.writeHead(200).flushHeaders()],
    ["half a body comes", (_, r) => void r.writeHead(200).write('{"a":')],
  ];
  test.each(silences)("a black hole ends in ApiUnreachable: %s", async (_, handler) => {
    await withServer(
      handler,
      async (client) => {
        const error = await failure(client.get(SERVICES, "x"));
        expect(error).toBeInstanceOf(ApiUnreachable);
        expect(isRetryable(error)).toBe(true);
      },
      { requestTimeout: millis(30) },
    );
  });

  test("a slow answer that keeps coming is waited for", async () => {
    const drip: Handler = async (_, response) => {
      response.writeHead(200);
      for (const part of ['{"a"', ":", "1", "2", "3", "4", "}"]) {
        response.write(part);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      response.end();
    };
    await withServer(drip, async (client) => expect(await client.get(SERVICES, "x")).toEqual({ a: 1234 }), {
      requestTimeout: millis(80),
    });
  });

  const cuts: [string, Handler][] = [
    ["before the answer", (_, r) => void r.socket?.resetAndDestroy()],
    [
      "in its middle",
      (_, r) => void r.writeHead(200, { "Content-Length": "100" }).write('{"a":1', () => r.socket?.destroy()),
    ],
    ["in its middle, chunked", (_, r) => void r.writeHead(200).write('{"a":1', () => r.socket?.destroy())],
  ];
  test.each(cuts)("a connection cut %s is ApiUnreachable", async (_, handler) => {
    await withServer(handler, async (client) =>
      expect(await failure(client.get(SERVICES, "x"))).toBeInstanceOf(ApiUnreachable),
    );
  });

  test("an answer that is not JSON is ApiGarbled", async () => {
    await withServer(
      (_, r) => void r.end("hello"),
      async (client) => expect(await failure(client.get(SERVICES, "x"))).toBeInstanceOf(ApiGarbled),
    );
    await withServer(
      (_, r) => json(r, { no: "items" }),
      async (client) => expect(await failure(client.list(SERVICES))).toBeInstanceOf(ApiGarbled),
    );
  });

  test("a refused connection is ApiUnreachable", async () => {
    const server = await FakeApiServer.start(ok);
    await server.kill();
    const client = new KubernetesClient(ports, anonymousConfig(server.url));
    expect(await failure(client.get(SERVICES, "x"))).toBeInstanceOf(ApiUnreachable);
  });

  test("an aborted request throws the signal's reason, and frees its connection", async () => {
    await withServer(
      () => {},
      async (client, server) => {
        const stop = new AbortController();
        const request = failure(client.get(SERVICES, "x", { signal: stop.signal }));
        await eventually(() => server.seen.length === 1);
        const reason = new Error("enough");
        stop.abort(reason);
        expect(await request).toBe(reason);
        expect(await failure(client.get(SERVICES, "x", { signal: stop.signal }))).toBe(reason);
        expect(server.seen).toHaveLength(1);
      },
    );
  });
});

describe("kept-alive connections that the server has closed", () => {
  /** Answers the first request of each connection and drops the connection when a second one arrives. */
  async function forgetful(): Promise<{ server: Server; url: string; requests: string[] }> {
    const requests: string[] = [];
    const server = createServer((socket: Socket) => {
      let count = 0;
      socket.on("error", () => {});
      socket.on("data", (data) => {
        requests.push(data.toString("latin1").split(" ")[0] ?? "");
        count += 1;
        if (count > 1) socket.resetAndDestroy();
        else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { server, url: `http://127.0.0.1:${port}`, requests };
  }

  test("a request that may be repeated is sent again on a new one, a create is not", async () => {
    const { server, url, requests } = await forgetful();
    const client = new KubernetesClient(ports, anonymousConfig(url));
    await client.get(SERVICES, "x");
    expect(await client.get(SERVICES, "x")).toEqual({});
    expect(await client.patch(SERVICES, "x", {}, { type: "merge" })).toEqual({});
    expect(requests).toEqual(["GET", "GET", "GET", "PATCH", "PATCH"]);
    expect(await failure(client.create(SERVICES, {}))).toBeInstanceOf(ApiUnreachable);
    client.close();
    server.close();
  });
});

describe("list()", () => {
  const page = (names: string[], token?: string): object => ({
    metadata: { resourceVersion: "7", ...(token === undefined ? {} : { continue: token }) },
    items: names.map((name) => ({ metadata: { name } })),
  });

  test("asks page by page and gives items the kind of their collection", async () => {
    const handler: Handler = ({ query }, response) =>
      json(response, query.has("continue") ? page(["c"]) : page(["a", "b"], "t&1"));
    await withServer(handler, async (client, server) => {
      const list = await client.list<object>(IP_ADDRESS_POOLS, {
        namespace: "n",
        labelSelector: "a in (b,c)",
        fieldSelector: "x=y",
      });
      const kind = { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool" };
      expect(list).toEqual({
        resourceVersion: "7",
        items: ["a", "b", "c"].map((name) => ({ ...kind, metadata: { name } })),
      });
      expect(server.seen.map((r) => Object.fromEntries(r.query))).toEqual([
        { labelSelector: "a in (b,c)", fieldSelector: "x=y", limit: "500" },
        { labelSelector: "a in (b,c)", fieldSelector: "x=y", limit: "500", continue: "t&1" },
      ]);
    });
  });

  test("a continue token that expires again and again ends in one whole list", async () => {
    const handler: Handler = ({ query }, response) => {
      if (query.has("continue")) return json(response, statusOf(410, "Expired"), 410);
      return json(response, query.has("limit") ? page(["a"], "t") : page(["a", "b"]));
    };
    await withServer(handler, async (client, server) => {
      expect((await client.list(SERVICES)).items).toHaveLength(2);
      expect(server.seen).toHaveLength(7);
    });
  });

  test("null items are none", async () => {
    await withServer(
      (_, r) => json(r, { metadata: {}, items: null }),
      async (client) => expect(await client.list(SERVICES)).toEqual({ items: [], resourceVersion: "" }),
    );
  });
});

describe("watch()", () => {
  test("asks for bookmarks and for a random time", async () => {
    await withServer(
      (_, r) => void r.writeHead(200).end(),
      async (client, server) => {
        for await (const _ of client.watch(SERVICES, { resourceVersion: "5", namespace: "d" }));
        expect(server.seen[0]?.path).toBe("/api/v1/namespaces/d/services");
        expect(Object.fromEntries(server.seen[0]?.query ?? [])).toEqual({
          watch: "true",
          allowWatchBookmarks: "true",
          resourceVersion: "5",
          timeoutSeconds: "450",
        });
      },
    );
  });

  test("a refusal is thrown", async () => {
    await withServer(
      (_, r) => json(r, statusOf(410, "Expired"), 410),
      async (client) => {
        const error = await failure(client.watch(SERVICES, { resourceVersion: "5" }).next());
        expect(isExpired(error)).toBe(true);
      },
    );
  });

  test.each([
    ["in the middle of an event", '{"type":"ADDED","object":{}}\n{"type":'],
    ["after a line that nobody can read", '{"type":"ADDED","object":{}}\n]\n'],
  ])("a stream that ends %s throws after the events before", async (_, text) => {
    await withServer(
      (_request, response) => void response.end(text),
      async (client) => {
        const watch = client.watch(SERVICES, { resourceVersion: "5" });
        expect((await watch.next()).value).toEqual({ type: "ADDED", object: {} });
        expect(isRetryable(await failure(watch.next()))).toBe(true);
      },
    );
  });

  test("a slow reader is not mistaken for a silent server", async () => {
    let send: (type: string, object: unknown) => void = () => {};
    await withServer(
      (_, response) => {
        send = watchStream(response);
        send("ADDED", 1);
      },
      async (client) => {
        const watch = client.watch(SERVICES, { resourceVersion: "5" });
        await watch.next();
        await new Promise((resolve) => setTimeout(resolve, 120));
        send("ADDED", 2);
        expect((await watch.next()).value).toEqual({ type: "ADDED", object: 2 });
        expect(await failure(watch.next())).toBeInstanceOf(ApiUnreachable);
      },
      { watchIdleTimeout: millis(40) },
    );
  });

  test("who stops reading closes the connection", async () => {
    let closed = false;
    const handler: Handler = (_, response) => {
      response.on("close", () => {
        closed = true;
      });
      watchStream(response)("ADDED", {});
    };
    await withServer(handler, async (client) => {
      for await (const _ of client.watch(SERVICES, { resourceVersion: "5" })) break;
      await eventually(() => closed);
    });
  });
});

describe("credentials", () => {
  test("a 401 reads them anew, once", async () => {
    const asked: boolean[] = [];
    const credentials: ClientConfig["credentials"] = (fresh) => {
      asked.push(fresh);
      return Promise.resolve({
        headers: { Authorization: fresh ? "Bearer new" : "Bearer old" },
        tls: {},
        fingerprint: "",
      });
    };
    const handler: Handler = ({ headers }, response) => {
      if (headers.authorization === "Bearer new") json(response, {});
      else json(response, statusOf(401, "Unauthorized"), 401);
    };
    await withServer(handler, async (client) => expect(await client.get(SERVICES, "x")).toEqual({}), { credentials });
    expect(asked).toEqual([false, true]);
    await withServer(
      (_, r) => json(r, statusOf(401, "Unauthorized"), 401),
      async (client) => expect(await failure(client.get(SERVICES, "x"))).toMatchObject({ status: 401 }),
      { credentials },
    );
    expect(asked).toEqual([false, true, false, true]);
  });

  test("a plugin that fails is a transient fault", async () => {
    const credentials = (): Promise<never> => Promise.reject(new Error("exec: no such file"));
    await withServer(
      ok,
      async (client) => expect(await failure(client.get(SERVICES, "x"))).toBeInstanceOf(ApiUnreachable),
      { credentials },
    );
  });
});
