import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import { seconds } from "../runner/report.ts";
import { routedVia, sessionsUp } from "../runner/router-view.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";

const ROUTER = "r1";
const CLIENT = "client";
const NODES = ["n1", "n2", "n3"] as const;
const REQUESTS = 600;
/** Of 600 connections the share of a node has a deviation of 2 % of them. */
const SHARE_TOLERANCE = 0.08;
/** FRR weighs in whole hundredths of the total. */
const WEIGHT_TOLERANCE = 0.02;
const PATIENCE = 20_000;

/** How many pods each node has, in order of the nodes. */
type Pods = readonly [number, number, number];

/** What the lab promises: a pod gets the same share wherever it runs. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied: three pods on n1, two on n2, one on n3", async () => {
    const objects = await lab.applyManifests();
    for (const service of ["web", "plain"]) await placeEndpoints(lab, service, { ready: podsOf(lab) });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2, n3 Established, IPv4 and IPv6", () => sessionsUp(lab, ROUTER, NODES));
  const [web, plain] = await allDone([addressesOf(lab, "web", [4, 6]), addressesOf(lab, "plain", [4, 6])]);
  if (web === undefined || plain === undefined) throw new LabCheckError("no addresses");
  await lab.step("web: r1's kernel has next hops of weight 3:2:1", () => weighed(lab, web, [3, 2, 1]));
  await shared(lab, web, [3, 2, 1]);
  await lab.step("plain, without link bandwidth: the weights are equal", () => weighed(lab, plain, [1, 1, 1]));
  await shared(lab, plain, [1, 1, 1]);
  await checkScaling(lab, web);
}

/** The weights follow the endpoints, but not more often than every five seconds; that there is no endpoint left is told at once. */
async function checkScaling(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("two pods of n1 and one of n2 end: the weights are 1:1:1", async () => {
    await placeEndpoints(lab, web.name, { ready: ["p1a", "p2a", "p3a"] });
    return await weighed(lab, web, [1, 1, 1]);
  });
  await shared(lab, web, [1, 1, 1]);
  await lab.step("n3's pod ends as well: n3 is no next hop any more", async () => {
    await placeEndpoints(lab, web.name, { ready: ["p1a", "p2a"] });
    return await routedVia(lab, { router: ROUTER, service: web, nodes: ["n1", "n2"] });
  });
  await lab.step("n1 has three pods again: the weights are 3:1", async () => {
    await placeEndpoints(lab, web.name, { ready: ["p1a", "p1b", "p1c", "p2a"] });
    return await weighed(lab, web, [3, 1, 0]);
  });
  await shared(lab, web, [3, 1, 0]);
}

/** Waits until the router's kernel has next hops with weights in proportion to the pods, for each address. */
async function weighed(lab: Lab, service: AddressedService, pods: Pods): Promise<string> {
  const start = performance.now();
  const told = service.vips.map(async ({ family, prefix }) => {
    const { value } = await lab.until(`${prefix} with weights ${pods.join(":")}`, PATIENCE, async () => {
      const hops = await lab.kernelWeights(ROUTER, prefix);
      const seen = [...hops]
        .map(([node, weight]) => `${node} ${weight}`)
        .toSorted()
        .join(", ");
      return inProportion(hops, pods, WEIGHT_TOLERANCE) ? { value: seen } : { seen };
    });
    return `IPv${family} ${value} after ${seconds(performance.now() - start).trim()}`;
  });
  return (await allDone(told)).join("; ");
}

/** The client's requests, by the node of the pod that answered. */
async function shared(lab: Lab, service: AddressedService, pods: Pods): Promise<void> {
  for (const vip of service.vips) {
    const title = `client: ${REQUESTS} requests to ${service.name}, IPv${vip.family}, are shared ${pods.join(":")}`;
    await lab.step(title, () => sharedBy(lab, vip, pods));
  }
}

async function sharedBy(lab: Lab, vip: Vip, pods: Pods): Promise<string> {
  const answers = await answersFrom(lab, CLIENT, vip, REQUESTS);
  const byPod = tally(answers.map(({ pod }) => pod));
  const byNode = tally(answers.map(({ pod }) => NODES.find((node) => podsOf(lab, node).includes(pod)) ?? pod));
  const told = [...byPod].map(([pod, n]) => `${pod} ${Math.round((100 * n) / REQUESTS)} %`).toSorted();
  if (!inProportion(byNode, pods, SHARE_TOLERANCE)) throw new LabCheckError(told.join(", "));
  return told.join(", ");
}

/** Whether each node's part of the whole is what its pods are of all pods; a node without a pod has none. */
function inProportion(parts: ReadonlyMap<string, number>, pods: Pods, tolerance: number): boolean {
  const whole = [...parts.values()].reduce((sum, n) => sum + n, 0);
  const all = pods.reduce((sum, n) => sum + n, 0);
  return (
    whole > 0 &&
    NODES.every((node, i) => {
      const [part, own] = [(parts.get(node) ?? 0) / whole, (pods[i] ?? 0) / all];
      return own === 0 ? part === 0 : Math.abs(part - own) <= tolerance;
    })
  );
}
