import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { portsDown, portsUp } from "../runner/faults.ts";
import type { Lab } from "../runner/lab.ts";
import { loadText, startLoad } from "../runner/load.ts";
import { pause } from "../runner/poll.ts";
import { established } from "../runner/router-view.ts";
import type { AddressedService } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints } from "../runner/workload.ts";
import { allSessions, EVERYTHING, NODES, PODS, prepare, RECONNECT, routed, SPINES, TORS, torsAt } from "./stage.ts";

export { prepareChaos } from "./chaos.ts";

const CLIENT = "client";
const DOWNLINKS = ["eth1", "eth2", "eth3"];
const UPLINKS = ["eth4", "eth5"];
const REQUESTS = 240;
const PER_SECOND = 50;
/** Of 240 connections, 80 are expected per node with a deviation of 7. */
const LEAST_SHARE = 0.15;
/** What a busy machine answers too late. A ToR that takes answers and has no way for them loses half. */
const MOST_LOST = 0.05;
const PATIENCE = 20_000;

/** What the lab promises: of everything there are two, and one may fail. */
export async function check(lab: Lab): Promise<void> {
  const web = await prepare(lab);
  await lab.step(`client: ${REQUESTS} requests are spread over the nodes`, () => spread(lab, web, PODS));
  await checkNode(lab, web);
  await checkTor(lab, web);
  await checkUplink(lab, web);
  await lab.step("no pod is ready: no switch has a route left", async () => {
    await placeEndpoints(lab, web.name, { ready: [] });
    return await routed(lab, web, { spines: { s1: [], s2: [] }, tors: { t1: [], t2: [] } });
  });
}

/** Both of its links go dark at once. The ToRs' bridges stay up, so that it is BFD that notices. */
async function checkNode(lab: Lab, web: AddressedService): Promise<void> {
  const without = { ...EVERYTHING, tors: { t1: ["n1", "n2"], t2: ["n1", "n2"] } };
  await lab.step("n3 loses its power: both ToRs go on with n1 and n2", () =>
    during(lab, web, async () => {
      await allDone(TORS.map((tor) => portsDown(lab, tor, ["eth3"])));
      return await routed(lab, web, without);
    }),
  );
  await lab.step("from then on no request is lost", () => unharmed(lab, web, ["p1", "p2"]));
  await lab.step("n3 is back", async () => {
    await allDone(TORS.map((tor) => portsUp(lab, tor, ["eth3"])));
    await allSessions(lab);
    return await routed(lab, web, EVERYTHING);
  });
}

/** All links of the switch go dark: spines and nodes see that by the carrier. */
async function checkTor(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("t1 loses its power: both spines go on with t2", () =>
    during(lab, web, async () => {
      await portsDown(lab, "t1", [...UPLINKS, ...DOWNLINKS]);
      return await routed(lab, web, { spines: { s1: ["t2"], s2: ["t2"] }, tors: { t2: NODES } });
    }),
  );
  await lab.step("from then on no request is lost, and every node gets its share", async () => {
    await unharmed(lab, web, PODS);
    return await spread(lab, web, PODS);
  });
  await lab.step("t1 is back, its uplinks first: hardly a request is lost", async () => {
    const load = startLoad(lab, CLIENT, loadOn(web, 120));
    await load.underWay;
    await portsUp(lab, "t1", UPLINKS);
    for (const spine of SPINES) await established(lab, spine, torsAt(spine), RECONNECT);
    await hasWayBack(lab, "t1");
    await portsUp(lab, "t1", DOWNLINKS);
    await allSessions(lab);
    await routed(lab, web, EVERYTHING);
    await pause(500);
    load.stop();
    const result = await load.done;
    if (result.lost > MOST_LOST * result.sent) throw new LabCheckError(`too many: ${loadText(result)}`);
    return loadText(result);
  });
}

/** One link of the fabric: what is lost is a path, no node and no switch. */
async function checkUplink(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("the link between t1 and s1 fails: s1 goes on with t2, s2 with both", () =>
    during(lab, web, async () => {
      await portsDown(lab, "t1", ["eth4"]);
      return await routed(lab, web, { ...EVERYTHING, spines: { s1: ["t2"], s2: TORS } });
    }),
  );
  await lab.step("from then on no request is lost", () => unharmed(lab, web, PODS));
}

/** A ToR that nodes send answers to must know where the client is. */
async function hasWayBack(lab: Lab, tor: string): Promise<void> {
  await lab.until(`${tor} reaches the client by both spines`, RECONNECT, async () => {
    const hops = await lab.kernelNextHops(tor, "192.0.2.10/32");
    return hops.join() === SPINES.join() ? { value: true } : { seen: `via ${hops.join(", ") || "nobody"}` };
  });
}

async function spread(lab: Lab, web: AddressedService, pods: readonly string[]): Promise<string> {
  const [vip] = web.vips;
  if (vip === undefined) throw new LabCheckError("web has no address");
  const shares = tally((await answersFrom(lab, CLIENT, vip, REQUESTS)).map((answer) => answer.pod));
  const told = [...shares].map(([pod, n]) => `${pod} ${Math.round((100 * n) / REQUESTS)} %`).toSorted();
  const fits = pods.every((pod) => (shares.get(pod) ?? 0) >= LEAST_SHARE * REQUESTS) && shares.size === pods.length;
  if (!fits) throw new LabCheckError(`want a share of ${pods.join(", ")} each, got ${told.join(", ")}`);
  return told.join(", ");
}

/** Requests go on while something fails, until the kernels have the routes of the time after: what it cost. */
async function during(lab: Lab, web: AddressedService, fault: () => Promise<string>): Promise<string> {
  const load = startLoad(lab, CLIENT, loadOn(web, 60));
  await load.underWay;
  await pause(500);
  const detail = await fault();
  await pause(500);
  load.stop();
  const result = await load.done;
  // Whatever fails, more than half of the paths are others.
  if (result.lost > result.sent / 2) throw new LabCheckError(`more than half was lost: ${loadText(result)}`);
  return `${detail}; ${loadText(result)}`;
}

/** A way that leads nowhere loses its share of every round; a busy machine is late in one. */
async function unharmed(lab: Lab, web: AddressedService, pods: readonly string[]): Promise<string> {
  const { value } = await lab.until("a round of requests of which none is lost", PATIENCE, async () => {
    const result = await startLoad(lab, CLIENT, loadOn(web, 1.5)).done;
    const strangers = [...result.pods.keys()].filter((pod) => !pods.includes(pod));
    if (strangers.length > 0) throw new LabCheckError(`answered by ${strangers.join(", ")}`);
    return result.lost === 0 ? { value: loadText(result) } : { seen: loadText(result) };
  });
  return value;
}

function loadOn(web: AddressedService, seconds: number): Parameters<typeof startLoad>[2] {
  return { url: web.vips[0]?.url ?? "", perSecond: PER_SECOND, seconds };
}
