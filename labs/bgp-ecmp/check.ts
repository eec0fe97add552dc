import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import { seconds } from "../runner/report.ts";
import { lostBecause, routedVia, sessionsUp } from "../runner/router-view.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";

const ROUTER = "r1";
const CLIENT = "client";
const NODES = ["n1", "n2", "n3"] as const;
const HOLD_TIME = 9000;
const REQUESTS = 300;
/** Of 300 connections, 100 are expected per node with a deviation of 8: 45 is nowhere near chance. */
const LEAST_SHARE = 0.15;
const PATIENCE = 20_000;
/** A connection that was closed is seen at once; the rest is for r1 to change its table. */
const AT_ONCE = 1000;
/** A speaker waits between attempts, and so does the router before it listens to one that failed. */
const RECONNECT = 40_000;

/** What the lab promises, seen from the router and the client. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, endpoints of six pods", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web-cluster", { ready: podsOf(lab) });
    await placeEndpoints(lab, "web-local", { ready: ["p1a"], unready: ["p3a"] });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2, n3 Established, IPv4 and IPv6", () => sessionsUp(lab, ROUTER, NODES));
  const cluster = await addressed(lab, "web-cluster");
  const local = await addressed(lab, "web-local");
  await lab.step("web-cluster (Cluster): r1's kernel has three next hops", () => routed(lab, cluster, NODES));
  await lab.step("web-local (Local): only n1 has a ready pod, only n1 is a next hop", () => routed(lab, local, ["n1"]));
  await checkClient(lab, cluster, local);
  await checkMovingPod(lab, local);
  await checkFailures(lab, cluster);
}

async function addressed(lab: Lab, name: string): Promise<AddressedService> {
  let service: AddressedService = { name, vips: [] };
  await lab.step(`${name} has an IPv4 and an IPv6 address`, async () => {
    service = await addressesOf(lab, name, [4, 6]);
    return service.vips.map((vip) => vip.address).join(", ");
  });
  return service;
}

async function checkClient(lab: Lab, cluster: AddressedService, local: AddressedService): Promise<void> {
  for (const vip of cluster.vips) {
    await lab.step(`client: ${REQUESTS} requests to web-cluster, IPv${vip.family}, spread over nodes and pods`, () =>
      spread(lab, vip, NODES),
    );
  }
  for (const vip of local.vips) {
    await lab.step(`client: web-local, IPv${vip.family}, sees the client's own address`, async () => {
      const own = lab.addressOf(CLIENT, vip.family);
      const answers = await answersFrom(lab, CLIENT, vip, 20);
      const stranger = answers.find((answer) => answer.client !== own || answer.pod !== "p1a");
      if (stranger !== undefined) throw new LabCheckError(`want p1a asked by ${own}, got ${JSON.stringify(stranger)}`);
      return own;
    });
  }
}

/** The pod of web-local moves from n1 to n2, then a second one becomes ready on n3, then all are gone and one comes back. */
async function checkMovingPod(lab: Lab, local: AddressedService): Promise<void> {
  const move = async (title: string, pods: readonly string[], nodes: readonly string[]): Promise<void> => {
    await lab.step(title, async () => {
      const since = performance.now();
      await placeEndpoints(lab, local.name, { ready: pods });
      const detail = await routed(lab, local, nodes, { since });
      for (const vip of pods.length > 0 ? local.vips : []) await answeredBy(lab, vip, pods);
      return detail;
    });
  };
  await move("web-local: the pod moves from n1 to n2, the route follows", ["p2a"], ["n2"]);
  await move("web-local: a second pod is ready on n3", ["p2a", "p3b"], ["n2", "n3"]);
  await move("web-local: no pod is ready, no route is left", [], []);
  await move("web-local: a pod is ready on n1 again", ["p1b"], ["n1"]);
}

async function checkFailures(lab: Lab, cluster: AddressedService): Promise<void> {
  await lab.step("n3's packets are lost, n2's speaker hangs: gone with the hold timer", () => holdTimer(lab, cluster));
  await lab.step("both are well again", () => backAgain(lab, cluster));
  await lab.step("n2's speaker is killed with -9: gone at once", async () => {
    const since = performance.now();
    await lab.speaker("n2").stop("SIGKILL");
    const detail = await routed(lab, cluster, ["n1", "n3"], { since, within: AT_ONCE });
    for (const vip of cluster.vips) await spread(lab, vip, ["n1", "n3"]);
    return detail;
  });
  await lab.step("n2's speaker is started again", async () => {
    lab.speaker("n2").start();
    return await backAgain(lab, cluster);
  });
  await lab.step("n1's speaker is stopped: gone at once, with Cease", () => cleanStop(lab, cluster));
  await lab.step("n1's speaker is started again", async () => {
    lab.speaker("n1").start();
    return await backAgain(lab, cluster);
  });
}

