import { LabCheckError } from "../runner/errors.ts";
import { at, listOf, objectOf, parseJson, textOf } from "../runner/json.ts";
import { parseNextHops } from "../runner/routes.ts";
import { tally } from "../runner/traffic.ts";
import type { Cluster } from "./cluster.ts";

const NODES: Readonly<Record<string, string>> = {
  "herald-control-plane": "10.98.0.11",
  "herald-worker": "10.98.0.12",
  "herald-worker2": "10.98.0.13",
};
const ALL = Object.keys(NODES);
const CLIENT = "192.0.2.10";
const PATIENCE = 60_000;
const HOLD_TIME = 9000;
const REQUESTS = 60;

/** What the lab promises, of a cluster with kubelets, a kube-proxy and a CNI of its own. */
export async function check(cluster: Cluster): Promise<void> {
  await cluster.step("r1 has an Established session with every node", () => sessionsUp(cluster));
  const web = await addressOf(cluster, "web-cluster");
  const local = await addressOf(cluster, "web-local");
  await cluster.step("web-cluster: r1's kernel has three next hops", () => routed(cluster, web, ALL));
  await cluster.step("client: answered by all three pods", () => answered(cluster, web));
  await cluster.step("web-local: next hops are the nodes with a pod, and pods see the client", async () => {
    const told = await routed(cluster, local, await nodesWithPods(cluster));
    await seesClient(cluster, local);
    return told;
  });
  await checkScaling(cluster, local);
  await checkFrozenNode(cluster, web);
}

async function sessionsUp(cluster: Cluster): Promise<string> {
  return await cluster.until("three sessions", PATIENCE, async () => {
    const summary = parseJson(await cluster.exec("r1", ["vtysh", "-c", "show bgp summary json"]));
    const peers = objectOf(at(summary, "ipv4Unicast", "peers"));
    const up = Object.entries(peers).filter(([, peer]) => at(peer, "state") === "Established");
    return up.length === ALL.length
      ? { value: up.map(([address]) => address).join(", ") }
      : { seen: `${up.length} up` };
  });
}

async function addressOf(cluster: Cluster, service: string): Promise<string> {
  return await cluster.until(`${service} has an address`, PATIENCE, async () => {
    const object = await cluster.kubectlJson(["get", "service", service]);
    const address = textOf(at(listOf(at(object, "status", "loadBalancer", "ingress"))[0], "ip"));
    return address === "" ? { seen: "none" } : { value: address };
  });
}

async function routed(cluster: Cluster, address: string, nodes: readonly string[], within = PATIENCE): Promise<string> {
  const wanted = nodes.toSorted().join(", ");
  return await cluster.until(`r1: ${address} via ${wanted || "nobody"}`, within, async () => {
    const gateways = parseNextHops(await cluster.exec("r1", ["ip", "-j", "route", "show", address]));
    const seen = ALL.filter((node) => gateways.includes(NODES[node] ?? "")).join(", ");
    return seen === wanted ? { value: `via ${seen || "nobody"}` } : { seen: `via ${seen || "nobody"}` };
  });
}

async function nodesWithPods(cluster: Cluster): Promise<readonly string[]> {
  const pods = await cluster.kubectlJson(["get", "pods", "--selector", "app=web"]);
  const running = listOf(at(pods, "items")).filter((pod) => at(pod, "metadata", "deletionTimestamp") === undefined);
  return [...new Set(running.map((pod) => textOf(at(pod, "spec", "nodeName"))))].toSorted();
}

async function answered(cluster: Cluster, address: string): Promise<string> {
  return await cluster.until(`answers of three pods from ${address}`, PATIENCE, async () => {
    const pods = tally(await ask(cluster, `http://${address}/hostname`, REQUESTS));
    const told = [...pods].map(([pod, n]) => `${pod} ${n}`).join(", ");
    return pods.size === 3 ? { value: told } : { seen: told };
  });
}

/** Each on a connection of its own; what is not answered is missing. */
async function ask(cluster: Cluster, url: string, times: number): Promise<readonly string[]> {
  const script = `for i in $(seq ${times}); do curl -s -m 2 ${url}; echo; done`;
  return (await cluster.exec("client", ["sh", "-c", script])).split("\n").filter((line) => line !== "");
}

async function seesClient(cluster: Cluster, address: string): Promise<void> {
  await cluster.until(`pods at ${address} see ${CLIENT}`, PATIENCE, async () => {
    const seen = tally((await ask(cluster, `http://${address}/clientip`, 10)).map((line) => line.replace(/:\d+$/, "")));
    return [...seen].join() === `${CLIENT},10` ? { value: true } : { seen: [...seen.keys()].join(", ") };
  });
}

async function checkScaling(cluster: Cluster, local: string): Promise<void> {
  const scale = async (replicas: number): Promise<string> => {
    await cluster.kubectl(["scale", "deployment/web", `--replicas=${replicas}`]);
    await cluster.kubectl(["rollout", "status", "deployment/web", "--timeout=120s"], 130_000);
    return await cluster.until(`the routes of ${replicas} pods`, PATIENCE, async () => {
      const nodes = await nodesWithPods(cluster);
      return { value: await routed(cluster, local, nodes, 2000) };
    });
  };
  await cluster.step("web-local with one pod: one next hop", () => scale(1));
  await cluster.step("with none: no route", () => scale(0));
  await cluster.step("with three again", () => scale(3));
}

/** The whole node stands still, as when it loses its power: nobody closes a connection. */
async function checkFrozenNode(cluster: Cluster, web: string): Promise<void> {
  const node = "herald-worker2";
  await cluster.step(`${node} stands still: r1 leaves it when the hold time of 9 s is over`, async () => {
    const since = performance.now();
    await cluster.freeze(node, "pause");
    const told = await routed(
      cluster,
      web,
      ALL.filter((one) => one !== node),
      HOLD_TIME + 5000,
    );
    if (performance.now() - since < HOLD_TIME / 2) throw new LabCheckError("r1 left it sooner than the hold time can");
    return told;
  });
  await cluster.step(`${node} goes on: three next hops again`, async () => {
    await cluster.freeze(node, "unpause");
    await sessionsUp(cluster);
    return await routed(cluster, web, ALL);
  });
}
