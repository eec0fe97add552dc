import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isConflict } from "../../src/kubernetes/errors.ts";
import { DEPLOYMENTS, EVENTS, SERVICES } from "../../src/kubernetes/resource.ts";
import { until, untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Running, startController, startSpeaker } from "./daemons.ts";
import { Site } from "./site.ts";

/** Beside MetalLB, and beside whoever else writes the status of Services. */
let cluster: Cluster;
let site: Site;
const running: AsyncDisposable[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  await site.pool("a", ["198.51.100.0/28"]);
});
afterEach(async () => {
  for (const one of running.splice(0)) await one[Symbol.asyncDispose]();
  await site[Symbol.asyncDispose]();
});

async function controller(): Promise<Running> {
  const started = await startController(site);
  running.push(started);
  return started;
}

/** A controller of somebody else's, which owns the Service too and is not one to give up. */
class Rival implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** How often it had to write, because somebody else had. */
  writes = 0;

  constructor(name: string, ip: string) {
    this.#done = this.#run(name, ip);
    running.push(this);
  }

  async #run(name: string, ip: string): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const ips = await site.ips(name);
      if (ips.join() !== ip) {
        await site
          .merge(SERVICES, name, { status: { loadBalancer: { ingress: [{ ip }] } } }, "status")
          .catch((error) => {
            if (!isConflict(error)) throw error;
          });
        this.writes += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

describe("a status that somebody else's controller writes as well", () => {
  test.each([
    ["with an address that no pool has", "192.0.2.1", {}],
    ["while Herald has none to give", "192.0.2.1", { autoAssign: false }],
  ])("%s: no storm of writes, one Warning, and other Services do not wait", async (_name, ip, spec) => {
    await site.pool("a", ["198.51.100.0/28"], spec);
    await controller();
    await site.service("web");
    if (Object.keys(spec).length === 0) await until("its address", async () => (await site.ips("web")).length === 1);
    const rival = new Rival("web", ip);
    await until("the warning", async () =>
      (await site.events("web")).some(({ type, reason }) => type === "Warning" && reason === "SecondController"),
    );
    const writes = rival.writes;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(rival.writes).toBe(writes);
    expect(writes).toBeLessThanOrEqual(6);
    expect((await site.events("web")).filter(({ reason }) => reason === "SecondController")).toHaveLength(1);

    await site.pool("b", ["203.0.113.0/28"]);
    await site.service("other");
    await until("an address for the other Service", async () => (await site.ips("other")).length === 1);
  });

  test("one edit by hand is put right at once, without a word about second controllers", async () => {
    await controller();
    await site.service("web");
    await untilEqual("its address", () => site.ips("web").then(String), "198.51.100.0");
    await site.merge(SERVICES, "web", { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } }, "status");
    await untilEqual("its address again", () => site.ips("web").then(String), "198.51.100.0");
    expect((await site.events("web")).some(({ reason }) => reason === "SecondController")).toBe(false);
  });
});

describe("beside MetalLB", () => {
  const foreign = { spec: { loadBalancerClass: null } };

  test("with a class of its own, controller and speaker leave MetalLB's Services alone: not one write", async () => {
    await site.service("metallbs", foreign);
    await site.merge(
      SERVICES,
      "metallbs",
      { status: { loadBalancer: { ingress: [{ ip: "198.51.100.9" }] } } },
      "status",
    );
    await site.node("n1");
    await site.endpoints("metallbs", [site.nodeName("n1")]);
    const before = await site.get("metallbs");
    await controller();
    running.push(await startSpeaker(site, "n1"));
    await site.service("ours");
    await until("an address for ours", async () => (await site.ips("ours")).length === 1);
    await site.merge(SERVICES, "metallbs", { metadata: { labels: { touched: "yes" } } });
    await site.service("later");
    await until("an address for the last one", async () => (await site.ips("later")).length === 1);
    const after = await site.get("metallbs");
    expect(after?.status).toEqual(before?.status);
    expect(await site.events("metallbs")).toEqual([]);
  });

  test.each([
    ["of our class", true],
    ["of another class", false],
  ])("a MetalLB %s in our namespace: said on its Deployment = %s", async (_name, same) => {
    await site.put(DEPLOYMENTS, site.system, "controller", metallb(same ? site.lbClass : "metallb.io/other"));
    await controller();
    await site.service("web");
    await until("an address", async () => (await site.ips("web")).length === 1);
    const said = async (): Promise<number> => {
      const { items } = await site.client.list<SeenOnDeployment>(EVENTS, { namespace: site.system });
      return items.filter(
        ({ reason, involvedObject }) => reason === "SecondController" && involvedObject?.kind === "Deployment",
      ).length;
    };
    if (same) await untilEqual("the event", said, 1);
    else expect(await said()).toBe(0);
  });
});

interface SeenOnDeployment {
  readonly metadata: { readonly name: string };
  readonly reason?: string;
  readonly involvedObject?: { readonly kind?: string };
}

function metallb(lbClass: string): object {
  const labels = { app: "metallb", component: "controller" };
  const container = {
    name: "controller",
    image: "quay.io/metallb/controller:v0.15.2",
    args: [`--lb-class=${lbClass}`],
  };
  const template = { metadata: { labels }, spec: { containers: [container] } };
  return { spec: { replicas: 1, selector: { matchLabels: labels }, template } };
}
