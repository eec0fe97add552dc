import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { portsDown, portsUp } from "../runner/faults.ts";
import type { Lab } from "../runner/lab.ts";
import { loadText, startLoad } from "../runner/load.ts";
import { established, routedVia } from "../runner/router-view.ts";
import { parseAddresses } from "../runner/routes.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints } from "../runner/workload.ts";

const CLIENT = "client";
const REQUESTS = 200;
const PER_SECOND = 50;
/** Of 200 connections, 100 are expected per node with a deviation of 7. */
const LEAST_SHARE = 0.2;
const PATIENCE = 20_000;
/** A speaker waits between attempts, and so does the switch before it listens to one that failed. */
const RECONNECT = 60_000;

/** The switches and their fabric ports, which are the names of their neighbours too. */
const PORTS = {
  s1: ["eth1", "eth2", "eth3"],
  s2: ["eth1", "eth2", "eth3"],
  l1: ["eth1", "eth2", "eth3"],
  l2: ["eth1", "eth2", "eth3"],
  l3: ["eth1", "eth2"],
} as const;

/** The next hops of each switch's kernel when everything is well. */
const WELL = { l1: ["n1"], l2: ["n2"], s1: ["l1", "l2"], s2: ["l1", "l2"], l3: ["s1", "s2"] } as const;

/** What the lab promises: nodes join a fabric without one address on its links. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web", { ready: ["p1", "p2"] });
    return `${objects} objects`;
  });
  await lab.step("a session on every link, found by its interface alone", () => allSessions(lab));
  await lab.step("no link of the fabric has an address but its link-local ones", () => noAddresses(lab));
  let web: AddressedService = { name: "web", vips: [] };
  await lab.step("web has an IPv4 and an IPv6 address", async () => {
    web = await addressesOf(lab, "web", [4, 6]);
    return web.vips.map((vip) => vip.address).join(", ");
  });
  await lab.step("kernels: leaf to node, spines to both leaves, l3 to both spines", () => routed(lab, web, WELL));
  await lab.step("l1 has the IPv4 route by an IPv6 next hop", () => byIpv6(lab, web));
  for (const vip of web.vips) {
    await lab.step(`client: ${REQUESTS} requests over IPv${vip.family} reach both pods`, () => spread(lab, vip));
  }
  await checkLink(lab, web);
  await checkSpine(lab, web);
}

/** The only link of a node. */
async function checkLink(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("n1's link fails: the spines go on with l2, and l1 knows the way by them", async () => {
    await portsDown(lab, "l1", ["eth3"]);
    return await routed(lab, web, { ...WELL, l1: ["s1", "s2"], s1: ["l2"], s2: ["l2"] });
  });
  await lab.step("from then on no request is lost", () => unharmed(lab, web, ["p2"]));
  await lab.step("the link is back: n1 and l1 find each other again", async () => {
    await portsUp(lab, "l1", ["eth3"]);
    await allSessions(lab);
    return await routed(lab, web, WELL);
  });
}

async function checkSpine(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("s1 loses its power: l3 goes on with s2", async () => {
    await portsDown(lab, "s1", PORTS.s1);
    return await routed(lab, web, { l1: ["n1"], l2: ["n2"], s2: ["l1", "l2"], l3: ["s2"] });
  });
  await lab.step("from then on no request is lost", () => unharmed(lab, web, ["p1", "p2"]));
}

async function allSessions(lab: Lab): Promise<string> {
  const all = Object.entries(PORTS);
  await allDone(all.map(([router, ports]) => established(lab, router, ports, RECONNECT)));
  return `${all.flatMap(([, ports]) => ports).length} ends`;
}

/** Absence is the point: the switches' ports, and the nodes' ends. */
async function noAddresses(lab: Lab): Promise<string> {
  const ends = [...Object.entries(PORTS), ["n1", ["eth1"]] as const, ["n2", ["eth1"]] as const];
  for (const [node, ports] of ends) {
    const addresses = parseAddresses(await lab.exec(node, ["ip", "-j", "addr", "show"]));
    const found = addresses.find(({ port, scope }) => ports.some((one) => one === port) && scope !== "link");
    if (found !== undefined) throw new LabCheckError(`${node} ${found.port} has ${found.address}`);
  }
  return `${ends.flatMap(([, ports]) => ports).length} ports`;
}

async function routed(
  lab: Lab,
  service: AddressedService,
  paths: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const since = performance.now();
  const told = Object.entries(paths).map(
    async ([router, nodes]) => `${router} ${await routedVia(lab, { router, service, nodes }, { since })}`,
  );
  return (await allDone(told)).join("; ");
}

/** RFC 8950: the next hop of an IPv4 prefix may be an IPv6 address. */
async function byIpv6(lab: Lab, web: AddressedService): Promise<string> {
  const vip = web.vips.find(({ family }) => family === 4);
  const text = await lab.exec("l1", ["ip", "-4", "route", "show", vip?.prefix ?? ""]);
  if (!/via inet6 fe80::/.test(text)) throw new LabCheckError(text);
  return text.trim();
}

async function spread(lab: Lab, vip: Vip): Promise<string> {
  const shares = tally((await answersFrom(lab, CLIENT, vip, REQUESTS)).map((answer) => answer.pod));
  const told = [...shares].map(([pod, n]) => `${pod} ${Math.round((100 * n) / REQUESTS)} %`).toSorted();
  const fits = ["p1", "p2"].every((pod) => (shares.get(pod) ?? 0) >= LEAST_SHARE * REQUESTS);
  if (!fits) throw new LabCheckError(told.join(", "));
  return told.join(", ");
}

/** A way that leads nowhere loses its share of every round; a busy machine is late in one. */
async function unharmed(lab: Lab, web: AddressedService, pods: readonly string[]): Promise<string> {
  const told = web.vips.map(async ({ family, url }) => {
    const { value } = await lab.until(`IPv${family}: a round of requests without a loss`, PATIENCE, async () => {
      const result = await startLoad(lab, CLIENT, { url, perSecond: PER_SECOND, seconds: 1 }).done;
      const answered = [...result.pods.keys()].toSorted().join();
      const fits = result.lost === 0 && answered === pods.join();
      return fits ? { value: loadText(result) } : { seen: `${answered}: ${loadText(result)}` };
    });
    return `IPv${family} ${value}`;
  });
  return (await allDone(told)).join("; ");
}