/** Two ways to fall silent with the TCP connection left open: only the hold timer can notice. */
async function holdTimer(lab: Lab, cluster: AddressedService): Promise<string> {
  const start = performance.now();
  await lab.exec("n3", ["nft", "-f", "-"], CUT_BGP);
  lab.speaker("n2").signal("SIGSTOP");
  const gone = new Map<string, number>();
  await lab.until("n2 and n3 gone from r1's kernel", HOLD_TIME + PATIENCE, async () => {
    const seen: string[] = [];
    for (const vip of cluster.vips) {
      const hops = await lab.kernelNextHops(ROUTER, vip.prefix);
      seen.push(`${vip.prefix} via ${hops.join(" ")}`);
      for (const node of ["n2", "n3"]) {
        const key = `${node} IPv${vip.family}`;
        if (!hops.includes(node) && !gone.has(key)) gone.set(key, performance.now() - start);
      }
    }
    return gone.size === 4 ? { value: true } : { seen: seen.join(", ") };
  });
  for (const [who, took] of gone) assertHoldTimer(who, took);
  for (const node of ["n2", "n3"]) await lostBecause(lab, ROUTER, node, /hold timer/i);
  for (const vip of cluster.vips) await spread(lab, vip, ["n1"]);
  await lab.exec("n3", ["nft", "delete", "table", "inet", "cut"]);
  lab.speaker("n2").signal("SIGCONT");
  return [...gone].map(([who, took]) => `${who} ${seconds(took).trim()}`).join(", ");
}

const CUT_BGP = `table inet cut {
  chain in { type filter hook input priority filter; policy accept; tcp sport 179 drop; tcp dport 179 drop; }
  chain out { type filter hook output priority filter; policy accept; tcp sport 179 drop; tcp dport 179 drop; }
}
`;

/** The last keepalive came up to a third of the hold time before the silence began: it can be over that much sooner. */
function assertHoldTimer(who: string, took: number): void {
  if (took < HOLD_TIME / 2)
    throw new LabCheckError(`${who} was gone after ${seconds(took).trim()}: not by the hold timer`);
  if (took > HOLD_TIME + 1500) throw new LabCheckError(`${who} was gone only after ${seconds(took).trim()}`);
}

async function cleanStop(lab: Lab, cluster: AddressedService): Promise<string> {
  const since = performance.now();
  const stopped = lab.speaker("n1").stop("SIGTERM");
  const detail = await routed(lab, cluster, ["n2", "n3"], { since, within: AT_ONCE });
  if (!(await stopped)) throw new LabCheckError("SIGTERM did not end the speaker within 10 s");
  await lostBecause(lab, ROUTER, "n1", /Cease\/Administrative Shutdown/i);
  for (const vip of cluster.vips) await spread(lab, vip, ["n2", "n3"]);
  return detail;
}

async function backAgain(lab: Lab, cluster: AddressedService): Promise<string> {
  await sessionsUp(lab, ROUTER, NODES, RECONNECT);
  return await routed(lab, cluster, NODES);
}

async function routed(
  lab: Lab,
  service: AddressedService,
  nodes: readonly string[],
  timing: Parameters<typeof routedVia>[2] = {},
): Promise<string> {
  return await routedVia(lab, { router: ROUTER, service, nodes }, timing);
}

async function answeredBy(lab: Lab, vip: Vip, pods: readonly string[]): Promise<void> {
  await lab.until(`client: ${vip.url} answered by ${pods.join(", ")}`, PATIENCE, async () => {
    const seen = tally((await answersFrom(lab, CLIENT, vip, 20)).map((answer) => answer.pod));
    const same = pods.every((pod) => seen.has(pod)) && seen.size === pods.length;
    return same ? { value: true } : { seen: `answered by ${[...seen.keys()].join(", ")}` };
  });
}

/** Requests go in through all the given nodes (which hide the client behind themselves), and come out at every pod. */
async function spread(lab: Lab, vip: Vip, nodes: readonly string[]): Promise<string> {
  const answers = await answersFrom(lab, CLIENT, vip, REQUESTS);
  const through = tally(answers.map((answer) => lab.nodeOf(answer.client)));
  const uneven = nodes.filter((node) => (through.get(node) ?? 0) < LEAST_SHARE * REQUESTS);
  const others = [...through.keys()].filter((node) => !nodes.includes(node));
  const told = [...through].map(([node, n]) => `${node} ${Math.round((100 * n) / REQUESTS)} %`).toSorted();
  if (uneven.length > 0 || others.length > 0) {
    throw new LabCheckError(`want a share of ${nodes.join(", ")} each, got ${told.join(", ")}`);
  }
  const pods = tally(answers.map((answer) => answer.pod));
  const idle = podsOf(lab).filter((pod) => !pods.has(pod));
  if (idle.length > 0) throw new LabCheckError(`no request reached ${idle.join(", ")}`);
  return `${told.join(", ")}; ${pods.size} pods`;
}
