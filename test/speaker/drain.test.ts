import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { type ApiServer, createApiServer } from "../../src/apiserver/server.ts";
import { changeDrain, type DrainChange, DrainInterrupted, DrainUnconfirmed } from "../../src/cli/drain-node.ts";
import { clusterManifests, configurationManifests, DEMO_NAMESPACE } from "../../src/demo/manifests.ts";
import { DemoRouter } from "../../src/demo/router.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import { NODES } from "../../src/kubernetes/resource.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import { Speaker } from "../../src/speaker/speaker.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { dialTcp } from "../../src/system/tcp.ts";
import { CRD_FILES } from "../crds/crd-files.ts";
import { silentLog } from "../support/silent-log.ts";
import { until, untilEqual } from "../support/until.ts";

const PORTS = { clock: systemClock, wallClock: systemWallClock, random: systemRandom, log: silentLog };
const WEB = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: default }
spec: { type: LoadBalancer, clusterIP: 10.96.0.9, ports: [{ port: 80 }] }
status: { loadBalancer: { ingress: [{ ip: 198.51.100.10 }] } }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: default, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
endpoints: [{ addresses: [10.1.0.1], nodeName: node-b, conditions: { ready: true } }]
`;

let api: ApiServer;
let client: KubernetesClient;
let router: DemoRouter;

const apply = (manifests: string): void => {
  for (const document of parseAllDocuments(manifests)) api.store.apply(document.toJS());
};

// An API and a router of its own for each test. What a speaker says in the same second as one before it is the same event, and no news;
// a router that sees the same peer come and go soon leaves it alone for a while.
beforeEach(async () => {
  api = createApiServer(PORTS, { host: "127.0.0.1", port: 0, crds: [...CRD_FILES.values()] });
  await api.start();
  apply(clusterManifests());
  apply(WEB);
  client = new KubernetesClient(PORTS, anonymousConfig(api.url));
  router = new DemoRouter(PORTS);
  apply(configurationManifests(await router.start()));
});
afterEach(async () => {
  await router.stop();
  client.close();
  await api[Symbol.asyncDispose]();
});

/** The routes to web as the router sees them: who announces them, and with what. */
const seen = (): readonly string[] =>
  router.table().map(({ prefix, paths, communities }) => {
    return `${prefix} ${paths.map(({ nextHop }) => nextHop).join(" ")} ${communities.join(" ")}`;
  });
const PLAIN = ["198.51.100.10/32 127.0.0.11 64512:100"];
const LAST_CHOICE = ["198.51.100.10/32 127.0.0.11 64512:100 65535:0"];

async function speakerOn(node: string, drainOnStop?: Micros): Promise<{ stop(): Promise<void> }> {
  const stop = new AbortController();
  const own = new KubernetesClient(PORTS, anonymousConfig(api.url));
  const options = { namespace: DEMO_NAMESPACE, nodeName: node, loadBalancerClass: "", ignoreExcludeLb: false };
  const ports = { ...PORTS, client: own, dial: dialTcp };
  const speaker = new Speaker(ports, { ...options, ...(drainOnStop === undefined ? {} : { drainOnStop }) });
  const done = speaker.run(stop.signal);
  return {
    stop: async () => {
      stop.abort();
      await done;
      own.close();
    },
  };
}

/** What `herald drain` does and says. */
async function herald(change: DrainChange, signal = new AbortController().signal): Promise<readonly string[]> {
  const notes: string[] = [];
  await changeDrain({ client, clock: systemClock, note: (text) => notes.push(text), signal }, "node-a", change);
  return notes;
}
const drain = (wait: string, longest: Micros): DrainChange => ({ type: "drain", why: "disk", wait, longest });
const undo: DrainChange = { type: "undo" };
const annotate = (annotations: Readonly<Record<string, string | null>>): Promise<unknown> =>
  client.patch(NODES, "node-a", { metadata: { annotations } }, { type: "merge" });

describe("a node with one route, over real sockets", () => {
  test("herald drain: last choice, withdrawn, closed; undo: all of it back", async () => {
    const speaker = await speakerOn("node-a");
    await untilEqual("the route is there", seen, PLAIN);
    const history: string[] = [];
    const watch = setInterval(() => {
      const now = `${router.established} ${seen().join()}`;
      if (history.at(-1) !== now) history.push(now);
    }, 1);
    const notes = await herald(drain("500ms", millis(500)));
    await untilEqual("the session is closed", () => router.established, 0);
    clearInterval(watch);
    expect(history).toEqual([`1 ${PLAIN.join()}`, `1 ${LAST_CHOICE.join()}`, "1 ", "0 "]);
    expect(notes.map((note) => note.split(":")[0])).toEqual([
      "Node node-a is asked to drain",
      "Draining",
      "RoutesWithdrawn",
      "Drained",
    ]);
    expect(notes[1]).toBe("Draining: the node's routes are the last choice of every router (disk)");

    expect((await herald(drain("500ms", millis(500)))).at(-1)).toMatch(/^Drained/);
    expect((await herald(undo)).at(-1)).toMatch(/^DrainEnded/);
    await untilEqual("the route is back", seen, PLAIN);
    expect(await herald(undo)).toEqual(["Node node-a is not asked to drain"]);
    await speaker.stop();
  });

  test("undone during the wait, the route is plain again and the session was never lost", async () => {
    const speaker = await speakerOn("node-a");
    await untilEqual("the route is there", seen, PLAIN);
    await annotate({ "herald.io/drain": "", "herald.io/drain-wait": "1h" });
    await untilEqual("the route is the last choice", seen, LAST_CHOICE);
    await herald(undo);
    await untilEqual("the route is plain", seen, PLAIN);
    expect(router.established).toBe(1);
    await speaker.stop();
  });

  test("a speaker that starts on a drained node announces nothing", async () => {
    await annotate({ "herald.io/drain": "", "herald.io/drain-wait": "500ms" });
    const speaker = await speakerOn("node-a");
    const all: string[] = [];
    const sessions = (count: number) => () => {
      all.push(...seen());
      return router.established === count;
    };
    await until("its session came", sessions(1));
    await until("its session went", sessions(0));
    expect(all).toEqual([]);
    await speaker.stop();
  });

  test("cordoning a node changes nothing", async () => {
    const speaker = await speakerOn("node-a");
    await untilEqual("the route is there", seen, PLAIN);
    await client.patch(NODES, "node-a", { spec: { unschedulable: true } }, { type: "merge" });
    await annotate({ "example.org/other": "x" });
    await herald({ type: "drain", why: "", wait: "1h", longest: seconds(0) }, AbortSignal.timeout(300)).catch((error) =>
      expect(error).toBeInstanceOf(DrainInterrupted),
    );
    await untilEqual("only the request does", seen, LAST_CHOICE);
    await speaker.stop();
    await client.patch(NODES, "node-a", { spec: { unschedulable: null } }, { type: "merge" });
  });

  test("SIGTERM with time to hand over: last choice first", async () => {
    const speaker = await speakerOn("node-a", millis(300));
    await untilEqual("the route is there", seen, PLAIN);
    const stopped = speaker.stop();
    await untilEqual("the route is the last choice", seen, LAST_CHOICE);
    await stopped;
    await untilEqual("the route is gone", seen, []);
  });

  test("SIGTERM without: at once", async () => {
    const speaker = await speakerOn("node-a");
    await untilEqual("the route is there", seen, PLAIN);
    const all = new Set<string>();
    const watch = setInterval(() => {
      for (const route of seen()) all.add(route);
    }, 1);
    await speaker.stop();
    await untilEqual("the route is gone", seen, []);
    clearInterval(watch);
    expect(all.has(LAST_CHOICE.join())).toBe(false);
  });
});

describe("herald drain without a speaker on the node", () => {
  test("says so, and leaves the annotations", async () => {
    let now = 0;
    // Every look at the clock is ten seconds later.
    const clock = {
      ...systemClock,
      now: () => {
        now += 10_000_000;
        return micros(now);
      },
      after: systemClock.after.bind(systemClock),
    };
    const change = changeDrain(
      { client, clock, note: () => {}, signal: new AbortController().signal },
      "node-a",
      drain("1s", seconds(1)),
    );
    await expect(change).rejects.toBeInstanceOf(DrainUnconfirmed);
    const node = await client.get<{ metadata: { annotations?: object } }>(NODES, "node-a");
    expect(node.metadata.annotations).toMatchObject({ "herald.io/drain": "disk", "herald.io/drain-wait": "1s" });
  });

  test("a node that does not exist is an error of the API", async () => {
    const ports = { client, clock: systemClock, note: () => {}, signal: new AbortController().signal };
    await expect(changeDrain(ports, "nowhere", undo)).rejects.toMatchObject({ code: "ERR_API_STATUS" });
  });
});
